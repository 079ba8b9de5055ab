"""The locator of a site: its cells, its radio map, and a track for each tag; must never be told where a tag is."""

import math
from collections.abc import Sequence

import numpy as np

from showroom_agent.locator.estimate import Estimate, centre
from showroom_agent.locator.grid import Grid
from showroom_agent.locator.motion import Motion
from showroom_agent.locator.radio_map import bare_map, surveyed_map
from showroom_agent.locator.settings import Settings
from showroom_agent.locator.tracker import Heard, Tracker
from showroom_agent.locator.zones import ZoneHold
from showroom_agent.plan.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN
from showroom_agent.plan.geometry import Array, inside_any
from showroom_agent.plan.site import Site
from showroom_agent.plan.survey import Survey, check_polarity

STALE_S = 10.0
READINGS_PER_HUB_MAX = 64


class Locator:
    """Made once for a site; `track` makes the state of one tag. Not thread-safe; no call waits."""

    def __init__(self, site: Site, survey: Survey | None = None, settings: Settings | None = None) -> None:
        """Without a survey it knows only where hubs hang. Raises ConfigError where the survey contradicts the plan."""
        self.site, self.settings = site, settings or Settings()
        if survey is not None:
            check_polarity(site, survey.points, "the survey's points")
        self.grid = Grid(site, self.settings)
        build = bare_map(site, self.grid, self.settings)
        if survey is not None:
            build = surveyed_map(site, self.grid, self.settings, survey)
        self.map = build
        rows = [inside_any(zone.rings, self.grid.x, self.grid.y) for zone in site.zones]
        self.zones: Array = np.array(rows, float).reshape(len(rows), self.grid.size)
        """Which cells a zone has: Z x N."""

    def track(self) -> "Track":
        """A tag of which nothing is known yet."""
        return Track(self)


class Track:
    """One tag: readings in, estimates out. Times are seconds on one clock and do not go back."""

    def __init__(self, locator: Locator) -> None:
        """See Locator.track."""
        self._locator = locator
        self.tracker = Tracker(locator.grid, locator.map, locator.settings)
        self._heard: dict[int, list[float]] = {}
        self._motion = Motion(len(locator.site.hubs), locator.settings.step_s)
        self._hold = ZoneHold([zone.id for zone in locator.site.zones], locator.settings)
        self._now_s = -math.inf
        self._began_s = math.inf
        self.impossible = 0
        """Levels that no receiver measures, left out."""

    def observe(self, hub: int, rssi_dbm: float) -> None:
        """What one hub, by its place in the plan, heard since the last step."""
        if not RSSI_DBM_MIN <= rssi_dbm <= RSSI_DBM_MAX or not 0 <= hub < len(self._locator.site.hubs):
            self.impossible += 1
            return
        levels = self._heard.setdefault(hub, [])
        if len(levels) < READINGS_PER_HUB_MAX:
            levels.append(rssi_dbm)

    def step(self, now_s: float, blind: Sequence[int] = ()) -> Estimate:
        """The estimate at `now_s`, one step after the last. `blind`: hubs that are known not to listen now."""
        self._began_s = min(self._began_s, now_s)
        self._now_s = now_s
        heard, self._heard = self._heard, {}
        self.tracker.step(now_s, heard, blind)
        return self._estimate(now_s, blind, heard)

    def _estimate(self, now_s: float, blind: Sequence[int], heard: Heard) -> Estimate:
        locator, belief = self._locator, self.tracker.belief
        x_m, y_m, radius, confidence = centre(locator.grid, belief)
        zones = tuple(float(share) for share in locator.zones @ belief)
        age_s = now_s - max(self.tracker.heard_s, self._began_s - locator.settings.step_s)
        modes = []
        if not locator.map.surveyed:
            modes.append("no_survey")
        if age_s > STALE_S:
            modes.append("stale")
        if blind:
            modes.append("blind_hubs")
        zone = self._hold.step(zones, self._motion.step(heard, x_m, y_m))
        return Estimate(x_m, y_m, radius, confidence, zones, zone, age_s, tuple(modes))
