"""Failure cases of the design that translation has to survive, by their number; must never pass by moving nothing."""

from collections.abc import Mapping

import pytest

from gateway.profile import Document
from gateway.profile.fields import Value
from gateway.profile.fit import (
    Card,
    Setting,
    card_from_toml,
    fit,
    from_vss5,
    learn,
    load_cards,
    middle_readings,
    unfit,
)
from tests.unit.profile_fit.test_hands import sitting
from tests.unit.profile_fit.test_learn import hand, visit
from tests.unit.profile_fit.test_reference import MODELS, NEAR_MM
from tests.unit.profile_fit.test_translation import MIRROR, SEAT, applied, rhd, set_in, vss5
from tests.unit.profile_fit.texts import SALOON

CARDS = load_cards()
LUMBAR = {"seat.lumbar_depth_pct": 70.0, "seat.lumbar_height_mm": 150.0}
NEW = CARDS["saloon"]
OLD = card_from_toml(vss5(SALOON))
BOTH = {card.id: card for card in (NEW, OLD)}


def rich() -> Document:
    """A guest of the SUV, which has everything, with wishes for it."""
    raw = middle_readings(CARDS["suv"]) | {SEAT + "Backrest.LumbarSupport": 70}
    found = set_in(CARDS["suv"], raw)
    assert found.values["seat.lumbar_depth_pct"] == 70.0
    return found


def test_case_9_a_model_without_lumbar_memory_lift_and_zones() -> None:
    """Case 9: what the city car lacks is told field by field and kept, also when the guest changes what it has."""
    document, city = rich(), CARDS["city"]
    assert "memory_seat" not in city.features
    found = fit(document.values, document.origins, city, CARDS)
    why = dict(found.skipped)
    for field in ("seat.lumbar_depth_pct", "seat.hip_height_mm", "seat.headrest_mm"):
        assert why[field] == "this model does not move it"
    assert "driver's wishes hold" in why["climate.passenger.temperature_c"]
    assert "driver's wishes hold" in why["climate.rear.temperature_c"]
    assert {one.field for one in found.targets} >= {"seat.leg_mm", "seat.torso_deg", "climate.driver.temperature_c"}
    shown = visit(document, city)
    changed = {SEAT + "Position": 40, "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": 24}
    assert all(shown[path] != value for path, value in changed.items())
    after = hand(document, city, changed)
    for field in ("seat.lumbar_depth_pct", "seat.hip_height_mm", "climate.rear.temperature_c"):
        assert after.values[field] == document.values[field]
    again = visit(after, CARDS["suv"])
    assert again[SEAT + "Backrest.LumbarSupport"] == 70
    assert again["Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"] == 24


def test_case_10_a_right_hand_drive_teaches_the_left_hand_drive() -> None:
    """Case 10: a mirror turned outwards in the one shows outwards in the other; seats are the same on both sides."""
    left, right = CARDS["saloon"], card_from_toml(rhd(SALOON))
    cards = {one.id: one for one in (left, right)}
    document = set_in(left, middle_readings(left))
    shown = applied(fit(document.values, document.origins, right, cards), right)
    after = shown | {MIRROR + "DriverSide.Yaw": 35, SEAT + "Position": 90}
    assert shown[MIRROR + "DriverSide.Yaw"] != 35
    learned = learn(shown, after, document.values, document.origins, right, cards)
    values = dict(document.values) | dict(learned["posture"].values) | dict(learned["mirrors"].values)
    there = applied(fit(values, {}, left, cards), left)
    assert there[SEAT + "Position"] == pytest.approx(90, abs=NEAR_MM)
    assert there[MIRROR + "DriverSide.Yaw"] == pytest.approx(-35, abs=1)


@pytest.mark.parametrize("side", ["Driver", "Passenger"])
def test_case_11_what_is_seen_is_the_same_by_pan_and_by_yaw(side: str) -> None:
    """Case 11: the direction of view of a VSS 5 car is that of the VSS 6 car with the sign turned; tilt is not turned.

    Where a translation took Pan for Yaw the view would be mirrored about straight ahead: the test would see 2 x 40 %.
    """
    out, up = f"mirror.{side.lower()}_view_out_deg", f"mirror.{side.lower()}_view_up_deg"
    seen5 = _view(OLD, {MIRROR + f"{side}Side.Pan": 40, MIRROR + f"{side}Side.Tilt": 15}, out, up)
    seen6 = _view(NEW, {MIRROR + f"{side}Side.Yaw": -40, MIRROR + f"{side}Side.Tilt": 15}, out, up)
    wrong = _view(NEW, {MIRROR + f"{side}Side.Yaw": 40, MIRROR + f"{side}Side.Tilt": 15}, out, up)
    assert seen5 == seen6
    assert abs(seen5[0] - wrong[0]) > 5


