"""The WLTC Class 3b speed trace (UN GTR No. 15, Annex 1); must never be smoothed or rounded."""

from bisect import bisect_right
from functools import cache
from importlib.resources import files
from typing import Final

PHASES: Final = ((1, 589), (590, 1022), (1023, 1477), (1478, 1800))
"""First and last second of low, medium, high and extra-high speed."""
DURATION_S: Final = 1_800


@cache
def speeds_kmh() -> tuple[float, ...]:
    """Speed at each second from 0 to 1,800, in km/h."""
    text = (files("simulators.drive") / "wltc_class3b.txt").read_text("ascii")
    values = tuple(int(word) / 10 for line in text.splitlines() if not line.startswith("#") for word in line.split())
    assert len(values) == DURATION_S + 1
    return values


def speed_ms(at_s: float) -> float:
    """Speed at any time, in m/s: linear between the seconds, 0 before and after."""
    values = speeds_kmh()
    if not 0 <= at_s < DURATION_S:
        return 0.0
    second = int(at_s)
    low, high = values[second], values[second + 1]
    return (low + (high - low) * (at_s - second)) / 3.6


def phase(at_s: float) -> int:
    """0 to 3: low, medium, high, extra-high."""
    return max(0, bisect_right([first for first, _ in PHASES], at_s) - 1)
