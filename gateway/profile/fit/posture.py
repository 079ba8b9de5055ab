"""How a guest sits, in one model and in another; must never move a clamped value back into the profile.

Kept are the leg (heel point to H-point) and the torso; height, cushion and column are kept relative to the point around
which each model was drawn, because nobody sits as low in an SUV as in a saloon. Formulae: docs/profile.md, Translation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import hypot, radians, sqrt
from typing import Final

from gateway.profile.fit.box import Vector, least_squares
from gateway.profile.fit.card import Actuator, Card, Geometry
from gateway.profile.fit.geometry import (
    SHOULDER_MM,
    HipPoint,
    SeatState,
    hip_point,
    reach,
    reach_slopes,
    shoulder,
    wheel_angle,
)
from gateway.profile.fit.leaves import DRIVER_SEAT, WHEEL

LEG, HIP, TORSO, CUSHION = "seat.leg_mm", "seat.hip_height_mm", "seat.torso_deg", "seat.cushion_deg"
LENGTH, HEADREST = "seat.cushion_length_mm", "seat.headrest_mm"
LUMBAR, LUMBAR_HEIGHT = "seat.lumbar_depth_pct", "seat.lumbar_height_mm"
TILT, REACH = "wheel.tilt_deg", "wheel.reach_mm"
CORE: Final = (LEG, HIP, TORSO)
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    LEG: (DRIVER_SEAT + "Position",),
    HIP: (DRIVER_SEAT + "Height",),
    TORSO: (DRIVER_SEAT + "Backrest.Recline",),
    CUSHION: (DRIVER_SEAT + "Tilt",),
    LENGTH: (DRIVER_SEAT + "Seating.Length",),
    LUMBAR: tuple(
        f"{DRIVER_SEAT}Backrest.{part}LumbarSupport" if part else DRIVER_SEAT + "Backrest.LumbarSupport"
        for part in ("", "Top", "Mid", "Bottom")
    ),
    LUMBAR_HEIGHT: (DRIVER_SEAT + "Backrest.LumbarHeight",),
    HEADREST: (DRIVER_SEAT + "Headrest.Height",),
    TILT: (WHEEL + "Tilt",),
    REACH: (WHEEL + "Extension",),
}
"""Which leaves follow which field."""

# Weights of what is missed, so that the sums of squares are in mm²: legs and shoulders count fully.
HIP_WEIGHT: Final = 0.2
CUSHION_LEVER_MM: Final = 80.0
COLUMN_LEVER_MM: Final = 80.0
SURE_MM: Final = 5.0
"""A leg that is missed by no more leaves one best seat."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A posture in the terms of one model: its leg in a straight line, then as the fields of the profile say."""

    leg: float
    hip: float
    torso: float
    cushion: float
    tilt: float | None = None
    reach: float | None = None


@dataclass(frozen=True, slots=True)
class Sitting:
    """Where the seat and the wheel are to be, with the H-point and torso that come of it. Wheel in percent."""

    seat: SeatState
    hip: HipPoint
    wheel_tilt: float = 0.0
    wheel_extension: float = 0.0

    @property
    def torso(self) -> float:
        """Degrees from the vertical: Tilt + Recline, as VSS defines the two."""
        return self.seat.tilt + self.seat.recline

    @property
    def shoulder(self) -> tuple[float, float]:
        """The shoulder's place."""
        return shoulder(self.hip.x, self.hip.z, self.torso)


