"""Scores estimates against the truth of a recording, as its publishers would; must never be read by the product."""

import csv
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from showroom_agent.locator import Estimate
from showroom_agent.plan import Site
from showroom_agent.plan.geometry import inside_any

Errors = npt.NDArray[np.float64]


def tracks(site: Path) -> list[str]:
    """The recordings of a site."""
    return sorted(path.name.removesuffix(".sightings.csv") for path in (site / "tracks").glob("*.sightings.csv"))


def errors(site: Path, track: str, found: Sequence[tuple[float, Estimate]], gap_s: float = math.inf) -> Errors:
    """Metres between each estimate and the truth, which is straight between its rows.

    Estimates in a gap of more than `gap_s` between two places are left out: nothing was recorded on the way.
    """
    times, xs, ys = truth(site, track)
    out = []
    for at, one in found:
        if not times[0] <= at <= times[-1]:
            continue
        after = min(max(int(np.searchsorted(times, at, side="right")), 1), len(times) - 1)
        begin, end = times[after - 1], times[after]
        apart = math.hypot(xs[after] - xs[after - 1], ys[after] - ys[after - 1])
        if end - begin > gap_s and apart > 1e-6 and begin < at < end:
            continue
        out.append(math.hypot(one.x_m - np.interp(at, times, xs), one.y_m - np.interp(at, times, ys)))
    return np.array(out)


def zones(
    site: Path, track: str, plan: Site, found: Sequence[tuple[float, Estimate]]
) -> Iterator[tuple[int, int, int, int]]:
    """Once: estimates with a true zone, those with the right one, changes of the zone that is said, true changes."""
    times, xs, ys = truth(site, track)
    some = [(at, one) for at, one in found if times[0] <= at <= times[-1]]
    at = np.array([at for at, _ in some])
    x, y = np.interp(at, times, xs), np.interp(at, times, ys)
    true = np.full(len(some), "", object)
    for zone in plan.zones:
        true[inside_any(zone.rings, x, y) & (true == "")] = zone.id
    said = [one.zone for _, one in some]
    right = sum(a == b for a, b in zip(said, true, strict=True) if b)
    yield sum(map(bool, true)), right, _changes(said), _changes(list(true))


def _changes(zones: Sequence[str]) -> int:
    known = [zone for zone in zones if zone]
    return sum(a != b for a, b in pairwise(known))


def truth(site: Path, track: str) -> tuple[Errors, Errors, Errors]:
    """Times in seconds, x and y in metres."""
    with (site / "tracks" / f"{track}.truth.csv").open(encoding="utf-8") as file:
        rows = [(float(row["t_s"]), float(row["x_m"]), float(row["y_m"])) for row in csv.DictReader(file)]
    times, xs, ys = (np.array(column) for column in zip(*rows, strict=True))
    return times, xs, ys
