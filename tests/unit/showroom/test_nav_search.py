"""The search over cells: what holds on ten thousand random plans, and how long the worst ones take."""

import heapq
import math
import random
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from showroom_agent.nav.raster import NEAR_COST, Geometry, Raster, RasterMaker, components
from showroom_agent.nav.search import ACROSS, STRAIGHT, Cell, Cells
from showroom_agent.plan import Site, read_site
from showroom_agent.plan.geometry import Mask
from tests.kit.floors import document, feature, polygon

PLANS = 10_000
Places = npt.NDArray[np.int_]


def raster(free: Mask, near: Mask | None = None) -> Raster:
    """Cells of a metre."""
    return Raster(
        Geometry(0, 0, 1.0, free.shape[1], free.shape[0]), free, np.zeros_like(free) if near is None else near
    )


def reached(free: Mask, start: Cell) -> set[Cell]:
    """Cells that a flood through the sides of cells reaches: slow and plain, to judge by."""
    found, waiting = {start}, [start]
    while waiting:
        x, y = waiting.pop()
        for there in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            inside = 0 <= there[0] < free.shape[1] and 0 <= there[1] < free.shape[0]
            if inside and there not in found and free[there[1], there[0]]:
                found.add(there)
                waiting.append(there)
    return found


def crossed(a: Cell, b: Cell) -> tuple[Places, Places]:
    """Rows and columns of the cells under a line between two centres, a hundred samples for each cell."""
    share = np.linspace(0, 1, max(2, math.ceil(math.dist(a, b) * 100)))
    return (a[1] + 0.5 + share * (b[1] - a[1])).astype(int), (a[0] + 0.5 + share * (b[0] - a[0])).astype(int)


def cheapest(free: Mask, near: Mask, start: Cell, goals: set[Cell]) -> int | None:
    """What the cheapest way costs, by Dijkstra without anything clever."""
    queue, done = [(0, start)], set[Cell]()
    while queue:
        cost, (x, y) = heapq.heappop(queue)
        if (x, y) in goals:
            return cost
        if (x, y) in done:
            continue
        done.add((x, y))
        price = NEAR_COST if near[y, x] else 1
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            needed = ((x + dx, y + dy), (x + dx, y), (x, y + dy))
            if all(0 <= i < free.shape[1] and 0 <= j < free.shape[0] and free[j, i] for i, j in needed):
                step = ACROSS if dx and dy else STRAIGHT
                heapq.heappush(queue, (cost + step * price, (x + dx, y + dy)))
    return None


def cost_of(path: list[Cell], near: Mask) -> int:
    """What a path costs."""
    total = 0
    for (ax, ay), (bx, by) in pairwise(path):
        total += (ACROSS if ax != bx and ay != by else STRAIGHT) * (NEAR_COST if near[ay, ax] else 1)
    return total