def wish_of(values: Mapping[str, float], homes: Mapping[str, Geometry], here: Geometry) -> Wish:
    """What the profile asks of this model. `homes`: where each field was set; no key for what no model shaped.

    What is kept relative to the model is moved by the difference of the two models' design. The leg is measured at the
    height that belongs to it: in the model in which it was set.
    """
    hip = values[HIP]
    leg_hip = hip - homes[HIP].design_hip_z_mm + homes[LEG].design_hip_z_mm if {LEG, HIP} <= homes.keys() else hip
    cushion, tilt = values.get(CUSHION, here.design_cushion_deg), values.get(TILT)
    if CUSHION in values and CUSHION in homes:
        cushion += here.design_cushion_deg - homes[CUSHION].design_cushion_deg
    there = homes[TILT].wheel if TILT in homes else None
    if tilt is not None and there is not None and here.wheel is not None:
        tilt += here.wheel.design_deg - there.design_deg
    if HIP in homes:
        hip += here.design_hip_z_mm - homes[HIP].design_hip_z_mm
    return Wish(hypot(values[LEG], leg_hip), hip, values[TORSO], cushion, tilt, values.get(REACH))


def terms_of(wish: Wish) -> dict[str, float]:
    """The same as fields of a profile that was set in this model."""
    found = {
        LEG: sqrt(max(wish.leg**2 - wish.hip**2, 1.0)),
        HIP: wish.hip,
        TORSO: wish.torso,
        CUSHION: wish.cushion,
    }
    if wish.tilt is not None:
        found[TILT] = wish.tilt
    if wish.reach is not None:
        found[REACH] = wish.reach
    return found


def sit(wish: Wish, card: Card, geometry: Geometry) -> Sitting:
    """The setting of seat and wheel that comes closest, on the steps of the actuators: first the seat, then the wheel.

    The seat minimises (leg)² + (450 mm · torso)² + (0.2 · hip)² + (80 mm · cushion)² of what is missed, the wheel
    (reach)² + (80 mm · column)², with angles in radians.
    """
    position, height, tilt, recline = (card.actuator(PATHS[field][0]) for field in (LEG, HIP, CUSHION, TORSO))
    ends = [_ends(position), _ends(height), _ends(tilt), _ends(recline, geometry.torso_deg)]
    found = _best_seat(wish, geometry, ends)
    for index, one in ((2, tilt), (1, height)):
        if one is not None:
            found[index] = float(one.snap(found[index]))
            ends[index] = (found[index], found[index])
    found = _seat(wish, geometry, found, ends)
    for index, one in ((0, position), (3, recline)):
        if one is not None:
            found[index] = float(one.snap(found[index]))
    seat = SeatState(*found)
    sitting = Sitting(seat, hip_point(geometry, seat))
    if geometry.wheel is None or (wish.tilt is None and wish.reach is None):
        return sitting
    tilt_pct, extension_pct = _wheel(wish, card, geometry, sitting.shoulder)
    return replace(sitting, wheel_tilt=tilt_pct, wheel_extension=extension_pct)


def middle(card: Card, geometry: Geometry) -> Sitting:
    """Somebody of whom nothing is known: all in the middle of its range, the torso as the model was drawn."""
    found = []
    for field in (LEG, HIP, CUSHION):
        low, high = _ends(card.actuator(PATHS[field][0]))
        found.append((low + high) / 2)
    seat = SeatState(found[0], found[1], found[2], geometry.design_torso_deg - found[2])
    return Sitting(seat, hip_point(geometry, seat))


def _ends(actuator: Actuator | None, otherwise: float = 0.0) -> tuple[float, float]:
    """The range of an actuator; what the model lacks is fixed."""
    return (otherwise, otherwise) if actuator is None else actuator.ends


def _best_seat(wish: Wish, geometry: Geometry, ends: Sequence[tuple[float, float]]) -> Vector:
    """The seat from the middle; where legs find no room there is more than one hollow, so from the corners too."""
    middle = [(low + high) / 2 for low, high in ends]
    found = [_seat(wish, geometry, middle, ends)]
    if abs(hip_point(geometry, SeatState(*found[0])).leg_mm - wish.leg) > SURE_MM:
        corners = product(*(set(ends[index]) for index in (1, 2)))
        found += [_seat(wish, geometry, [found[0][0], height, tilt, found[0][3]], ends) for height, tilt in corners]
    return min(found, key=lambda at: sum(miss * miss for miss in _missed(wish, geometry, at)[0]))


