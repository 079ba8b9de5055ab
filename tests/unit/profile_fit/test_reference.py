"""Holds the translation of postures against a second solver, for a thousand guests and all pairs of models.

Must never let the two share a formula: see reference.py.
"""

from importlib.resources import files
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from gateway.profile.fit import Confidence, Fit, fit, load_card, unfit
from gateway.profile.register import Origin
from tests.unit.profile_fit.reference import SEAT, WHEEL, Array, Model, body, place, reach_for

MODELS = {
    name: Model(Path(str(files("gateway.profile.fit") / "models" / f"{name}.toml")))
    for name in ("saloon", "suv", "city")
}
GUESTS = 1_000
FREE = 400
NEAR_MM = 2.0
LEAVES = ("Position", "Height", "Tilt", "Backrest.Recline")
FIELDS = {"leg": "seat.leg_mm", "hip": "seat.hip_height_mm", "torso": "seat.torso_deg", "cushion": "seat.cushion_deg",
          "column": "wheel.tilt_deg", "reach": "wheel.reach_mm"}  # fmt: skip


def readings(model: Model, chance: np.random.Generator) -> dict[str, Array]:
    """A thousand guests who sit in a model, a tenth of them at an end stop."""
    found = {}
    for leaf in (*LEAVES, "wheel", "Extension"):
        path = WHEEL + "Tilt" if leaf == "wheel" else WHEEL + leaf if leaf == "Extension" else SEAT + leaf
        one = model.actuators.get(path)
        low, high = (one["low"], one["high"]) if one else (0.0, 0.0)
        share = np.clip(chance.uniform(-0.05, 1.05, GUESTS), 0, 1)
        step = one.get("step", 1) if one else 1
        found[leaf] = np.round((low + share * (high - low)) / step) * step
    return found


def by_path(model: Model, raw: dict[str, Array], guest: int) -> dict[str, float]:
    """One guest's readings, of what the model has."""
    found = {SEAT + leaf: float(raw[leaf][guest]) for leaf in LEAVES}
    found |= {WHEEL + "Tilt": float(raw["wheel"][guest]), WHEEL + "Extension": float(raw["Extension"][guest])}
    return {path: value for path, value in found.items() if path in model.actuators}


def compare(found: list[Fit], guests: dict[str, Array], old: Model | None, here: Model) -> None:
    """Each order within 2 mm of the second solver's, each angle within its step, and no end stop untold."""
    wanted = place(guests, old, here)
    orders = {
        leaf: np.array([next((t.value for t in one.targets if t.path == SEAT + leaf), 0.0) for one in found])
        for leaf in LEAVES
    }
    steps = {leaf: here.actuators[SEAT + leaf]["step"] for leaf in LEAVES if here.has(leaf)}
    for leaf in ("Position", "Height"):
        assert np.abs(orders[leaf] - wanted[leaf]).max() <= NEAR_MM, leaf
    for leaf in ("Tilt", "Backrest.Recline"):
        assert np.abs(orders[leaf] - wanted[leaf]).max() <= 1.5 * steps.get(leaf, 0.1), leaf
    x, z = here.hip(orders["Position"], orders["Height"], orders["Tilt"])
    assert np.hypot(x - wanted["x"], z - wanted["z"]).max() <= NEAR_MM
    wheel = [{t.path: float(t.value) for t in one.targets if t.path.startswith(WHEEL)} for one in found]  # type: ignore[arg-type]
    tilt, extension = (np.array([one.get(WHEEL + leaf, 0.0) for one in wheel]) for leaf in ("Tilt", "Extension"))
    (wx, wz, _), (rx, rz, _) = here.wheel(tilt, extension), here.wheel(*reach_for(guests, old, here, orders))
    assert np.hypot(wx - rx, wz - rz).max() <= NEAR_MM
    told = np.array([one.residuals["seat.leg_mm"] for one in found])
    assert np.abs(told - wanted["leg_miss"]).max() <= NEAR_MM
    short = np.abs(wanted["leg_miss"]) > 2 * NEAR_MM
    clamped = np.array([any(t.field == "seat.leg_mm" and t.clamped and t.why for t in one.targets) for one in found])
    assert clamped[short].all()
    assert not clamped[np.abs(wanted["leg_miss"]) < 1].any()
    together = np.hypot(wanted["leg_miss"], 450 * np.deg2rad(wanted["torso_miss"]))
    assert np.abs(np.array([one.residual_mm for one in found]) - together).max() <= NEAR_MM


@pytest.mark.parametrize(("there", "here"), list(permutations(MODELS, 2)))
def test_orders_are_those_of_a_second_solver(there: str, here: str) -> None:
    """A thousand guests from each model to each other: within 2 mm, and the residual is told at each end stop."""
    old, new = MODELS[there], MODELS[here]
    raw = readings(old, np.random.default_rng(sum(map(ord, there + here))))
    guests = body(old, raw)
    cards = {name: load_card(name) for name in MODELS}
    found = []
    for number in range(GUESTS):
        values = unfit(by_path(old, raw, number), cards[there])
        for name, field in FIELDS.items():
            if field in values:
                assert values[field] == pytest.approx(float(guests[name][number]), abs=1e-3), field
        origin = Origin("car", there, cards[there].revision)
        found.append(fit(values, dict.fromkeys(values, origin), cards[here], cards))
        assert found[-1].confidence is Confidence.CALIBRATED
    compare(found, guests, old, new)


@pytest.mark.parametrize("here", MODELS)
def test_bodies_of_no_model_fit_as_the_second_solver_says(here: str) -> None:
    """Bodies that no seat shaped, from 1.45 m to 2.1 m: as an app would store them."""
    chance = np.random.default_rng(7)
    stature = chance.uniform(1_450, 2_100, FREE)
    hip = chance.uniform(200, 400, FREE)
    guests = {
        "leg": np.sqrt((stature * chance.uniform(0.44, 0.5, FREE)) ** 2 - hip**2), "hip": hip,
        "torso": chance.uniform(12, 38, FREE), "cushion": chance.uniform(5, 24, FREE),
        "column": chance.uniform(18, 40, FREE), "reach": chance.uniform(420, 680, FREE),
    }  # fmt: skip
    card = load_card(here)
    found = []
    for number in range(FREE):
        values = {field: float(guests[name][number]) for name, field in FIELDS.items()}
        found.append(fit(values, {}, card))
    compare(found, guests, None, MODELS[here])
