"""The cells of a floor and how a walker moves between them; must never know a radio level."""

import math

import numpy as np

from showroom_agent.locator.settings import Settings
from showroom_agent.plan.geometry import Array, crossing, inside_any
from showroom_agent.plan.site import Site

_REACH = 2.5
_WEIGHT_MIN = 0.02


class Grid:
    """N = columns x rows cells of a floor; `x`, `y`: their centres, `open`: how likely one stands there, sum 1."""

    def __init__(self, site: Site, settings: Settings) -> None:
        """Cells of `settings.cell_m`, larger where the floor would have more than `settings.cells_max`."""
        left, bottom, right, top = site.extent
        margin = settings.margin_m
        width, height = right - left + 2 * margin, top - bottom + 2 * margin
        self.cell_m = max(settings.cell_m, math.sqrt(width * height / settings.cells_max))
        columns = np.arange(left - margin + self.cell_m / 2, right + margin, self.cell_m)
        rows = np.arange(bottom - margin + self.cell_m / 2, top + margin, self.cell_m)
        self.shape = len(columns), len(rows)
        x, y = np.meshgrid(columns, rows, indexing="ij")
        self.x, self.y = x.ravel(), y.ravel()
        self.size = self.x.size
        self._weight = self._weights(site, settings)
        self.open = self._weight / self._weight.sum()
        self._walls = site.walls
        self.walk = self._motion(settings.walk_m_s * settings.step_s)

    def _weights(self, site: Site, settings: Settings) -> Array:
        left, bottom, right, top = site.extent
        closed = inside_any(site.blocked, self.x, self.y)
        closed |= (self.x < left) | (self.x > right) | (self.y < bottom) | (self.y > top)
        rings = [ring for zone in site.zones for ring in zone.rings]
        if rings:
            in_zone = inside_any(rings, self.x, self.y)
            if in_zone.mean() > 0.3:  # zones that cover the floor say where the floor is; a few islands do not
                closed |= ~in_zone
        return np.where(closed, settings.occupied, 1.0)

    def _motion(self, sd_m: float) -> "Motion":
        sd_m = max(sd_m, 0.6 * self.cell_m)
        reach = math.ceil(_REACH * sd_m / self.cell_m)
        steps = range(-reach, reach + 1)
        weights = {
            (dx, dy): w
            for dx in steps
            for dy in steps
            if (w := math.exp(-((dx * dx + dy * dy) * self.cell_m**2) / 2 / sd_m**2)) >= _WEIGHT_MIN
        }
        x, y = self.x.reshape(self.shape), self.y.reshape(self.shape)
        shifts = []
        for (dx, dy), w in weights.items():
            factor: Array | float = w
            if self._walls:
                blocked = np.zeros(self.shape, bool)
                for wall in self._walls:
                    blocked |= crossing(wall, x, y, dx * self.cell_m, dy * self.cell_m)
                factor = np.where(blocked, 0.0, w)[_from(dx, self.shape[0]), _from(dy, self.shape[1])]
            shifts.append((dx, dy, factor))
        return Motion(self.shape, shifts, self._weight)


class Motion:
    """One step of a random walk that stays on the floor and goes through no wall."""

    def __init__(self, shape: tuple[int, int], shifts: list[tuple[int, int, Array | float]], weight: Array) -> None:
        """`shifts`: by how many cells, and how likely from each cell; `weight`: how likely one stands in a cell."""
        self._shape, self._shifts, self._weight = shape, shifts, weight.reshape(shape)
        leaving = np.zeros(shape)
        for dx, dy, factor in shifts:
            source, target = self._places(dx, dy)
            leaving[source] += factor * self._weight[target]
        self._leaving = 1.0 / np.maximum(leaving, 1e-12)

    def __call__(self, belief: Array) -> Array:
        """The belief a step later; its sum stays."""
        ready = belief.reshape(self._shape) * self._leaving
        after = np.zeros(self._shape)
        for dx, dy, factor in self._shifts:
            source, target = self._places(dx, dy)
            after[target] += factor * ready[source]
        after *= self._weight
        return after.ravel()

    def _places(self, dx: int, dy: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        columns, rows = self._shape
        return (_from(dx, columns), _from(dy, rows)), (_from(-dx, columns), _from(-dy, rows))


def _from(step: int, count: int) -> slice:
    """Cells of a row of `count` that a step leads from without leaving the row."""
    return slice(max(0, -step), count - max(0, step))
