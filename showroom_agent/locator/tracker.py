"""Where one tag is: a Bayes filter on the cells of a floor; must never look ahead of the time it is given.

Each step the belief moves as a walker would, and is multiplied by how likely the readings are in each cell, for the
gains that the tag may have. Errors are Student-t. Thrun, Burgard, Fox: Probabilistic Robotics, ch. 4 and 8.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from showroom_agent.locator.few import quantile
from showroom_agent.locator.grid import Grid
from showroom_agent.locator.memory import Echo, Gains, Hubs, Offsets
from showroom_agent.locator.radio_map import Levels, RadioMap
from showroom_agent.locator.settings import Settings
from showroom_agent.plan.geometry import Array

Index = npt.NDArray[np.intp]
Heard = Mapping[int, Sequence[float]]
"""Levels in dBm by hub."""


class Tracker:
    """The filter of one tag. `belief`: N, sum 1."""

    def __init__(self, grid: Grid, radio_map: RadioMap, settings: Settings) -> None:
        """Anywhere on the floor."""
        hubs = radio_map.mean_dbm.shape[1]
        self._grid, self._map, self._settings = grid, radio_map, settings
        self._jump = min(settings.jump_per_m2 * grid.area_m2, settings.jump_max)
        self.belief: Array = grid.open.copy()
        self.gains = Gains(len(radio_map.mean_dbm), settings, radio_map.surveyed)
        self.offsets = Offsets(hubs, settings, radio_map.surveyed)
        self.echo = Echo(hubs, settings)
        self._lately: deque[tuple[float, dict[int, tuple[int, float]]]] = deque()
        self._faintest: float | None = None
        self._steps = 0
        self.heard_s = -np.inf
        """When a hub heard the tag last."""

    def step(self, now_s: float, heard: Heard, blind: Sequence[int] = ()) -> None:
        """`heard`: what hubs heard since the last step, each level possible (see plan.bounds).

        `blind`: hubs that are known not to listen: their silence says nothing.
        """
        self.belief = self._grid.walk(self.belief)
        self.belief /= self.belief.sum()
        self.belief = (self.belief + self._jump * self._grid.open) / (1 + self._jump)
        self.offsets.forget()
        self._remember(now_s, heard)
        if heard:
            self.heard_s = now_s
            self._weigh(now_s, heard, blind)

    def _weigh(self, now_s: float, heard: Heard, blind: Sequence[int]) -> None:
        hubs = np.array(sorted(heard))
        level = np.array([sum(heard[hub]) / len(heard[hub]) for hub in hubs])
        count = np.array([len(heard[hub]) for hub in hubs])
        settings, surveyed = self._settings, self._map.surveyed
        own = (settings.error_db if surveyed else settings.error_bare_db) ** 2 + self._map.spread_db**2 / count
        cells = self._cells()
        models, gains = self.gains.likely()
        heard_map = self._heard_map(hubs, cells)
        evidence = self._likelihood(heard_map, level - self.offsets.mean[hubs], own, models, gains)
        evidence += self._silence(models, gains, cells, blind)
        weight = self.echo.weight
        evidence *= weight
        evidence -= evidence.max()
        np.exp(evidence, out=evidence)
        believed, before = self.gains.belief[models, gains], self.belief[cells]
        seen = believed * (evidence @ before)
        after = before * (believed @ evidence)
        # What was not looked at keeps its share: neither better nor worse than what was.
        share = before.sum()
        after *= share / after.sum()
        self.belief[cells] = after
        self.belief /= self.belief.sum()
        after = after / share
        self.gains.replace(models, gains, seen)
        self._learn(now_s, hubs, level, own, weight, heard_map, after)

    def _cells(self) -> Index | slice:
        """Cells worth looking at: all of them now and then, else those where the tag may be."""
        self._steps += 1
        if self._steps % self._settings.look_around_steps == 0:
            return slice(None)
        likely = np.nonzero(self.belief > self._settings.overlook * self.belief.max())[0]
        return likely if len(likely) < 0.8 * self._grid.size else slice(None)

    def _heard_map(self, hubs: Hubs, cells: Index | slice) -> tuple[Levels, Levels]:
        """Mean M x h x n and variance h x n (or h x 1) of the map for some hubs and cells."""
        return self._levels_of(hubs, cells), self._variance_of(hubs, cells)

    def _levels_of(self, hubs: Hubs, cells: Index | slice) -> Levels:
        mean = self._map.mean_dbm
        return mean[:, hubs] if isinstance(cells, slice) else mean[:, hubs[:, np.newaxis], cells]

    def _variance_of(self, hubs: Hubs, cells: Index | slice) -> Levels:
        variance = self._map.variance
        if variance.shape[1] == 1 or isinstance(cells, slice):
            return variance[hubs]
        return variance[hubs[:, np.newaxis], cells]

    def _likelihood(
        self, heard: tuple[Levels, Levels], level: Array, own: Array, models: Index, gains: Index
    ) -> Levels:
        """Log-likelihood of the levels for each (model, gain) and cell; but for a constant."""
        freedom, (mean, variance) = self._settings.freedom, heard
        precision = 1.0 / (variance + own[:, np.newaxis].astype(np.float32))
        half, found = np.float32(-(freedom + 1) / 2), np.empty((len(models), mean.shape[2]), np.float32)
        # (level - mean - gain)^2 / (freedom x variance) is (a - gain x b)^2.
        b = np.sqrt(precision / np.float32(freedom))
        for model in np.unique(models):
            a = (level[:, np.newaxis].astype(np.float32) - mean[model]) * b
            for place in np.nonzero(models == model)[0]:
                error = a - np.float32(self.gains.db[gains[place]]) * b
                error *= error
                error += 1.0
                total = np.zeros(mean.shape[2], np.float32)
                for begin in range(0, len(level), 8):  # a product before the logarithm: a few factors at a time
                    total += np.log(error[begin : begin + 8].prod(axis=0))
                found[place] = half * total
        found += np.log(precision).sum(axis=0) / 2
        return found

    def _learn(
        self,
        now_s: float,
        hubs: Hubs,
        level: Array,
        own: Array,
        weight: float,
        heard: tuple[Levels, Levels],
        belief: Array,
    ) -> None:
        """Offsets and echo from what was heard beside what is expected where the tag is now believed to be."""
        mean, variance = heard
        expected_map = np.tensordot(self.gains.models, mean, axes=1)
        expected = expected_map @ belief
        above = level - self.gains.mean_db - expected
        self.echo.learn(now_s, hubs, above - self.offsets.mean[hubs])
        unsure = own + np.maximum((expected_map**2) @ belief - expected**2, 0.0)
        if self._map.surveyed:
            unsure = unsure + variance @ belief
        self.offsets.learn(hubs, above, unsure / weight * self.offsets.caution)

    def _remember(self, now_s: float, heard: Heard) -> None:
        lately = self._lately
        while lately and lately[0][0] <= now_s - self._settings.silence_window_s:
            lately.popleft()
        lately.append((now_s, {hub: (len(levels), min(levels)) for hub, levels in heard.items()}))

    def _silence(self, models: Index, gains: Index, cells: Index | slice, blind: Sequence[int]) -> Levels | float:
        """What it says that a hub heard nothing lately: little, since receivers fall silent for many reasons."""
        settings = self._settings
        counts = [0] * self._map.mean_dbm.shape[1]
        faint = []
        for _, heard in self._lately:
            for hub, (count, least) in heard.items():
                counts[hub] += count
                faint.append(least)
        if sum(counts) < 4 or settings.silence <= 0:
            return 0.0
        usual, least = min(quantile(counts, 0.9), 3.0), max(quantile(faint, 0.03), -100.0)
        self._faintest = least if self._faintest is None or least < self._faintest else self._faintest + 0.02
        silent = np.array([hub for hub, count in enumerate(counts) if not count and hub not in blind], np.intp)
        if not silent.size or usual < 1:
            return 0.0
        silent_map = self._levels_of(silent, cells)
        found = np.zeros((len(models), silent_map.shape[2]), np.float32)
        above_faint = (self.offsets.mean[silent][:, np.newaxis] - (self._faintest - 1)).astype(np.float32)
        strong = self.gains.belief[models, gains] >= 0.02 * self.gains.belief.max()
        for place in np.nonzero(strong)[0]:
            above = (silent_map[models[place]] + (above_faint + np.float32(self.gains.db[gains[place]]))) / 4
            missed = (1 - np.float32(0.8) / (1 + np.exp(-above))) ** np.float32(usual)
            floor = np.float32(settings.silence_floor)
            found[place] = np.log(floor + (1 - floor) * missed).sum(axis=0)
        if not strong.all():
            found[~strong] = found[strong].mean(axis=0)
        found *= np.float32(settings.silence)
        return found
