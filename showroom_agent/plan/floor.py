"""What a plan says beyond rooms: cars, exits, landmarks and where on earth it lies; must never know a route.

Beside the features that `geojson` reads, a plan may hold

* `car`: a Polygon, or a Point with `length_m`, `width_m` and `heading_deg` (0 to the right, anticlockwise); `id` is
  that of the catalogue, `tag` that of its beacon. Cars move: their place in the plan is where they stood once;
* `exit`: a Point, a way out of the building or onto the lot;
* `landmark`: a Point that people see and that a direction may name.

`name` is a text, or one text for each language: {"de": ..., "en": ...}. The collection's `properties.georeference` is
{"latitude_deg", "longitude_deg"} of the point (0, 0) and `bearing_deg` of the y axis, clockwise from true north.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gateway.errors import ConfigError
from showroom_agent.plan.geojson import load_document, named, read_site
from showroom_agent.plan.geometry import Ring, area, first_self_crossing, inside_any
from showroom_agent.plan.site import Site
from showroom_agent.plan.survey import check_polarity

CARS_MAX = 1_000
CARS_LEAST = 3
"""Cars and exits from which on it tells something that they stand in blocked areas."""
MARKS_MAX = 5_000
NAME_CHARS_MAX = 80
LANGUAGES = ("de", "en")
_CAR_M = (4.6, 1.9)
_CAR_M_MAX = 30.0
_CAR_CORNERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Names:
    """What something is called, by language."""

    de: str
    en: str

    def of(self, language: str) -> str:
        """In `de`; any other language gets English."""
        return self.de if language == "de" else self.en


@dataclass(frozen=True, slots=True)
class Car:
    """A car on the floor: a movable obstacle. `shape`: its outline around (0, 0) when its heading is 0 degrees."""

    id: str
    names: Names
    x_m: float
    y_m: float
    heading_deg: float
    shape: Ring
    tag: str = ""

    @property
    def ring(self) -> Ring:
        """Its outline where it stands."""
        turn = math.radians(self.heading_deg)
        cos, sin = math.cos(turn), math.sin(turn)
        return tuple((self.x_m + x * cos - y * sin, self.y_m + x * sin + y * cos) for x, y in self.shape)

    def at(self, x_m: float, y_m: float, heading_deg: float | None = None) -> "Car":
        """The same car elsewhere; it keeps its heading where no other is known."""
        return replace(self, x_m=x_m, y_m=y_m, heading_deg=self.heading_deg if heading_deg is None else heading_deg)


@dataclass(frozen=True, slots=True)
class Mark:
    """A named point: an exit or a landmark."""

    id: str
    names: Names
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where (0, 0) lies in WGS 84, and the bearing of the y axis, degrees clockwise from true north."""

    latitude_deg: float
    longitude_deg: float
    bearing_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class Floor:
    """A site with what moves and what leads out."""

    site: Site
    cars: tuple[Car, ...] = ()
    exits: tuple[Mark, ...] = ()
    landmarks: tuple[Mark, ...] = ()
    georeference: Georeference | None = None
    zone_names: Mapping[str, Names] | None = None


def load_floor(path: Path) -> Floor:
    """The whole plan in a file; raises ConfigError with all that is wrong with it."""
    document = load_document(path)
    site = named(path, read_site, document)
    return named(path, lambda found: read_floor(found, site), document)


def read_floor(document: Any, site: Site) -> Floor:
    """The rest of a document of which `site` was read; raises ConfigError with one line for each mistake."""
    reader = _Reader()
    features = document.get("features") if isinstance(document, Mapping) else None
    for feature in features if isinstance(features, list) else []:
        reader.feature(feature)
    properties = document.get("properties") if isinstance(document, Mapping) else None
    georeference = reader.georeference(properties.get("georeference") if isinstance(properties, Mapping) else None)
    if len(reader.cars) > CARS_MAX or len(reader.exits) + len(reader.landmarks) > MARKS_MAX:
        raise ConfigError(f"a plan has at most {CARS_MAX:,} cars and {MARKS_MAX:,} exits and landmarks")
    if reader.wrong:
        raise ConfigError("; ".join(reader.wrong[:20]))
    _check_polarity(site, reader)
    return Floor(
        site,
        tuple(reader.cars.values()),
        tuple(reader.exits.values()),
        tuple(reader.landmarks.values()),
        georeference,
        reader.zones,
    )


