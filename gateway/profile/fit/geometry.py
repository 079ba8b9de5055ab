"""Where a seat, a wheel and two mirrors put a person, and back; must never know what anybody wants.

Points are in mm behind (x) and above (z) the accelerator heel point. Derivatives are exact, for the solver.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin, sqrt, tan
from typing import Final

from gateway.profile.fit.card import Geometry, MirrorGeometry, WheelGeometry

SHOULDER_MM: Final = 450.0
"""From the H-point along the torso to the shoulder; a fixed lever that turns degrees of the torso into mm."""
EYE_MM: Final = 660.0
EYE_LEAN_DEG: Final = 10.0
"""The eye lies so far from the H-point, on a line that leans so much less than the torso: 638 mm above it at 25 degrees
of torso, as the eyellipse of SAE J941 has it."""


@dataclass(frozen=True, slots=True)
class SeatState:
    """Readings of a seat: Position and Height in mm, Tilt and Recline in degrees."""

    position: float
    height: float
    tilt: float
    recline: float


@dataclass(frozen=True, slots=True)
class HipPoint:
    """The H-point, and how it moves with position, height and tilt (per mm, mm, degree)."""

    x: float
    z: float
    by_position: tuple[float, float]
    by_height: tuple[float, float]
    by_tilt: tuple[float, float]

    @property
    def leg_mm(self) -> float:
        """From the heel point to the H-point in a straight line: what the leg's length decides."""
        return hypot(self.x, self.z)


def hip_point(geometry: Geometry, seat: SeatState) -> HipPoint:
    """The H-point of a seat.

    x = hip_x + Position - lift_forward·Height + dx(Tilt), z = hip_z - Position·tan(rail) + Height + dz(Tilt), where
    Tilt turns (pivot_x, pivot_z) backwards. Position is along the vehicle's x-axis, as VSS has it.
    """
    slope = tan(radians(geometry.rail_deg))
    angle = radians(seat.tilt)
    c, s = cos(angle), sin(angle)
    px, pz = geometry.pivot_x_mm, geometry.pivot_z_mm
    back, up = px * c + pz * s, pz * c - px * s
    per = radians(1.0)
    return HipPoint(
        geometry.hip_x_mm + seat.position - geometry.lift_forward * seat.height + back - px,
        geometry.hip_z_mm - seat.position * slope + seat.height + up - pz,
        (1.0, -slope),
        (-geometry.lift_forward, 1.0),
        (up * per, -back * per),
    )


def shoulder(x: float, z: float, torso_deg: float) -> tuple[float, float]:
    """The shoulder of somebody whose H-point and torso these are."""
    return x + SHOULDER_MM * sin(radians(torso_deg)), z + SHOULDER_MM * cos(radians(torso_deg))


def eye(x: float, z: float, torso_deg: float) -> tuple[float, float]:
    """The eyes of somebody whose H-point and torso these are."""
    lean = radians(torso_deg - EYE_LEAN_DEG)
    return x + EYE_MM * sin(lean), z + EYE_MM * cos(lean)


def wheel_angle(wheel: WheelGeometry, tilt_pct: float) -> float:
    """The column's angle above the horizontal, in degrees, at a VSS Tilt of the wheel."""
    return wheel.low_deg + (wheel.high_deg - wheel.low_deg) * tilt_pct / 100


def wheel_centre(wheel: WheelGeometry, angle_deg: float, extension_pct: float) -> tuple[float, float]:
    """The middle of the wheel."""
    length = wheel.column_mm + wheel.extension_mm * extension_pct / 100
    return (
        wheel.pivot_x_mm + length * cos(radians(angle_deg)),
        wheel.pivot_z_mm + length * sin(radians(angle_deg)),
    )


def reach(wheel: WheelGeometry, tilt_pct: float, extension_pct: float, at: tuple[float, float]) -> float:
    """From the shoulder to the middle of the wheel, in mm."""
    x, z = wheel_centre(wheel, wheel_angle(wheel, tilt_pct), extension_pct)
    return hypot(x - at[0], z - at[1])


def reach_slopes(
    wheel: WheelGeometry, tilt_pct: float, extension_pct: float, at: tuple[float, float]
) -> tuple[float, float]:
    """How `reach` changes per percent of tilt and of extension."""
    angle = radians(wheel_angle(wheel, tilt_pct))
    length = wheel.column_mm + wheel.extension_mm * extension_pct / 100
    x, z = wheel_centre(wheel, degrees(angle), extension_pct)
    dx, dz = x - at[0], z - at[1]
    away = sqrt(dx * dx + dz * dz) or 1.0
    per_tilt = radians(wheel.high_deg - wheel.low_deg) / 100
    turned = (dz * cos(angle) - dx * sin(angle)) * length * per_tilt
    longer = (dx * cos(angle) + dz * sin(angle)) * wheel.extension_mm / 100
    return turned / away, longer / away


def eye_from_mirror(mirror: MirrorGeometry, at: tuple[float, float]) -> tuple[float, float]:
    """In which direction the mirror sees the eye: degrees outwards and upwards from straight back."""
    behind = max(at[0] - mirror.x_mm, 1.0)
    return -degrees(atan2(mirror.beside_mm, behind)), degrees(atan2(at[1] - mirror.z_mm, behind))


def mirror_view(face_deg: float, eye_deg: float) -> float:
    """Where the eye looks by way of a mirror: in a plane, angles of incidence and of reflection are equal."""
    return 2 * face_deg - eye_deg


def mirror_face(view_deg: float, eye_deg: float) -> float:
    """Where the face of the mirror has to look so that the eye sees in that direction."""
    return (view_deg + eye_deg) / 2


def seat_state(raw: Mapping[str, float], prefix: str, otherwise: SeatState) -> SeatState:
    """A seat from readings by path; what is missing is as in `otherwise`."""
    return SeatState(
        raw.get(prefix + "Position", otherwise.position),
        raw.get(prefix + "Height", otherwise.height),
        raw.get(prefix + "Tilt", otherwise.tilt),
        raw.get(prefix + "Backrest.Recline", otherwise.recline),
    )
