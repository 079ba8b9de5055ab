"""One tag on the floor: its position, whether it is heard, whether it is in two places; must never name who has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from showroom_agent.hearing import Hearing, TagState, degraded
from showroom_agent.locator import Estimate
from showroom_agent.nav import Position
from showroom_agent.site.hubs import Sighting
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.spoof import DoubleWatch

FOLLOWED_S: Final = 3.0
"""A position is one for so long after the tag was heard."""


@dataclass(frozen=True, slots=True)
class TagView:
    """A tag at a step. `estimate` is None where it is not followed: never heard, silent, or in two places."""

    state: TagState
    estimate: Estimate | None
    position: Position | None
    modes: tuple[str, ...]
    doubled: bool


class Tag:
    """One tag. Times are seconds on one clock and do not go back."""

    def __init__(self, parts: SiteParts, *, phone: bool = False) -> None:
        """Never heard. `phone`: it hears the beacons of the plan, instead of the plan's hubs hearing it."""
        self._parts, self._phone = parts, phone
        hubs = parts.floor.site.hubs
        named = any(hub.beacon for hub in hubs)  # where the plan names no beacon at all, phones say which hub it was
        mute = [(named and not hub.beacon) if phone else not hub.listens for hub in hubs]
        self._mute = tuple(place for place, cannot in enumerate(mute) if cannot)
        self._track = parts.locator.track()
        self._double = DoubleWatch(parts.places)
        self.hearing = Hearing(len(parts.floor.site.hubs))

    def heard(self, now_s: float, sighting: Sighting, *, watched: bool = True) -> None:
        """A hub heard it; `watched`: as a transmitter that others could copy."""
        for _ in range(sighting.adverts):
            self._track.observe(sighting.hub, sighting.mean_dbm)
        self.hearing.heard(sighting.hub, now_s)
        if watched:
            self._double.heard(now_s, sighting)

    def state(self, now_s: float, deaf: Mapping[int, str]) -> TagState:
        """Whether it is heard; what cannot hear it is no witness of its absence."""
        return self.hearing.state(now_s, (*deaf, *self._mute) if self._mute else deaf)

    def step(self, now_s: float, deaf: Mapping[int, str]) -> TagView:
        """Where it is now, once for each step of the locator."""
        estimate = self._track.step(now_s, (*deaf, *self._mute))
        state = self.state(now_s, deaf)
        doubled = self._double.step(now_s)
        why = tuple(sorted(set(deaf.values()))) if self._phone else degraded(self._hub_ids(), deaf)
        modes = (*(mode for mode in estimate.modes if mode != "blind_hubs"), *why)
        if doubled:
            modes = (*modes, "heard_in_two_places")
        fresh = now_s - self.hearing.heard_s <= max(FOLLOWED_S, self.hearing.patience_s)
        if doubled or not fresh:
            return TagView(state, None, None, modes, doubled)
        position = Position(self.hearing.heard_s, estimate.x_m, estimate.y_m, estimate.radius_m, "hubs", modes)
        return TagView(state, estimate, position, modes, doubled)

    def belief_in(self, cells: npt.NDArray[np.intp]) -> float:
        """How likely it is in one of these cells of the locator."""
        return float(self._track.tracker.belief[cells].sum())

    def _hub_ids(self) -> list[str]:
        return [hub.id for hub in self._parts.floor.site.hubs]
