"""Outside mirrors: where they show to this guest's eyes; must never take left for driver's side.

The profile keeps in which direction the guest looks by way of a mirror, so drive side, sign of the leaf and place of
the mirror cancel out. Aim depends on the eye, so only the same model moves mirrors without a tap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.profile.fields import Value
from gateway.profile.fit.card import Card, DriveSide, Geometry, MirrorGeometry
from gateway.profile.fit.geometry import eye, eye_from_mirror, mirror_face, mirror_view
from gateway.profile.fit.leaves import MIRROR
from gateway.profile.fit.posture import Sitting
from gateway.profile.fit.values import Setting, Target

SIDES: Final = ("driver", "passenger")
FIELDS: Final = tuple(f"mirror.{side}_view_{way}_deg" for side in SIDES for way in ("out", "up"))


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a mirror: its leaf, the sign of outwards or upwards on it, zero in degrees, degrees per percent."""

    path: str
    sign: int
    zero_deg: float
    deg_per_pct: float


def outward_sign(card: Card, side: str) -> int:
    """+1 where more of the yaw leaf turns the view away from the car.

    VSS 6 Yaw: more shows more of the right side. VSS 5 Pan: 100 is fully left, the other way round.
    """
    on_left = (side == "driver") is (card.drive_side is DriveSide.LEFT)
    yaw = -1 if on_left else 1
    return yaw if card.vss_major >= 6 else -yaw


def axis(card: Card, mirror: MirrorGeometry, side: str, way: str) -> Axis | None:
    """The axis of a field; None where this car cannot move it."""
    leaf = "Tilt" if way == "up" else "Yaw" if card.vss_major >= 6 else "Pan"
    path = f"{MIRROR}{side.capitalize()}Side.{leaf}"
    if card.actuator(path) is None:
        return None
    if way == "up":
        return Axis(path, 1, mirror.zero_up_deg, mirror.tilt_deg_per_pct)
    return Axis(path, outward_sign(card, side), mirror.zero_out_deg, mirror.yaw_deg_per_pct)


def _axes(card: Card, geometry: Geometry, sitting: Sitting) -> Mapping[str, tuple[Axis, float]]:
    """By field: the axis, and the direction of the eye along it."""
    found: dict[str, tuple[Axis, float]] = {}
    at = eye(sitting.hip.x, sitting.hip.z, sitting.torso)
    for side in SIDES:
        mirror = geometry.mirrors.get(side)
        if mirror is None:
            continue
        for way, seen in zip(("out", "up"), eye_from_mirror(mirror, at), strict=True):
            one = axis(card, mirror, side, way)
            if one is not None:
                found[f"mirror.{side}_view_{way}_deg"] = one, seen
    return found


def fit_mirrors(
    values: Mapping[str, Value], card: Card, geometry: Geometry, sitting: Sitting
) -> tuple[list[Target], list[tuple[str, str]]]:
    """Mirrors for somebody who sits like that, and what this car cannot move."""
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    axes = _axes(card, geometry, sitting)
    for field in FIELDS:
        view = values.get(field)
        if not isinstance(view, int | float):
            continue
        if field not in axes:
            skipped.append((field, "this car's mirror is set by hand"))
            continue
        one, seen = axes[field]
        actuator = card.actuators[one.path]
        wanted = one.sign * (mirror_face(view, seen) - one.zero_deg) / one.deg_per_pct
        setting = actuator.snap(wanted)
        missed = mirror_view(one.sign * setting * one.deg_per_pct + one.zero_deg, seen) - view
        low, high = actuator.ends
        clamped = not low - 0.5 <= wanted <= high + 0.5
        why = "the mirror turns no further" if clamped else ""
        targets.append(Target(field, one.path, setting, clamped, why, residual=round(missed, 6)))
    return targets, skipped


def unfit_mirrors(raw: Mapping[str, Setting], card: Card, geometry: Geometry, sitting: Sitting) -> dict[str, Value]:
    """In which directions the mirrors show to somebody who sits like that, as fields."""
    found: dict[str, Value] = {}
    for field, (one, seen) in _axes(card, geometry, sitting).items():
        value = raw.get(one.path)
        if isinstance(value, int | float):
            face = one.sign * value * one.deg_per_pct + one.zero_deg
            found[field] = round(mirror_view(face, seen), 4)
    return found


def mirror_paths(card: Card) -> tuple[str, ...]:
    """All leaves of mirrors that this car has."""
    return tuple(path for path in card.actuators if path.startswith(MIRROR))


def from_vss5(raw: Mapping[str, Setting]) -> dict[str, Setting]:
    """Readings of a VSS 5 car under the names and signs of VSS 6: Pan becomes Yaw and turns round."""
    found: dict[str, Setting] = {}
    for path, value in raw.items():
        if path.startswith(MIRROR) and path.endswith(".Pan") and isinstance(value, int | float):
            found[path.removesuffix("Pan") + "Yaw"] = -value
        else:
            found[path] = value
    return found
