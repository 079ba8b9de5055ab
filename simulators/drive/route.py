"""A smooth road under the drive, generated from a seed; must never be a place where somebody lives.

Curvature is a sum of waves along the road, bounded so that lateral acceleration stays below that of a calm driver. The
start lies in the Atlantic at 0 degrees north and east, where no road is.
"""

import math
from dataclasses import dataclass
from random import Random

LATERAL_MAX = 2.0
CURVATURE_MAX = 0.02
WAVES = 8
METRES_PER_DEGREE = 111_320.0


@dataclass(slots=True)
class Pose:
    """Where the vehicle is: degrees north and east, metres of altitude, heading in degrees from north, 1/m of curve."""

    latitude: float
    longitude: float
    altitude_m: float
    heading_deg: float
    curvature: float


class Route:
    """Follows the road as the distance grows."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        self._waves = [(rng.uniform(120, 1_500), rng.uniform(0, math.tau), rng.uniform(0.3, 1)) for _ in range(WAVES)]
        self._hills = [(rng.uniform(800, 6_000), rng.uniform(0, math.tau), rng.uniform(2, 9)) for _ in range(4)]
        self._north_m = self._east_m = self._distance_m = 0.0
        self._heading = rng.uniform(0, math.tau)

    def advance(self, metres: float, speed_ms: float) -> Pose:
        """Drives on; curvature is that which the speed allows."""
        self._distance_m += metres
        bend = sum(size * math.sin(math.tau * self._distance_m / length + at) for length, at, size in self._waves)
        limit = min(CURVATURE_MAX, LATERAL_MAX / max(speed_ms, 1.0) ** 2)
        curvature = limit * bend / sum(size for _, _, size in self._waves)
        self._heading = (self._heading + curvature * metres) % math.tau
        self._north_m += metres * math.cos(self._heading)
        self._east_m += metres * math.sin(self._heading)
        height = sum(size * math.sin(math.tau * self._distance_m / length + at) for length, at, size in self._hills)
        return Pose(
            self._north_m / METRES_PER_DEGREE,
            self._east_m / METRES_PER_DEGREE,
            40.0 + height,
            math.degrees(self._heading),
            curvature,
        )
