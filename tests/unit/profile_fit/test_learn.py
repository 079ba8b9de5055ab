"""What a hand at a control means; must never let an end stop of one car into the profile."""

import random
from collections.abc import Mapping

import pytest

from gateway.profile import Document, Hlc
from gateway.profile.fit import Card, Setting, fit, group_paths, learn, load_cards, middle_readings
from gateway.profile.register import Origin
from tests.unit.profile_fit.test_translation import MIRROR, SEAT, applied, readings, set_in

CARDS = load_cards()
TALL = middle_readings(CARDS["saloon"]) | {SEAT + "Position": 255, SEAT + "Height": 10}


def visit(document: Document, card: Card) -> dict[str, Setting]:
    """A guest's profile is applied; what the car shows then."""
    return applied(fit(document.values, document.origins, card, CARDS), card)


def hand(document: Document, card: Card, changes: Mapping[str, Setting], second: int = 1) -> Document:
    """The guest changes something by hand in that car; the profile afterwards."""
    before = visit(document, card)
    after = before | dict(changes)
    for group, learned in learn(before, after, document.values, document.origins, card, CARDS).items():
        stamp = Hlc(1_700_000_000_000 + second, 0, card.id)
        origin = Origin("car", card.id, card.revision, learned.raw)
        edit = document.edit(group, learned.values, stamp, origin)
        document = document.with_group(group, edit.registers())
    return document


def number(document: Document, field: str) -> float:
    """A field that is a number."""
    value = document.values[field]
    assert isinstance(value, float)
    return value


def test_no_hand_no_edit() -> None:
    """Case 13: a thousand applies in all cars, clamped or not, teach nothing."""
    chance = random.Random(1)
    for count in range(334):
        home = CARDS[chance.choice(sorted(CARDS))]
        document = set_in(home, readings(home, chance))
        for card in CARDS.values():
            shown = visit(document, card)
            assert learn(shown, shown, document.values, document.origins, card, CARDS) == {}, count


def test_a_tall_guest_stays_tall() -> None:
    """Case 12: he moves only the back rest of the small car, whose seat is at its end; at home it is as he left it."""
    document = set_in(CARDS["saloon"], TALL)
    assert visit(document, CARDS["city"])[SEAT + "Position"] == 180
    document = hand(document, CARDS["city"], {SEAT + "Backrest.Recline": 18.0})
    assert number(document, "seat.torso_deg") == pytest.approx(18.0, abs=0.01)
    home = visit(document, CARDS["saloon"])
    assert home[SEAT + "Position"] == pytest.approx(255, abs=1)
    assert home[SEAT + "Height"] == pytest.approx(10, abs=1)
    assert home[SEAT + "Headrest.Height"] == TALL[SEAT + "Headrest.Height"]
    assert visit(document, CARDS["city"])[SEAT + "Backrest.Recline"] == 18


def test_a_hand_teaches_its_own_field_with_the_readings_of_the_group() -> None:
    """The edit of it is the whole group: what this car cannot set too, each with its own origin."""
    document = set_in(CARDS["saloon"], TALL)
    before, city = visit(document, CARDS["city"]), CARDS["city"]
    learned = learn(before, before | {SEAT + "Position": 90}, document.values, document.origins, city, CARDS)
    assert list(learned) == ["posture"]
    assert list(learned["posture"].values) == ["seat.leg_mm"]
    assert learned["posture"].raw.keys() <= set(group_paths(city, "posture"))
    kept = {field for field in document.values if field.startswith(("seat.", "wheel."))}
    after = hand(document, city, {SEAT + "Position": 90})
    assert after.group("posture").keys() == kept
    assert {field for field in kept if after.origins[field].card == "city"} == {"seat.leg_mm"}


def test_a_new_guest_is_learned_from_nothing() -> None:
    """The first hand at a control keeps the whole posture as it is."""
    card = CARDS["suv"]
    before = middle_readings(card)
    after = before | {SEAT + "Position": 40, "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": 19.0}
    learned = learn(before, after, {}, {}, card)
    assert set(learned) == {"posture", "climate.driver"}
    assert {"seat.leg_mm", "seat.torso_deg", "wheel.reach_mm"} <= learned["posture"].values.keys()
    assert learned["climate.driver"].values == {"climate.driver.temperature_c": 19.0}


def test_mirrors_are_learned_when_mirrors_are_turned() -> None:
    """Not when a seat moves, though the eye sees elsewhere then."""
    document = set_in(CARDS["saloon"], TALL)
    before = visit(document, CARDS["suv"])
    moved = learn(before, before | {SEAT + "Position": 90}, document.values, document.origins, CARDS["suv"], CARDS)
    assert "mirrors" not in moved
    turned = learn(
        before, before | {MIRROR + "DriverSide.Yaw": 44}, document.values, document.origins, CARDS["suv"], CARDS
    )  # fmt: skip
    assert list(turned["mirrors"].values) == ["mirror.driver_view_out_deg"]


def test_random_hands_are_found_again_where_they_were() -> None:
    """Two hundred edits in random cars: the car shows to the bit what the guest left; fields keep their bounds."""
    chance = random.Random(3)
    document = set_in(CARDS["saloon"], TALL)
    for second in range(1, 201):
        card = CARDS[chance.choice(sorted(CARDS))]
        path = chance.choice([*group_paths(card, "posture"), *group_paths(card, "mirrors")])
        one = card.actuators[path]
        low, high = one.ends
        value = one.snap(chance.uniform(low, high))
        document = hand(document, card, {path: value}, second)
        assert visit(document, card)[path] == value
        assert not [field for field, why in fit(document.values, {}, card).skipped if "is not between" in why]
