"""From the satellites on the lot to the beacons inside; must never trust a fix that claims to be inside.

The phone gives latitude, longitude and accuracy; the plan says where its origin lies. Over a few hundred metres the
ellipsoid is a plane: east = N cos(latitude) d(longitude), north = M d(latitude), with the radii of curvature N and M of
WGS 84 at the origin (NIMA TR8350.2, 2000; the error at 1 km is below 0.1 m).
"""

import math
from collections import Counter
from dataclasses import replace
from typing import Final

import numpy as np

from showroom_agent.nav.position import Position
from showroom_agent.plan import Floor, Georeference
from showroom_agent.plan.geometry import inside_any

GPS_FRESH_S: Final = 5.0
HUBS_FRESH_S: Final = 3.0
ACCURACY_M_MAX: Final = 50.0
HOLD_S: Final = 2.0
"""The other source must be better for so long before it takes over."""
BETTER: Final = 0.8
_AXIS_M = 6_378_137.0
_ECCENTRICITY_SQUARED = 6.694379990141e-3


class Plane:
    """The tangent plane at the plan's origin, turned so that its y axis is the plan's."""

    def __init__(self, georeference: Georeference) -> None:
        """Where the plan lies."""
        self._reference = georeference
        latitude = math.radians(georeference.latitude_deg)
        root = math.sqrt(1 - _ECCENTRICITY_SQUARED * math.sin(latitude) ** 2)
        self._east_m = math.radians(1) * _AXIS_M / root * math.cos(latitude)
        self._north_m = math.radians(1) * _AXIS_M * (1 - _ECCENTRICITY_SQUARED) / root**3
        bearing = math.radians(georeference.bearing_deg)
        self._cos, self._sin = math.cos(bearing), math.sin(bearing)

    def local(self, latitude_deg: float, longitude_deg: float) -> tuple[float, float]:
        """Where that is on the plan: x and y in metres."""
        turn = (longitude_deg - self._reference.longitude_deg + 180) % 360 - 180
        east, north = turn * self._east_m, (latitude_deg - self._reference.latitude_deg) * self._north_m
        return east * self._cos - north * self._sin, east * self._sin + north * self._cos

    def earth(self, x_m: float, y_m: float) -> tuple[float, float]:
        """Latitude and longitude of a point of the plan, in degrees."""
        east, north = x_m * self._cos + y_m * self._sin, y_m * self._cos - x_m * self._sin
        longitude = self._reference.longitude_deg + east / self._east_m
        return self._reference.latitude_deg + north / self._north_m, (longitude + 180) % 360 - 180


class Handover:
    """One guest: fixes of his phone and positions of the locator in, one position out."""

    def __init__(self, floor: Floor) -> None:
        """Without a georeference only the hubs count."""
        self._plane = Plane(floor.georeference) if floor.georeference is not None else None
        self._lots = [ring for zone in floor.site.zones if zone.kind == "parking" for ring in zone.rings]
        self._gps: Position | None = None
        self._hubs: Position | None = None
        self._source = ""
        self._better_s = math.inf
        self.left_out: Counter[str] = Counter()
        """Fixes that cannot be used, and why."""

    def gps(self, at_s: float, latitude_deg: float, longitude_deg: float, accuracy_m: float) -> None:
        """A fix of the phone. `accuracy_m`: the radius that holds the truth in 68 of 100 cases, as phones give it."""
        values = (at_s, latitude_deg, longitude_deg, accuracy_m)
        if self._plane is None:
            self.left_out["no_georeference"] += 1
        elif not all(map(math.isfinite, values)) or abs(latitude_deg) > 90 or abs(longitude_deg) > 180:
            self.left_out["no_fix"] += 1
        elif not 0 < accuracy_m <= ACCURACY_M_MAX:
            self.left_out["too_coarse"] += 1
        elif self._gps is not None and at_s < self._gps.at_s:
            self.left_out["out_of_order"] += 1
        else:
            x_m, y_m = self._plane.local(latitude_deg, longitude_deg)
            on_lot = bool(inside_any(self._lots, np.array([x_m]), np.array([y_m]))[0])
            # Within r of the truth in 68 of 100 cases: the root mean square distance is r / sqrt(-ln 0.32).
            radius_m = accuracy_m / math.sqrt(-math.log(0.32))
            modes = () if on_lot else ("gps_off_lot",)
            self._gps = Position(at_s, x_m, y_m, radius_m, "gps", modes)

    def hubs(self, position: Position) -> None:
        """What the locator says."""
        self._hubs = replace(position, source="hubs")

    def position(self, now_s: float) -> Position | None:
        """The better of the two, without flapping between them; None where neither is fresh."""
        fresh = {
            one.source: one
            for one, bound_s in ((self._gps, GPS_FRESH_S), (self._hubs, HUBS_FRESH_S))
            if one is not None and now_s - one.at_s <= bound_s
        }
        if not fresh:
            self._source = ""
            return None
        if self._source not in fresh:
            self._source = min(fresh, key=lambda source: _rank(fresh[source]))
            self._better_s = math.inf
        for source, one in fresh.items():
            if source != self._source:
                self._challenge(now_s, one, fresh[self._source])
        return fresh[self._source]

    def _challenge(self, now_s: float, other: Position, held: Position) -> None:
        if _rank(other) >= BETTER * _rank(held):
            self._better_s = math.inf
            return
        self._better_s = min(self._better_s, now_s)
        if now_s - self._better_s >= HOLD_S:
            self._source, self._better_s = other.source, math.inf


def _rank(position: Position) -> float:
    """The smaller the better: its radius; off the lot satellites are seen through a roof or in a mirror of glass."""
    return position.radius_m * (4.0 if "gps_off_lot" in position.modes else 1.0)
