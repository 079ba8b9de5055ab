"""Whether people walk where the plan says that nobody can; must never judge by where somebody stands still.

The belief of a tag cannot tell: the plan is part of it, so that it agrees with whatever the plan says. So one walker at
a time is located a second time, on the same floor with nothing blocked, and the share of that belief that lies in
blocked areas is compared with what it would be, as blurred as the locator is, for people who walk on what is free and
for people who walk on what is blocked. Where the two lie close together, since aisles are narrower than the locator is
exact, the plan is not judged; a survey then is what tells (see plan.survey).
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np

from showroom_agent.locator.estimate import centre
from showroom_agent.locator.grid import Grid
from showroom_agent.locator.locator import Locator
from showroom_agent.locator.tracker import Tracker
from showroom_agent.plan.geometry import Array, Mask, inside_any

BLUR_M: Final = 2.0
GAP_LEAST: Final = 0.15
"""So far the two shares have to lie apart for a plan to be judged."""
RADIUS_M_MAX: Final = 4.0
APART_M: Final = 1.5
"""A walker is looked at again once he has come so far."""
LOOKS_LEAST: Final = 60.0
KEEP: Final = 0.99
RAISE, END = 0.7, 0.5
"""Where between the two shares, 0 for free and 1 for blocked, a contradiction is raised and ends."""
LEVELS_MAX: Final = 64


class PolarityWatch:
    """One plan. Times are seconds on one clock and do not go back."""

    def __init__(self, locator: Locator) -> None:
        """Nobody has walked."""
        site, grid = locator.site, locator.grid
        left, bottom, right, top = site.extent
        within = (grid.x >= left) & (grid.x <= right) & (grid.y >= bottom) & (grid.y <= top)
        self._blocked = within & inside_any(site.blocked, grid.x, grid.y)
        self._free = within & ~self._blocked
        self._locator = locator
        self.free_share, self.blocked_share = _shares(grid, self._blocked, within)
        self._flat: Grid | None = None
        self._walker: int | None = None
        self._tracker: Tracker | None = None
        self._levels: dict[int, list[float]] = {}
        self._from: tuple[float, float] | None = None
        self._sum = self._looks = 0.0
        self.contradicted = False

    @property
    def judges(self) -> bool:
        """Whether what is blocked is coarse enough for the locator to see."""
        return self.blocked_share - self.free_share >= GAP_LEAST

    @property
    def share(self) -> float:
        """How much of the belief of walkers lies in blocked areas, 0 to 1."""
        return self._sum / self._looks if self._looks else 0.0

    def heard(self, walker: int, hub: int, mean_dbm: float, adverts: int) -> None:
        """A hub heard the tag of somebody who may be located."""
        if self._walker is None and self.judges:
            self._begin(walker)
        if walker == self._walker:
            levels = self._levels.setdefault(hub, [])
            levels.extend([mean_dbm] * min(adverts, LEVELS_MAX - len(levels)))

    def step(self, now_s: float, here: Collection[int]) -> bool:
        """Whether `contradicted` has changed, once for each step of the locator. `here`: who may be located still."""
        if self._walker is None or self._tracker is None or self._flat is None:
            return False
        if self._walker not in here:
            self._walker = self._tracker = self._from = None
            self._levels = {}
            return False
        levels, self._levels = self._levels, {}
        self._tracker.step(now_s, levels)
        if not levels:
            return False
        x_m, y_m, radius_m, _ = centre(self._flat, self._tracker.belief)
        if radius_m > RADIUS_M_MAX:
            return False
        if self._from is not None and np.hypot(x_m - self._from[0], y_m - self._from[1]) < APART_M:
            return False
        first, self._from = self._from is None, (x_m, y_m)
        return False if first else self._look(self._tracker.belief)

    def _begin(self, walker: int) -> None:
        if self._flat is None:
            open_site = replace(self._locator.site, blocked=(), index={})
            self._flat = Grid(open_site, self._locator.settings)
        self._walker = walker
        self._tracker = Tracker(self._flat, self._locator.map, self._locator.settings)

    def _look(self, belief: Array) -> bool:
        blocked, free = float(belief[self._blocked].sum()), float(belief[self._free].sum())
        self._sum = self._sum * KEEP + blocked / max(blocked + free, 1e-12)
        self._looks = self._looks * KEEP + 1.0
        if self._looks < LOOKS_LEAST * 0.75:
            return False
        place = (self.share - self.free_share) / (self.blocked_share - self.free_share)
        before, self.contradicted = self.contradicted, place > (END if self.contradicted else RAISE)
        return before != self.contradicted


def _shares(grid: Grid, blocked: Mask, within: Mask) -> tuple[float, float]:
    """Share of blocked area around the free cells and around the blocked ones, means over cells, blurred by BLUR_M."""
    if not blocked.any() or blocked[within].all():
        return 0.0, 0.0
    reach = int(3 * BLUR_M / grid.cell_m) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) * grid.cell_m / BLUR_M) ** 2)

    def blurred(mask: Mask) -> Array:
        found = mask.reshape(grid.shape).astype(float)
        for axis, count in enumerate(grid.shape):
            padded = np.moveaxis(found, axis, -1)
            rows = [np.convolve(row, weights)[reach : reach + count] for row in padded]
            found = np.moveaxis(np.array(rows), -1, axis)
        return found.ravel()

    share = blurred(blocked) / np.maximum(blurred(within), 1e-9)
    return float(share[within & ~blocked].mean()), float(share[blocked].mean())
