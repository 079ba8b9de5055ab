"""Which cars are there, by their tags; must never call a car absent because nobody listens.

A car is present where its tag is heard, on the lot too; unless a model was learnt of it (train-presence): then it is
present once it is inside, and told so as soon as the model holds it, which waits for no confirmation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from forecourt.v1 import record_pb2

from showroom_agent.hearing import MovedWatch, TagState
from showroom_agent.nav import CarWatch, Router
from showroom_agent.presence import LivePresence
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
LEARNT_FIRST_S: Final = 3.0
"""After the start a model has not made up its mind yet."""
_STATES: Final = {
    TagState.HEARD: record_pb2.VehiclePresence.STATE_PRESENT,
    TagState.ABSENT: record_pb2.VehiclePresence.STATE_ABSENT,
    TagState.BLIND: record_pb2.VehiclePresence.STATE_UNKNOWN,
}

_WORDS: Final = {TagState.HEARD: "present", TagState.ABSENT: "absent", TagState.BLIND: "unknown"}


@dataclass(slots=True)
class _Car:
    tag: Tag
    learnt: LivePresence | None = None
    view: TagView | None = None
    told: TagState | None = None
    now: TagState | None = None
    since_s: float = math.inf
    doubled: bool = field(default=False)


class Vehicles:
    """The cars of a site that have a tag. Times are seconds on one clock and do not go back."""

    def __init__(self, parts: SiteParts, router: Router) -> None:
        """Of none it is known yet whether it is there."""
        self._router, self._watch = router, CarWatch(router)
        self._hubs = len(parts.floor.site.hubs)
        self._cars: dict[str, _Car] = {}
        for car in parts.floor.cars:
            if car.tag:
                model = parts.presence.get(car.id)
                self._cars[car.id] = _Car(Tag(parts), LivePresence(model) if model is not None else None)
        self._by_tag = {car.tag: self._cars[car.id] for car in parts.floor.cars if car.tag}
        self._stepped_s = self._began_s = -math.inf
        self.moved = MovedWatch(len(self._by_tag), self._hubs)
        """Whether hubs hear the cars as they did; nothing that is told of cars or guests depends on it."""
        self._numbers = {tag: number for number, tag in enumerate(self._by_tag)}

    @property
    def tags(self) -> Mapping[str, object]:
        """The tags of cars."""
        return self._by_tag

    def confirmed(self) -> tuple[str, ...]:
        """Cars whose presence is confirmed now."""
        return tuple(ident for ident, car in self._cars.items() if car.told is TagState.HEARD and not car.doubled)

    def states(self) -> dict[str, str]:
        """What was told of a car last: `present`, `absent` or `unknown`; without cars of which nothing was told."""
        return {ident: _WORDS[car.told] for ident, car in self._cars.items() if car.told is not None}

    def heard(self, now_s: float, sighting: Sighting) -> None:
        """A hub heard the tag of a car."""
        car = self._by_tag[sighting.tag]
        car.tag.heard(now_s, sighting)
        self.moved.heard(self._numbers[sighting.tag], sighting.hub, sighting.mean_dbm, sighting.adverts)
        if car.learnt is not None:
            car.learnt.heard(sighting.hub, sighting.mean_dbm)

    def step(self, at_ms: int, deaf: Mapping[int, str]) -> list[Derived]:
        """What there is to tell; moves the cars of the plan to where they are."""
        now_s = at_ms / 1_000
        if self._began_s == -math.inf:
            self._began_s = now_s
        self.moved.step(now_s, deaf)
        look = now_s - self._stepped_s >= STEP_S
        if look:
            self._stepped_s = now_s
        found = []
        for ident, car in self._cars.items():
            if look:
                car.view = self._look(ident, car, now_s, deaf)
            if car.learnt is not None:
                car.learnt.step(now_s, listening=len(deaf) < self._hubs)
            if car.view is not None and (look or car.learnt is not None):
                told = self._judge(car, now_s, self._state(car, now_s, deaf))
                if told is not None:
                    found.append(self._tell(at_ms, ident, told, car))
        return found

    def _look(self, ident: str, car: _Car, now_s: float, deaf: Mapping[int, str]) -> TagView:
        view = car.tag.step(now_s, deaf)
        car.doubled = view.doubled
        if view.position is not None and not (car.learnt is not None and car.told is TagState.ABSENT):
            self._watch.heard(ident, view.position)
        return view

    def _state(self, car: _Car, now_s: float, deaf: Mapping[int, str]) -> TagState:
        """What holds now: whether it is heard, and if a model was learnt, whether it is inside."""
        state = car.tag.state(now_s, deaf)
        if state is TagState.HEARD and car.learnt is not None and car.learnt.found.present is False:
            return TagState.ABSENT
        return state

    def _judge(self, car: _Car, now_s: float, state: TagState) -> TagState | None:
        """A state that is new and has lasted; None otherwise."""
        if state is not car.now:
            car.now, car.since_s = state, now_s
        known = car.learnt is not None and car.learnt.found.present is not None
        learnt = known and state is not TagState.BLIND
        age_s, lasts_s = now_s - self._began_s, now_s - car.since_s
        early = age_s < LEARNT_FIRST_S if learnt else state is not TagState.HEARD and age_s < FIRST_S
        if state is car.told or early or (lasts_s < CONFIRM_S and not learnt):
            return None
        car.told = state
        return state

    def _tell(self, at_ms: int, ident: str, state: TagState, car: _Car) -> Derived:
        view, place, confidence = car.view, None, 1.0
        assert view is not None
        if state is TagState.ABSENT:
            self._watch.absent(ident)
        elif state is TagState.BLIND:
            confidence = 0.0
        elif view.estimate is not None:
            place, confidence = (view.estimate.x_m, view.estimate.y_m), view.estimate.confidence
        if car.learnt is not None and car.learnt.found.present is not None and state is not TagState.BLIND:
            inside = car.learnt.found.inside
            confidence = inside if state is TagState.HEARD else 1.0 - inside
        return vehicle_presence(at_ms, ident, _STATES[state], place, confidence, view.modes)
