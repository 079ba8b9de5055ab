"""Whether one tag is heard in two places at once; must never call a tag doubled because it moves or is shadowed.

Two signs, for two transmitters that send the same id:

* A hub that hears both hears now the one, now the other. Successive levels of one transmitter differ by fading, which
  is at worst that of Rayleigh: a standard deviation of 5.57 dB, so 7.9 dB between two independent levels (Rappaport,
  Wireless Communications, ch. 5). On recordings of single tags 99 of 100 windows stay below 7.9 dB, and two of them
  nine metres apart or more as one tag give 9.7 dB in the median.
* Hubs that hear one of them each: then each transmitter is heard well in its place, and no single place explains all
  levels; the best pair of places explains them much better. Residuals are squares in units of ERROR_DB, for the gain
  that fits best, the better of the path-loss exponents; of a pair the louder is heard.
"""

from collections import deque
from typing import Final

import numpy as np

from showroom_agent.locator import Locator
from showroom_agent.locator.few import quantile
from showroom_agent.plan.geometry import Array, Mask
from showroom_agent.site.hubs import Sighting

WINDOW_S: Final = 6.0
CHECK_S: Final = 1.0
APART_M: Final = 8.0
"""Nearer than this two transmitters are one for the locator too."""
FADING_DB: Final = 8.5
"""Root mean square of differences between successive levels at one hub above which no fading is to blame."""
SUCCESSIVE_S: Final = 1.2
DIFFERENCES_LEAST: Final = 16
ERROR_DB: Final = 6.0
SINGLE_BAD: Final = 1.6
"""Mean square residual of the best single place that is worth a second look."""
PAIR_GAIN: Final = 0.5
"""The best pair leaves at most this share of it."""
RAISE_S: Final = 3.0
CLEAR_S: Final = 10.0
HUBS_LEAST: Final = 4
BELOW_DB: Final = 2.0
READINGS_LEAST: Final = 2
_PLACES_MAX = 160
_KEPT_MAX = 4_096
_LARGEST = (1.0, 1.0, 0.707, 0.971, 1.141, 1.265, 1.362, 1.441, 1.508)


class Places:
    """A few hundred places of a floor and what hubs would hear from each; shared by all tags of a site."""

    def __init__(self, locator: Locator) -> None:
        """Places are spread evenly over the free floor."""
        grid = locator.grid
        free = np.nonzero(grid.open >= 0.5 * grid.open.max())[0]
        pitch = max(1, round(np.sqrt(len(free) / _PLACES_MAX)))
        columns, rows = np.divmod(np.arange(grid.size), grid.shape[1])
        chosen = free[(columns[free] % pitch == pitch // 2) & (rows[free] % pitch == pitch // 2)]
        if not chosen.size:
            chosen = free[:: max(1, len(free) // _PLACES_MAX)]
        self.mean: Array = locator.map.mean_dbm[:, :, chosen].astype(float)
        x, y = grid.x[chosen], grid.y[chosen]
        apart = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]) >= APART_M
        self.first, self.second = np.nonzero(np.triu(apart))

    def single(self, levels: Array) -> float:
        """Mean square of what the best single place leaves. `levels`: by hub, NaN where silent.

        A silent hub hears the tag below the faintest level that was heard: only what is expected above that counts.
        """
        heard, filled = _filled(levels)
        return min(_least(filled - model, heard) for model in self.mean)

    def pair(self, levels: Array) -> float:
        """The same of the best pair of places; a hundred times the work, so worth it only where `single` is bad."""
        if not self.first.size:
            return float("inf")
        heard, filled = _filled(levels)
        louder = (np.maximum(model[:, self.first], model[:, self.second]) for model in self.mean)
        return min(_least(filled - one, heard) for one in louder)


def _filled(levels: Array) -> tuple[Mask, Array]:
    """Which hubs hear, and levels as a column, silent ones below all others."""
    heard = ~np.isnan(levels)
    return heard, np.where(heard, levels, np.nanmin(levels) - BELOW_DB)[:, None]


def _least(rest: Array, heard: Mask) -> float:
    """The smallest mean square over places once the best gain of the hubs that hear is taken out."""
    rest = rest - rest[heard].mean(axis=0)
    rest[~heard] = np.minimum(rest[~heard], 0.0)
    square = (rest / ERROR_DB) ** 2
    return float((square.sum(axis=0) / heard.sum()).min())


class DoubleWatch:
    """One tag. Times are seconds on one clock and do not go back."""

    def __init__(self, places: Places) -> None:
        """Nothing heard yet."""
        self._places = places
        self._lately: deque[tuple[float, int, float]] = deque(maxlen=_KEPT_MAX)
        self._differences: deque[tuple[float, float]] = deque(maxlen=_KEPT_MAX)
        self._last: dict[int, tuple[float, float]] = {}
        self._checked_s = self._doubled_s = -np.inf
        self._since_s = np.inf
        self.doubled = False

    def heard(self, now_s: float, sighting: Sighting) -> None:
        """A hub heard the tag."""
        hub, mean, best = sighting.hub, sighting.mean_dbm, float(sighting.best_dbm)
        self._lately.append((now_s, hub, best))
        before_s, before = self._last.get(hub, (-np.inf, 0.0))
        self._last[hub] = now_s, mean
        if sighting.adverts > 1:
            # The largest of n levels lies so far above their mean, as a root mean square in standard deviations, by the
            # moments of order statistics of the normal distribution (Tippett, Biometrika 17).
            above = _LARGEST[min(sighting.adverts, len(_LARGEST) - 1)]
            self._differences.append((now_s, np.sqrt(2) * (best - mean) / above))
        elif 0 < now_s - before_s <= SUCCESSIVE_S:
            self._differences.append((now_s, mean - before))

    def step(self, now_s: float) -> bool:
        """Whether the tag is doubled now."""
        if now_s - self._checked_s < CHECK_S:
            return self.doubled
        self._checked_s = now_s
        for kept in (self._lately, self._differences):
            while kept and now_s - kept[0][0] > WINDOW_S:
                kept.popleft()
        if self._beyond_fading() or self._two_places():
            self._since_s, self._doubled_s = min(self._since_s, now_s), now_s
            self.doubled = self.doubled or now_s - self._since_s >= RAISE_S
        else:
            self._since_s = np.inf
            self.doubled = self.doubled and now_s - self._doubled_s < CLEAR_S
        return self.doubled

    def _beyond_fading(self) -> bool:
        if len(self._differences) < DIFFERENCES_LEAST:
            return False
        squares = [difference * difference for _, difference in self._differences]
        return float(np.sqrt(np.mean(squares))) > FADING_DB

    def _two_places(self) -> bool:
        by_hub: dict[int, list[float]] = {}
        for _, hub, level in self._lately:
            by_hub.setdefault(hub, []).append(level)
        # The third quartile: what the nearer of two transmitters, which sends half of the adverts, is heard at.
        levels = np.full(self._places.mean.shape[1], np.nan)
        for hub, heard in by_hub.items():
            if len(heard) >= READINGS_LEAST:
                levels[hub] = quantile(heard, 0.75)
        if np.count_nonzero(~np.isnan(levels)) < HUBS_LEAST:
            return False
        single = self._places.single(levels)
        return single > SINGLE_BAD and self._places.pair(levels) < PAIR_GAIN * single
