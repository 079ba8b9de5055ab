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

    def __init__(self, parts: SiteParts) -> None:
        """Never heard."""
        self._parts = parts
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

    def step(self, now_s: float, deaf: Mapping[int, str]) -> TagView:
        """Where it is now, once for each step of the locator."""
        estimate = self._track.step(now_s, tuple(deaf))
        state = self.hearing.state(now_s, deaf)
        doubled = self._double.step(now_s)
        modes = (*(mode for mode in estimate.modes if mode != "blind_hubs"), *degraded(self._hub_ids(), deaf))
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
