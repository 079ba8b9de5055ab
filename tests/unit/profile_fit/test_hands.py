"""A seat that is moved by hand in one model after the other, held against the second solver.

The test keeps book of what the guest wants by itself; must never share a formula with the product.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from gateway.profile import Document, Hlc, Origin, Register
from gateway.profile.fit import Card, Confidence, Setting, fit, learn, load_cards, unfit
from tests.unit.profile_fit.reference import SEAT, WHEEL, Array, Model, body, place
from tests.unit.profile_fit.test_learn import TALL, hand, number, visit
from tests.unit.profile_fit.test_reference import FIELDS, LEAVES, MODELS, NEAR_MM
from tests.unit.profile_fit.test_translation import readings, set_in

CARDS = load_cards()
LEG, HIP, TORSO = "seat.leg_mm", "seat.hip_height_mm", "seat.torso_deg"
DESIGN = {"hip": "design_hip_z_mm", "cushion": "design_cushion_deg"}
SEQUENCES, HANDS = 25, 6


def arrays(model: Model, raw: Mapping[str, Setting]) -> dict[str, Array]:
    """One guest's readings, as the second solver takes them."""
    found = {leaf: raw.get(SEAT + leaf, 0.0) for leaf in LEAVES}
    found |= {"wheel": raw.get(WHEEL + "Tilt", 50.0), "Extension": raw.get(WHEEL + "Extension", 0.0)}
    return {leaf: np.array([value], dtype=np.float64) for leaf, value in found.items()}


def sitting(model: Model, raw: Mapping[str, Setting]) -> dict[str, float]:
    """How somebody sits by readings, with the leg in a straight line."""
    found = {key: float(value[0]) for key, value in body(model, arrays(model, raw)).items()}
    return found | {"straight": float(np.hypot(found["leg"], found["hip"]))}


def hip(model: Model, raw: Mapping[str, Setting]) -> tuple[float, float]:
    """The H-point by readings."""
    x, z = model.hip(*(arrays(model, raw)[leaf] for leaf in ("Position", "Height", "Tilt")))
    return float(x[0]), float(z[0])


