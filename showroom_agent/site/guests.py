"""One guest on his visit: zones, arrivals, way, match; must never use what he did not agree to or outlive the visit."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from forecourt.v1 import record_pb2, showroom_pb2

from gateway.errors import InputError
from gateway.model import PurposeSet
from showroom_agent.hearing import TagState
from showroom_agent.match import Choice, Fit, InterestWatch, Wishes, read_wishes
from showroom_agent.nav import Guidance, Guide, Handover, Position, Router, Walk
from showroom_agent.site.bounds import TAG_CHARS_MAX, WISHES_CHARS_MAX
from showroom_agent.site.derived import NAVIGATION, OFFERS, Derived, arrival, match, new_interest, zone_visit
from showroom_agent.site.hubs import Sighting
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.phones import PhoneEars
from showroom_agent.site.tags import Tag, TagView

BEFORE: Final = 0.5
"""So likely he has to stand before a car for it to be the one that he is told about."""
Cells = Callable[[str], npt.NDArray[np.intp]]
"""Cells of the locator in which one stands before a car, by its id."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a guest's step needs of the site."""

    deaf: Mapping[int, str]
    confirmed: Collection[str]
    cells: Cells


class Guest:
    """One visit. Times are milliseconds of the site's clock and do not go back."""

    def __init__(
        self, parts: SiteParts, router: Router, subject: int, hello: showroom_pb2.GuestHello, ears: PhoneEars
    ) -> None:
        """Raises InputError for a hello that cannot be. `ears`: of his phone, where it listens itself."""
        if len(hello.tag) > TAG_CHARS_MAX:
            raise InputError(f"a tag has at most {TAG_CHARS_MAX} characters")
        self.subject, self.tag_id = subject, hello.tag
        self.language = hello.language if hello.language in ("de", "en") else "de"
        self.purposes: PurposeSet = 0
        self._parts, self._router = parts, router
        self._ears = ears
        self._tag = Tag(parts, phone=not hello.tag)
        self._handover = Handover(parts.floor)
        self._choice = Choice(parts.catalogue, wishes_of(hello.wishes))
        self._interest = InterestWatch(parts.catalogue)
        self._guide: Guide | None = None
        self.view: TagView | None = None
        self.position: Position | None = None
        self.guidance: Guidance | None = None
        self.before: str | None = None
        self._zone = ""
        self._entered_ms = 0
        self._arrived: dict[str, None] = {}
        self._best: Fit | None = None

    @property
    def from_phone(self) -> bool:
        """Whether his phone hears beacons, instead of hubs hearing his tag."""
        return not self.tag_id

    @property
    def wishes(self) -> Wishes:
        """What he wishes now."""
        return self._choice.wishes

    @property
    def vehicle(self) -> str | None:
        """The car that he is led to."""
        return self._guide.target if self._guide is not None else None

    @property
    def zone(self) -> str:
        """The zone that he is in."""
        return self._zone

    @property
    def arrived(self) -> tuple[str, ...]:
        """Where he has arrived on this visit, in order."""
        return tuple(self._arrived)

    @property
    def best(self) -> Fit | None:
        """The car that fits him best of those that are there."""
        return self._best

    def corners(self) -> tuple[tuple[float, float], ...]:
        """The corners of his route; none where he has none."""
        route = self._guide.route if self._guide is not None else None
        return getattr(route, "points", ())

    @property
    def navigates(self) -> bool:
        """Whether his position may be used."""
        return bool(self.purposes & NAVIGATION)

    @property
    def offered(self) -> bool:
        """Whether offers may be made from what he wishes and where he stands."""
        return bool(self.purposes & OFFERS)

    # What comes in

    def heard(self, now_s: float, sighting: Sighting) -> None:
        """A hub heard his tag."""
        if self.navigates:
            self._tag.heard(now_s, sighting)

    def request(self, at_ms: int, request: showroom_pb2.GuestRequest) -> None:
        """What his phone says beside hello and bye; raises InputError, with nothing changed, for what cannot be."""
        which = request.WhichOneof("request")
        if which == "wishes":
            self._choice.wish(wishes_of(request.wishes))
        elif which == "vehicle":
            if not self._choice.take(request.vehicle):
                raise InputError("the catalogue has no such vehicle")
            self._lead(request.vehicle)
        elif which == "fix" and self.navigates:
            fix = request.fix
            self._handover.gps(at_ms / 1_000, fix.latitude_deg, fix.longitude_deg, fix.accuracy_m)
        elif which == "sightings" and self.navigates:
            self._phone(at_ms / 1_000, request.sightings)

    def _phone(self, now_s: float, said: showroom_pb2.PhoneSightings) -> None:
        """The phone hears beacons of hubs: the same observation with its ends swapped."""
        if self.tag_id:
            raise InputError("this visit is followed by its tag; say hello without one to be followed by what you hear")
        for sighting in self._ears.take(now_s, said):
            self._tag.heard(now_s, sighting, watched=False)

    # What comes of it

    def step(self, at_ms: int, around: Surroundings) -> list[Derived]:
        """What there is to tell at this step."""
        if not self.navigates:
            return self._choose(at_ms, around) if self.offered else []
        now_s = at_ms / 1_000
        deaf = self._ears.deaf(now_s, len(self._parts.floor.site.hubs)) if self.from_phone else around.deaf
        view = self.view = self._tag.step(now_s, deaf)
        found = self._visit(at_ms, view)
        if view.position is not None:
            self._handover.hubs(view.position)
        self.position = None if view.doubled else self._handover.position(now_s)
        found += self._arrivals(at_ms, view)
        found += self._choose(at_ms, around) if self.offered else []
        found += self._walk(at_ms, around)
        self.before = self._standing_before(around)
        interest = self._interest.update(now_s, self.before, self.wishes, consented=self.offered)
        if interest is not None:
            found.append(new_interest(self.subject, at_ms, interest))
        return found

    def _visit(self, at_ms: int, view: TagView) -> list[Derived]:
        """Enters and leaves zones; says nothing of one whom nobody can hear."""
        if view.state is TagState.BLIND or view.doubled:
            return []
        zone, confidence = "", 1.0
        if view.state is TagState.HEARD:
            if view.estimate is None:
                return []
            zone = view.estimate.zone
            confidence = self._belief(view, zone)
        if zone == self._zone:
            return []
        found = []
        if self._zone:
            dwell_s = (at_ms - self._entered_ms) / 1_000
            found.append(zone_visit(self.subject, at_ms, self._zone, dwell_s, confidence, view.modes))
        self._zone, self._entered_ms = zone, at_ms
        if zone:
            found.append(zone_visit(self.subject, at_ms, zone, None, confidence, view.modes))
        return found

    def _belief(self, view: TagView, zone: str) -> float:
        """Belief in a zone; in none of them where it is empty."""
        shares = view.estimate.zones if view.estimate is not None else ()
        ids = [one.id for one in self._parts.floor.site.zones]
        return shares[ids.index(zone)] if zone in ids else max(0.0, 1.0 - sum(shares))

    def _arrivals(self, at_ms: int, view: TagView) -> list[Derived]:
        """On the lot and in the building, once in a visit each."""
        kinds = {zone.id: zone.kind for zone in self._parts.floor.site.zones}
        position = self.position
        found = []
        on_lot = position is not None and position.source == "gps" and "gps_off_lot" not in position.modes
        if (on_lot or kinds.get(self._zone) == "parking") and "lot" not in self._arrived:
            self._arrived.setdefault("lot")
            place = record_pb2.Arrival.PLACE_LOT
            found.append(arrival(self.subject, at_ms, place, 1.0 if on_lot else self._belief(view, self._zone), ()))
        inside = bool(self._zone) and kinds.get(self._zone) != "parking"
        if inside and "building" not in self._arrived:
            self._arrived.setdefault("building")
            place = record_pb2.Arrival.PLACE_BUILDING
            found.append(arrival(self.subject, at_ms, place, self._belief(view, self._zone), view.modes))
        return found

    def _choose(self, at_ms: int, around: Surroundings) -> list[Derived]:
        """The car that fits best of those that are there; the next best when it leaves."""
        chosen = self._choice.update(around.confirmed)
        if chosen is None:
            return []
        self._best = chosen.fit
        if chosen.fit is None:
            self._guide = self.guidance = None
        else:
            self._lead(chosen.fit.car.id)
        return [match(self.subject, at_ms, chosen.fit, chosen.why)]

    def _lead(self, vehicle: str) -> None:
        if self._guide is None:
            self._guide = Guide(self._router, vehicle)
        elif self._guide.target != vehicle:
            self._guide.redirect(vehicle)

    def _walk(self, at_ms: int, around: Surroundings) -> list[Derived]:
        """Leads him; tells once that he has arrived at the car."""
        if self._guide is None or self.position is None:
            return []
        vehicle = self._guide.target
        near = None
        if self.position.source == "hubs" and vehicle in self._router.cars:
            near = self._tag.belief_in(around.cells(vehicle))
        self.guidance = self._guide.update(self.position, near)
        name = f"vehicle {vehicle}"
        if self.guidance.state is not Walk.ARRIVED or name in self._arrived:
            return []
        self._arrived.setdefault(name)
        place, modes = record_pb2.Arrival.PLACE_VEHICLE, self.position.modes
        return [arrival(self.subject, at_ms, place, self.guidance.near, modes, vehicle)]

    def _standing_before(self, around: Surroundings) -> str | None:
        if self.position is None or self.position.source != "hubs":
            return None
        shares = [(self._tag.belief_in(around.cells(car)), car) for car in around.confirmed if car in self._router.cars]
        best = max(shares, default=(0.0, ""))
        return best[1] if best[0] >= BEFORE else None


def wishes_of(text: str) -> Wishes:
    """Wishes as JSON; none where the text is empty. Raises InputError without repeating what was wished."""
    if not text:
        return Wishes()
    if len(text) > WISHES_CHARS_MAX:
        raise InputError(f"wishes have at most {WISHES_CHARS_MAX} characters")
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("wishes are not JSON") from None
    return read_wishes(table)
