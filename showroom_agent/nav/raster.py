"""A floor plan as cells that a person may step on or not; must never call a cell free that an obstacle touches.

Obstacles are blocked areas, walls and cars. A cell is blocked when an obstacle covers its centre or comes nearer to it
than the clearance, and the clearance is at least half the diagonal of a cell: so no wall, however thin, slips between
two free cells. Cells within the comfort distance are free but dear, so that a path keeps to the middle of an aisle.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from showroom_agent.plan import Car, Site
from showroom_agent.plan.geometry import Array, Mask, Ring, Segment, inside

CELLS_MAX: Final = 250_000
CELL_M: Final = 0.2
CLEARANCE_M: Final = 0.35
"""Half the width of a person with a bag; DIN 18040-1 asks for 0.9 m of passage, which is 0.45 m on each side."""
COMFORT_M: Final = 0.7
NEAR_COST: Final = 2
"""How much dearer a step within the comfort distance is than one in the open."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the cells lie: the lower left corner in metres, the side of a cell, and how many there are."""

    left_m: float
    bottom_m: float
    cell_m: float
    columns: int
    rows: int

    @classmethod
    def of(cls, extent: tuple[float, float, float, float], cell_m: float = CELL_M) -> "Geometry":
        """Cells over left, bottom, right, top; larger ones where there would be more than CELLS_MAX."""
        left, bottom, right, top = extent
        cell_m = max(cell_m, math.sqrt((right - left) * (top - bottom) / CELLS_MAX) * 1.001)
        columns, rows = (max(1, math.ceil(span / cell_m - 1e-9)) for span in (right - left, top - bottom))
        return cls(left, bottom, cell_m, columns, rows)

    def cell(self, x_m: float, y_m: float) -> tuple[int, int] | None:
        """Column and row of a point; None outside."""
        column, row = (x_m - self.left_m) / self.cell_m, (y_m - self.bottom_m) / self.cell_m
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return None
        return int(column), int(row)

    def axes(self) -> tuple[Array, Array]:
        """The middle of each column in x and of each row in y, in metres."""
        columns, rows = np.arange(self.columns, dtype=np.float64), np.arange(self.rows, dtype=np.float64)
        return self.left_m + (columns + 0.5) * self.cell_m, self.bottom_m + (rows + 0.5) * self.cell_m

    def centre(self, column: int, row: int) -> tuple[float, float]:
        """Metres of the middle of a cell."""
        return self.left_m + (column + 0.5) * self.cell_m, self.bottom_m + (row + 0.5) * self.cell_m


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """`free` and `near` are rows x columns: may be stepped on; is within the comfort distance of an obstacle."""

    geometry: Geometry
    free: Mask
    near: Mask

    def is_free(self, x_m: float, y_m: float) -> bool:
        """Whether the point lies in a free cell."""
        cell = self.geometry.cell(x_m, y_m)
        return cell is not None and bool(self.free[cell[1], cell[0]])


class RasterMaker:
    """Keeps what does not move, so that a moved car costs only its surroundings."""

    def __init__(self, site: Site, cell_m: float = CELL_M, clearance_m: float = CLEARANCE_M) -> None:
        """`clearance_m` is raised to what the size of a cell needs."""
        self.geometry = Geometry.of(site.extent, cell_m)
        self.clearance_m = max(clearance_m, 0.75 * self.geometry.cell_m)
        self.comfort_m = self.clearance_m + COMFORT_M - CLEARANCE_M
        self._fixed = _Distance(self.geometry, self.comfort_m)
        for ring in site.blocked:
            self._fixed.ring(ring)
        for wall in site.walls:
            self._fixed.segment(wall)

    def make(self, cars: Iterable[Car]) -> Raster:
        """The cells with the cars where they stand now."""
        distance = self._fixed.copy()
        for car in cars:
            distance.ring(car.ring)
        return Raster(self.geometry, distance.metres >= self.clearance_m, distance.metres < self.comfort_m)


class _Distance:
    """Metres from the centre of each cell to the nearest obstacle; exact up to `reach_m`, beyond it at least that."""

    def __init__(self, geometry: Geometry, reach_m: float) -> None:
        self._geometry, self._reach_m = geometry, reach_m
        self._x, self._y = geometry.axes()
        self.metres: Array = np.full((geometry.rows, geometry.columns), np.inf)

    def copy(self) -> "_Distance":
        """Another that goes on from here."""
        found = _Distance(self._geometry, self._reach_m)
        found.metres = self.metres.copy()
        return found

    def ring(self, ring: Ring) -> None:
        """Adds a filled polygon."""
        for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
            self.segment((a, b))
        rows, columns = self._window(ring, 0.0)
        x, y = np.meshgrid(self._x[columns], self._y[rows])
        part = self.metres[rows, columns]
        part[inside(ring, x, y)] = 0.0

    def segment(self, segment: Segment) -> None:
        """Adds a line without width."""
        rows, columns = self._window(segment, self._reach_m)
        part = self.metres[rows, columns]
        if not part.size:
            return
        (ax, ay), (bx, by) = segment
        x, y = self._x[columns][None, :] - ax, self._y[rows][:, None] - ay
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy
        along = np.clip((x * dx + y * dy) / square, 0.0, 1.0) if square > 0 else np.zeros_like(x * y)
        np.minimum(part, np.hypot(x - along * dx, y - along * dy), out=part)

    def _window(self, points: Iterable[tuple[float, float]], reach_m: float) -> tuple[slice, slice]:
        xs, ys = zip(*points, strict=True)
        geometry = self._geometry
        return (
            _span(min(ys) - reach_m - geometry.bottom_m, max(ys) + reach_m - geometry.bottom_m, geometry),
            _span(min(xs) - reach_m - geometry.left_m, max(xs) + reach_m - geometry.left_m, geometry),
        )


def _span(low_m: float, high_m: float, geometry: Geometry) -> slice:
    return slice(max(0, int(low_m // geometry.cell_m)), max(0, int(high_m // geometry.cell_m) + 1))


def components(free: Mask) -> npt.NDArray[np.int32]:
    """The number of the connected area of each free cell, from 1; blocked cells have 0.

    Cells are connected through their sides, which is how a path may go: it never squeezes between two corners. Runs of
    a row are joined with those of the row before (union-find: Hoshen and Kopelman, Phys. Rev. B 14, 1976).
    """
    rows, columns = free.shape
    edges = np.zeros((rows, columns + 2), np.int8)
    edges[:, 1:-1] = free
    change = np.diff(edges, axis=1)
    begin_row, begins = np.nonzero(change == 1)
    ends = np.nonzero(change == -1)[1]
    parent = list(range(len(begins)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    first = np.searchsorted(begin_row, np.arange(rows + 1)).tolist()
    starts, stops = begins.tolist(), ends.tolist()
    for row in range(1, rows):
        above, here = first[row - 1], first[row]
        while above < first[row] and here < first[row + 1]:
            if starts[here] < stops[above] and starts[above] < stops[here]:
                parent[root(here)] = root(above)
            if stops[above] < stops[here]:
                above += 1
            else:
                here += 1
    number: dict[int, int] = {}
    labels = np.array([number.setdefault(root(run), len(number) + 1) for run in range(len(parent))], np.int32)
    found = np.zeros(rows * columns, np.int32)
    flat = free.ravel()
    found[flat] = np.repeat(labels, ends - begins)
    return found.reshape(rows, columns)