def _seat(wish: Wish, geometry: Geometry, start: Sequence[float], ends: Sequence[tuple[float, float]]) -> Vector:
    def missed(at: Sequence[float]) -> tuple[Vector, list[Vector]]:
        return _missed(wish, geometry, at)

    return least_squares(missed, start, [low for low, _ in ends], [high for _, high in ends])


def _missed(wish: Wish, geometry: Geometry, at: Sequence[float]) -> tuple[Vector, list[Vector]]:
    """What a seat misses of the wish, weighted, and how that changes with its four actuators."""
    turn, lean = radians(SHOULDER_MM), radians(CUSHION_LEVER_MM)
    hip = hip_point(geometry, SeatState(*at))
    leg = hip.leg_mm
    ex, ez = hip.x / leg, hip.z / leg
    ways = (hip.by_position, hip.by_height, hip.by_tilt)
    residuals = [
        leg - wish.leg,
        turn * (at[2] + at[3] - wish.torso),
        HIP_WEIGHT * (hip.z - wish.hip),
        lean * (geometry.cushion_deg + at[2] - wish.cushion),
    ]
    slopes = [
        [*(ex * x + ez * z for x, z in ways), 0.0],
        [0.0, 0.0, turn, turn],
        [*(HIP_WEIGHT * z for _, z in ways), 0.0],
        [0.0, 0.0, lean, 0.0],
    ]
    return residuals, slopes


def _wheel(wish: Wish, card: Card, geometry: Geometry, at: tuple[float, float]) -> tuple[float, float]:
    """Tilt and extension in percent, on their steps."""
    wheel = geometry.wheel
    assert wheel is not None
    tilt, extension = card.actuator(PATHS[TILT][0]), card.actuator(PATHS[REACH][0])
    ends = [_ends(tilt, 50.0), _ends(extension)]
    turn = radians(COLUMN_LEVER_MM)
    per = (wheel.high_deg - wheel.low_deg) / 100

    def missed(where: Sequence[float]) -> tuple[Vector, list[Vector]]:
        residuals, slopes = [], []
        if wish.reach is not None:
            residuals.append(reach(wheel, where[0], where[1], at) - wish.reach)
            slopes.append(list(reach_slopes(wheel, where[0], where[1], at)))
        if wish.tilt is not None:
            residuals.append(turn * (wheel_angle(wheel, where[0]) - wish.tilt))
            slopes.append([turn * per, 0.0])
        return residuals, slopes

    found = [(low + high) / 2 for low, high in ends]
    for index, one in ((0, tilt), (1, extension)):
        found = least_squares(missed, found, [low for low, _ in ends], [high for _, high in ends])
        if one is not None:
            found[index] = float(one.snap(found[index]))
        ends[index] = (found[index], found[index])
    return found[0], found[1]


def misses(wish: Wish, sitting: Sitting, geometry: Geometry) -> dict[str, float]:
    """Found minus wanted by field, in its unit; for `seat.leg_mm` along the leg."""
    found = {
        LEG: sitting.hip.leg_mm - wish.leg,
        HIP: sitting.hip.z - wish.hip,
        TORSO: sitting.torso - wish.torso,
        CUSHION: geometry.cushion_deg + sitting.seat.tilt - wish.cushion,
    }
    if geometry.wheel is not None:
        if wish.tilt is not None:
            found[TILT] = wheel_angle(geometry.wheel, sitting.wheel_tilt) - wish.tilt
        if wish.reach is not None:
            found[REACH] = (
                reach(geometry.wheel, sitting.wheel_tilt, sitting.wheel_extension, sitting.shoulder) - wish.reach
            )
    return found


def residual_mm(found: Mapping[str, float]) -> float:
    """Legs and shoulders together: what decides whether a seat may move by itself."""
    return hypot(found.get(LEG, 0.0), SHOULDER_MM * radians(found.get(TORSO, 0.0)))
