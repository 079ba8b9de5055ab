"""Whether a tag is carried about or lies still, by how its levels and its position change; must never see a zone.

That levels vary more while a radio moves is what Krumm and Horvitz used (LOCADIO: Inferring Motion and Location from
Wi-Fi Signal Strengths, MobiQuitous 2004). Three signs are weighed, each over a window of its own:

* how much a hub's level varies: a radio that moves runs through fading and shadow;
* how much more it varies over the window than from one step to the next: noise does not add up, a walk does;
* how far the position has been from where it is now.

A hidden Markov model of two states joins them over time. Signs of one window repeat each other and are tempered.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from showroom_agent.plan.geometry import Array


@dataclass(frozen=True, slots=True)
class Sign:
    """A normal distribution of the logarithm of a sign for each state."""

    still: float
    still_sd: float
    moving: float
    moving_sd: float
    most: float
    """For moving it never says more than this."""

    def speaks(self, value: float) -> float:
        """Log-likelihood ratio of moving against still, for still at most STILL_MOST."""
        moving = -0.5 * ((value - self.moving) / self.moving_sd) ** 2 - math.log(self.moving_sd)
        still = -0.5 * ((value - self.still) / self.still_sd) ** 2 - math.log(self.still_sd)
        return min(max(moving - still, -STILL_MOST), self.most)


STILL_MOST = 3.0
EVERY_STEPS = 2
VARIES = Sign(math.log(8.0), 0.4, math.log(19.0), 0.35, 3.0)
"""Variance of a reading in dB^2, the median of hubs."""
DRIFTS, OF_ONE_SD = Sign(0.0, 0.08, 0.35, 0.25, 3.0), 0.28
"""Variance over the window by that between neighbours, the median of hubs; of noise at a single hub it has that sd."""
GOES = Sign(math.log(0.55), 0.5, math.log(2.2), 0.7, 5.0)
"""Metres from where it was in the window; three metres in eight seconds leave little doubt."""
VARIES_STEPS, DRIFTS_STEPS, GOES_STEPS = 12, 32, 16
GOES_FROM_STEPS = 16
"""At first the position comes from anywhere to where the tag is."""
TEMPER = 0.12
"""Weight of a sign in one step."""
SETTLES_S = 1.0
"""Over which positions are smoothed."""
MOVING_FIRST = 0.5
STARTS_S, STOPS_S = 60.0, 20.0
"""How long one is still, and moves, on the mean."""
HUBS_LEAST = 3


class Motion:
    """One tag. `moving`: how likely it is carried about now, 0 to 1."""

    def __init__(self, hubs: int, step_s: float) -> None:
        """Nothing is known yet."""
        self.moving = MOVING_FIRST
        self._levels: Array = np.full((DRIFTS_STEPS, hubs), np.nan)
        self._counts: Array = np.zeros((DRIFTS_STEPS, hubs))
        self._places: Array = np.full((GOES_STEPS, 2), np.nan)
        self._at: Array = np.zeros(2)
        self._steps, self._step_s = 0, step_s
        self._follow = 1 - math.exp(-step_s / SETTLES_S)

    def step(self, heard: Mapping[int, Sequence[float]], x_m: float, y_m: float) -> float:
        """A step: levels by hub, and where the tag is said to be."""
        row, place = self._steps % DRIFTS_STEPS, self._steps % GOES_STEPS
        self._levels[row], self._counts[row] = np.nan, 0
        for hub, levels in heard.items():
            self._levels[row, hub], self._counts[row, hub] = sum(levels) / len(levels), len(levels)
        here = np.array([x_m, y_m])
        self._at = here if self._steps == 0 else self._at + self._follow * (here - self._at)
        self._places[place] = self._at
        self._steps += 1
        if self._steps % EVERY_STEPS == 0:
            self._judge()
        return self.moving

    def _judge(self) -> None:
        """Weighs the signs of the last steps."""
        order = np.arange(self._steps - min(self._steps, DRIFTS_STEPS), self._steps) % DRIFTS_STEPS
        levels, counts = self._levels[order], self._counts[order]
        speaks = 0.0
        varies = self._varies(levels[-VARIES_STEPS:], counts[-VARIES_STEPS:])
        if varies is not None:
            speaks += VARIES.speaks(varies)
        drifts = self._drifts(levels)
        if drifts is not None:
            ratio, hubs = drifts
            speaks += replace(DRIFTS, still_sd=OF_ONE_SD / math.sqrt(hubs)).speaks(ratio)
        if self._steps >= GOES_FROM_STEPS:
            goes = np.hypot(*(self._places - self._at).T)
            speaks += GOES.speaks(math.log(max(float(goes.max()), 0.05)))
        passed_s = EVERY_STEPS * self._step_s
        moving = self.moving * math.exp(-passed_s / STOPS_S) + (1 - self.moving) * (1 - math.exp(-passed_s / STARTS_S))
        odds = math.log(moving / (1 - moving)) + EVERY_STEPS * TEMPER * speaks
        self.moving = 1 / (1 + math.exp(-odds))

    def _varies(self, levels: Array, counts: Array) -> float | None:
        known = ~np.isnan(levels)
        often = known.sum(axis=0)
        some = often >= 5
        if some.sum() < HUBS_LEAST:
            return None
        kept, there = np.where(known, levels, 0.0)[:, some], known[:, some]
        mean = kept.sum(axis=0) / often[some]
        variance = (np.where(there, kept - mean, 0.0) ** 2).sum(axis=0) / (often[some] - 1)
        each = counts[:, some].sum(axis=0) / often[some]  # the mean of n adverts varies less
        return math.log(max(float(np.median(variance * each)), 0.5))

    def _drifts(self, levels: Array) -> tuple[float, int] | None:
        """The sign, and the median of how many hubs it is."""
        if len(levels) < DRIFTS_STEPS:
            return None
        known = ~np.isnan(levels)
        both = known[1:] & known[:-1]
        often, pairs = known.sum(axis=0), both.sum(axis=0)
        some = (often >= 0.4 * DRIFTS_STEPS) & (pairs >= 5)
        if some.sum() < HUBS_LEAST:
            return None
        kept = np.where(known, levels, 0.0)[:, some]
        mean = kept.sum(axis=0) / often[some]
        variance = (np.where(known[:, some], kept - mean, 0.0) ** 2).sum(axis=0) / (often[some] - 1)
        near = (np.where(both[:, some], kept[1:] - kept[:-1], 0.0) ** 2).sum(axis=0) / pairs[some] / 2
        ratio = np.maximum(variance, 0.05) / np.maximum(near, 0.05)
        return float(np.median(np.log(ratio))), int(some.sum())
