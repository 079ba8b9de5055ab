"""Reads a floor plan from GeoJSON; must never guess where the plan is wrong: it says what is wrong and where.

The format is that of RFC 7946 but for its coordinates, which are local metres (x right, y up). The collection's
`properties` hold `extent_m` [left, bottom, right, top]; each feature's `properties.kind` is `hub`, `zone`, `blocked` or
`wall`. Other kinds are skipped, so that a plan may hold more than this version knows.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from gateway.errors import ConfigError
from showroom_agent.plan.bounds import EXTENT_M_MAX, FEATURES_MAX, HUBS_MAX, PLAN_BYTES_MAX, RING_CORNERS_MAX
from showroom_agent.plan.geometry import Ring, Segment, area, first_self_crossing
from showroom_agent.plan.site import Hub, Site, Zone
from showroom_agent.radio.value import KEY_CHARS_MAX, normal_key

_FAR_M = 50.0
_T = TypeVar("_T")


def load_site(path: Path) -> Site:
    """The plan in a file; raises ConfigError with all that is wrong with it."""
    return named(path, read_site, load_document(path))


def load_document(path: Path) -> Any:
    """The JSON in a plan's file; raises ConfigError where it is too large or no JSON."""
    try:
        if path.stat().st_size > PLAN_BYTES_MAX:
            raise ConfigError(f"{path}: a plan has at most {PLAN_BYTES_MAX >> 20} MB")
        return json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no plan here; a site's folder holds site.geojson") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None


