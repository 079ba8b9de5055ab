"""From fields of the posture to orders for seat and wheel, and back; must never order what the model lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot, isfinite

from gateway.profile.fields import FIELDS, Value
from gateway.profile.fit.card import Actuator, Card, Geometry
from gateway.profile.fit.geometry import SeatState, hip_point, reach, shoulder, wheel_angle
from gateway.profile.fit.paths import paths_of
from gateway.profile.fit.posture import (
    CORE,
    CUSHION,
    HEADREST,
    HIP,
    LEG,
    LENGTH,
    LUMBAR,
    LUMBAR_HEIGHT,
    PATHS,
    REACH,
    TILT,
    TORSO,
    Sitting,
    misses,
    residual_mm,
    sit,
    wish_of,
)
from gateway.profile.fit.values import Confidence, Origin, Setting, Target

BY_HAND = "this model does not move it"
_SETTINGS = {
    LEG: lambda sitting: sitting.seat.position,
    HIP: lambda sitting: sitting.seat.height,
    TORSO: lambda sitting: sitting.seat.recline,
    CUSHION: lambda sitting: sitting.seat.tilt,
    TILT: lambda sitting: sitting.wheel_tilt,
    REACH: lambda sitting: sitting.wheel_extension,
}


@dataclass(frozen=True, slots=True)
class Seated:
    """A posture in this car: orders, what was left out, where the guest then sits, and what is missed."""

    targets: tuple[Target, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    sitting: Sitting | None = None
    residuals: Mapping[str, float] = field(default_factory=dict)
    residual_mm: float = 0.0


def fit_posture(
    values: Mapping[str, float], homes: Mapping[str, Geometry], card: Card, geometry: Geometry, sure: Confidence
) -> Seated:
    """By geometry: the seat and the wheel that come closest to how the guest sits."""
    missing = [one for one in CORE if one not in values]
    if missing:
        return Seated(skipped=tuple((one, f"the posture is incomplete without {missing[0]}") for one in values))
    wish = wish_of(values, homes, geometry)
    sitting = sit(wish, card, geometry)
    missed = misses(wish, sitting, geometry)
    moves = PATHS[LEG][0] in card.actuators and card.actuator(PATHS[LEG][0]) is not None
    if not moves:
        # Where a seat stands that is moved by hand, nobody knows: what depends on it is not asked for.
        missed = {one: miss for one, miss in missed.items() if one not in {LEG, REACH, TILT}}
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    for one in values:
        paths = paths_of(card).get(one, ())
        if not paths or (one in {REACH, TILT} and not moves):
            skipped.append((one, BY_HAND))
        elif one in _SETTINGS:
            if one in missed:
                targets.append(_target(one, card.actuators[paths[0]], _SETTINGS[one](sitting), missed[one], sure))
            else:
                skipped.append((one, "the card of this model does not say how it is built there"))
        else:
            for path in paths:
                target, miss = _alone(one, card.actuators[path], values[one], geometry, sure)
                targets.append(target)
                missed[one] = miss
    residuals = {one: round(miss, 6) for one, miss in missed.items() if one in values}
    return Seated(tuple(targets), tuple(skipped), sitting if moves else None, residuals, residual_mm(missed))


def _target(one: str, actuator: Actuator, setting: float, missed: float, sure: Confidence) -> Target:
    """A setting; clamped when more is missed than its steps explain."""
    low, high = actuator.ends
    step = actuator.step or 1.0
    unit = FIELDS[one].unit
    of_leaf = step if actuator.unit == unit else 0.0
    clamped = abs(missed) > max(1.5 * of_leaf, 0.5 if unit == "degrees" else 2.0)
    why = ""
    if clamped:
        at_end = setting <= low + step / 2 or setting >= high - step / 2
        way = "more" if missed > 0 else "less"
        why = f"{abs(missed):.0f} {unit} {way} than wished: " + ("its end stop" if at_end else "gives way to the rest")
    return Target(one, actuator.path, actuator.snap(setting), clamped, why, sure, round(missed, 6))


def _alone(one: str, actuator: Actuator, value: float, geometry: Geometry, sure: Confidence) -> tuple[Target, float]:
    """What depends on nothing else: cushion length, lumbar, head rest."""
    zero = offset(one, geometry)
    setting = actuator.snap(value - zero)
    missed = setting + zero - value
    return _target(one, actuator, setting, missed, sure), missed


def offset(one: str, geometry: Geometry) -> float:
    """What a field says while its actuator is at 0."""
    return {
        LENGTH: geometry.cushion_length_mm,
        LUMBAR_HEIGHT: geometry.lumbar_mm,
        HEADREST: geometry.headrest_mm,
    }.get(one, 0.0)


def by_shares(values: Mapping[str, float], latest: Origin | None, home: Card | None, card: Card) -> Seated:
    """Without geometry: the same shares of the ranges, between models of one body class; else nothing moves.

    `latest`: the readings of the last edit, made in `home`.
    """
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    for one in values:
        paths = paths_of(card).get(one, ())
        if not paths:
            skipped.append((one, BY_HAND))
        elif home is None or latest is None or home.body != card.body:
            skipped.append((one, "no geometry and no model of the same class to go by: please set it by hand"))
        else:
            found = [target for path in paths if (target := _share(one, path, latest, home, card))]
            targets += found
            if not found:
                skipped.append((one, "the other model kept no reading of it"))
    return Seated(tuple(targets), tuple(skipped))


def _share(one: str, path: str, origin: Origin, home: Card, card: Card) -> Target | None:
    there, here, raw = home.actuators.get(path), card.actuators[path], origin.raw.get(path)
    if there is None or not isinstance(raw, int | float) or not isfinite(raw):
        return None
    (low, high), (start, end) = there.ends, here.ends
    share = min(max((raw - low) / (high - low), 0.0), 1.0)
    setting = here.snap(start + share * (end - start))
    return Target(one, path, setting, why="the same share of the range", confidence=Confidence.CLASS)


def sitting_of(raw: Mapping[str, Setting], card: Card, geometry: Geometry) -> Sitting | None:
    """Where somebody sits by the readings; None when a reading is missing that the H-point depends on."""
    found: dict[str, float] = {}
    for one in (LEG, HIP, CUSHION, TORSO):
        path = PATHS[one][0]
        value = raw.get(path)
        if card.actuator(path) is None and not isinstance(value, int | float):
            if one == LEG:
                return None
            found[one] = geometry.torso_deg if one == TORSO else 0.0
        elif isinstance(value, int | float):
            found[one] = float(value)
        else:
            return None
    seat = SeatState(found[LEG], found[HIP], found[CUSHION], found[TORSO])
    return Sitting(seat, hip_point(geometry, seat))


def unfit_posture(raw: Mapping[str, Setting], card: Card) -> dict[str, Value]:
    """How somebody sits by the readings of a car, as fields."""
    geometry = card.geometry
    if geometry is None:
        return {}
    numbers = {path: float(value) for path, value in raw.items() if isinstance(value, int | float)}
    found: dict[str, float] = {}
    sitting = sitting_of(raw, card, geometry)
    if sitting is not None:
        found[LEG], found[HIP] = sitting.hip.x, sitting.hip.z
        found[TORSO] = sitting.torso
        found[CUSHION] = geometry.cushion_deg + sitting.seat.tilt
        if geometry.wheel is not None and PATHS[TILT][0] in numbers:
            tilt = numbers[PATHS[TILT][0]]
            found[TILT] = wheel_angle(geometry.wheel, tilt)
            if PATHS[REACH][0] in numbers or PATHS[REACH][0] not in card.actuators:
                at = shoulder(sitting.hip.x, sitting.hip.z, sitting.torso)
                found[REACH] = reach(geometry.wheel, tilt, numbers.get(PATHS[REACH][0], 0.0), at)
    for one in (LENGTH, LUMBAR, LUMBAR_HEIGHT, HEADREST):
        told = [numbers[path] for path in paths_of(card).get(one, ()) if path in numbers]
        if told:
            found[one] = sum(told) / len(told) + offset(one, geometry)
    return {one: round(value, 4) for one, value in found.items()}


def leg_of(values: Mapping[str, float]) -> float:
    """The leg in a straight line."""
    return hypot(values[LEG], values[HIP])
