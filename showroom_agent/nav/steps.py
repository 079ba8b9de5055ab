"""A route as steps that a person can follow; must never name a turn that is not one.

Bends that follow close upon each other are one turn, and what is left of a jog is none. A turn is named after the
landmark, car or zone that stands there, which people follow better than distances.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Final

import numpy as np

from showroom_agent.nav.route import Route
from showroom_agent.nav.router import Router, outline_distance
from showroom_agent.plan import Names

JOG_M: Final = 1.2
"""Bends that are nearer together than this are one."""
STRAIGHT_DEG: Final = 25.0
TURN_DEG: Final = 60.0
SHARP_DEG: Final = 125.0
MARK_M: Final = 3.5
"""So far from a turn a landmark may stand that names it."""
_AHEAD_DEG = 30.0
_LANDMARK_BONUS_M = 1.0
_SIDE_DEG = 35.0


class Turn(Enum):
    """What to do at a step."""

    START = "start"
    SLIGHT_LEFT = "slight_left"
    LEFT = "left"
    SHARP_LEFT = "sharp_left"
    SLIGHT_RIGHT = "slight_right"
    RIGHT = "right"
    SHARP_RIGHT = "sharp_right"
    THROUGH = "through"
    ARRIVE = "arrive"


class Side(Enum):
    """Where the target lies at the end."""

    LEFT = "left"
    RIGHT = "right"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Step:
    """`at_m`: metres of the route before it; `then_m`: to the next step; `mark`: what stands there."""

    turn: Turn
    at_m: float
    then_m: float
    x_m: float
    y_m: float
    mark: Names | None = None
    side: Side | None = None


def steps_of(route: Route, router: Router) -> list[Step]:
    """The steps of a route, at least a start and an arrival."""
    points = route.points
    found = [_start(points, route, router)]
    found += [_turn(*one, route, router) for one in _bends(points)]
    found += _through(points, router)
    found.sort(key=lambda step: step.at_m)
    found.append(Step(Turn.ARRIVE, route.length_m, 0.0, *points[-1], route.target.names, _side(points, route)))
    ahead = [step.at_m for step in found[1:]] + [route.length_m]
    return [replace(step, then_m=after - step.at_m) for step, after in zip(found, ahead, strict=True)]


def _start(points: Sequence[tuple[float, float]], route: Route, router: Router) -> Step:
    begin, after = points[0], points[1] if len(points) > 1 else points[0]
    leg_m = math.dist(begin, after)
    heading = _bearing(begin, after)
    best: tuple[float, Names] | None = None
    for _, names, x, y in _marks(route, router):
        away = math.dist(begin, (x, y))
        if not 1.0 < away < leg_m + MARK_M:
            continue
        off = abs(_turn_deg(heading, _bearing(begin, (x, y))))
        if off <= _AHEAD_DEG and (best is None or off < best[0]):
            best = off, names
    return Step(Turn.START, 0.0, 0.0, *begin, best[1] if best else None)


def _bends(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, tuple[float, float], float]]:
    """Metres before it, place and degrees (to the left positive) of each turn that is worth a word."""
    done, group = 0.0, None
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        done += math.dist(before, here)
        bend = _turn_deg(_bearing(before, here), _bearing(here, after))
        if group is not None and done - group[3] < JOG_M:
            group = (group[0], group[1], group[2] + bend, done)
            continue
        if group is not None and abs(group[2]) >= STRAIGHT_DEG:
            yield group[:3]
        group = (done, here, bend, done)
    if group is not None and abs(group[2]) >= STRAIGHT_DEG:
        yield group[:3]


def _turn(at_m: float, here: tuple[float, float], degrees: float, route: Route, router: Router) -> Step:
    sharp = abs(degrees)
    left = degrees > 0
    if sharp < TURN_DEG:
        turn = Turn.SLIGHT_LEFT if left else Turn.SLIGHT_RIGHT
    elif sharp < SHARP_DEG:
        turn = Turn.LEFT if left else Turn.RIGHT
    else:
        turn = Turn.SHARP_LEFT if left else Turn.SHARP_RIGHT
    near = [
        (math.dist(here, (x, y)) - (_LANDMARK_BONUS_M if kind == "landmark" else 0.0), names)
        for kind, names, x, y in _marks(route, router, here)
    ]
    within = [one for one in near if one[0] <= MARK_M]
    mark = min(within, key=lambda one: one[0])[1] if within else None
    return Step(turn, at_m, 0.0, *here, mark)


def _through(points: Sequence[tuple[float, float]], router: Router) -> Iterator[Step]:
    """Where the route enters a zone that the plan calls an entrance."""
    entrances = [zone for zone in router.floor.site.zones if zone.kind == "entrance" and zone.rings]
    names = router.names()
    for zone in entrances:
        done, was = 0.0, True
        for a, b in pairwise(points):
            leg_m = math.dist(a, b)
            share = np.linspace(0.0, 1.0, max(2, math.ceil(leg_m / 0.25)))
            x, y = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
            within = outline_distance(zone.rings, x, y) == 0.0
            fresh = within & ~np.concatenate(([was], within[:-1]))
            if fresh.any():
                at = int(np.argmax(fresh))
                yield Step(
                    Turn.THROUGH, done + float(share[at]) * leg_m, 0.0, float(x[at]), float(y[at]), names[zone.id]
                )
                break
            was = bool(within[-1])
            done += leg_m
    return


def _marks(
    route: Route, router: Router, near: tuple[float, float] | None = None
) -> Iterator[tuple[str, Names, float, float]]:
    """What a step may be named after; of a car the point of its outline that is nearest to `near`."""
    for mark in router.floor.landmarks:
        if mark.id != route.target.id:
            yield "landmark", mark.names, mark.x_m, mark.y_m
    for car in router.cars.values():
        if car.id == route.target.id:
            continue
        x, y = car.x_m, car.y_m
        if near is not None:
            x, y = min(car.ring, key=lambda corner: math.dist(corner, near))
        yield "car", car.names, x, y


def _side(points: Sequence[tuple[float, float]], route: Route) -> Side:
    end = np.array([points[-1][0]]), np.array([points[-1][1]])
    if len(points) < 2 or float(route.target.distance(*end)[0]) == 0.0:
        return Side.AHEAD
    target = route.target.x_m, route.target.y_m
    degrees = _turn_deg(_bearing(points[-2], points[-1]), _bearing(points[-1], target))
    if abs(degrees) <= _SIDE_DEG:
        return Side.AHEAD
    return Side.LEFT if degrees > 0 else Side.RIGHT


def _bearing(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))


def _turn_deg(before: float, after: float) -> float:
    """Degrees from one direction to another, to the left positive, -180 to 180."""
    return (after - before + 180.0) % 360.0 - 180.0
