"""Profiles between models: raw values again, end stops told, drive sides, VSS 5, values that are none.

Must never let a translation change what it was given.
"""

import copy
import math
import random
from collections.abc import Mapping

import pytest

from gateway.profile import FIELDS, Document, Hlc, Register
from gateway.profile.fit import (
    Card,
    Confidence,
    Fit,
    Setting,
    card_from_toml,
    fit,
    from_vss5,
    load_card,
    load_cards,
    middle_readings,
    unfit,
)
from gateway.profile.register import Origin
from tests.unit.profile_fit.texts import SALOON, changed, text_of, without

SEAT = "Vehicle.Cabin.Seat.Row1.DriverSide."
MIRROR = "Vehicle.Body.Mirrors."


def readings(card: Card, chance: random.Random) -> dict[str, Setting]:
    """Somebody's settings, some at an end stop."""
    raw = middle_readings(card)
    for path, one in card.actuators.items():
        if path in raw and one.low is not None and one.high is not None:
            raw[path] = one.snap(one.low + chance.uniform(-0.1, 1.1) * (one.high - one.low))
        elif one.words:
            raw[path] = chance.choice(one.words)
    return raw


def set_in(card: Card, raw: Mapping[str, Setting]) -> Document:
    """A profile whose fields were all set in that car."""
    plain = {path: value for path, value in raw.items() if not isinstance(value, tuple)}
    origin = Origin("car", card.id, card.revision, plain)
    stamp = Hlc(1_700_000_000_000, 0, "car")
    return Document(
        bytes(16), 1, {key: Register(key, value, stamp, origin) for key, value in unfit(raw, card).items()}
    )  # fmt: skip


def applied(found: Fit, card: Card) -> dict[str, Setting]:
    """What a car shows that did all that it was told."""
    return middle_readings(card) | {one.path: one.value for one in found.targets}


def test_the_same_model_replays_raw_values_and_others_do_not_touch_them() -> None:
    """300 guests from each of three models, through both others and home: stored profile and readings, bit for bit."""
    cards, chance = load_cards(), random.Random(4)
    clamped = 0
    for home in cards.values():
        for _ in range(300):
            raw = readings(home, chance)
            document = set_in(home, raw)
            before = copy.deepcopy((document.values, document.origins))
            found = fit(document.values, document.origins, home, cards)
            for name in sorted(cards, key=lambda name: name == home.id):
                found = fit(document.values, document.origins, cards[name], cards)
                clamped += any(one.clamped for one in found.targets)
                if name != home.id:
                    assert found.confidence is Confidence.CALIBRATED
                assert (document.values, document.origins) == before
            assert found.confidence is Confidence.EXACT
            assert found.residual_mm == 0
            assert {one.path: one.value for one in found.targets if one.confidence is Confidence.EXACT} == {
                path: raw[path]
                for path in raw
                if path.startswith((SEAT, MIRROR, "Vehicle.Chassis", "Vehicle.Cabin.HVAC"))
                or path.endswith("HeatingCooling")
            }  # fmt: skip
    assert clamped > 300, "no guest met an end stop: the test proves nothing"


def test_every_field_has_one_answer() -> None:
    """A target or a reason, and never both."""
    cards, chance = load_cards(), random.Random(5)
    for home in cards.values():
        for here in cards.values():
            document = set_in(home, readings(home, chance))
            found = fit(document.values, document.origins, here, cards)
            told, left = {one.field for one in found.targets}, {field for field, _ in found.skipped}
            assert told | left == document.values.keys()
            assert not told & left
            assert all(why for _, why in found.skipped)


def test_an_unknown_model_needs_a_tap() -> None:
    """Body terms are taken, but nothing moves by itself for a card that nobody here knows."""
    home, here = load_card("saloon"), load_card("suv")
    document = set_in(home, middle_readings(home))
    assert fit(document.values, document.origins, here).confidence is Confidence.CLASS
    assert fit(document.values, document.origins, here, {"saloon": home}).confidence is Confidence.CALIBRATED
    assert fit(document.values, {}, here).confidence is Confidence.CALIBRATED


