"""From model to model and home again: what is stored does not change by a bit; must never count only whole applies."""

import os
import random
from collections.abc import Mapping

import pytest

from gateway.profile import Document
from gateway.profile.fit import Card, Confidence, Fit, Setting, fit, learn, load_cards, middle_readings
from gateway.profile.wording import document_bytes, read_document
from tests.unit.profile_fit.test_learn import hand
from tests.unit.profile_fit.test_translation import readings, set_in

CARDS = load_cards()
NAMES = sorted(CARDS)
SEQUENCES = int(os.environ.get("FORECOURT_SEQUENCES", "500"))
"""Ten thousand take a minute or two."""
SEAT = "Vehicle.Cabin.Seat.Row1.DriverSide."
MOVES = (SEAT, "Vehicle.Body.Mirrors.", "Vehicle.Chassis.SteeringWheel.")


def partly(found: Fit, card: Card, chance: random.Random) -> dict[str, Setting]:
    """What a car shows that was stopped on its way: some targets done, some half, some not begun."""
    shown = middle_readings(card)
    for one in found.targets:
        actuator, fate = card.actuators[one.path], chance.random()
        if fate < 0.6:
            shown[one.path] = one.value
        elif fate < 0.8 and actuator.low is not None and isinstance(one.value, int | float):
            here = shown.get(one.path, one.value)
            assert isinstance(here, int | float)
            shown[one.path] = actuator.snap((here + one.value) / 2)
    return shown


def same(shown: Mapping[str, Setting], raw: Mapping[str, Setting]) -> bool:
    """Whether what moves is where the guest left it."""
    return all(shown[path] == value for path, value in raw.items() if path.startswith(MOVES) and path in shown)


@pytest.mark.timeout(240)
def test_no_sequence_of_models_changes_what_is_stored() -> None:
    """Case 12: hundreds of guests through up to five models and home: the stored bytes and the seat there are the same.

    Applied whole, clamped, in part or not at all.
    """
    chance, clamped, away = random.Random(21), 0, 0
    for _ in range(SEQUENCES):
        home = chance.choice(NAMES)
        raw = readings(CARDS[home], chance)
        stored = document_bytes(set_in(CARDS[home], raw))
        document = read_document(stored)
        for name in chance.choices(NAMES, k=chance.randint(1, 5)):
            card, away = CARDS[name], away + (name != home)
            found = fit(document.values, document.origins, card, CARDS)
            shown = partly(found, card, chance)
            assert learn(shown, shown, document.values, document.origins, card, CARDS) == {}
            clamped += any(one.clamped for one in found.targets)
        assert document_bytes(document) == stored
        assert read_document(stored) == document
        found = fit(document.values, document.origins, CARDS[home], CARDS)
        assert found.confidence is Confidence.EXACT
        assert same({one.path: one.value for one in found.targets}, raw)
    assert clamped > away / 3, "few guests met an end stop: the test proves little"


def test_a_hand_in_one_group_leaves_the_bits_of_the_others() -> None:
    """Warmer air in any model, after an apply that was stopped: posture and mirrors are stored as they were."""
    chance = random.Random(22)
    for _ in range(100):
        home, name = chance.choice(NAMES), chance.choice(NAMES)
        document: Document = read_document(document_bytes(set_in(CARDS[home], readings(CARDS[home], chance))))
        card = CARDS[name]
        path = next(path for path in card.actuators if path.endswith("Driver.Temperature"))
        shown = partly(fit(document.values, document.origins, card, CARDS), card, chance)
        one = card.actuators[path]
        value = next(v for v in (one.snap(20), one.snap(25)) if v != shown[path])
        learned = learn(shown, shown | {path: value}, document.values, document.origins, card, CARDS)
        assert {group: dict(each.values) for group, each in learned.items()} == {
            "climate.driver": {"climate.driver.temperature_c": float(value)}
        }
        after = hand(document, card, {path: value})
        for group in ("posture", "mirrors", "radio", "home", "climate.passenger", "climate.rear"):
            assert after.group(group) == document.group(group)
