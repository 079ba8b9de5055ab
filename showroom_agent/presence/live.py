"""Presence while it happens, from frames of hubs; must never look ahead, nor take a late frame for a silent hub.

A model is learnt from single readings, ten steps a second; a hub tells twice a second what it heard on the mean. So
what a frame says counts for each step of its half second: on recorded cars that costs 0.15 s and no passage.
"""

import math

import numpy as np

from showroom_agent.presence.features import RATE_S
from showroom_agent.presence.model import Presence, PresenceModel, PresenceTrack

KEPT_S = 0.75
"""A level counts for so long: frames come each half second, and now and then a little late."""
STEPS_MAX = 100
"""Steps made up at once after a pause; more tell nothing more."""


class LivePresence:
    """One carrier. Times are seconds on one clock and do not go back."""

    def __init__(self, model: PresenceModel) -> None:
        """Nothing heard yet."""
        hubs = len(model.hubs)
        self._track = PresenceTrack(model)
        self._sum, self._count = np.zeros(hubs), np.zeros(hubs, int)
        self._level, self._heard_s = np.full(hubs, np.nan), np.full(hubs, -math.inf)
        self._now_s = -math.inf
        self.found = Presence(0.0, None)
        """At the last step."""

    def heard(self, hub: int, mean_dbm: float) -> None:
        """What a frame says of the carrier's tag; `hub`: its place in the model."""
        self._sum[hub] += mean_dbm
        self._count[hub] += 1

    def step(self, now_s: float, *, listening: bool = True) -> Presence:
        """What is held at `now_s`; `listening`: any hub works."""
        came = self._count > 0
        self._level[came] = self._sum[came] / self._count[came]
        self._heard_s[came] = now_s
        self._sum[:], self._count[:] = 0.0, 0
        row = np.where(now_s - self._heard_s < KEPT_S, self._level, np.nan)
        steps = 1 if self._now_s == -math.inf else round((now_s - self._now_s) / RATE_S)
        if steps > 0:
            self._now_s = now_s
        for _ in range(min(steps, STEPS_MAX)):
            self.found = self._track.step(row, listening)
        return self.found
