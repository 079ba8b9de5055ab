"""A position on the floor with how sure it is, from whatever gave it; must never name who stands there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from showroom_agent.plan.geometry import Array

_SAMPLES: Final = 96
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))


@dataclass(frozen=True, slots=True)
class Position:
    """Metres of the plan at a time. `radius_m`: root mean square distance of the truth from it, as far as is known."""

    at_s: float
    x_m: float
    y_m: float
    radius_m: float
    source: str = "hubs"
    """`hubs` or `gps`."""
    modes: tuple[str, ...] = ()


def share_within(position: Position, distance: Callable[[Array, Array], Array], reach_m: float) -> float:
    """How likely the position lies within `reach_m` of a target, if its error is normal and the same all around.

    Points of equal weight on a sunflower spiral (Vogel, Math. Biosciences 44, 1979), their radii quantiles of the
    Rayleigh distribution.
    """
    number = np.arange(_SAMPLES) + 0.5
    radius = position.radius_m * np.sqrt(-np.log1p(-number / _SAMPLES))
    angle = number * _GOLDEN
    x, y = position.x_m + radius * np.cos(angle), position.y_m + radius * np.sin(angle)
    return float(np.mean(distance(x, y) <= reach_m))
