"""Which hubs listen now, by their heartbeats and the faults they tell; must never read a tag.

A hub that is silent hears nothing, which says nothing about where a tag is. So whoever draws conclusions from silence
asks here first, and whoever reports names the hubs that were deaf while he concluded.
"""

import math
from collections.abc import Mapping, Sequence

SILENT_S = 4.5
"""Without a heartbeat or a frame for so long a hub counts as deaf; one or the other comes at least each 2 s.

Less than the shortest absence (ABSENT_S_MIN): a hub is known to be deaf before anybody counts as gone from it.
"""
MODES_MAX = 8
_CAUSE_MAX = 32


class HubWatch:
    """The hubs of a plan. Times are seconds on one clock and do not go back."""

    def __init__(self, hubs: Sequence[str], silent_s: float = SILENT_S) -> None:
        """Nobody has been heard of yet: all are deaf, for the cause `never_seen`."""
        self._hubs, self._silent_s = tuple(hubs), silent_s
        self._places = {hub: place for place, hub in enumerate(self._hubs)}
        self._alive_s = [-math.inf] * len(self._hubs)
        self._faults: dict[int, str] = {}
        self.unknown = 0
        """Signs of life of hubs that are not in the plan, left out."""

    def alive(self, hub: str, now_s: float) -> None:
        """A heartbeat or a frame of a hub. It does not end a fault: a hub whose scanner is dead still beats."""
        place = self._places.get(hub)
        if place is None:
            self.unknown += 1
        else:
            self._alive_s[place] = max(self._alive_s[place], now_s)

    def fault(self, hub: str, cause: str) -> None:
        """The hub says that its scanner does not work, and why; an empty cause ends it. See the hub's health events."""
        place = self._places.get(hub)
        if place is None:
            self.unknown += 1
        elif cause:
            self._faults[place] = cause[:_CAUSE_MAX]
        else:
            self._faults.pop(place, None)

    def deaf(self, now_s: float) -> dict[int, str]:
        """Places in the plan of the hubs that do not listen now, and why: a fault, `never_seen` or `silent`."""
        found = {}
        for place, seen_s in enumerate(self._alive_s):
            if place in self._faults:
                found[place] = self._faults[place]
            elif seen_s == -math.inf:
                found[place] = "never_seen"
            elif now_s - seen_s > self._silent_s:
                found[place] = "silent"
        return found


def degraded(hubs: Sequence[str], deaf: Mapping[int, str]) -> tuple[str, ...]:
    """The modes that an event names: `hub_deaf:<hub>:<cause>`, at most MODES_MAX and then `hubs_deaf:<count>`."""
    modes = [f"hub_deaf:{hubs[place]}:{cause}" for place, cause in sorted(deaf.items())]
    return tuple(modes) if len(modes) <= MODES_MAX else (f"hubs_deaf:{len(modes)}",)
