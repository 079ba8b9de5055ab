"""Which cars are there, by their tags; must never call a car absent because nobody listens.

A car on the lot is not one that a guest can be led to in the showroom; it counts as present all the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from forecourt.v1 import record_pb2

from showroom_agent.hearing import TagState
from showroom_agent.nav import CarWatch, Router
from showroom_agent.site.derived import Derived, vehicle_presence
from showroom_agent.site.hubs import Sighting
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.tags import Tag, TagView

STEP_S: Final = 2.0
"""Cars stand: between two looks at one."""
CONFIRM_S: Final = 4.0
"""A state is told once it has been so for so long."""
FIRST_S: Final = 15.0
"""After the start nobody is absent yet."""
_STATES: Final = {
    TagState.HEARD: record_pb2.VehiclePresence.STATE_PRESENT,
    TagState.ABSENT: record_pb2.VehiclePresence.STATE_ABSENT,
    TagState.BLIND: record_pb2.VehiclePresence.STATE_UNKNOWN,
}


@dataclass(slots=True)
class _Car:
    tag: Tag
    told: TagState | None = None
    now: TagState | None = None
    since_s: float = math.inf
    doubled: bool = field(default=False)


class Vehicles:
    """The cars of a site that have a tag. Times are seconds on one clock and do not go back."""

    def __init__(self, parts: SiteParts, router: Router) -> None:
        """Of none it is known yet whether it is there."""
        self._router, self._watch = router, CarWatch(router)
        self._cars = {car.id: _Car(Tag(parts)) for car in parts.floor.cars if car.tag}
        self._by_tag = {car.tag: self._cars[car.id] for car in parts.floor.cars if car.tag}
        self._stepped_s = self._began_s = -math.inf

    @property
    def tags(self) -> Mapping[str, object]:
        """The tags of cars."""
        return self._by_tag

    def confirmed(self) -> tuple[str, ...]:
        """Cars whose presence is confirmed now."""
        return tuple(ident for ident, car in self._cars.items() if car.told is TagState.HEARD and not car.doubled)

    def heard(self, now_s: float, sighting: Sighting) -> None:
        """A hub heard the tag of a car."""
        self._by_tag[sighting.tag].tag.heard(now_s, sighting)

    def step(self, at_ms: int, deaf: Mapping[int, str]) -> list[Derived]:
        """What there is to tell; moves the cars of the plan to where they are."""
        now_s = at_ms / 1_000
        if self._began_s == -math.inf:
            self._began_s = now_s
        if now_s - self._stepped_s < STEP_S:
            return []
        self._stepped_s = now_s
        found = []
        for ident, car in self._cars.items():
            view = car.tag.step(now_s, deaf)
            car.doubled = view.doubled
            if view.position is not None:
                self._watch.heard(ident, view.position)
            told = self._judge(car, now_s, view)
            if told is not None:
                found.append(self._tell(at_ms, ident, told, view))
        return found

    def _judge(self, car: _Car, now_s: float, view: TagView) -> TagState | None:
        """A state that is new and has lasted; None otherwise."""
        if view.state is not car.now:
            car.now, car.since_s = view.state, now_s
        early = view.state is not TagState.HEARD and now_s - self._began_s < FIRST_S
        if view.state is car.told or early or now_s - car.since_s < CONFIRM_S:
            return None
        car.told = view.state
        return car.told

    def _tell(self, at_ms: int, ident: str, state: TagState, view: TagView) -> Derived:
        place, confidence = None, 1.0
        if state is TagState.ABSENT:
            self._watch.absent(ident)
        elif state is TagState.BLIND:
            confidence = 0.0
        elif view.estimate is not None:
            place, confidence = (view.estimate.x_m, view.estimate.y_m), view.estimate.confidence
        return vehicle_presence(at_ms, ident, _STATES[state], place, confidence, view.modes)
