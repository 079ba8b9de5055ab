"""Calibration measurements: which hub hears how much at which point; must never accept those of another building."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.errors import ConfigError
from showroom_agent.plan.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN, SURVEY_POINTS_MAX, SURVEY_ROWS_MAX
from showroom_agent.plan.geometry import Array, inside_any
from showroom_agent.plan.site import Site

_COLUMNS = ("point", "x_m", "y_m", "hub", "rssi_dbm", "count")
_OUTSIDE_M = 5.0
_POINTS_MIN = 3


@dataclass(frozen=True, slots=True)
class Survey:
    """P points and H hubs of a site. `mean_dbm`, `spread_db` (NaN where a hub heard nothing), `count`: P x H."""

    points: Array
    mean_dbm: Array
    spread_db: Array
    count: Array


def load_survey(path: Path, site: Site) -> Survey:
    """The survey in a CSV file `point,x_m,y_m,hub,rssi_dbm,count`; raises ConfigError for one of another building."""
    places: dict[str, tuple[float, float]] = {}
    sums: dict[tuple[str, int], list[float]] = {}
    strange: set[str] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(_rows(path, file), 2):
                _take(path, number, row, site, places, sums, strange)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    known = {hub for _, hub in sums}
    if len(strange) > len(known):
        raise ConfigError(
            f"{path}: {len(strange)} of its {len(strange) + len(known)} hubs are not in the plan: "
            "is it the survey of another building?"
        )
    return _built(path, site, places, sums)


def check_polarity(site: Site, points: Array, what: str, least: int = 20) -> None:
    """Raises ConfigError when most of the places where something was stand in blocked areas: the plan is inverted."""
    if len(points) < least or not site.blocked:
        return
    share = float(inside_any(site.blocked, points[:, 0], points[:, 1]).mean())
    if share > 0.6:
        raise ConfigError(
            f"{share:.0%} of {what} lie in blocked areas: the plan seems to mark what is free as blocked. "
            "Exchange blocked and free in it, or correct its coordinates"
        )


def _rows(path: Path, file: Iterator[str]) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(file)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(f"{path}: it lacks the columns {', '.join(missing)}")
    try:
        for count, row in enumerate(reader):
            if count >= SURVEY_ROWS_MAX:
                raise ConfigError(f"{path}: a survey has at most {SURVEY_ROWS_MAX:,} rows")
            yield row
    except csv.Error as error:
        raise ConfigError(f"{path}: is not CSV ({error})") from None


def _take(
    path: Path,
    number: int,
    row: dict[str, str],
    site: Site,
    places: dict[str, tuple[float, float]],
    sums: dict[tuple[str, int], list[float]],
    strange: set[str],
) -> None:
    try:
        x_m, y_m, rssi, count = (float(row[name]) for name in ("x_m", "y_m", "rssi_dbm", "count"))
    except (TypeError, ValueError):
        raise ConfigError(f"{path}, line {number}: x_m, y_m, rssi_dbm and count are numbers") from None
    if not (math.isfinite(x_m) and math.isfinite(y_m) and 0 < count < 1e9):
        raise ConfigError(f"{path}, line {number}: a coordinate or a count that cannot be")
    if not RSSI_DBM_MIN <= rssi <= RSSI_DBM_MAX:
        return
    places.setdefault(row["point"], (x_m, y_m))
    if len(places) > SURVEY_POINTS_MAX:
        raise ConfigError(f"{path}: a survey has at most {SURVEY_POINTS_MAX:,} points")
    hub = site.index.get(row["hub"])
    if hub is None:
        if len(strange) < 10_000:
            strange.add(row["hub"])
        return
    total = sums.setdefault((row["point"], hub), [0.0, 0.0, 0.0])
    total[0] += count
    total[1] += count * rssi
    total[2] += count * rssi * rssi


def _built(
    path: Path, site: Site, places: dict[str, tuple[float, float]], sums: dict[tuple[str, int], list[float]]
) -> Survey:
    if len(places) < _POINTS_MIN or not sums:
        raise ConfigError(
            f"{path}: a survey needs {_POINTS_MIN} points at least at which a hub of the plan heard the tag"
        )
    points = np.array(list(places.values()), float)
    left, bottom, right, top = site.extent
    out = (points[:, 0] < left - _OUTSIDE_M) | (points[:, 0] > right + _OUTSIDE_M)
    out |= (points[:, 1] < bottom - _OUTSIDE_M) | (points[:, 1] > top + _OUTSIDE_M)
    if out.mean() > 0.2:
        raise ConfigError(
            f"{path}: {int(out.sum())} of {len(points)} points lie more than {_OUTSIDE_M:g} m outside the plan: "
            "is it the survey of another building?"
        )
    row_of = {name: place for place, name in enumerate(places)}
    shape = len(points), len(site.hubs)
    mean, spread, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for (point, hub), (n, total, squares) in sums.items():
        at = row_of[point], hub
        count[at], mean[at] = n, total / n
        spread[at] = math.sqrt(max(squares / n - (total / n) ** 2, 0.0))
    keep = ~out
    return Survey(points[keep], mean[keep], spread[keep], count[keep])
