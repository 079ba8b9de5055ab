"""Small floors with hubs, and what their hubs would hear of a walker; must never be read by the product."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from showroom_agent.plan import Reading, Site, read_site

SQUARE = [(0.0, 0.0), (10.0, 0.0), (10.0, 8.0), (0.0, 8.0)]


def feature(kind: str, ident: str, geometry: Any, **properties: Any) -> dict[str, Any]:
    """One feature of a plan."""
    return {"type": "Feature", "properties": {"kind": kind, "id": ident, **properties}, "geometry": geometry}


def hub(ident: str, x_m: float, y_m: float) -> dict[str, Any]:
    """A hub at a place."""
    return feature("hub", ident, {"type": "Point", "coordinates": [x_m, y_m]}, z_m=2.0)


def polygon(kind: str, ident: str, corners: list[tuple[float, float]]) -> dict[str, Any]:
    """A zone or a blocked area."""
    return feature(kind, ident, {"type": "Polygon", "coordinates": [[*map(list, corners), list(corners[0])]]})


def rectangle(left: float, bottom: float, right: float, top: float) -> list[tuple[float, float]]:
    """Its corners."""
    return [(left, bottom), (right, bottom), (right, top), (left, top)]


def document(*features: dict[str, Any], extent: Any = (0, 0, 10, 8)) -> dict[str, Any]:
    """A plan of 10 m x 8 m with hubs in its corners and in the middle, two zones, and what else is given."""
    hubs = [hub("a", 0, 0), hub("b", 10, 0), hub("c", 10, 8), hub("d", 0, 8), hub("e", 5, 4)]
    zones = [polygon("zone", "west", rectangle(0, 0, 5, 8)), polygon("zone", "east", rectangle(5, 0, 10, 8))]
    return {
        "type": "FeatureCollection",
        "properties": {"site": "test", "extent_m": list(extent) if extent else None},
        "features": [*hubs, *zones, *features],
    }


def floor(*features: dict[str, Any]) -> Site:
    """The plan, read."""
    return read_site(document(*features))


def level(site: Site, place: int, x_m: float, y_m: float, power: float = -58.0) -> float:
    """DBm of a tag at a place by log-distance path loss of exponent 2.2 from `power` at 1 m."""
    one = site.hubs[place]
    return power - 22 * math.log10(max(math.hypot(one.x_m - x_m, one.y_m - y_m, 1.0), 1.0))


def walk(
    site: Site, path: list[tuple[float, float, float]], power: float = -58.0, noise_db: float = 3.0, seed: int = 1
) -> list[Reading]:
    """Two readings a second from each hub along (t_s, x_m, y_m), straight between them."""
    rng, found = np.random.default_rng(seed), []
    times, xs, ys = (np.array(column) for column in zip(*path, strict=True))
    for at in np.arange(times[0], times[-1], 0.5):
        x_m, y_m = float(np.interp(at, times, xs)), float(np.interp(at, times, ys))
        levels = [level(site, place, x_m, y_m, power) + rng.normal(0, noise_db) for place in range(len(site.hubs))]
        found += [Reading(float(at), place, "tag", value) for place, value in enumerate(levels)]
    return found


def write(folder: Path, plan: dict[str, Any], survey: str | None = None, **tracks: str) -> Path:
    """A site's folder."""
    (folder / "tracks").mkdir(parents=True)
    (folder / "site.geojson").write_text(json.dumps(plan), "utf-8")
    if survey is not None:
        (folder / "survey.csv").write_text(survey, "utf-8")
    for name, text in tracks.items():
        (folder / "tracks" / f"{name}.sightings.csv").write_text(text, "utf-8")
    return folder


def survey_of(site: Site, step_m: float = 1.0, power: float = -58.0) -> str:
    """A calibration on a raster, as a file holds it."""
    lines = ["point,x_m,y_m,hub,rssi_dbm,count"]
    for column, x_m in enumerate(np.arange(0.5, 10, step_m)):
        for row, y_m in enumerate(np.arange(0.5, 8, step_m)):
            for place, one in enumerate(site.hubs):
                value = level(site, place, float(x_m), float(y_m), power)
                lines.append(f"p{column}-{row},{x_m},{y_m},{one.id},{value:.0f},10")
    return "\n".join(lines) + "\n"


def csv_of(site: Site, readings: list[Reading]) -> str:
    """A recording, as a file holds it."""
    rows = [f"{one.t_s:.3f},{site.hubs[one.hub].id},{one.tag},{one.rssi_dbm:.0f}" for one in readings]
    return "\n".join(["t_s,hub,tag,rssi_dbm", *rows]) + "\n"
