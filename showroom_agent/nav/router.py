"""Routes over a floor whose cars move; must never use a raster that is older than a car's last move."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from showroom_agent.nav.raster import CELL_M, CLEARANCE_M, RasterMaker
from showroom_agent.nav.route import NoRoute, Route, Target, Why
from showroom_agent.nav.search import Cell, Cells, length_m
from showroom_agent.plan import Car, Floor, Names
from showroom_agent.plan.geometry import Array, Mask, Ring, Segment, inside

SNAP_M: Final = 2.5
"""So far a start may lie from a free cell: a position is a belief, and beliefs reach into cars and walls."""
STAND_M: Final = 0.6
"""One stands before a car within so far beyond the clearance."""
EXIT: Final = "exit"
Distance = Callable[[Array, Array], Array]


class Router:
    """One floor. Not thread-safe; no call waits. `version` grows with each change of the plan."""

    def __init__(self, floor: Floor, cell_m: float = CELL_M, clearance_m: float = CLEARANCE_M) -> None:
        """With the cars where the plan has them."""
        self.floor = floor
        self.version = 1
        self.cars: dict[str, Car] = {car.id: car for car in floor.cars}
        self._maker = RasterMaker(floor.site, cell_m, clearance_m)
        self.geometry, self.clearance_m = self._maker.geometry, self._maker.clearance_m
        self._cells: Cells | None = None
        self._x, self._y = np.meshgrid(*self.geometry.axes())

    @property
    def cells(self) -> Cells:
        """The cells as the cars stand now; made when first asked for after a change."""
        if self._cells is None:
            self._cells = Cells(self._maker.make(self.cars.values()))
        return self._cells

    def place(self, car: Car) -> None:
        """A car stands here from now on, new or moved."""
        if self.cars.get(car.id) != car:
            self.cars[car.id] = car
            self._changed()

    def remove(self, car_id: str) -> None:
        """A car has left the floor; nothing happens where it was not on it."""
        if self.cars.pop(car_id, None) is not None:
            self._changed()

    def _changed(self) -> None:
        self.version += 1
        self._cells = None

    def target(self, name: str) -> Target | NoRoute:
        """A car, zone, exit or landmark by its id, or the nearest `exit`."""
        if name in self.cars:
            car = self.cars[name]
            return self._outline(name, car.names, (car.ring,), (car.x_m, car.y_m), self.clearance_m + STAND_M)
        for zone in self.floor.site.zones:
            if zone.id == name and zone.rings:
                xs, ys = zip(*(corner for ring in zone.rings for corner in ring), strict=True)
                middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
                names = (self.floor.zone_names or {}).get(name, Names(zone.name, zone.name))
                return self._outline(name, names, zone.rings, middle, 0.0)
        if name == EXIT and not self.floor.exits:
            return NoRoute(Why.NO_EXIT, name)
        marks = [mark for mark in (*self.floor.exits, *self.floor.landmarks) if mark.id == name]
        marks = marks or (list(self.floor.exits) if name == EXIT else [])
        if not marks:
            return NoRoute(Why.UNKNOWN_TARGET, name)
        points = [(mark.x_m, mark.y_m) for mark in marks]
        return self._points(name, marks[0].names, points, self.clearance_m + STAND_M)

    def at(self, x_m: float, y_m: float) -> Target | NoRoute:
        """A point of the plan as a target."""
        name = f"{x_m:g},{y_m:g}"
        return self._points(name, Names(name, name), [(x_m, y_m)], self.geometry.cell_m)

    def _points(self, name: str, names: Names, points: list[tuple[float, float]], reach_m: float) -> Target | NoRoute:
        rings = tuple(((x, y),) for x, y in points)
        return self._outline(name, names, rings, points[0], reach_m)

    def _outline(
        self, name: str, names: Names, rings: tuple[Ring, ...], middle: tuple[float, float], reach_m: float
    ) -> Target | NoRoute:
        def distance(x: Array, y: Array) -> Array:
            return outline_distance(rings, x, y)

        free = self.cells.raster.free
        chosen = free & (distance(self._x, self._y) <= reach_m)
        if not chosen.any():
            chosen = self._nearest_free(distance)
        if not chosen.any():
            return NoRoute(Why.TARGET_SHUT_IN, name)
        rows, columns = np.nonzero(chosen)
        cells = tuple(zip(columns.tolist(), rows.tolist(), strict=True))
        return Target(name, names, cells, middle[0], middle[1], distance)

    def _nearest_free(self, distance: Distance) -> Mask:
        """A target that stands too narrow to stand close: the free cells that come nearest, up to SNAP_M."""
        away = np.where(self.cells.raster.free, distance(self._x, self._y), np.inf)
        least = float(away.min())
        return away <= min(least + self.geometry.cell_m, SNAP_M)

    def route(self, x_m: float, y_m: float, target: Target | NoRoute) -> Route | NoRoute:
        """The cheapest way from a point to the target, with long straight stretches."""
        if isinstance(target, NoRoute):
            return target
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            return NoRoute(Why.OFF_PLAN, target.id)
        start = self._start(x_m, y_m, target)
        if isinstance(start, NoRoute):
            return start
        cells = self.cells
        path = cells.find(start, target.cells)
        if not path:
            return NoRoute(Why.NO_WAY, target.id)
        corners = cells.smooth(path)
        points = tuple(self.geometry.centre(*cell) for cell in corners)
        snapped_m = math.dist((x_m, y_m), points[0])
        return Route(target, points, tuple(corners), length_m(points), snapped_m, self.version)

    def passable(self, route: Route) -> bool:
        """Whether the route is still free as the cars stand now."""
        if route.version == self.version:
            return True
        cells = self.cells
        pairs = zip(route.corners, route.corners[1:], strict=False)
        return all(cells.strain(a, b) is not None for a, b in pairs)

    def _start(self, x_m: float, y_m: float, target: Target) -> Cell | NoRoute:
        """The free cell nearest to the point; if there are any, of those from which the target can be reached."""
        cells = self.cells
        away = np.hypot(self._x - x_m, self._y - y_m)
        if float(away.min()) > SNAP_M:
            return NoRoute(Why.OFF_PLAN, target.id)
        areas = {int(cells.areas[row, column]) for column, row in target.cells} - {0}
        for allowed in (np.isin(cells.areas, list(areas)), cells.raster.free):
            place = int(np.argmin(np.where(allowed, away, np.inf)))
            row, column = divmod(place, self.geometry.columns)
            if allowed[row, column] and away[row, column] <= SNAP_M:
                return column, row
        return NoRoute(Why.SHUT_IN, target.id)

    def problems(self) -> list[NoRoute]:
        """What guests would meet: no exit, and each car and entrance that no exit leads to."""
        out = self.target(EXIT)
        if isinstance(out, NoRoute):
            return [out]
        areas = {int(self.cells.areas[row, column]) for column, row in out.cells}
        names = [*self.cars, *(zone.id for zone in self.floor.site.zones if zone.rings)]
        found = []
        for name in names:
            one = self.target(name)
            if isinstance(one, NoRoute):
                found.append(one)
            elif not any(int(self.cells.areas[row, column]) in areas for column, row in one.cells):
                found.append(NoRoute(Why.NO_WAY, name))
        return found

    def names(self) -> Mapping[str, Names]:
        """What the targets of the floor are called."""
        zones = {zone.id: Names(zone.name, zone.name) for zone in self.floor.site.zones if zone.rings}
        zones.update({key: names for key, names in (self.floor.zone_names or {}).items() if key in zones})
        marks = {mark.id: mark.names for mark in (*self.floor.exits, *self.floor.landmarks)}
        return {**marks, **zones, **{car.id: car.names for car in self.cars.values()}}


def outline_distance(rings: tuple[Ring, ...], x: Array, y: Array) -> Array:
    """Metres from each point to the nearest of the polygons, 0 inside; a ring of one corner is a point."""
    found = np.full(np.shape(x), np.inf)
    for ring in rings:
        if len(ring) > 2:
            found[inside(ring, x, y)] = 0.0
        for segment in zip(ring, (*ring[1:], ring[0]), strict=True):
            np.minimum(found, _segment_distance(segment, x, y), out=found)
    return found


def _segment_distance(segment: Segment, x: Array, y: Array) -> Array:
    (ax, ay), (bx, by) = segment
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / square, 0.0, 1.0) if square > 0 else 0.0
    found: Array = np.hypot(x - ax - along * dx, y - ay - along * dy)
    return found