@dataclass
class Wishes:
    """What a guest wants: each with the model in which he last said so; None: it was an app."""

    values: dict[str, float]
    homes: dict[str, Model | None]

    @classmethod
    def of(cls, model: Model | None, sits: Mapping[str, float]) -> "Wishes":
        """All at once."""
        return cls(dict(sits), dict.fromkeys(sits, model))

    def here(self, model: Model) -> dict[str, float]:
        """In the terms of a model: height, cushion and column go along with its design."""
        found = dict(self.values)
        for key, home in self.homes.items():
            if home is not None and key in DESIGN:
                found[key] += model.get(DESIGN[key]) - home.get(DESIGN[key])
            if home is not None and key == "column":
                found[key] += model.geometry["wheel"]["design_deg"] - home.geometry["wheel"]["design_deg"]
        return found

    def hand(self, model: Model, leaf: str, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> None:
        """A hand moved one actuator."""
        was, now, wanted = sitting(model, before), sitting(model, after), self.here(model)
        says = {"Position": "straight", "Height": "hip", "Tilt": "cushion", "Backrest.Recline": "torso"}[leaf]
        self._now(says, now[says], model)
        if leaf in {"Height", "Tilt"}:
            self._now("straight", wanted["straight"] + now["straight"] - was["straight"], model)
        if leaf == "Tilt":
            self._now("torso", wanted["torso"] + now["torso"] - was["torso"], model)

    def _now(self, key: str, value: float, model: Model) -> None:
        self.values[key], self.homes[key] = value, model

    def best(self, model: Model) -> dict[str, Array]:
        """Where the second solver puts the guest."""
        found = {key: np.array([value]) for key, value in self.here(model).items()}
        found["leg"] = np.sqrt(np.maximum(found["straight"] ** 2 - found["hip"] ** 2, 1.0))
        return place(found, None, model)

    def miss_mm(self, name: str, document: Document) -> float:
        """How far the product puts him from there."""
        x, z = hip(MODELS[name], visit(document, CARDS[name]))
        best = self.best(MODELS[name])
        return float(np.hypot(x - best["x"][0], z - best["z"][0]))


def moved(card: Card, shown: Mapping[str, Setting], leaf: str, chance: random.Random) -> Setting:
    """Where a hand leaves an actuator: not far, but somewhere else."""
    one, here = card.actuators[SEAT + leaf], shown[SEAT + leaf]
    low, high = one.ends
    assert isinstance(here, int | float)
    while True:
        value = one.snap(here + chance.uniform(-0.25, 0.25) * (high - low))
        if value != here:
            return value


def seat(raw: Mapping[str, Setting]) -> dict[str, Setting]:
    """Seat and wheel of readings; mirrors follow the eye."""
    return {path: value for path, value in raw.items() if path.startswith((SEAT, WHEEL))}


def from_app(card: Card, raw: Mapping[str, Setting]) -> Document:
    """The same body, as an app would store it: of no model."""
    stamp = Hlc(1_700_000_000_000, 0, "app")
    return Document(bytes(16), 1, {key: Register(key, v, stamp, Origin("app")) for key, v in unfit(raw, card).items()})


@pytest.mark.parametrize("app", [False, True])
def test_hands_in_any_order_of_models_mean_what_they_did(app: bool) -> None:
    """Each hand changes its own wish only; in every other model the seat is within 2 mm of the second solver's."""
    chance, clamped = random.Random(f"hands {app}"), 0
    for _ in range(SEQUENCES):
        name = chance.choice(sorted(MODELS))
        raw = readings(CARDS[name], chance)
        document = from_app(CARDS[name], raw) if app else set_in(CARDS[name], raw)
        wishes = Wishes.of(None if app else MODELS[name], sitting(MODELS[name], raw))
        for second in range(1, HANDS + 1):
            name = chance.choice(sorted(MODELS))
            shown = visit(document, CARDS[name])
            leaf = chance.choice([leaf for leaf in LEAVES if SEAT + leaf in CARDS[name].actuators])
            value = moved(CARDS[name], shown, leaf, chance)
            wishes.hand(MODELS[name], leaf, shown, shown | {SEAT + leaf: value})
            before, document = document, hand(document, CARDS[name], {SEAT + leaf: value}, second)
            assert seat(visit(document, CARDS[name])) == seat(shown | {SEAT + leaf: value})
            same = {key for key, one in document.registers.items() if before.registers[key].value == one.value}
            assert len(before.registers) - len(same) in {1, 2, 3}
            for other in MODELS:
                if other != name:
                    assert wishes.miss_mm(other, document) <= NEAR_MM, (leaf, name, other)
            city = fit(document.values, document.origins, CARDS["city"], CARDS)
            clamped += any(one.clamped for one in city.targets if one.field == LEG)
    assert clamped > SEQUENCES // 3, "no wish met an end stop: the test proves nothing"


def test_a_leg_moved_in_another_model_fits_at_home() -> None:
    """From the saloon to the SUV and back: the leg of there, and all other registers to the bit as they were."""
    chance = random.Random(9)
    for _ in range(SEQUENCES):
        raw = readings(CARDS["saloon"], chance)
        document = set_in(CARDS["saloon"], raw)
        shown = visit(document, CARDS["suv"])
        value = moved(CARDS["suv"], shown, "Position", chance)
        after = hand(document, CARDS["suv"], {SEAT + "Position": value})
        for key, one in after.registers.items():
            if key != LEG:
                old = document.registers[key]
                assert (one.value, one.origin.card, one.origin.revision) == (old.value, "saloon", old.origin.revision)
        assert (after.origins[LEG].card, after.origins[LEG].raw[SEAT + "Position"]) == ("suv", value)
        wishes = Wishes.of(MODELS["saloon"], sitting(MODELS["saloon"], raw))
        wishes.hand(MODELS["suv"], "Position", shown, shown | {SEAT + "Position": value})
        assert wishes.miss_mm("saloon", after) <= NEAR_MM
        wish = number(after, HIP) + MODELS["suv"].get("design_hip_z_mm") - MODELS["saloon"].get("design_hip_z_mm")
        straight = sitting(MODELS["suv"], shown | {SEAT + "Position": value})["straight"]
        assert np.hypot(number(after, LEG), wish) == pytest.approx(straight, abs=0.01)


def test_a_hand_at_an_end_stop_means_where_it_ends() -> None:
    """The tall guest's seat stands at its end in the small car; 20 mm forward is a leg of there, not of his wish."""
    document = set_in(CARDS["saloon"], TALL)
    shown = visit(document, CARDS["city"])
    assert shown[SEAT + "Position"] == 180
    wish = sitting(MODELS["saloon"], TALL)["straight"]
    after = hand(document, CARDS["city"], {SEAT + "Position": 160})
    assert visit(after, CARDS["city"])[SEAT + "Position"] == 160
    wishes = Wishes.of(MODELS["saloon"], sitting(MODELS["saloon"], TALL))
    wishes.hand(MODELS["city"], "Position", shown, shown | {SEAT + "Position": 160})
    assert wish - wishes.values["straight"] > 60
    assert wishes.miss_mm("saloon", after) <= NEAR_MM
    again = hand(after, CARDS["city"], {SEAT + "Position": 170}, 2)
    assert number(again, LEG) - number(after, LEG) == pytest.approx(10, abs=0.5)


def test_what_others_miss_is_not_taken_for_a_wish() -> None:
    """Leg and torso of the tall guest stop short in the small car; a hand at one leaves the other's wish."""
    wants = dict(TALL) | {SEAT + "Backrest.Recline": 45.0, WHEEL + "Extension": 100}
    document = set_in(CARDS["saloon"], wants)
    shown = visit(document, CARDS["city"])
    assert (shown[SEAT + "Position"], shown[SEAT + "Backrest.Recline"]) == (180, 40)
    for leaf, at, field in (("Backrest.Recline", 36.0, TORSO), ("Position", 150, LEG)):
        learned = learn(shown, shown | {SEAT + leaf: at}, document.values, document.origins, CARDS["city"], CARDS)
        assert set(learned["posture"].values) == {field}
        after = hand(document, CARDS["city"], {SEAT + leaf: at})
        for other in FIELDS.values():
            if other != field:
                assert after.values[other] == document.values[other], other
    assert number(hand(document, CARDS["city"], {SEAT + "Backrest.Recline": 36.0}), TORSO) == 36


def test_an_app_that_changes_one_field_voids_readings() -> None:
    """Afterwards the model in which the guest sat before goes by the wish, not by its old readings."""
    raw = dict(TALL)
    document = set_in(CARDS["saloon"], raw)
    assert fit(document.values, document.origins, CARDS["saloon"], CARDS).confidence is Confidence.EXACT
    edit = document.edit("posture", {TORSO: 20.0}, Hlc(1_700_000_000_001, 0, "app"), Origin("app"))
    document = document.with_group("posture", edit.registers())
    found = fit(document.values, document.origins, CARDS["saloon"], CARDS)
    assert {one.confidence for one in found.targets if one.field == TORSO} == {Confidence.CALIBRATED}
    shown = visit(document, CARDS["saloon"])
    assert shown[SEAT + "Backrest.Recline"] != raw[SEAT + "Backrest.Recline"]
    assert sitting(MODELS["saloon"], shown)["torso"] == pytest.approx(20, abs=0.3)
    assert shown[SEAT + "Position"] == raw[SEAT + "Position"]
    assert not any(one.origin.raw for one in document.group("posture").values())
    assert any(one.origin.raw for one in document.group("mirrors").values())


def test_mirrors_of_this_model_are_aimed_anew_when_the_leg_changed_elsewhere() -> None:
    """Their readings are of another eye then: the view is kept, and a tap asked for. Another head rest moves no eye."""
    saloon, mirrors = CARDS["saloon"], "Vehicle.Body.Mirrors."
    raw = dict(TALL) | {mirrors + "DriverSide.Yaw": 20, mirrors + "DriverSide.Tilt": -10}
    document = set_in(saloon, raw)
    shorter = hand(document, CARDS["suv"], {SEAT + "Position": 60})
    found = fit(shorter.values, shorter.origins, saloon, CARDS)
    aimed = {one.path: one for one in found.targets if one.path.startswith(mirrors)}
    assert {one.confidence for one in aimed.values()} == {Confidence.CALIBRATED}
    assert aimed[mirrors + "DriverSide.Yaw"].value != 20
    seen = unfit(visit(shorter, saloon), saloon)
    for field in ("mirror.driver_view_out_deg", "mirror.driver_view_up_deg"):
        assert seen[field] == pytest.approx(number(document, field), abs=0.3)
    edit = document.edit("posture", {"seat.headrest_mm": 640.0}, Hlc(1_700_000_000_001, 0, "app"), Origin("app"))
    document = document.with_group("posture", edit.registers())
    found = fit(document.values, document.origins, saloon, CARDS)
    again = {one.path: one for one in found.targets if one.path.startswith(mirrors)}
    assert {one.confidence for one in again.values()} == {Confidence.EXACT}
    assert (again[mirrors + "DriverSide.Yaw"].value, again[mirrors + "DriverSide.Tilt"].value) == (20, -10)
