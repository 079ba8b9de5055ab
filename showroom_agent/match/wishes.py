"""What a guest wishes; must never be kept beyond his visit, logged, or sent without his consent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import InputError
from showroom_agent.match.terms import BODIES, COLOURS, CRITERIA, DOGS, DRIVES, EQUIPMENT, number, only, word, words

_FIELDS: Final = (
    "drive", "body", "colour", "equipment", "budget_eur", "price_sensitivity", "dog", "boot_l", "seats", "towing_kg",
    "range_km", "must", "weights", "configuration",
)  # fmt: skip
WEIGHTS: Final = {
    "drive": 3.0, "body": 3.0, "colour": 1.0, "equipment": 2.0, "price": 4.0, "dog": 3.0, "boot": 2.0, "seats": 3.0,
    "towing": 2.0, "range": 2.0,
}  # fmt: skip
"""How much a criterion counts unless the guest says otherwise; that of the price is times his sensitivity."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is empty or 0 is no wish. Lists are in order of preference; `must`: criteria that a car has to meet."""

    drive: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    colour: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    budget_eur: float = 0.0
    price_sensitivity: float = 0.5
    """0: the price does not matter; 1: it matters most."""
    dog: str = "none"
    boot_l: float = 0.0
    seats: int = 0
    towing_kg: float = 0.0
    range_km: float = 0.0
    must: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight(self, criterion: str) -> float:
        """How much a criterion counts."""
        weight = self.weights.get(criterion, WEIGHTS[criterion])
        return weight * self.price_sensitivity if criterion == "price" else weight


_CONFIGURED: Final = {"drive": DRIVES, "body": BODIES, "colour": COLOURS, "equipment": EQUIPMENT}


def _with(table: Mapping[str, Any], configured: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What he configured comes first, then what else he wishes."""
    known = _CONFIGURED[name]
    first = words(configured.get(name, []), known, f"configuration.{name}")
    return tuple(dict.fromkeys((*first, *words(table.get(name, []), known, name))))


def read_wishes(table: Any) -> Wishes:
    """Wishes as a phone or a file gives them; raises InputError that says what is known, never what was wished.

    `configuration`: the car that he put together, which is the first of his wishes.
    """
    if not isinstance(table, Mapping):
        raise InputError("wishes are a table of: " + ", ".join(_FIELDS))
    only(table, _FIELDS, "a guest's wishes")
    configured = table.get("configuration", {})
    if not isinstance(configured, Mapping):
        raise InputError(f"configuration is a table of: {', '.join(_CONFIGURED)}")
    only(configured, tuple(_CONFIGURED), "a configuration")
    weights = table.get("weights", {})
    if not isinstance(weights, Mapping):
        raise InputError("weights is a table of criteria and numbers")
    only(weights, tuple(CRITERIA), "weights")
    drive, body, colour, equipment = (_with(table, configured, name) for name in _CONFIGURED)
    return Wishes(
        drive=drive,
        body=body,
        colour=colour,
        equipment=equipment,
        budget_eur=number(table.get("budget_eur", 0), "budget_eur", 0, 10_000_000),
        price_sensitivity=number(table.get("price_sensitivity", 0.5), "price_sensitivity", 0, 1),
        dog=word(table.get("dog", "none"), DOGS, "dog"),
        boot_l=number(table.get("boot_l", 0), "boot_l", 0, 50_000),
        seats=int(number(table.get("seats", 0), "seats", 0, 60)),
        towing_kg=number(table.get("towing_kg", 0), "towing_kg", 0, 20_000),
        range_km=number(table.get("range_km", 0), "range_km", 0, 5_000),
        must=words(table.get("must", []), CRITERIA, "must"),
        weights={criterion: number(weight, f"weights.{criterion}", 0, 100) for criterion, weight in weights.items()},
    )
