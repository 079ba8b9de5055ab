"""Edits a plan as its file holds it: places, moves, removes, checks, saves; must never write a plan that does not load.

Whatever a plan holds that this does not know stays in it. Coordinates are rounded to millimetres.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError, InputError
from gateway.identity import check_device_id, write_file
from showroom_agent.plan import read_floor, read_site
from showroom_agent.plan.geojson import load_document

POINTS = ("hub", "car", "exit", "landmark")
AREAS = ("zone", "blocked")
KINDS = (*POINTS, *AREAS, "wall")
DOCUMENT_BYTES_MAX = 4 << 20
Document = dict[str, Any]
Corners = Sequence[tuple[float, float]]


def blank(site: str, width_m: float = 20.0, height_m: float = 15.0) -> Document:
    """A plan with nothing in it, of which only the size is guessed."""
    properties = {"site": site, "extent_m": [0, 0, width_m, height_m]}
    return {"type": "FeatureCollection", "properties": properties, "features": []}


def load_drawing(path: Path) -> tuple[Document, str]:
    """The plan and its version; a blank one, with an empty version, where there is no file."""
    if not path.exists():
        return blank(path.parent.name or "site"), ""
    document = load_document(path)
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise ConfigError(f"{path}: is no GeoJSON FeatureCollection: take it away, or correct it")
    return document, version_of(path)


def version_of(path: Path) -> str:
    """Of the file as it is now; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""


def put(document: Document, kind: str, ident: str, corners: Corners, **properties: Any) -> Document:
    """The plan with a feature placed, or placed anew: what it said beside its place stays. InputError for no place."""
    if kind not in KINDS:
        raise InputError(f"{kind!r} is nothing that a plan holds; it holds {', '.join(KINDS)}")
    geometry = _geometry(kind, corners)
    given = {name: value for name, value in properties.items() if value is not None}
    features = list(document["features"])
    for place, feature in enumerate(features):
        if _is(feature, kind, ident):
            kept = {**feature["properties"], **given}
            features[place] = {**feature, "geometry": geometry, "properties": kept}
            break
    else:
        features.append({"type": "Feature", "properties": {"kind": kind, "id": ident, **given}, "geometry": geometry})
    return {**document, "features": features}


def remove(document: Document, kind: str, ident: str) -> Document:
    """The plan without a feature; InputError when it has none such."""
    features = [feature for feature in document["features"] if not _is(feature, kind, ident)]
    if len(features) == len(document["features"]):
        raise InputError(f"the plan has no {kind} {ident}")
    return {**document, "features": features}


def problems(document: Any) -> list[str]:
    """What is wrong with a plan, a line for each mistake; empty for one that loads everywhere."""
    found = _form(document)
    if found:
        return found
    try:
        read_floor(document, read_site(document))
    except ConfigError as error:
        found += str(error).split("; ")
    for feature in document["features"]:
        properties = feature["properties"]
        if properties.get("kind") == "hub":
            try:
                check_device_id(str(properties.get("id")))
            except InputError as error:
                found.append(str(error))
    return found


def save(path: Path, document: Any, version: str) -> str:
    """Writes a plan whole, fsynced, and returns its version.

    InputError with all that is wrong with it, or when the file is not `version` any more: somebody else saved it.
    """
    wrong = problems(document)
    if wrong:
        raise InputError("; ".join(wrong[:20]))
    if version_of(path) != version:
        raise InputError("somebody else saved the plan meanwhile: load it again")
    try:
        text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    except ValueError as error:
        raise InputError("a number in the plan is not finite") from error
    if len(text) > DOCUMENT_BYTES_MAX:
        raise InputError(f"a plan that is drawn here has at most {DOCUMENT_BYTES_MAX >> 20} MB")
    write_file(path, text.encode() + b"\n")
    return version_of(path)


def parse_corners(words: Sequence[str]) -> list[tuple[float, float]]:
    """Places typed as X,Y; InputError names the one that cannot be read."""
    found = []
    for word in words:
        x, comma, y = word.partition(",")
        try:
            point = float(x), float(y)
        except ValueError:
            point = math.nan, math.nan
        if not comma or not all(map(math.isfinite, point)):
            raise InputError(f"{word!r} is no place: write X,Y in metres, such as 4.5,11")
        found.append(point)
    return found


def _geometry(kind: str, corners: Corners) -> dict[str, Any]:
    places = [[round(x, 3), round(y, 3)] for x, y in corners]
    if kind in POINTS:
        if len(places) != 1:
            raise InputError(f"a {kind} stands at one place")
        return {"type": "Point", "coordinates": places[0]}
    if kind == "wall":
        if len(places) < 2:
            raise InputError("a wall has two ends at least")
        return {"type": "LineString", "coordinates": places}
    if len(places) == 2:  # opposite corners
        (ax, ay), (bx, by) = places
        places = [[ax, ay], [bx, ay], [bx, by], [ax, by]]
    if len(places) < 3:
        raise InputError(f"a {kind} has three corners at least, or two opposite ones of a rectangle")
    return {"type": "Polygon", "coordinates": [[*places, places[0]]]}


def _is(feature: Any, kind: str, ident: str) -> bool:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    return isinstance(properties, Mapping) and properties.get("kind") == kind and str(properties.get("id", "")) == ident


def _form(document: Any) -> list[str]:
    """What RFC 7946 asks for and plan readers take for granted."""
    if not isinstance(document, Mapping) or document.get("type") != "FeatureCollection":
        return ["a plan is a GeoJSON FeatureCollection"]
    features = document.get("features")
    if not isinstance(features, list):
        return ["a plan has a list of features"]
    for place, feature in enumerate(features):
        good = isinstance(feature, Mapping) and feature.get("type") == "Feature"
        if not good or not isinstance(feature.get("properties"), Mapping):
            return [f"feature {place} is no GeoJSON Feature with properties"]
    return []
