"""The cheapest way over cells, and straight lines between them; must never step on a blocked cell or cut a corner.

A* (Hart, Nilsson and Raphael, IEEE Trans. SSC 4, 1968) with integer costs, so that the open list is an array of buckets
(Dial, Comm. ACM 12, 1969): 10 for a step along a side and 14 for one across a corner, dearer near obstacles. A step
across a corner needs both cells beside it to be free. The estimate is the octile distance to the box around the goals,
which never exceeds the true cost and drops by no more than a step costs: each cell is final when it is taken.
"""

import functools
import itertools
import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from showroom_agent.nav.raster import NEAR_COST, Raster, components

Cell = tuple[int, int]
"""Column and row."""
STRAIGHT = 10
ACROSS = 14
_FAR = 1 << 60
_RING = 64
assert (NEAR_COST + 1) * ACROSS < _RING
_BITS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


class Cells:
    """A raster made ready for many searches. The search works on a frame of blocked cells around the plan."""

    def __init__(self, raster: Raster) -> None:
        """Some milliseconds for 200 x 200 cells."""
        self.raster = raster
        self.areas = components(raster.free)
        geometry = raster.geometry
        self._width = geometry.columns + 2
        framed = np.zeros((geometry.rows + 2, self._width), bool)
        framed[1:-1, 1:-1] = raster.free
        near = np.zeros_like(framed)
        near[1:-1, 1:-1] = raster.near
        self._moves = _moves(framed, near, self._width)
        self.free: list[bool] = framed.ravel().tolist()
        self._near: list[bool] = near.ravel().tolist()
        self.expanded = 0
        """Cells that the last search took from the open list."""

    def place(self, cell: Cell) -> int:
        """The place of a cell in the flat lists."""
        return (cell[1] + 1) * self._width + cell[0] + 1

    def find(self, start: Cell, goals: Collection[Cell]) -> list[Cell]:
        """Cells from the start to the cheapest of the goals, both included; empty where none can be reached."""
        area = int(self.areas[start[1], start[0]])
        reachable = [goal for goal in goals if area and self.areas[goal[1], goal[0]] == area]
        self.expanded = 0
        if not reachable:
            return []
        came = self._search(self.place(start), reachable)
        return self._back(came, self.place(start))

    def _search(self, start: int, goals: Sequence[Cell]) -> tuple[list[int], int]:
        """From where each cell was entered, and the goal that was taken first."""
        ends = {self.place(goal) for goal in goals}
        remaining, moves = self._remaining(goals), self._moves
        came = [start] * len(moves)
        cost = [_FAR] * len(moves)
        done = bytearray(len(moves))
        cost[start] = 0
        # A step raises the rank by at most 2 * 14 and what the estimate grows by, 14: a ring of buckets is enough.
        buckets: list[list[int]] = [[] for _ in range(_RING)]
        buckets[remaining[start] % _RING].append(start)
        for level in itertools.count(remaining[start]):
            bucket = buckets[level % _RING]
            while bucket:
                here = bucket.pop()
                if done[here]:
                    continue
                done[here] = 1
                if here in ends:
                    self.expanded = done.count(1)
                    return came, here
                so_far = cost[here]
                for step, price in moves[here]:
                    there = here + step
                    total = so_far + price
                    if total < cost[there]:
                        cost[there] = total
                        came[there] = here
                        buckets[(total + remaining[there]) % _RING].append(there)
        raise AssertionError("goals in the area of the start are found before the buckets end")

    def _remaining(self, goals: Sequence[Cell]) -> list[int]:
        """What each cell has still to go at least: the octile distance to the box around the goals."""
        columns, rows = zip(*goals, strict=True)
        geometry = self.raster.geometry
        x = np.arange(-1, geometry.columns + 1)
        y = np.arange(-1, geometry.rows + 1)
        dx = np.maximum(np.maximum(min(columns) - x, x - max(columns)), 0)
        dy = np.maximum(np.maximum(min(rows) - y, y - max(rows)), 0)
        less, more = np.minimum(dx[None, :], dy[:, None]), np.maximum(dx[None, :], dy[:, None])
        found: list[int] = (STRAIGHT * more + (ACROSS - STRAIGHT) * less).ravel().tolist()
        return found

    def _back(self, came: tuple[list[int], int], start: int) -> list[Cell]:
        before, here = came
        found = [here]
        while here != start:
            here = before[here]
            found.append(here)
        return [(place % self._width - 1, place // self._width - 1) for place in reversed(found)]

    def smooth(self, path: Sequence[Cell]) -> list[Cell]:
        """The corners of the path when each stretch is as straight as free cells allow and no dearer than it was."""
        corners = turning_points(path)
        if len(corners) < 3:
            return corners
        found = [corners[0]]
        anchor, behind = 0, 1
        for ahead in range(2, len(corners)):
            if not self._as_good(corners[anchor : ahead + 1]):
                found.append(corners[behind])
                anchor = behind
            behind = ahead
        return [*found, corners[-1]]

    def _as_good(self, corners: Sequence[Cell]) -> bool:
        """Whether the line from the first to the last is free and leads no farther along obstacles than the corners."""
        straight = self.strain(corners[0], corners[-1])
        if straight is None:
            return False
        if straight == 0:
            return True
        bent = sum(self.strain(a, b) or 0 for a, b in itertools.pairwise(corners))
        return straight <= bent + 2

    def strain(self, a: Cell, b: Cell) -> int | None:
        """How many of the cells that the line touches are near obstacles; None if any is blocked."""
        total = 0
        for place in self._touched(a, b):
            if not self.free[place]:
                return None
            total += self._near[place]
        return total

    def _touched(self, a: Cell, b: Cell) -> list[int]:
        """Every cell that the line touches, through a corner all four: exact, in integers."""
        dx, dy = abs(b[0] - a[0]), abs(b[1] - a[1])
        step_x = 1 if b[0] > a[0] else -1
        step_y = self._width if b[1] > a[1] else -self._width
        here = self.place(a)
        found = [here]
        ahead_x, ahead_y = dy, dx
        left_x, left_y = dx, dy
        while left_x or left_y:
            # Compare where the line meets the next side of each kind: (2 i + 1) / (2 dx) with (2 j + 1) / (2 dy).
            if not left_y or (left_x and ahead_x < ahead_y):
                here += step_x
                ahead_x += 2 * dy
                left_x -= 1
            elif not left_x or ahead_y < ahead_x:
                here += step_y
                ahead_y += 2 * dx
                left_y -= 1
            else:
                found += (here + step_x, here + step_y)
                here += step_x + step_y
                ahead_x += 2 * dy
                ahead_y += 2 * dx
                left_x -= 1
                left_y -= 1
            found.append(here)
        return found


def turning_points(path: Sequence[Cell]) -> list[Cell]:
    """The cells of a path at which its direction changes, with its ends."""
    if len(path) < 3:
        return list(path)
    found = [path[0]]
    for before, here, after in zip(path, path[1:], path[2:], strict=False):
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1]):
            found.append(here)
    return [*found, path[-1]]