def test_a_class_goes_by_shares_and_another_class_goes_by_nothing() -> None:
    """Without geometry, only a model of the same body class helps."""
    bare = text_of("saloon")
    for table in ("geometry.passenger_mirror", "geometry.driver_mirror", "geometry.wheel", "geometry"):
        bare = without(table)(bare)
    bare = bare.replace('id = "saloon"', 'id = "estate"').replace("high = 255", "high = 205")
    home, here = load_card("saloon"), card_from_toml(bare)
    raw = middle_readings(home) | {SEAT + "Position": 51}
    document = set_in(home, raw)
    found = fit(document.values, document.origins, here, {"saloon": home})
    assert found.confidence is Confidence.CLASS
    assert next(one.value for one in found.targets if one.field == "seat.leg_mm") == 41
    assert {field for field, _ in found.skipped} >= {"mirror.driver_view_out_deg"}
    for strange in (fit(document.values, document.origins, here), fit(document.values, {}, here)):
        assert strange.confidence is Confidence.NONE
        assert not [one for one in strange.targets if one.field.startswith(("seat.", "wheel."))]
    suv = load_card("suv")
    other = set_in(suv, middle_readings(suv))
    assert fit(other.values, other.origins, here, {"suv": suv}).confidence is Confidence.NONE
    assert unfit(raw, here) == {field: value for field, value in unfit(raw, home).items() if not field.startswith(
        ("seat.", "wheel.", "mirror.")
    )}  # fmt: skip


def test_an_end_stop_is_told_with_what_is_missing() -> None:
    """A tall guest of the saloon in the city car: the seat is at its end, and 60 to 80 mm of leg are missing."""
    home, here = load_card("saloon"), load_card("city")
    raw = middle_readings(home) | {SEAT + "Position": 255}
    document = set_in(home, raw)
    found = fit(document.values, document.origins, here, {"saloon": home})
    (seat,) = [one for one in found.targets if one.field == "seat.leg_mm"]
    assert (seat.value, seat.clamped) == (180, True)
    assert -80 < seat.residual < -60
    assert "less than wished: its end stop" in seat.why
    assert found.residuals["seat.leg_mm"] == seat.residual
    assert found.residual_mm == pytest.approx(-seat.residual, abs=0.2)


def test_an_incomplete_posture_moves_nothing() -> None:
    """Without leg, hip and torso there is no seat to be found."""
    values = unfit(middle_readings(load_card("saloon")), load_card("saloon"))
    for missing in ("seat.leg_mm", "seat.hip_height_mm", "seat.torso_deg"):
        left = {field: value for field, value in values.items() if field != missing}
        found = fit(left, {}, load_card("suv"))
        assert not [one for one in found.targets if one.field.startswith("seat.")]
        assert ("seat.headrest_mm", f"the posture is incomplete without {missing}") in found.skipped


NOT_A_VALUE = [
    ("seat.leg_mm", math.nan, "no finite number"),
    ("seat.torso_deg", math.inf, "no finite number"),
    ("seat.leg_mm", 1e9, "is not between"),
    ("seat.leg_mm", "far", "no finite number"),
    ("seat.leg_mm", True, "no finite number"),
    ("climate.driver.temperature_c", -300.0, "is not between"),
    ("radio.presets", "fm", "no list of texts"),
    ("radio.presets", (1, 2), "no list of texts"),
    ("radio.band", 7, "no text"),
    ("seat.massage_level", 3, "does not know"),
]


@pytest.mark.parametrize(("field", "value", "why"), NOT_A_VALUE)
def test_what_is_no_value_is_left_out_with_a_reason(field: str, value: object, why: str) -> None:
    """NaN, infinity, wrong kinds, values out of all bounds and fields of a newer version reach no actuator."""
    home, here = load_card("saloon"), load_card("suv")
    values = unfit(middle_readings(home), home) | {field: value}
    found = fit(values, {}, here)  # type: ignore[arg-type]
    assert [reason for name, reason in found.skipped if name == field and why in reason]
    assert not [one for one in found.targets if one.field == field]
    assert not [one for one in found.targets if isinstance(one.value, float) and not math.isfinite(one.value)]


def test_readings_that_are_none_become_no_field() -> None:
    """NaN from a broken sensor, words for numbers, leaves of nobody."""
    card = load_card("saloon")
    raw: dict[str, Setting] = middle_readings(card) | {
        SEAT + "Position": math.nan,
        SEAT + "Headrest.Height": "high",
        MIRROR + "DriverSide.Tilt": math.inf,
        "Vehicle.Speed": 3,
    }
    found = unfit(raw, card)
    assert not found.keys() & {"seat.leg_mm", "wheel.reach_mm", "seat.headrest_mm", "mirror.driver_view_up_deg"}
    assert found.keys() <= FIELDS.keys()


