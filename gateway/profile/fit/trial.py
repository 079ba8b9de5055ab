"""A guest who sits in one model and moves to another, for verbs and demonstrations; must never touch a real profile."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InputError
from gateway.profile.fields import Value
from gateway.profile.fit.card import Actuator, Card
from gateway.profile.fit.leaves import DRIVER_SEAT
from gateway.profile.fit.translate import fit, unfit
from gateway.profile.fit.values import Fit, Setting
from gateway.profile.register import Origin


@dataclass(frozen=True, slots=True)
class Trial:
    """Readings of the one model, what they say of the guest, and what the other is set to."""

    raw: Mapping[str, Setting]
    values: Mapping[str, Value]
    fit: Fit


def middle_readings(card: Card) -> dict[str, Setting]:
    """All that takes numbers in the middle of its range, heating off: what a new car may show."""
    found: dict[str, Setting] = {}
    for path, one in card.actuators.items():
        if one.low is not None and one.high is not None and not path.startswith("Vehicle.Private."):
            found[path] = one.snap(0.0 if path.endswith("HeatingCooling") else (one.low + one.high) / 2)
    return found


def reading(card: Card, text: str) -> tuple[str, Setting]:
    """`Position=120` or a whole path as a reading of this model, within its range. Raises InputError that says how."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InputError(f"{text!r}: write LEAF=VALUE, such as Position=120 or Backrest.Recline=24.5")
    found = [path for path in (name, DRIVER_SEAT + name) if path in card.actuators]
    found = found or [path for path in card.actuators if path.endswith("." + name)]
    if len(found) != 1:
        what = f"could be any of {', '.join(found)}" if found else f"is no leaf of {card.id}"
        raise InputError(f"{name!r} {what}; `forecourt profile cards {card.id}` lists them")
    return found[0], _setting(card.actuators[found[0]], value)


def _setting(one: Actuator, text: str) -> Setting:
    if one.low is None or one.high is None:
        if one.words and text not in one.words:
            raise InputError(f"{one.path} takes one of {', '.join(one.words)}")
        return tuple(text.split()) if one.path.endswith("Presets") else text
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{one.path} takes a number, not {text!r}") from error
    if not one.low <= value <= one.high:
        raise InputError(f"{one.path} goes from {one.low:g} to {one.high:g} {one.unit}, and {text} is not there")
    return one.snap(value)


def attempt(there: Card, here: Card, raw: Mapping[str, Setting], cards: Mapping[str, Card]) -> Trial:
    """What a guest who left `there` like that finds `here`."""
    values = unfit(raw, there)
    kept = {path: value for path, value in raw.items() if not isinstance(value, tuple)}
    origin = Origin("trial", there.id, there.revision, kept)
    known = {there.id: there, here.id: here} | dict(cards)
    return Trial(raw, values, fit(values, dict.fromkeys(values, origin), here, known))
