"""Keeps the cars of the plan where their tags are; must never move a car on one estimate or remove one unheard.

A car that a tag says elsewhere is moved when the estimates of SETTLED_S lie close together and away from its place by
more than they scatter and than the locator may err. A car counts as gone only when hubs that would hear it do not; a
car that nobody listens for stays where it was.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from showroom_agent.nav.position import Position
from showroom_agent.nav.router import Router
from showroom_agent.plan import Car

SETTLED_S: Final = 6.0
SPREAD_M: Final = 1.0
MOVED_M: Final = 2.0
RADIUS_M_MAX: Final = 3.0
_ESTIMATES_MAX = 64


@dataclass(slots=True)
class _Seen:
    car: Car
    lately: deque[Position] = field(default_factory=lambda: deque(maxlen=_ESTIMATES_MAX))


class CarWatch:
    """The cars of one floor. Times are seconds on one clock and do not go back."""

    def __init__(self, router: Router) -> None:
        """The cars that the plan names; others are none of its business."""
        self._router = router
        self._seen = {car_id: _Seen(car) for car_id, car in router.cars.items()}

    def heard(self, car_id: str, position: Position) -> bool:
        """Where its tag is now; True where the plan changed by it: it was moved, or is back."""
        seen = self._seen.get(car_id)
        if seen is None:
            return False
        lately = seen.lately
        lately.append(position)
        while position.at_s - lately[0].at_s > SETTLED_S:
            lately.popleft()
        if position.at_s - lately[0].at_s < SETTLED_S * 0.8:
            return False
        x, y = np.array([one.x_m for one in lately]), np.array([one.y_m for one in lately])
        middle = float(np.median(x)), float(np.median(y))
        spread = float(np.median(np.hypot(x - middle[0], y - middle[1])))
        radius = float(np.median([one.radius_m for one in lately]))
        if spread > SPREAD_M or radius > RADIUS_M_MAX:
            return False
        away = float(np.hypot(middle[0] - seen.car.x_m, middle[1] - seen.car.y_m))
        if away > max(MOVED_M, 1.5 * radius):
            seen.car = seen.car.at(*middle)
        elif car_id in self._router.cars:
            return False
        before = self._router.version
        self._router.place(seen.car)
        return self._router.version != before

    def absent(self, car_id: str) -> bool:
        """It is confirmed that it is not on the floor; True where the plan changed by it."""
        seen = self._seen.get(car_id)
        if seen is None:
            return False
        seen.lately.clear()
        before = self._router.version
        self._router.remove(car_id)
        return self._router.version != before