def test_a_raw_value_outside_the_range_is_not_replayed() -> None:
    """A damaged profile cannot push a seat beyond its rails."""
    card = load_card("saloon")
    document = set_in(card, middle_readings(card))
    for bad in (9_999, -1, math.nan, "end"):
        raw = dict(next(iter(document.origins.values())).raw) | {SEAT + "Position": bad}
        origin = Origin("car", card.id, card.revision, raw)
        found = fit(document.values, dict.fromkeys(document.values, origin), card)
        assert ("seat.leg_mm", "what was kept of this model is outside its range") in found.skipped
        assert not [one for one in found.targets if one.path == SEAT + "Position"]


def rhd(text: str) -> str:
    """The same car for the other side of the road."""
    return text.replace('id = "saloon"', 'id = "saloon-rhd"').replace('drive_side = "left"', 'drive_side = "right"')


def test_right_hand_drive_turns_mirrors_round_and_nothing_else() -> None:
    """Case 10: driver's side is where the driver sits: seat, zones and tilt are the same, yaw has the other sign."""
    left, right = load_card("saloon"), card_from_toml(rhd(SALOON))
    raw = middle_readings(left) | {
        MIRROR + "DriverSide.Yaw": 30, MIRROR + "PassengerSide.Yaw": -12, MIRROR + "DriverSide.Tilt": 9
    }  # fmt: skip
    document = set_in(left, raw)
    cards = {"saloon": left, "saloon-rhd": right}
    there = applied(fit(document.values, document.origins, right, cards), right)
    assert {path for path in raw if there.get(path) != raw[path]} == {
        MIRROR + "DriverSide.Yaw", MIRROR + "PassengerSide.Yaw"
    } | {path for path in raw if "PassengerSide.HeatingCooling" in path and raw[path] != there.get(path)}  # fmt: skip
    assert (there[MIRROR + "DriverSide.Yaw"], there[MIRROR + "PassengerSide.Yaw"]) == (-30, 12)


def test_yaw_is_positive_to_the_right() -> None:
    """Case 10: VSS 6: more yaw shows more of the right side; so outwards for the mirror on the right."""
    for text, sign in ((SALOON, -1), (rhd(SALOON), 1)):
        card = card_from_toml(text)
        still, turned = (
            unfit(middle_readings(card) | {MIRROR + "DriverSide.Yaw": yaw}, card)["mirror.driver_view_out_deg"]
            for yaw in (0, 50)
        )
        assert isinstance(still, float)
        assert isinstance(turned, float)
        assert math.copysign(1, turned - still) == sign


def vss5(text: str) -> str:
    """The same car as it was sold with VSS 5."""
    older = text.replace("vss_major = 6", "vss_major = 5")
    return older.replace('id = "saloon"', 'id = "saloon-5"').replace(".Yaw", ".Pan")


def test_the_sign_of_mirrors_turned_round_between_vss_5_and_6() -> None:
    """Case 11: Pan 100 is fully left, Yaw 100 fully right: a profile of a VSS 5 car shows the same in a VSS 6 car."""
    old, new = card_from_toml(vss5(SALOON)), load_card("saloon")
    raw = middle_readings(old) | {MIRROR + "DriverSide.Pan": 40, MIRROR + "PassengerSide.Pan": -25}
    document = set_in(old, raw)
    found = applied(fit(document.values, document.origins, new, {old.id: old, new.id: new}), new)
    assert (found[MIRROR + "DriverSide.Yaw"], found[MIRROR + "PassengerSide.Yaw"]) == (-40, 25)
    back = set_in(new, found)
    again = applied(fit(back.values, back.origins, old, {old.id: old, new.id: new}), old)
    assert (again[MIRROR + "DriverSide.Pan"], again[MIRROR + "PassengerSide.Pan"]) == (40, -25)
    moved = from_vss5(raw)
    assert (moved[MIRROR + "DriverSide.Yaw"], moved[MIRROR + "PassengerSide.Yaw"]) == (-40, 25)
    assert not any(path.endswith(".Pan") for path in moved)
    assert changed(".Yaw", ".Pan")(SALOON) != SALOON


def test_mirrors_follow_the_eye() -> None:
    """In another model the guest sees in the same direction, though the mirror stands elsewhere."""
    cards, chance = load_cards(), random.Random(8)
    for _ in range(50):
        document = set_in(cards["saloon"], readings(cards["saloon"], chance))
        found = fit(document.values, document.origins, cards["suv"], cards)
        seen = unfit(applied(found, cards["suv"]), cards["suv"])
        for one in found.targets:
            wish = document.values[one.field]
            if one.field.startswith("mirror.") and not one.clamped:
                shown = seen[one.field]
                assert isinstance(shown, float)
                assert isinstance(wish, float)
                assert shown == pytest.approx(wish, abs=0.3)
                assert one.residual == pytest.approx(shown - wish, abs=0.01)
