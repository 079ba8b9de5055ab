"""Leads one person along a route as he walks; must never say arrived on one reading.

Off the path is who is more than OFF_PATH_M from it for OFF_PATH_S, so that a jump of the position alone changes
nothing; there is a new route within three seconds of having left. Arrived is who is, with most of the belief and for a
while, within reach of the target. When a car moves onto the route it is replaced at once.
"""

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final

from showroom_agent.nav.position import Position, share_within
from showroom_agent.nav.route import WALK_M_S, NoRoute, Route
from showroom_agent.nav.router import Router
from showroom_agent.nav.steps import Step, Turn, steps_of
from showroom_agent.nav.words import ahead

OFF_PATH_M: Final = 3.0
OFF_PATH_S: Final = 1.5
ARRIVAL_M: Final = 1.5
"""Within so much of the outline of a car one stands before it."""
ARRIVED: Final = 0.7
ARRIVED_S: Final = 1.0
GONE: Final = 0.3
GONE_S: Final = 3.0
TRY_AGAIN_S: Final = 2.0
_PACE_TAU_S = 20.0
_PACE_M_S = (0.5, 1.8)
_BACKWARDS = 0.1


class Walk(Enum):
    """How the guest fares."""

    ON_THE_WAY = "on_the_way"
    OFF_PATH = "off_path"
    ARRIVED = "arrived"
    NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True)
class Guidance:
    """What to show now. `step` is the next one; `new_route` says why this route is new, empty where it is not."""

    state: Walk
    step: Step | None
    to_step_m: float
    remaining_m: float
    eta_s: float
    off_path_m: float
    near: float
    """How likely he stands before the target, 0 to 1."""
    new_route: str = ""
    no_route: NoRoute | None = None

    def text(self, language: str) -> str:
        """One sentence, German for `de` and English else."""
        if self.no_route is not None:
            return self.no_route.text(language)
        if self.step is None:
            return ""
        return ahead(self.step, 0.0 if self.state is Walk.ARRIVED else self.to_step_m, language)