def _check_polarity(site: Site, reader: "_Reader") -> None:
    """Cars stand and exits lead where one can walk. Cars on stands that are blocked alone say nothing."""
    exits = [(one.x_m, one.y_m) for one in reader.exits.values()]
    standing = [*exits, *((one.x_m, one.y_m) for one in reader.cars.values())]
    if exits and inside_any(site.blocked, *np.array(exits, float).T).all():
        check_polarity(site, np.array(standing, float), "cars and exits", CARS_LEAST)


class _Reader:
    """Collects every mistake before it gives up."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.cars: dict[str, Car] = {}
        self.exits: dict[str, Mark] = {}
        self.landmarks: dict[str, Mark] = {}
        self.zones: dict[str, Names] = {}

    def feature(self, feature: Any) -> None:
        properties = feature.get("properties") if isinstance(feature, Mapping) else None
        kind = properties.get("kind") if isinstance(properties, Mapping) else None
        if not isinstance(properties, Mapping) or kind not in ("car", "exit", "landmark", "zone"):
            return
        name = f"{kind} {properties.get('id', '?')}"
        try:
            ident = str(properties["id"])[:NAME_CHARS_MAX]
            names = _names(properties.get("name", ident))
            if kind == "zone":
                self.zones[ident] = names
                return
            geometry = feature["geometry"]
            if ident in (self.cars if kind == "car" else self.exits if kind == "exit" else self.landmarks):
                self.wrong.append(f"{name}: two have this id")
            elif kind == "car":
                self._car(name, ident, names, properties, geometry)
            else:
                x_m, y_m = _point(geometry["coordinates"])
                (self.exits if kind == "exit" else self.landmarks)[ident] = Mark(ident, names, x_m, y_m)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            self.wrong.append(f"{name}: it needs an id, a name (text or de and en) and a geometry that can be read")

    def _car(self, name: str, ident: str, names: Names, properties: Mapping[str, Any], geometry: Any) -> None:
        if geometry["type"] == "Point":
            x_m, y_m = _point(geometry["coordinates"])
            length, width = (float(properties.get(key, usual)) for key, usual in zip(_SIDES, _CAR_M, strict=True))
            if not (0 < length <= _CAR_M_MAX and 0 < width <= _CAR_M_MAX):
                raise ValueError("no car has this size")
            shape: Ring = tuple((length / 2 * i, width / 2 * j) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
            heading = float(properties.get("heading_deg", 0.0))
        else:
            if geometry["type"] != "Polygon":
                raise ValueError("a car is a Point or a Polygon")
            ring = tuple(_point(corner) for corner in geometry["coordinates"][0])
            ring = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
            xs, ys = zip(*ring, strict=True)
            x_m, y_m = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
            shape, heading = tuple((x - x_m, y - y_m) for x, y in ring), 0.0
            if not 3 <= len(ring) <= _CAR_CORNERS_MAX or first_self_crossing(ring) is not None or area(ring) <= 0:
                self.wrong.append(f"{name}: its outline has an area, 3 to {_CAR_CORNERS_MAX} corners and no crossing")
                return
        if not math.isfinite(heading):
            raise ValueError("no heading")
        self.cars[ident] = Car(ident, names, x_m, y_m, heading, shape, str(properties.get("tag", ""))[:NAME_CHARS_MAX])

    def georeference(self, given: Any) -> Georeference | None:
        if given is None:
            return None
        try:
            found = Georeference(
                float(given["latitude_deg"]), float(given["longitude_deg"]), float(given.get("bearing_deg", 0.0))
            )
        except (TypeError, ValueError, KeyError, AttributeError):
            self.wrong.append("properties.georeference needs latitude_deg and longitude_deg, and may have bearing_deg")
            return None
        if not (abs(found.latitude_deg) < 89 and abs(found.longitude_deg) <= 180 and math.isfinite(found.bearing_deg)):
            self.wrong.append(
                "properties.georeference lies on no map: latitude within 89, longitude within 180 degrees"
            )
        return found


_SIDES = ("length_m", "width_m")


def _names(value: Any) -> Names:
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"en": value}
    texts = [str(given[language]).strip()[:NAME_CHARS_MAX] for language in LANGUAGES if language in given]
    return Names(texts[0], texts[-1])


def _point(value: Any) -> tuple[float, float]:
    x_m, y_m = float(value[0]), float(value[1])
    if not (math.isfinite(x_m) and math.isfinite(y_m)):
        raise ValueError("a coordinate is not a number")
    return x_m, y_m
