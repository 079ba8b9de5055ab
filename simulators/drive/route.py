"""A smooth round trip for the drive, made from a seed; must never be a place where somebody lives.

Curvature is a sum of waves along the road, bounded by what a calm driver does at the speed that the trace has there.
Two slow waves are then chosen so that the road ends where it began. The start lies in the Atlantic at 0 degrees north
and east, where no road is. As in VSS and ISO 8855, turns to the left are positive; a compass heading grows rightwards.
"""

import cmath
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

LATERAL_MAX: Final = 2.0
"""m/s^2."""
CURVATURE_MAX: Final = 0.02
"""1/m: a radius of 50 m."""
WAVES: Final = 8
HILLS: Final = 4
CLOSED_M: Final = 0.5
ROUNDS_MAX: Final = 60
TRIES: Final = 12
METRES_PER_DEGREE: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the vehicle is: degrees north and east, metres of altitude, degrees from north, curve to the left (1/m)."""

    latitude: float
    longitude: float
    altitude_m: float
    heading_deg: float
    curvature: float


class Route:
    """The road under a drive whose speeds (m/s) are known for every step of `step_s` seconds."""

    def __init__(self, seed: int, speeds: Sequence[float], step_s: float) -> None:
        rng = Random(seed)
        self._metres: Sequence[float] = array("d", [speed * step_s for speed in speeds])
        self._along: Sequence[float] = _sums(self._metres)
        self._length = self._along[-1] or 1.0
        for _ in range(TRIES):
            self._curvature: Sequence[float] = self._bends(rng, speeds)
            closing = self._closing()
            if closing is not None:
                break
        else:
            raise AssertionError(f"no round trip for seed {seed}")
        self._curvature = [
            bend + self._slow(closing, at) for bend, at in zip(self._curvature, self._along, strict=False)
        ]
        self._places, self._angles = self._drive()
        self._along, self._curvature = array("d", self._along), array("d", self._curvature)
        self._north = rng.uniform(0, math.tau)
        self._hills = [(rng.randint(4, 30), rng.uniform(0, math.tau), rng.uniform(2, 9)) for _ in range(HILLS)]

    def pose(self, step: int) -> Pose:
        """Where the vehicle is at the beginning of a step; after the last one the trip is over."""
        step = min(step, len(self._metres) - 1)
        turned = self._places[step] * cmath.rect(1.0, self._north)
        share = math.tau * self._along[step] / self._length
        height = sum(size * math.sin(times * share + at) for times, at, size in self._hills)
        return Pose(
            latitude=turned.imag / METRES_PER_DEGREE,
            longitude=turned.real / METRES_PER_DEGREE,
            altitude_m=40.0 + height,
            heading_deg=(90.0 - math.degrees(self._angles[step] + self._north)) % 360.0,
            curvature=self._curvature[step],
        )

    def _bends(self, rng: Random, speeds: Sequence[float]) -> list[float]:
        """Curvature for each step, which turns the car once round in all."""
        waves = [(rng.uniform(150, 1_500), rng.uniform(0, math.tau), rng.uniform(0.3, 1)) for _ in range(WAVES)]
        most = sum(size for _, _, size in waves) * 1.2
        found = []
        for speed, at in zip(_smooth(speeds), self._along, strict=False):
            bend = sum(size * math.sin(math.tau * at / length + phase) for length, phase, size in waves)
            found.append(min(CURVATURE_MAX, LATERAL_MAX / max(speed, 1.0) ** 2) * bend / most)
        turn = sum(bend * metres for bend, metres in zip(found, self._metres, strict=True))
        rest = (math.tau - turn) / self._length
        return [bend + rest for bend in found]

    def _slow(self, closing: complex, at: float) -> float:
        """Curvature of the two slow waves; as headings they have the amplitudes in `closing`."""
        share = math.tau / self._length
        return share * (closing.real * math.cos(share * at) - closing.imag * math.sin(share * at))

    def _closing(self) -> complex | None:
        """Amplitudes (radians) with which the road ends where it began: Newton's method, damped."""
        angles = _sums([bend * metres for bend, metres in zip(self._curvature, self._metres, strict=True)])
        coarse = range(0, len(self._metres), 5)
        share = math.tau / self._length
        base = [(angles[i], share * self._along[i], sum(self._metres[i : i + 5])) for i in coarse]

        def miss(closing: complex) -> complex:
            a, b = closing.real, closing.imag
            return sum((cmath.rect(m, t + a * math.sin(s) + b * (math.cos(s) - 1)) for t, s, m in base), 0j)

        closing, off = 0j, miss(0j)
        for _ in range(ROUNDS_MAX):
            if abs(off) < CLOSED_M:
                return closing if abs(closing) < math.pi else None
            by_a, by_b = (miss(closing + 1e-4) - off) / 1e-4, (miss(closing + 1e-4j) - off) / 1e-4
            det = by_a.real * by_b.imag - by_b.real * by_a.imag
            if abs(det) < 1.0:
                return None
            step = complex(off.real * by_b.imag - off.imag * by_b.real, by_a.real * off.imag - by_a.imag * off.real)
            step /= det
            damp = min(1.0, 0.5 / abs(step))
            while damp > 1e-3 and abs(miss(closing - damp * step)) >= abs(off):
                damp /= 2
            closing -= damp * step
            off = miss(closing)
        return None

    def _drive(self) -> tuple[Sequence[complex], Sequence[float]]:
        """Places (east + north i, metres) and headings (radians from east, to the left) at each step."""
        place, angle = 0j, 0.0
        places, angles = [], []
        for bend, metres in zip(self._curvature, self._metres, strict=True):
            places.append(place)
            angles.append(angle)
            place += cmath.rect(metres, angle + bend * metres / 2)
            angle += bend * metres
        return places, angles


def _sums(values: Sequence[float]) -> list[float]:
    """Sums of what stands before each value, and of all."""
    found, total = [], 0.0
    for value in values:
        found.append(total)
        total += value
    return [*found, total]


def _smooth(speeds: Sequence[float], half: int = 50) -> list[float]:
    """The highest speed of the seconds around each step: a driver slows down before a bend."""
    blocks = [max(speeds[start : start + half]) for start in range(0, len(speeds), half)]
    around = [max(blocks[max(0, i - 1) : i + 2]) for i in range(len(blocks))]
    last = len(around) - 1
    found = []
    for step in range(len(speeds)):
        block, part = divmod(step, half)
        nxt = around[min(block + 1, last)]
        found.append(around[block] + (nxt - around[block]) * part / half)
    return found
