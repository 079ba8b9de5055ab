"""A phone that hears beacons: the observation of a hub with its ends swapped; must never be asked where it is.

The plan says what each beacon sends (`beacon` of a hub) and where it hangs. A phone reports each half second or second
while it listens, also when it hears nothing. One that reports nothing, because its app sleeps or it has no network,
hears nothing that anybody knows of: then nobody can tell where it is, which is not the same as its having left.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

from forecourt.v1 import showroom_pb2

from gateway.errors import InputError
from showroom_agent.plan import Site
from showroom_agent.radio import normal_key
from showroom_agent.site.bounds import HEARINGS_PER_FRAME_MAX, PHONE_BEACONS_MAX
from showroom_agent.site.hubs import Sighting, possible

SILENT: Final = "phone_silent"
SILENT_S: Final = 4.5
"""So long after its last report a phone counts as one that does not listen, as a hub does."""


class Beacons:
    """What hangs where on a floor; shared by all phones."""

    def __init__(self, site: Site) -> None:
        """By the plan's hubs."""
        self._by_id = dict(site.index)
        self._by_key = {hub.beacon: place for place, hub in enumerate(site.hubs) if hub.beacon}
        self.mute = tuple(place for place, hub in enumerate(site.hubs) if not hub.beacon)
        """Places of hubs that the plan names no beacon of."""

    def place(self, one: showroom_pb2.BeaconSighting) -> int | None:
        """Its place in the plan; None where the plan has no such beacon."""
        if one.hub:
            return self._by_id.get(one.hub)
        return self._by_key.get(normal_key(one.beacon))


class PhoneEars:
    """What one phone hears. Times are seconds on one clock and do not go back."""

    def __init__(self, beacons: Beacons, counters: Counter[str]) -> None:
        """`counters`: where is counted what cannot be used."""
        self._beacons, self._counters = beacons, counters
        self._reported_s = -math.inf

    def take(self, now_s: float, said: showroom_pb2.PhoneSightings) -> list[Sighting]:
        """What may be used of a report; raises InputError where it is none."""
        if len(said.beacons) > PHONE_BEACONS_MAX:
            raise InputError(f"at most {PHONE_BEACONS_MAX} beacons at once")
        self._reported_s = now_s
        found: dict[int, Sighting] = {}
        for one in said.beacons:
            place = self._beacons.place(one)
            if place is None:
                self._counters["unknown_beacon"] += 1
            elif not possible(one.mean_dbm, one.best_dbm, one.count) or place in found:
                self._counters["impossible_sighting"] += 1
            else:
                adverts = min(one.count, HEARINGS_PER_FRAME_MAX)
                found[place] = Sighting(place, "", one.mean_dbm, one.best_dbm, adverts)
        return list(found.values())

    def listens(self, now_s: float) -> bool:
        """Whether it has reported lately."""
        return now_s - self._reported_s <= SILENT_S

    def deaf(self, now_s: float, hubs: int) -> Mapping[int, str]:
        """Beacons that nobody listens to for it, and why: all of them, or none."""
        return {} if self.listens(now_s) else dict.fromkeys(range(hubs), SILENT)