class Guide:
    """One person and one target at a time. Times are seconds on one clock; no call waits."""

    def __init__(self, router: Router, target: str) -> None:
        """Towards a target by its id; the route is made when the first position comes."""
        self._router = router
        self.target = target
        self.route: Route | NoRoute | None = None
        self.steps: list[Step] = []
        self._along_m = 0.0
        self._pace_m_s = WALK_M_S
        self._last: Position | None = None
        self._off_s = math.inf
        self._in_s = math.inf
        self._out_s = math.inf
        self._tried_s = -math.inf
        self._arrived = False

    def redirect(self, target: str) -> None:
        """Another target from now on."""
        self.target = target
        self.route, self._arrived = None, False
        self._in_s = self._out_s = math.inf
        self._tried_s = -math.inf

    def update(self, position: Position, near: float | None = None) -> Guidance:
        """What to show at this position.

        `near`: how likely he is within ARRIVAL_M of the target, where that is known better than from the position's
        radius: the belief of the locator in those places.
        """
        why = self._renew(position)
        if not why and isinstance(self.route, Route):
            _, off_m = project(self.route, position, self._along_m)
            if self._strayed(position, off_m):
                why = self._make(position, "off_path")
        return self._follow(self.route, position, near, why)

    def _follow(self, route: Route | NoRoute | None, position: Position, near: float | None, why: str) -> Guidance:
        if not isinstance(route, Route):
            return Guidance(Walk.NO_ROUTE, None, 0.0, 0.0, 0.0, 0.0, 0.0, why, route)
        along_m, off_m = project(route, position, self._along_m)
        self._keep_pace(position, along_m, fresh=bool(why))
        self._along_m = along_m
        near = share_within(position, route.target.distance, ARRIVAL_M) if near is None else near
        self._arrive(position.at_s, near)
        return self._guidance(route, off_m, near, why)

    def _guidance(self, route: Route, off_m: float, near: float, why: str) -> Guidance:
        remaining_m = max(0.0, route.length_m - self._along_m)
        if self._arrived:
            return Guidance(Walk.ARRIVED, self.steps[-1], 0.0, 0.0, 0.0, off_m, near, why)
        step = next((one for one in self.steps if one.at_m > self._along_m + 0.5), self.steps[-1])
        if self._along_m < 0.5 and self.steps[0].turn is Turn.START:
            step = self.steps[0]
        state = Walk.ON_THE_WAY if off_m <= OFF_PATH_M else Walk.OFF_PATH
        to_step_m = max(0.0, step.at_m - self._along_m)
        return Guidance(state, step, to_step_m, remaining_m, remaining_m / self._pace_m_s, off_m, near, why)

    def _renew(self, position: Position) -> str:
        """A first route, one again where there was none, and another where a car stands on it now."""
        if self.route is None:
            return self._make(position, "start")
        if isinstance(self.route, NoRoute):
            waited = position.at_s - self._tried_s >= TRY_AGAIN_S
            return self._make(position, "found") if waited else ""
        moved = self.route.version != self._router.version
        if moved and (self._target_moved() or not self._router.passable(self.route)):
            return self._make(position, "plan_changed")
        return ""

    def _target_moved(self) -> bool:
        assert isinstance(self.route, Route)
        now, then = self._router.target(self.target), self.route.target
        return isinstance(now, NoRoute) or math.dist((now.x_m, now.y_m), (then.x_m, then.y_m)) > 1e-6

    def _make(self, position: Position, why: str) -> str:
        was = self.route
        self._tried_s, self._off_s = position.at_s, math.inf
        found = self._router.route(position.x_m, position.y_m, self._router.target(self.target))
        self.route, self._along_m = found, 0.0
        self.steps = steps_of(found, self._router) if isinstance(found, Route) else []
        if isinstance(found, NoRoute) and isinstance(was, NoRoute) and found.why is was.why:
            return ""
        return why

    def _strayed(self, position: Position, off_m: float) -> bool:
        if off_m <= OFF_PATH_M or self._arrived:
            self._off_s = math.inf
            return False
        self._off_s = min(self._off_s, position.at_s)
        return position.at_s - self._off_s >= OFF_PATH_S

    def _arrive(self, now_s: float, near: float) -> None:
        self._in_s = min(self._in_s, now_s) if near >= ARRIVED else math.inf
        self._out_s = min(self._out_s, now_s) if near < GONE else math.inf
        if now_s - self._in_s >= ARRIVED_S:
            self._arrived = True
        elif now_s - self._out_s >= GONE_S:
            self._arrived = False

    def _keep_pace(self, position: Position, along_m: float, *, fresh: bool) -> None:
        last, self._last = self._last, position
        if last is None or fresh or position.at_s <= last.at_s:
            return
        span_s = min(position.at_s - last.at_s, _PACE_TAU_S)
        rate = min(max((along_m - self._along_m) / span_s, 0.0), 2 * _PACE_M_S[1])
        self._pace_m_s += (1 - math.exp(-span_s / _PACE_TAU_S)) * (rate - self._pace_m_s)
        self._pace_m_s = min(max(self._pace_m_s, _PACE_M_S[0]), _PACE_M_S[1])


def project(route: Route, position: Position, along_m: float) -> tuple[float, float]:
    """Metres along the route of its nearest point, and metres to it; places that lie behind count as farther away."""
    best = (math.inf, 0.0, 0.0)
    done = 0.0
    at = position.x_m, position.y_m
    if len(route.points) == 1:
        return 0.0, math.dist(at, route.points[0])
    for a, b in pairwise(route.points):
        leg_m = math.dist(a, b)
        share = 0.0
        if leg_m > 0:
            share = ((at[0] - a[0]) * (b[0] - a[0]) + (at[1] - a[1]) * (b[1] - a[1])) / leg_m**2
            share = min(max(share, 0.0), 1.0)
        off = math.dist(at, (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
        here = done + share * leg_m
        rank = off + _BACKWARDS * max(0.0, along_m - here)
        best = min(best, (rank, here, off))
        done += leg_m
    return best[1], best[2]
