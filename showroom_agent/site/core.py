"""All that a site concludes, from what came in and when; must never ask a clock, a file, a network or a random number.

The same entries in the same order make the same events, bit for bit: that is what the site's log is for.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from forecourt.v1 import showroom_pb2

from gateway.errors import InputError
from gateway.model import PurposeSet
from showroom_agent.locator import PolarityWatch
from showroom_agent.nav import Router
from showroom_agent.site.bounds import GUESTS_MAX
from showroom_agent.site.derived import Derived
from showroom_agent.site.guests import Guest, Surroundings
from showroom_agent.site.hubs import Hubs
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.phones import Beacons, PhoneEars
from showroom_agent.site.vehicles import Vehicles


class SiteCore:
    """One site. Times are milliseconds of the site's clock and do not go back."""

    def __init__(self, parts: SiteParts, wall_at_zero_us: int) -> None:
        """`wall_at_zero_us`: the wall clock at 0 of those times."""
        self.parts = parts
        hubs = parts.floor.site.hubs
        mute = [place for place, hub in enumerate(hubs) if not hub.listens]
        self.hubs = Hubs([hub.id for hub in hubs], wall_at_zero_us, mute)
        self.router = Router(parts.floor)
        self.vehicles = Vehicles(parts, self.router)
        self.polarity = PolarityWatch(parts.locator)
        """Whether people walk where the plan says that nobody can; nothing that is told depends on it."""
        self.guests: dict[int, Guest] = {}
        self.counters: Counter[str] = Counter()
        """What was left out or refused, and why."""
        self._by_tag: dict[str, Guest] = {}
        self._beacons = Beacons(parts.floor.site)
        self._cells: dict[str, npt.NDArray[np.intp]] = {}
        self._cells_version = 0

    # What comes in

    def frame(self, at_ms: int, frame: showroom_pb2.SightingFrame) -> None:
        """A frame of a hub. Tags that are nobody's are left out, and counted as one number."""
        now_s = at_ms / 1_000
        for sighting in self.hubs.take(at_ms, frame):
            guest = self._by_tag.get(sighting.tag)
            if guest is not None:
                guest.heard(now_s, sighting)
                if guest.navigates:
                    self.polarity.heard(guest.subject, sighting.hub, sighting.mean_dbm, sighting.adverts)
            elif sighting.tag in self.vehicles.tags:
                self.vehicles.heard(now_s, sighting)
            else:
                self.counters["unknown_tag"] += 1

    def knows(self, tag: str) -> bool:
        """Whether it is a car's or that of a guest on a visit."""
        return tag in self._by_tag or tag in self.vehicles.tags

    def request(self, at_ms: int, subject: int, request: showroom_pb2.GuestRequest) -> None:
        """What a guest's phone says; raises InputError with what to do, and nothing has changed then."""
        which = request.WhichOneof("request")
        if which == "hello":
            self._hello(subject, request.hello)
            return
        guest = self.guests.get(subject)
        if guest is None:
            raise InputError("there is no such visit: say hello first")
        if which in {"bye", "forget"}:
            self.allow(subject, 0)
        else:
            guest.request(at_ms, request)

    def _hello(self, subject: int, hello: showroom_pb2.GuestHello) -> None:
        if subject in self.guests:
            raise InputError("this visit has begun already")
        if len(self.guests) >= GUESTS_MAX:
            raise InputError(f"at most {GUESTS_MAX} guests at once")
        if hello.tag and (hello.tag in self._by_tag or hello.tag in self.vehicles.tags):
            raise InputError("this tag is another's")
        guest = Guest(self.parts, self.router, subject, hello, PhoneEars(self._beacons, self.counters))
        self.guests[subject] = guest
        if guest.tag_id:
            self._by_tag[guest.tag_id] = guest

    def allow(self, subject: int, purposes: PurposeSet) -> None:
        """What is in force for a guest from now on; 0: he is gone, and nothing of him is left here."""
        guest = self.guests.get(subject)
        if guest is None:
            return
        if purposes:
            guest.purposes = purposes
            return
        del self.guests[subject]
        self._by_tag.pop(guest.tag_id, None)

    # What comes of it

    def tick(self, at_ms: int) -> list[Derived]:
        """What there is to tell, once for each step of the locator."""
        deaf = self.hubs.deaf(at_ms)
        found = self.vehicles.step(at_ms, deaf)
        around = Surroundings(deaf, self.vehicles.confirmed(), self._cells_of)
        for guest in list(self.guests.values()):
            found += guest.step(at_ms, around)
        self.polarity.step(at_ms / 1_000, {subject for subject, guest in self.guests.items() if guest.navigates})
        return found

    def _cells_of(self, vehicle: str) -> npt.NDArray[np.intp]:
        if self._cells_version != self.router.version:
            self._cells.clear()
            self._cells_version = self.router.version
        if vehicle not in self._cells:
            self._cells[vehicle] = self.parts.cells_at(self.router.cars[vehicle])
        return self._cells[vehicle]

    def counted(self) -> Iterator[tuple[str, int]]:
        """All counters of the site by name."""
        yield from sorted((self.counters + self.hubs.counters).items())
        yield "unknown_hub_signs", self.hubs.watch.unknown
