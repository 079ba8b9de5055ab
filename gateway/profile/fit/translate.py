"""A profile for one car, and a car's readings as a profile; must never change what it is given.

A group that was set in this very model at this revision comes back as its raw values; other groups are translated.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.profile.fit.card import Card
from gateway.profile.fit.climate import fit_climate, unfit_climate
from gateway.profile.fit.home import fit_home, unfit_home
from gateway.profile.fit.mirrors import fit_mirrors, unfit_mirrors
from gateway.profile.fit.paths import field_of, group_paths
from gateway.profile.fit.posture import Sitting, middle
from gateway.profile.fit.radio import fit_radio, unfit_radio
from gateway.profile.fit.seat import Seated, by_shares, fit_posture, sitting_of, unfit_posture
from gateway.profile.fit.values import (
    CLIMATE,
    MIRRORS,
    POSTURE,
    TERMS,
    Confidence,
    FieldValue,
    Fit,
    Origin,
    Setting,
    Target,
)

Skipped = list[tuple[str, str]]


def fit(
    values: Mapping[str, FieldValue],
    origins: Mapping[str, Origin | None],
    card: Card,
    cards: Mapping[str, Card] | None = None,
) -> Fit:
    """What this car is to be set to. `cards`: models by id, for groups that were set in one of them.

    Every field gives a target or a reason why not. Values that are none (NaN, wrong kind, out of bounds, unknown) are
    left out with a reason; `values` and `origins` stay as they are.
    """
    skipped: Skipped = []
    sound = _sound(values, skipped)
    known = {card.id: card} | dict(cards or {})
    targets: list[Target] = []
    seat = _posture(sound, _origin(sound, origins, POSTURE), card, known)
    _add(seat.targets, seat.skipped, targets, skipped)
    _mirrors(sound, _origin(sound, origins, MIRRORS), card, known, seat.sitting, targets, skipped)
    for group in CLIMATE:
        here = {field: value for field, value in sound.items() if TERMS[field].group == group}
        raw = _replay(here, _origin(here, origins, group), card, group)
        _add(*(raw if raw is not None else fit_climate(here, card)), targets, skipped)
    _add(*fit_radio(sound, card), targets, skipped)
    _add(*fit_home(sound, card), targets, skipped)
    moving = [one.confidence for one in targets if TERMS[one.field].group in {POSTURE, MIRRORS}]
    residuals = {one.field: one.residual for one in targets if one.residual} | dict(seat.residuals)
    return Fit(
        tuple(targets),
        round(seat.residual_mm, 3),
        tuple(skipped),
        max(moving, key=lambda one: one.rank, default=Confidence.NONE),
        residuals,
    )


def unfit(raw: Mapping[str, Setting], card: Card) -> dict[str, FieldValue]:
    """Readings of a car by path, as fields of a profile that no model decides; what cannot be told is left out."""
    sound: dict[str, Setting] = {path: value for path, value in raw.items() if _finite(value)}
    found: dict[str, FieldValue] = {}
    found.update(unfit_posture(sound, card))
    if card.geometry is not None and group_paths(card, MIRRORS):
        sitting = sitting_of(sound, card, card.geometry) or middle(card, card.geometry)
        found.update(unfit_mirrors(sound, card, card.geometry, sitting))
    found.update(unfit_climate(sound, card))
    found.update(unfit_radio({path: value for path, value in sound.items() if path in card.actuators}))
    found.update(unfit_home(sound))
    return {field: value for field, value in found.items() if _refusal(field, value) is None}


def _posture(values: Mapping[str, FieldValue], origin: Origin | None, card: Card, known: Mapping[str, Card]) -> Seated:
    numbers = {
        field: float(value)
        for field, value in values.items()
        if TERMS[field].group == POSTURE and isinstance(value, int | float)
    }
    if not numbers:
        return Seated()
    replayed = _replay(numbers, origin, card, POSTURE)
    if replayed is not None and origin is not None:
        raw = {path: value for path, value in origin.raw.items() if isinstance(value, int | float)}
        sitting = sitting_of(raw, card, card.geometry) if card.geometry else None
        return Seated(tuple(replayed[0]), tuple(replayed[1]), sitting)
    home = _home(origin, known)
    if card.geometry is not None and (origin is None or not origin.card or home is None or home.geometry is not None):
        sure = Confidence.CLASS if origin is not None and origin.card and home is None else Confidence.CALIBRATED
        return fit_posture(numbers, home.geometry if home else None, card, card.geometry, sure)
    return by_shares(numbers, origin, home, card)


def _mirrors(
    values: Mapping[str, FieldValue],
    origin: Origin | None,
    card: Card,
    known: Mapping[str, Card],
    sitting: Sitting | None,
    targets: list[Target],
    skipped: Skipped,
) -> None:
    here = {field: value for field, value in values.items() if TERMS[field].group == MIRRORS}
    if not here:
        return
    replayed = _replay(here, origin, card, MIRRORS)
    if replayed is not None:
        _add(*replayed, targets, skipped)
    elif card.geometry is None:
        skipped.extend((field, "the card of this model has no geometry of mirrors") for field in here)
    else:
        found, left = fit_mirrors(here, card, card.geometry, sitting or middle(card, card.geometry))
        far = origin is not None and bool(origin.card) and _home(origin, known) is None
        sure = Confidence.CLASS if far or sitting is None else Confidence.CALIBRATED
        _add([replace(one, confidence=sure) for one in found], left, targets, skipped)


def _replay(
    values: Mapping[str, FieldValue], origin: Origin | None, card: Card, group: str
) -> tuple[list[Target], Skipped] | None:
    """The raw values of this model and revision again, exactly; None where the group was not set in it."""
    if origin is None or (origin.card, origin.revision) != (card.id, card.revision):
        return None
    raw = {path: origin.raw[path] for path in group_paths(card, group) if path in origin.raw}
    if not raw:
        return None
    targets: list[Target] = []
    skipped: Skipped = []
    for path, value in raw.items():
        field = field_of(card, path)
        if field is None or field not in values:
            continue
        one = card.actuator(path)
        if one is None or not _within(card, path, value):
            skipped.append((field, "what was kept of this model is outside its range"))
        else:
            targets.append(Target(field, path, value, confidence=Confidence.EXACT))
    told = {one.field for one in targets} | {field for field, _ in skipped}
    skipped.extend((field, "this model kept no reading of it") for field in values if field not in told)
    return targets, skipped


def _within(card: Card, path: str, value: Setting) -> bool:
    one = card.actuators[path]
    if one.low is None or one.high is None:
        return isinstance(value, str) and (not one.words or value in one.words)
    return isinstance(value, int | float) and _finite(value) and one.low <= value <= one.high


def _origin(values: Mapping[str, FieldValue], origins: Mapping[str, Origin | None], group: str) -> Origin | None:
    """The origin of a group. Groups are atomic; where its fields still disagree, none is believed."""
    found = [origins.get(field) for field in values if TERMS[field].group == group]
    first = found[0] if found else None
    if first is None or any(one is None or (one.card, one.revision) != (first.card, first.revision) for one in found):
        return None
    return first


def _home(origin: Origin | None, known: Mapping[str, Card]) -> Card | None:
    """The card of the model in which a group was set; None where it is unknown here, or of another revision."""
    found = known.get(origin.card) if origin is not None else None
    return found if found is not None and origin is not None and found.revision == origin.revision else None


def _sound(values: Mapping[str, FieldValue], skipped: Skipped) -> dict[str, FieldValue]:
    """What may be translated; a reason for all else."""
    found: dict[str, FieldValue] = {}
    for field, value in values.items():
        why = _refusal(field, value)
        if why is None:
            found[field] = value
        else:
            skipped.append((field, why))
    return found


def _refusal(field: str, value: FieldValue) -> str | None:
    term = TERMS.get(field)
    if term is None:
        return "a field that this version does not know"
    if term.kind == "text":
        return None if isinstance(value, str) else "is no text"
    if term.kind == "list":
        listed = not isinstance(value, str | int | float) and all(isinstance(one, str) for one in value)
        return None if listed else "is no list of texts"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "is no finite number"
    if (term.low is not None and value < term.low) or (term.high is not None and value > term.high):
        return f"is not between {term.low:g} and {term.high:g} {term.unit}"
    return None


def _finite(value: Setting) -> bool:
    return not isinstance(value, bool | int | float) or (not isinstance(value, bool) and math.isfinite(value))


def _add(found: Iterable[Target], left: Iterable[tuple[str, str]], targets: list[Target], skipped: Skipped) -> None:
    targets.extend(found)
    skipped.extend(left)
