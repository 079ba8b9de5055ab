"""The cells of a floor and how a walker moves between them; must never know a radio level."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from showroom_agent.locator.settings import Settings
from showroom_agent.plan.geometry import Array, crossing, inside_any
from showroom_agent.plan.site import Site

Shift = tuple[int, int, Array | float]
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
        self.area_m2 = float(self._weight.sum()) * self.cell_m**2
        """Where one may stand, a blocked cell counting for little."""
        self._walls = site.walls
        self.walk = self._motion(settings.walk_m_s * settings.step_s)

    def _weights(self, site: Site, settings: Settings) -> Array:
        left, bottom, right, top = site.extent
        closed = inside_any(site.blocked, self.x, self.y)
        closed |= (self.x < left) | (self.x > right) | (self.y < bottom) | (self.y > top)
        rings = [ring for zone in site.zones for ring in zone.rings]
        if rings:
            in_zone = inside_any(rings, self.x, self.y)
            if (
                in_zone.mean() > 0.7
            ):  # zones that cover the floor say where the floor is; areas with aisles between do not
                closed |= ~in_zone
        return np.where(closed, settings.occupied, 1.0)

    def _motion(self, sd_m: float) -> "Motion":
        sd_m = max(sd_m, 0.6 * self.cell_m)
        reach = math.ceil(_REACH * sd_m / self.cell_m)
        row = {step: math.exp(-((step * self.cell_m / sd_m) ** 2) / 2) for step in range(-reach, reach + 1)}
        if not self._walls:
            return Motion(
                self.shape,
                [[(step, 0, w) for step, w in row.items()], [(0, step, w) for step, w in row.items()]],
                self._weight,
            )
        x, y = self.x.reshape(self.shape), self.y.reshape(self.shape)
        shifts: list[Shift] = []
        for dx, dy in product(row, row):
            weight = row[dx] * row[dy]
            if weight < _WEIGHT_MIN:
                continue
            blocked = np.zeros(self.shape, bool)
            for wall in self._walls:
                blocked |= crossing(wall, x, y, dx * self.cell_m, dy * self.cell_m)
            free = np.where(blocked, 0.0, weight)
            shifts.append((dx, dy, free[_from(dx, self.shape[0]), _from(dy, self.shape[1])]))
        return Motion(self.shape, [shifts], self._weight)


class Motion:
    """One step of a random walk that stays on the floor and goes through no wall."""

    def __init__(self, shape: tuple[int, int], passes: Sequence[Sequence[Shift]], weight: Array) -> None:
        """`passes`: made one after the other, each a list of shifts; `weight`: how likely one stands in a cell.

        A shift says by how many columns and rows, and how likely from each cell. Without walls a Gaussian is two passes
        of one dimension. Shifts come with their opposites, equally likely: what leads there leads back.
        """
        self._shape, self._passes, self._weight = shape, passes, weight.reshape(shape)
        self._leaving = 1.0 / np.maximum(self._spread(self._weight), 1e-12)

    def __call__(self, belief: Array) -> Array:
        """The belief a step later; its sum stays."""
        after = self._spread(belief.reshape(self._shape) * self._leaving)
        after *= self._weight
        return after.ravel()

    def _spread(self, belief: Array) -> Array:
        columns, rows = self._shape
        for shifts in self._passes:
            after = np.zeros(self._shape)
            for dx, dy, factor in shifts:
                source = _from(dx, columns), _from(dy, rows)
                target = _from(-dx, columns), _from(-dy, rows)
                after[target] += factor * belief[source]
            belief = after
        return belief


def _from(step: int, count: int) -> slice:
    """Cells of a row of `count` that a step leads from without leaving the row."""
    return slice(max(0, -step), count - max(0, step))
