"""A guest who goes where his phone leads him, and looks around there; must never know where the car stands."""

import math
from collections.abc import Sequence

from simulators.world.radio import Place

PACE_M_S = 1.25
REACHED_M = 0.3
LOOKS_S, LOOKS_M, TURN = 2.0, 0.8, 2.4
"""After so long at the end of his way he takes a step or two, so far around it, each time so much further round."""
Point = tuple[float, float]


class Walker:
    """Stands until there is a way; then follows its corners. `x_m`, `y_m`: the truth."""

    def __init__(self, x_m: float, y_m: float, pace_m_s: float = PACE_M_S) -> None:
        """Where he gets out of his car."""
        self.x_m, self.y_m, self._pace = x_m, y_m, pace_m_s
        self._way: list[Point] = []
        self._left: list[Point] = []
        self._heading: float | None = None
        self.walked_m = 0.0
        self._stood_s, self._looks = 0.0, 0

    @property
    def place(self) -> Place:
        """Where he is, and where he looks."""
        return Place(self.x_m, self.y_m, self._heading)

    @property
    def standing(self) -> bool:
        """Whether he has reached the end of the way he was told."""
        return not self._left

    def follow(self, way: Sequence[Point]) -> None:
        """The way as the phone shows it now; a new one is taken up at its nearest corner that lies ahead."""
        corners = list(way)
        if not corners or corners == self._way:
            return
        self._way, self._stood_s, self._looks = corners, 0.0, 0
        nearest = min(range(len(corners)), key=lambda n: math.dist(corners[n], (self.x_m, self.y_m)))
        self._left = corners[min(nearest + 1, len(corners) - 1) :]

    def walk(self, seconds: float) -> None:
        """Time passes."""
        reach_m = self._pace * seconds
        if self._way and self.standing:
            self._look_around(seconds)
        while self._left and reach_m > 0:
            x_m, y_m = self._left[0]
            away_m = math.dist((x_m, y_m), (self.x_m, self.y_m))
            if away_m <= REACHED_M:
                self._left.pop(0)
                continue
            step_m = min(away_m, reach_m)
            self._heading = math.atan2(y_m - self.y_m, x_m - self.x_m)
            self.x_m += step_m * math.cos(self._heading)
            self.y_m += step_m * math.sin(self._heading)
            self.walked_m += step_m
            reach_m -= step_m

    def _look_around(self, seconds: float) -> None:
        """Who was told that he is there does not stand like a post."""
        self._stood_s += seconds
        if self._stood_s >= LOOKS_S:
            self._stood_s, self._looks = 0.0, self._looks + 1
            end_x, end_y = self._way[-1]
            turn = self._looks * TURN
            self._left = [(end_x + LOOKS_M * math.cos(turn), end_y + LOOKS_M * math.sin(turn))]