def named(path: Path, read: Callable[[Any], _T], document: Any) -> _T:
    """What `read` makes of the document; a ConfigError names the file."""
    try:
        return read(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_site(document: Any) -> Site:
    """The plan in a parsed document; raises ConfigError with one line for each mistake."""
    return _Reader(document).site()


class _Reader:
    """Collects every mistake before it gives up."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._wrong: list[str] = []
        self._hubs: dict[str, Hub] = {}
        self._zones: dict[str, Zone] = {}
        self._blocked: list[Ring] = []
        self._walls: list[Segment] = []

    def site(self) -> Site:
        document = self._document
        if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
            raise ConfigError("a plan is a GeoJSON FeatureCollection with a list of features")
        if len(document["features"]) > FEATURES_MAX:
            raise ConfigError(f"a plan has at most {FEATURES_MAX:,} features")
        for place, feature in enumerate(document["features"]):
            self._feature(place, feature)
        properties = document.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        extent = self._extent(properties.get("extent_m"))
        if not self._hubs:
            self._wrong.append('there is no hub: a Point with the properties {"kind": "hub", "id": ...}')
        if self._wrong:
            raise ConfigError("; ".join(self._wrong[:20]))
        return Site(
            str(properties.get("site", "site"))[:64],
            extent,
            tuple(self._hubs.values()),
            tuple(self._zones.values()),
            tuple(self._blocked),
            tuple(self._walls),
        )

    def _feature(self, place: int, feature: Any) -> None:
        properties = feature.get("properties") if isinstance(feature, Mapping) else None
        if not isinstance(properties, Mapping):
            self._wrong.append(f"feature {place} has no properties")
            return
        kind, geometry = properties.get("kind"), feature.get("geometry")
        name = f"{kind} {properties.get('id', place)}"
        try:
            if kind == "hub":
                self._hub(name, properties, geometry)
            elif kind == "zone":
                rings = tuple(self._rings(name, geometry)) if geometry is not None else ()
                self._zone(name, properties, rings)
            elif kind == "blocked":
                self._blocked += self._rings(name, geometry)
            elif kind == "wall":
                self._walls += _segments(geometry)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            self._wrong.append(f"{name}: its geometry cannot be read")

    def _hub(self, name: str, properties: Mapping[str, Any], geometry: Any) -> None:
        x_m, y_m = _point(geometry["coordinates"])
        height = properties.get("z_m")
        z_m = None if height is None else float(height)
        ident = str(properties["id"])
        if ident in self._hubs:
            self._wrong.append(f"{name}: two hubs have this id")
        elif len(self._hubs) >= HUBS_MAX:
            raise ConfigError(f"a plan has at most {HUBS_MAX:,} hubs")
        beacon, listens = properties.get("beacon", ""), properties.get("listens", True)
        if not isinstance(beacon, str) or len(beacon) > KEY_CHARS_MAX or (beacon and ":" not in beacon):
            self._wrong.append(
                f"{name}: beacon is a text such as ibeacon:6f72...:1:3 of at most {KEY_CHARS_MAX} letters"
            )
            beacon = ""
        beacon = normal_key(beacon)
        if beacon and any(hub.beacon == beacon for hub in self._hubs.values()):
            self._wrong.append(f"{name}: another sends the same beacon; nobody could tell them apart")
        if not isinstance(listens, bool) or not (listens or beacon):
            self._wrong.append(f"{name}: listens is true or false, and what does not listen sends a beacon")
        height = z_m if z_m is None or math.isfinite(z_m) else None
        self._hubs[ident] = Hub(ident, x_m, y_m, height, beacon, listens=bool(listens))

    def _zone(self, name: str, properties: Mapping[str, Any], rings: tuple[Ring, ...]) -> None:
        ident = str(properties["id"])
        if ident in self._zones:
            self._wrong.append(f"{name}: two zones have this id")
        self._zones[ident] = Zone(ident, str(properties.get("name", ident)), rings, str(properties.get("use", "")))

    def _rings(self, name: str, geometry: Any) -> Iterator[Ring]:
        """The outer rings of a Polygon or MultiPolygon."""
        kind = geometry["type"]
        if kind not in ("Polygon", "MultiPolygon"):
            raise ValueError(kind)
        for polygon in [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]:
            ring = tuple(_point(corner) for corner in polygon[0])
            if len(ring) > 1 and ring[0] == ring[-1]:
                ring = ring[:-1]
            if not 3 <= len(ring) <= RING_CORNERS_MAX:
                self._wrong.append(f"{name}: a polygon has 3 to {RING_CORNERS_MAX:,} corners, this has {len(ring)}")
            elif (at := first_self_crossing(ring)) is not None:
                self._wrong.append(f"{name}: its outline crosses itself near ({at[0]:g}, {at[1]:g})")
            elif area(ring) <= 0:
                self._wrong.append(f"{name}: it has no area")
            else:
                yield ring

    def _extent(self, given: Any) -> tuple[float, float, float, float]:
        """What the plan says, or what its features span."""
        points = [(hub.x_m, hub.y_m) for hub in self._hubs.values()]
        points += [corner for zone in self._zones.values() for ring in zone.rings for corner in ring]
        points += [corner for ring in self._blocked for corner in ring]
        points += [end for wall in self._walls for end in wall]
        if given is None and points:
            xs, ys = zip(*points, strict=True)
            given = min(xs), min(ys), max(xs), max(ys)
        try:
            left, bottom, right, top = map(float, given)
        except (TypeError, ValueError):
            self._wrong.append("properties.extent_m is [left, bottom, right, top] in metres")
            return 0.0, 0.0, 1.0, 1.0
        if not all(map(math.isfinite, (left, bottom, right, top))) or right <= left or top <= bottom:
            self._wrong.append("properties.extent_m has no area: [left, bottom, right, top] in metres")
        elif max(right - left, top - bottom) > EXTENT_M_MAX:
            self._wrong.append(f"the plan is larger than {EXTENT_M_MAX:g} m: are its coordinates metres?")
        for hub in self._hubs.values():
            if not (left - _FAR_M <= hub.x_m <= right + _FAR_M and bottom - _FAR_M <= hub.y_m <= top + _FAR_M):
                self._wrong.append(f"hub {hub.id}: it hangs more than {_FAR_M:g} m outside extent_m")
        return left, bottom, right, top


def _point(value: Any) -> tuple[float, float]:
    x_m, y_m = float(value[0]), float(value[1])
    if not (math.isfinite(x_m) and math.isfinite(y_m)):
        raise ValueError("a coordinate is not a number")
    return x_m, y_m


def _segments(geometry: Any) -> list[Segment]:
    kind = geometry["type"]
    if kind not in ("LineString", "MultiLineString"):
        raise ValueError(kind)
    found: list[Segment] = []
    for line in [geometry["coordinates"]] if kind == "LineString" else geometry["coordinates"]:
        points = [_point(value) for value in line]
        found += [(a, b) for a, b in pairwise(points) if a != b]
    return found