def plans(count: int, seed: int) -> Iterator[tuple[Mask, Cell, Cell]]:
    """Random plans of 4 x 4 to 20 x 20 cells, sparse to labyrinthine, with two free cells."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        free = rng.random(rng.integers(4, 21, 2)) > rng.uniform(0.05, 0.5)
        rows, columns = np.nonzero(free)
        if len(rows) < 2:
            continue
        a, b = rng.choice(len(rows), 2, replace=False)
        yield free, (int(columns[a]), int(rows[a])), (int(columns[b]), int(rows[b]))


@pytest.mark.timeout(60)
def test_no_path_touches_a_blocked_cell_on_ten_thousand_plans() -> None:
    """Neither the cells nor the straightened line, judged by sampling; and there is a path wherever a flood gets."""
    found = 0
    for free, start, goal in plans(PLANS, seed=5):
        cells = Cells(raster(free))
        path = cells.find(start, [goal])
        if not path:
            assert goal not in reached(free, start)
            continue
        found += 1
        assert path[0] == start
        assert path[-1] == goal
        assert all(max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1 for a, b in pairwise(path))
        corners = cells.smooth(path)
        assert corners[0] == start
        assert corners[-1] == goal
        for a, b in pairwise(corners):
            assert free[crossed(a, b)].all()
    assert found > PLANS / 2


def test_paths_are_the_cheapest() -> None:
    """Against plain Dijkstra, also with cells near obstacles and with several goals."""
    rng = np.random.default_rng(7)
    for free, start, goal in plans(300, seed=8):
        near = rng.random(free.shape) < 0.4
        rows, columns = np.nonzero(free)
        other = int(rng.integers(len(rows)))
        goals = {goal, (int(columns[other]), int(rows[other]))}
        path = Cells(raster(free, near)).find(start, goals)
        best = cheapest(free, near, start, goals)
        assert (cost_of(path, near) if path else None) == best


def test_areas_are_those_of_a_flood() -> None:
    """Cells have the same number exactly when a flood from one reaches the other."""
    for free, start, _ in plans(300, seed=9):
        areas = components(free)
        same = {(int(x), int(y)) for y, x in np.argwhere(areas == areas[start[1], start[0]])}
        assert same == reached(free, start)
        assert not areas[~free].any()


def test_a_line_through_a_corner_needs_all_four_cells() -> None:
    """A gap between two corners lets nobody through."""
    free = np.array([[True, False], [True, True]])
    cells = Cells(raster(free))
    assert cells.strain((0, 0), (1, 1)) is None
    assert cells.find((0, 0), [(1, 1)]) == [(0, 0), (0, 1), (1, 1)]


@pytest.mark.timed
def test_a_route_on_200_by_200_cells_takes_50_ms() -> None:
    """The worst plans we could think of: a trap that floods the plan, a serpentine of 10,000 cells, random clutter."""
    trap = np.ones((200, 200), bool)
    trap[20:180, 180] = trap[20, 20:181] = trap[179, 20:181] = False
    serpentine = np.ones((200, 200), bool)
    for index, column in enumerate(range(4, 200, 4)):
        serpentine[:, column] = False
        serpentine[0 if index % 2 else 199, column] = True
    clutter = np.random.default_rng(1).random((200, 200)) > 0.1
    clutter[0, 0] = clutter[199, 199] = clutter[100, 30] = clutter[100, 199] = True
    for free in (trap, serpentine, clutter):
        for near in (np.zeros_like(free), np.ones_like(free)):
            cells = Cells(raster(free, near))
            for start, goal in (((0, 0), (199, 199)), ((30, 100), (199, 100))):
                if not free[start[1], start[0]]:
                    continue
                spent = []
                for _ in range(3):
                    began = time.thread_time()
                    path = cells.find(start, [goal])
                    assert len(cells.smooth(path)) >= 2
                    spent.append(time.thread_time() - began)
                assert min(spent) <= 0.050


def _random_site(rng: random.Random) -> Site:
    """Walls and blocked triangles anywhere."""

    def point() -> tuple[float, float]:
        return rng.uniform(0, 10), rng.uniform(0, 8)

    features = [
        feature("wall", f"w{i}", {"type": "LineString", "coordinates": [point(), point()]})
        for i in range(rng.randint(0, 4))
    ]
    features += [polygon("blocked", f"b{i}", [point(), point(), point()]) for i in range(rng.randint(0, 4))]
    return read_site(document(*features))


def test_free_cells_keep_the_clearance_and_no_wall_is_crossed() -> None:
    """On plans of polygons and walls: the line of a route stays away from each, by geometry instead of cells."""
    rng = random.Random(3)
    routes = 0
    for _ in range(150):
        site = _random_site(rng)
        maker = RasterMaker(site, cell_m=0.25, clearance_m=0.3)
        made = maker.make(())
        rows, columns = np.nonzero(made.free)
        if len(rows) < 2:
            continue
        cells = Cells(made)
        a, b = rng.sample(range(len(rows)), 2)
        path = cells.find((int(columns[a]), int(rows[a])), [(int(columns[b]), int(rows[b]))])
        lines = list(site.walls) + [
            edge for ring in site.blocked for edge in zip(ring, (*ring[1:], ring[0]), strict=True)
        ]
        for one, other in pairwise(made.geometry.centre(*cell) for cell in cells.smooth(path)):
            routes += 1
            for line in lines:
                assert not _cross(one, other, *line)
        for x, y in (made.geometry.centre(int(columns[i]), int(rows[i])) for i in rng.sample(range(len(rows)), 5)):
            assert all(_away(x, y, *line) >= maker.clearance_m - 1e-9 for line in lines)
    assert routes > 100


def _cross(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    def side(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def _away(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    share = np.linspace(0, 1, 2_001)
    return float(np.hypot(x - a[0] - share * (b[0] - a[0]), y - a[1] - share * (b[1] - a[1])).min())
