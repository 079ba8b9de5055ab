"""What a guest's hand at a control means for the profile; must never carry an end stop of this car into it.

What the hand changed is taken as it is now; all else stays what the profile wanted, clamped here or not, with the
origin that it has. So a tall guest who moves the back rest of a small car stays tall.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

from gateway.profile.fields import FIELDS, Value
from gateway.profile.fit.card import Card
from gateway.profile.fit.paths import group_paths, paths_of
from gateway.profile.fit.posture import CORE, CUSHION, HIP, LEG, TORSO, terms_of, wish_of
from gateway.profile.fit.seat import leg_of
from gateway.profile.fit.translate import geometries, homes_of, unfit
from gateway.profile.fit.values import POSTURE, Origin, Setting
from gateway.profile.register import Raw


@dataclass(frozen=True, slots=True)
class Learned:
    """What a hand changed of a group, and the readings of all its leaves for the same model again.

    `Document.edit` makes the whole group of it.
    """

    values: Mapping[str, Value]
    raw: Mapping[str, Raw]


def learn(
    before: Mapping[str, Setting],
    after: Mapping[str, Setting],
    values: Mapping[str, Value],
    origins: Mapping[str, Origin | None],
    card: Card,
    cards: Mapping[str, Card] | None = None,
) -> dict[str, Learned]:
    """The groups that a guest changed by hand between two sets of readings, by name; nothing for those left alone.

    `values`, `origins`: the profile as it is kept. A reading that is missing before or after counts as unchanged.
    """
    touched: dict[str, set[str]] = {}
    for field, paths in paths_of(card).items():
        if any(_differs(path, before, after) for path in paths):
            touched.setdefault(FIELDS[field].group, set()).add(field)
    if not touched:
        return {}
    seen_before, seen = unfit(before, card), unfit(after, card)
    found: dict[str, Learned] = {}
    for group, fields in touched.items():
        new = {field: seen[field] for field in fields if field in seen}
        if group == POSTURE:
            known = (card, *(cards or {}).values())
            new = _posture(_numbers(values), origins, fields, _numbers(seen_before), _numbers(seen), card, known)
        if new:
            raw = {path: value for path in group_paths(card, group) if _is_raw(value := after.get(path))}
            found[group] = Learned(new, raw)
    return found


def _is_raw(value: Setting | None) -> TypeGuard[Raw]:
    return isinstance(value, int | float | str)


def _differs(path: str, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> bool:
    return path in before and path in after and before[path] != after[path]


def _posture(
    kept: Mapping[str, float],
    origins: Mapping[str, Origin | None],
    touched: set[str],
    then: Mapping[str, float],
    now: Mapping[str, float],
    card: Card,
    known: Iterable[Card],
) -> dict[str, Value]:
    if card.geometry is None or LEG not in now:
        return {}
    wanted = _wanted(kept, origins, card, known)
    if wanted is None:
        return dict(now)
    new = {field: now[field] for field in touched if field in now}
    # A hand at Position says how long the leg is; at Height or Tilt, by how much more or less than before.
    leg = leg_of(now) if LEG in touched else None
    if leg is None and touched & {HIP, CUSHION} and LEG in then:
        leg = leg_of(wanted) + leg_of(now) - leg_of(then)
    if leg is not None:
        new[LEG] = max(leg**2 - new.get(HIP, wanted[HIP]) ** 2, 1.0) ** 0.5
    if CUSHION in touched and TORSO not in touched and TORSO in then:
        new[TORSO] = wanted[TORSO] + now[TORSO] - then[TORSO]
    return {field: _within(field, round(value, 4)) for field, value in new.items()}


def _within(field: str, value: float) -> float:
    """What a profile can hold: legs that no guest has come of a card's mistake."""
    low, high = FIELDS[field].low, FIELDS[field].high
    assert low is not None
    assert high is not None
    return min(max(value, low), high)


def _wanted(
    kept: Mapping[str, float], origins: Mapping[str, Origin | None], card: Card, known: Iterable[Card]
) -> dict[str, float] | None:
    """The posture that is kept, in the terms of this car; None where none is kept that could be translated."""
    if not set(CORE) <= kept.keys() or card.geometry is None:
        return None
    wish = wish_of(kept, geometries(homes_of(origins, known)), card.geometry)
    if CUSHION not in kept:
        wish = replace(wish, cushion=card.geometry.design_cushion_deg)
    return dict(kept) | terms_of(wish)


def _numbers(values: Mapping[str, Value]) -> dict[str, float]:
    return {
        field: float(value)
        for field, value in values.items()
        if field in FIELDS and FIELDS[field].group == POSTURE and isinstance(value, int | float)
    }
