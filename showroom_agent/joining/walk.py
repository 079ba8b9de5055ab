"""Judges a walk through a showroom: where hubs hear enough, and how well a tag is located; must never tune anything.

At each spot somebody stood with a tag. A hub hears there when it heard the tag in a third of the half seconds or more.
A spot passes when enough hubs hear there and the locator, run causally over the whole walk with every deployment's
defaults, was near enough in the median (and did not mean another zone while it was off by half of what it may).
Between the spots a falloff that was fitted to them says where too few hubs
would hear.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from showroom_agent.joining.expected import Falloff, expected_error_m, fit, predicted_dbm
from showroom_agent.joining.spots import Spot
from showroom_agent.locator import Locator, evaluate
from showroom_agent.plan import Reading, Site, Survey
from showroom_agent.plan.geometry import Array, inside_any

STEP_S = 0.5
SHARE_HEARD = 1 / 3
SETTLE_S = 3.0
CELLS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Terms:
    """When a walk passes. `share`: of the spots that must pass; `weakest_dbm`: what a hub is taken to hear."""

    hubs: int = 3
    error_m: float = 3.0
    share: float = 0.9
    weakest_dbm: float = -90.0


@dataclass(frozen=True, slots=True)
class SpotResult:
    """`hubs`: mean level by hub that hears there. Errors in metres, infinite where nothing could be said."""

    spot: Spot
    hubs: dict[str, float]
    expected_m: float
    measured_m: float
    zone: str
    why: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong here."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Raster:
    """Expected error (P) at places of the floor that are free, a square of `cell_m` each."""

    x: Array
    y: Array
    expected_m: Array
    hubs: Array
    cell_m: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result of a walk."""

    site: Site
    terms: Terms
    spots: tuple[SpotResult, ...]
    silent: tuple[str, ...]
    """Hubs that nobody was heard by on the whole walk."""
    falloff: Falloff
    raster: Raster

    @property
    def passed(self) -> bool:
        """Whether enough spots pass and no hub is silent."""
        good = sum(one.passed for one in self.spots)
        return good >= self.terms.share * len(self.spots) and not self.silent

    @property
    def blind_share(self) -> float:
        """Share of the free floor where fewer hubs would hear than the terms ask for."""
        return float((self.raster.hubs < self.terms.hubs).mean()) if len(self.raster.x) else 0.0


def judge(
    site: Site,
    survey: Survey | None,
    spots: Sequence[Spot],
    readings: Sequence[Reading],
    terms: Terms | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Coverage:
    """All readings are of one tag, in order of time, on the spots' clock."""
    terms = terms or Terms()
    levels = _levels(site, spots, readings)
    x, y = np.array([spot.x_m for spot in spots]), np.array([spot.y_m for spot in spots])
    falloff = fit(site, x, y, levels)
    expected = expected_error_m(site, x, y, np.isfinite(levels), falloff)
    errors, zones = _located(site, survey, spots, readings, progress)
    results = []
    for place, spot in enumerate(spots):
        hubs = {hub.id: float(level) for hub, level in zip(site.hubs, levels[place], strict=True) if np.isfinite(level)}
        why = _why(site, spot, len(hubs), errors[place], zones[place], terms)
        results.append(SpotResult(spot, hubs, float(expected[place]), errors[place], zones[place], why))
    begin_s, end_s = spots[0].begin_s, spots[-1].end_s
    heard = {reading.hub for reading in readings if begin_s <= reading.t_s <= end_s}
    silent = tuple(hub.id for place, hub in enumerate(site.hubs) if place not in heard)
    return Coverage(site, terms, tuple(results), silent, falloff, _raster(site, falloff, terms, silent))


def _levels(site: Site, spots: Sequence[Spot], readings: Sequence[Reading]) -> Array:
    """Mean level by spot and hub, NaN where the hub does not hear there."""
    times = np.array([reading.t_s for reading in readings])
    found = np.full((len(spots), len(site.hubs)), np.nan)
    for place, spot in enumerate(spots):
        at, to = np.searchsorted(times, (spot.begin_s, spot.end_s))
        steps = max((spot.end_s - spot.begin_s) / STEP_S, 1.0)
        heard: dict[int, list[float]] = {}
        halves: dict[int, set[int]] = {}
        for reading in readings[int(at) : int(to)]:
            heard.setdefault(reading.hub, []).append(reading.rssi_dbm)
            halves.setdefault(reading.hub, set()).add(int((reading.t_s - spot.begin_s) / STEP_S))
        for hub, values in heard.items():
            if len(halves[hub]) >= SHARE_HEARD * steps:
                found[place, hub] = sum(values) / len(values)
    return found


def _located(
    site: Site,
    survey: Survey | None,
    spots: Sequence[Spot],
    readings: Sequence[Reading],
    progress: Callable[[float], None],
) -> tuple[list[float], list[str]]:
    """Median error and the zone said most, at each spot, once one has stood there a while."""
    begin_s, end_s = spots[0].begin_s - 30.0, spots[-1].end_s
    some = [reading._replace(t_s=reading.t_s - begin_s) for reading in readings if begin_s <= reading.t_s <= end_s]
    errors: list[list[float]] = [[] for _ in spots]
    zones: list[list[str]] = [[] for _ in spots]
    place = 0
    for at_s, one in evaluate(Locator(site, survey), some, progress):
        now_s = at_s + begin_s
        while place < len(spots) and now_s > spots[place].end_s:
            place += 1
        if place == len(spots):
            break
        spot = spots[place]
        if now_s >= spot.begin_s + min(SETTLE_S, (spot.end_s - spot.begin_s) / 2):
            errors[place].append(float(np.hypot(one.x_m - spot.x_m, one.y_m - spot.y_m)))
            zones[place].append(one.zone)
    medians = [float(np.median(some)) if some else float("inf") for some in errors]
    return medians, [max(set(some), key=some.count) if some else "" for some in zones]


def _why(site: Site, spot: Spot, hubs: int, error_m: float, zone: str, terms: Terms) -> tuple[str, ...]:
    why = []
    if hubs < terms.hubs:
        why.append("blind" if not hubs else f"only {hubs} of {terms.hubs} hubs")
    if hubs and error_m > terms.error_m:
        why.append(f"{error_m:.1f} m off" if np.isfinite(error_m) else "not located")
    at = np.array([spot.x_m]), np.array([spot.y_m])
    true = [one for one in site.zones if one.rings and inside_any(one.rings, *at)[0]]
    if not why and zone and true and zone not in {one.id for one in true} and error_m > terms.error_m / 2:
        why.append(f"taken for {zone}")
    return tuple(why)


def _raster(site: Site, falloff: Falloff, terms: Terms, silent: Sequence[str]) -> Raster:
    left, bottom, right, top = site.extent
    cell = max(0.5, float(np.sqrt((right - left) * (top - bottom) / CELLS_MAX)))
    xs, ys = np.meshgrid(np.arange(left + cell / 2, right, cell), np.arange(bottom + cell / 2, top, cell))
    x, y = xs.ravel(), ys.ravel()
    free = ~inside_any(site.blocked, x, y)
    x, y = x[free], y[free]
    hears = predicted_dbm(site, x, y, falloff) >= terms.weakest_dbm
    hears[:, [site.index[hub] for hub in silent]] = False
    return Raster(x, y, expected_error_m(site, x, y, hears, falloff), hears.sum(axis=1).astype(float), cell)