def length_m(points: Sequence[tuple[float, float]]) -> float:
    """Metres along the points."""
    return sum(math.dist(a, b) for a, b in itertools.pairwise(points))


def _moves(free: npt.NDArray[np.bool_], near: npt.NDArray[np.bool_], width: int) -> list[tuple[tuple[int, int], ...]]:
    """The steps and their costs from each cell, shared between cells of the same surroundings."""
    mask = np.zeros(free.shape, np.int32)
    inner = free[1:-1, 1:-1]
    for bit, (x, y) in enumerate(_BITS):
        beside = free[1 + y : free.shape[0] - 1 + y, 1 + x : free.shape[1] - 1 + x]
        if x and y:
            beside = beside & free[1 + y : free.shape[0] - 1 + y, 1:-1] & free[1:-1, 1 + x : free.shape[1] - 1 + x]
        mask[1:-1, 1:-1] |= (inner & beside).astype(np.int32) << bit
    table = _table(width)
    places: list[int] = (mask + 256 * near).ravel().tolist()
    return [table[place] for place in places]


@functools.lru_cache(maxsize=64)
def _table(width: int) -> Sequence[tuple[tuple[int, int], ...]]:
    """Steps and costs by the free neighbours, a bit for each, and then again for cells near obstacles."""
    return [
        tuple(
            (x + y * width, dear * (ACROSS if x and y else STRAIGHT))
            for bit, (x, y) in enumerate(_BITS)
            if bits >> bit & 1
        )
        for dear in (1, NEAR_COST)
        for bits in range(256)
    ]