def _view(card: Card, changes: Mapping[str, Setting], *fields: str) -> tuple[float, ...]:
    values = unfit(middle_readings(card) | dict(changes), card)
    found = [values[field] for field in fields]
    assert all(isinstance(value, float) for value in found)
    return tuple(value for value in found if isinstance(value, float))


def test_case_11_a_vss_5_profile_goes_into_a_vss_6_car_and_back() -> None:
    """Case 11: through both cars and home, and a hand in the new car is understood in the old one."""
    raw = middle_readings(OLD) | {MIRROR + "DriverSide.Pan": 60, MIRROR + "PassengerSide.Pan": -45}
    document = set_in(OLD, raw)
    shown = applied(fit(document.values, document.origins, NEW, BOTH), NEW)
    assert (shown[MIRROR + "DriverSide.Yaw"], shown[MIRROR + "PassengerSide.Yaw"]) == (-60, 45)
    assert not any(path.endswith(".Pan") for path in shown)
    learned = learn(
        shown, shown | {MIRROR + "DriverSide.Yaw": -70}, document.values, document.origins, NEW, BOTH
    )["mirrors"]  # fmt: skip
    values: dict[str, Value] = dict(document.values) | dict(learned.values)
    old = applied(fit(values, {}, OLD, BOTH), OLD)
    assert (old[MIRROR + "DriverSide.Pan"], old[MIRROR + "PassengerSide.Pan"]) == (70, -45)
    back = applied(fit(document.values, document.origins, OLD, BOTH), OLD)
    assert {path: back[path] for path in raw if path.startswith(MIRROR)} == {
        path: value for path, value in raw.items() if path.startswith(MIRROR)
    }


def test_case_11_readings_are_renamed_once() -> None:
    """Case 11: raw readings of a VSS 5 car under VSS 6 names; done again nothing turns back."""
    raw = {MIRROR + "DriverSide.Pan": 40, MIRROR + "DriverSide.Tilt": 7, SEAT + "Position": 3}
    once = from_vss5(raw)
    assert once == {MIRROR + "DriverSide.Yaw": -40, MIRROR + "DriverSide.Tilt": 7, SEAT + "Position": 3}
    assert from_vss5(once) == once


def test_case_12_a_clamped_apply_leaves_the_wish() -> None:
    """Case 12: a leg of 1,000 mm in the small car is cut short there, and whole again in the next."""
    raw = middle_readings(CARDS["saloon"]) | {SEAT + "Position": 250}
    document = set_in(CARDS["saloon"], raw)
    small = visit(document, CARDS["city"])
    short = sitting(MODELS["saloon"], raw)["straight"] - sitting(MODELS["city"], small)["straight"]
    assert short > 50
    warmer = hand(document, CARDS["city"], {"Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": 25})
    assert warmer.group("posture") == document.group("posture")
    assert visit(warmer, CARDS["saloon"])[SEAT + "Position"] == 250


def test_case_13_an_apply_is_no_wish() -> None:
    """Case 13: neither a plan's own values nor what another seat's knobs did between two readings of the same state."""
    document = rich()
    for card in CARDS.values():
        shown = visit(document, card)
        assert learn(shown, dict(shown), document.values, document.origins, card, CARDS) == {}
        late = {path: value for path, value in shown.items() if not path.startswith(SEAT)}
        assert learn(late, shown, document.values, document.origins, card, CARDS) == {}
        assert learn(shown, late, document.values, document.origins, card, CARDS) == {}


def test_case_24_what_a_newer_profile_holds_reaches_no_actuator() -> None:
    """Case 24: an unknown field, an unknown word and a range of tomorrow are left out by name; all else is applied."""
    values: dict[str, Value] = dict(rich().values) | {
        "seat.massage_program": "wave", "radio.band": "HD", "climate.driver.temperature_c": 41.0
    }  # fmt: skip
    for card in CARDS.values():
        found = fit(values, {}, card, CARDS)
        left = {field for field, why in found.skipped if why}
        assert left >= {"seat.massage_program", "radio.band", "climate.driver.temperature_c"}
        assert "seat.leg_mm" in {one.field for one in found.targets}
