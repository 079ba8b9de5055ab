"""A profile for one car, and a car's readings as a profile; must never change what it is given.

A group that was set in this very model at this revision comes back as its raw values; other groups are translated.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from gateway.profile.fields import FIELDS, Kind, Value
from gateway.profile.fit.card import Card, Geometry
from gateway.profile.fit.climate import fit_climate, unfit_climate
from gateway.profile.fit.home import fit_home, unfit_home
from gateway.profile.fit.mirrors import fit_mirrors, unfit_mirrors
from gateway.profile.fit.paths import group_paths, paths_of
from gateway.profile.fit.posture import CORE, PATHS, middle
from gateway.profile.fit.radio import fit_radio, unfit_radio
from gateway.profile.fit.seat import Seated, by_shares, fit_posture, sitting_of, unfit_posture
from gateway.profile.fit.values import CLIMATE, MIRRORS, POSTURE, Confidence, Fit, Origin, Setting, Target

MIRROR_STEPS: Final = 2
"""Mirrors of this model are aimed anew only where the eye moved by more than so many steps of theirs."""
Origins = Mapping[str, Origin | None]
Skipped = list[tuple[str, str]]


def fit(values: Mapping[str, Value], origins: Origins, card: Card, cards: Mapping[str, Card] | None = None) -> Fit:
    """What this car is to be set to. `cards`: models, under any name, for what was set in one of them; of one model
    there may be several revisions.

    Every field gives a target or a reason why not. Values that are none (NaN, wrong kind, out of bounds, unknown) are
    left out with a reason; `values` and `origins` stay as they are.
    """
    skipped: Skipped = []
    sound = _sound(values, skipped)
    homes = homes_of(origins, (card, *(cards or {}).values()))
    targets: list[Target] = []
    seat = _posture(_of(sound, POSTURE), origins, homes, card)
    _add(seat.targets, seat.skipped, targets, skipped)
    _add(*_mirrors(_of(sound, MIRRORS), origins, homes, card, seat), targets, skipped)
    for group in CLIMATE:
        here = _of(sound, group)
        _add(*(_replay(here, origins, card) or fit_climate(here, card)), targets, skipped)
    _add(*fit_radio(sound, card), targets, skipped)
    _add(*fit_home(sound, card), targets, skipped)
    moving = [one.confidence for one in targets if FIELDS[one.field].group in {POSTURE, MIRRORS}]
    residuals = {one.field: one.residual for one in targets if one.residual} | dict(seat.residuals)
    sure = max(moving, key=lambda one: one.rank, default=Confidence.NONE)
    return Fit(tuple(targets), round(seat.residual_mm, 3), tuple(skipped), sure, residuals)


def unfit(raw: Mapping[str, Setting], card: Card) -> dict[str, Value]:
    """Readings of a car by path, as fields of a profile that no model decides; what cannot be told is left out."""
    sound: dict[str, Setting] = {path: value for path, value in raw.items() if _finite(value)}
    found: dict[str, Value] = {}
    found.update(unfit_posture(sound, card))
    if card.geometry is not None and group_paths(card, MIRRORS):
        sitting = sitting_of(sound, card, card.geometry) or middle(card, card.geometry)
        found.update(unfit_mirrors(sound, card, card.geometry, sitting))
    found.update(unfit_climate(sound, card))
    found.update(unfit_radio({path: value for path, value in sound.items() if path in card.actuators}))
    found.update(unfit_home({path: value for path, value in sound.items() if path in card.actuators}))
    return {field: value for field, value in found.items() if _refusal(field, value) is None}


def homes_of(origins: Origins, known: Iterable[Card]) -> dict[str, Card | None]:
    """The model in which each field was set; None where its card is not here, no key where no model was there."""
    by_name = {(one.id, one.revision): one for one in known}
    return {
        field: by_name.get((origin.card, origin.revision))
        for field, origin in origins.items()
        if origin is not None and origin.card
    }


def latest_of(fields: Iterable[str], origins: Origins) -> Origin | None:
    """Where the group was changed at last, if a car told its readings then: those of a later edit void the earlier."""
    found: Origin | None = None
    for field in fields:
        origin = origins.get(field)
        if origin is None or not origin.raw:
            continue
        if found is not None and (found.card, found.revision, found.raw) != (origin.card, origin.revision, origin.raw):
            return None
        found = origin
    return found


def geometries(homes: Mapping[str, Card | None]) -> dict[str, Geometry]:
    """The geometry behind each field, where it is known."""
    return {field: home.geometry for field, home in homes.items() if home is not None and home.geometry is not None}


def _posture(values: Mapping[str, Value], origins: Origins, homes: Mapping[str, Card | None], card: Card) -> Seated:
    if not values:
        return Seated()
    replayed = _replay(values, origins, card)
    if replayed is not None:
        raw = {one.path: one.value for one in replayed[0]}
        sitting = sitting_of(raw, card, card.geometry) if card.geometry else None
        return Seated(tuple(replayed[0]), tuple(replayed[1]), sitting)
    numbers = {field: float(value) for field, value in values.items() if isinstance(value, int | float)}
    if card.geometry is None:
        latest = latest_of(values, origins)
        return by_shares(numbers, latest, _class_of(latest, homes, values, card), card)
    strange = any(field in homes and homes[field] is None for field in CORE)
    sure = Confidence.CLASS if strange else Confidence.CALIBRATED
    return fit_posture(numbers, geometries(homes), card, card.geometry, sure)


def _class_of(
    latest: Origin | None, homes: Mapping[str, Card | None], fields: Iterable[str], card: Card
) -> Card | None:
    """The model whose ranges the readings are of; this one for another revision of it that nobody here knows."""
    if latest is None:
        return None
    known = (home for field in fields if (home := homes.get(field)) is not None)
    there = next((one for one in known if (one.id, one.revision) == (latest.card, latest.revision)), None)
    return card if there is None and latest.card == card.id else there


def _mirrors(
    values: Mapping[str, Value],
    origins: Origins,
    homes: Mapping[str, Card | None],
    card: Card,
    seat: Seated,
) -> tuple[list[Target], Skipped]:
    if not values:
        return [], []
    replayed, sitting = _replay(values, origins, card), seat.sitting
    settled = sitting is None or all(one.confidence is Confidence.EXACT for one in seat.targets)
    if replayed is not None and (settled or card.geometry is None):
        return replayed
    if card.geometry is None:
        return [], [(field, "the card of this model has no geometry of mirrors") for field in values]
    found, left = fit_mirrors(values, card, card.geometry, sitting or middle(card, card.geometry))
    if replayed is not None and _close(found, replayed[0], card):
        return replayed
    strange = sitting is None or any(field in homes and homes[field] is None for field in values)
    sure = Confidence.CLASS if strange else Confidence.CALIBRATED
    return [replace(one, confidence=sure) for one in found], left


def _close(found: Iterable[Target], replayed: Iterable[Target], card: Card) -> bool:
    """Whether the seat, which was set elsewhere since, left the eye where these mirrors show the same."""
    before = {one.path: one.value for one in replayed}
    return all(
        isinstance(one.value, int | float)
        and isinstance(was := before.get(one.path), int | float)
        and abs(one.value - was) <= MIRROR_STEPS * (card.actuators[one.path].step or 1.0)
        for one in found
    )


def _replay(values: Mapping[str, Value], origins: Origins, card: Card) -> tuple[list[Target], Skipped] | None:
    """The readings of the last edit again, exactly; None unless it was made in this model and revision and had all."""
    latest = latest_of(values, origins)
    if latest is None or (latest.card, latest.revision) != (card.id, card.revision):
        return None
    targets: list[Target] = []
    skipped: Skipped = []
    for field in values:
        paths = paths_of(card).get(field, ())
        if not paths:
            skipped.append((field, "this model does not move it" if field in PATHS else "not in this car"))
            continue
        kept = [path for path in paths if path in latest.raw]
        if not kept:
            return None
        for path in kept:
            value = latest.raw[path]
            if _within(card, path, value):
                targets.append(Target(field, path, value, confidence=Confidence.EXACT))
            else:
                skipped.append((field, "what was kept of this model is outside its range"))
    return (targets, skipped) if targets else None


def _within(card: Card, path: str, value: Setting) -> bool:
    one = card.actuators[path]
    if one.low is None or one.high is None:
        return isinstance(value, str) and (not one.words or value in one.words)
    return isinstance(value, int | float) and _finite(value) and one.low <= value <= one.high


def _of(values: Mapping[str, Value], group: str) -> dict[str, Value]:
    return {field: value for field, value in values.items() if FIELDS[field].group == group}


def _sound(values: Mapping[str, Value], skipped: Skipped) -> dict[str, Value]:
    """What may be translated; a reason for all else."""
    found: dict[str, Value] = {}
    for field, value in values.items():
        why = _refusal(field, value)
        if why is None:
            found[field] = value
        else:
            skipped.append((field, why))
    return found


def _refusal(field: str, value: Value) -> str | None:
    spec = FIELDS.get(field)
    if spec is None:
        return "a field that this version does not know"
    if spec.kind is Kind.TEXT:
        return None if isinstance(value, str) else "is no text"
    if spec.kind is Kind.LIST:
        listed = isinstance(value, tuple | list) and all(isinstance(one, str) for one in value)
        return None if listed else "is no list of texts"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "is no finite number"
    if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
        return f"is not between {spec.low:g} and {spec.high:g} {spec.unit}"
    return None


def _finite(value: Setting) -> bool:
    return not isinstance(value, bool | int | float) or (not isinstance(value, bool) and math.isfinite(value))


def _add(found: Iterable[Target], left: Iterable[tuple[str, str]], targets: list[Target], skipped: Skipped) -> None:
    targets.extend(found)
    skipped.extend(left)
