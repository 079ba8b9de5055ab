"""Whether the made-up radio sounds like a recorded one: the same statistics of both, side by side; must never fit one.

Each building's plan, surveyed places and walked paths are taken; what hubs hear there is replaced by what the radio
model says. Everything is then reckoned in the same way from both. A test holds them within the tolerances given here.
"""

import asyncio
import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.drives import SHARED_DATA
from benchmarks.figures import Entry, Row, Run, Samples
from showroom_agent.plan import Site, load_readings, load_site
from simulators.world import Air, AirSettings, Place
from simulators.world.buildings import FLAT, OFFICE
from simulators.world.radio import HUB_M, TAG_M
from tests.kit.beacons import tracks, truth

Numbers = npt.NDArray[np.float64]
SEEDS = (1, 2, 3)
STILL_LEAST, STILL_MOST, POINTS_MOST = 8, 30, 100
SLOT_S = 0.5
ECHO_S = (0.5, 2.0, 5.0)
TOGETHER_S = 0.03
"""Readings of one advert at several hubs of a building with one clock."""


@dataclass(frozen=True, slots=True)
class Building:
    """A recording, the numbers of the model for it, and what its survey means by a place."""

    name: str
    settings: AirSettings
    within_m: float
    """Readings of a place were taken so far around it."""
    one_clock: bool
    """Whether one advert has one time at all hubs, so that missed adverts can be counted."""


BUILDINGS = (
    Building("danis-tetam", OFFICE, 0.0, one_clock=True),
    Building("kolakowski-flat", FLAT, 0.125, one_clock=False),
)
TOLERANCES: Mapping[str, float] = {
    "exponent of path loss": 0.3,
    "level at 1 m, dBm": 3.0,
    "offsets of receivers, dB": 1.0,
    "shadow beside path loss, dB": 1.0,
    "shadow again 1 m away": 0.15,
    "shadow again 3 m away": 0.15,
    "spread of a still tag, 10 of 100, dB": 1.0,
    "spread of a still tag, median, dB": 0.8,
    "spread of a still tag, 90 of 100, dB": 1.2,
    "spread along a walk, dB": 1.0,
    "error again after 0.5 s": 0.12,
    "error again after 2 s": 0.12,
    "error again after 5 s": 0.12,
    "adverts missed": 0.03,
    "silent seconds": 0.03,
}
"""By how much a statistic of the model, the mean of SEEDS, may differ from the recording's."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Levels at surveyed places, by place and hub, and along walks: time, hub, level, x, y."""

    still: Mapping[tuple[float, float, int], Numbers]
    walks: Sequence[Numbers]


def recorded(folder: Path, site: Site) -> Heard:
    """What a building's files say."""
    still: dict[tuple[float, float, int], list[tuple[float, float]]] = defaultdict(list)
    with (folder / "survey.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = float(row["x_m"]), float(row["y_m"]), site.index[row["hub"]]
            still[at].append((float(row["rssi_dbm"]), float(row["count"])))
    levels = {at: np.repeat(*np.array(rows).astype(int).T) for at, rows in still.items()}
    walks = []
    for track in tracks(folder):
        readings, _ = load_readings(folder / "tracks" / f"{track}.sightings.csv", site)
        times, xs, ys = truth(folder, track)
        rows = np.array([(one.t_s, one.hub, one.rssi_dbm) for one in readings if times[0] <= one.t_s <= times[-1]])
        x, y = np.interp(rows[:, 0], times, xs), np.interp(rows[:, 0], times, ys)
        walks.append(np.column_stack([rows, x, y]))
    return Heard({at: one.astype(float) for at, one in levels.items()}, walks)


def imagined(folder: Path, site: Site, building: Building, like: Heard, seed: int) -> Heard:
    """What the radio model says at the same places and along the same paths."""
    air, rng = Air(site, seed, building.settings), np.random.default_rng(seed)
    still = {}
    for (x, y, hub), levels in like.still.items():
        found: list[int] = []
        often = min(len(levels), STILL_MOST)
        if not building.within_m:
            found += air.levels(hub, Place(x, y), often)
        for near in rng.uniform(-building.within_m, building.within_m, (often if building.within_m else 0, 2)):
            found += air.levels(hub, Place(x + float(near[0]), y + float(near[1])), 1)
        if found:
            still[x, y, hub] = np.array(found, float)
    walks = []
    for track in tracks(folder):
        times, xs, ys = truth(folder, track)
        sent = np.arange(times[0], times[-1], building.settings.interval_s)
        rows = []
        for at in sent:
            x, y = float(np.interp(at, times, xs)), float(np.interp(at, times, ys))
            later = float(np.interp(at + 1, times, xs)), float(np.interp(at + 1, times, ys))
            place = Place(x, y, math.atan2(later[1] - y, later[0] - x))
            listens = air.listen(building.settings.interval_s)
            for hub in range(len(site.hubs)):
                rows += [(at, hub, level, x, y) for level in (air.levels(hub, place, 1) if listens[hub] else ())]
        walks.append(np.array(rows))
    return Heard(still, walks)


def statistics(site: Site, heard: Heard, *, one_clock: bool) -> dict[str, float]:
    """By the names of TOLERANCES."""
    count = len(site.hubs)
    places = list(heard.still)
    mean = np.array([heard.still[at].mean() for at in places])
    hubs = np.array([hub for _, _, hub in places])
    design = np.zeros((len(places), 1 + count))
    design[:, 0] = [_fall(site, hub, x, y) for x, y, hub in places]
    design[np.arange(len(places)), 1 + hubs] = 1
    fit, *_ = np.linalg.lstsq(design, mean, rcond=None)
    rest = mean - design @ fit
    spread = [float(one.std(ddof=1)) for one in heard.still.values() if len(one) >= STILL_LEAST]
    at = np.array([(x, y) for x, y, _ in places])
    found = {
        "exponent of path loss": float(fit[0]),
        "level at 1 m, dBm": float(fit[1:].mean()),
        "offsets of receivers, dB": float(fit[1:].std(ddof=1)),
        "shadow beside path loss, dB": float(rest.std()),
        "shadow again 1 m away": _alike(at, hubs, rest, 0.75, 1.25),
        "shadow again 3 m away": _alike(at, hubs, rest, 2.5, 3.5),
    }
    for name, percent in (("10 of 100", 10), ("median", 50), ("90 of 100", 90)):
        found[f"spread of a still tag, {name}, dB"] = float(np.percentile(spread, percent))
    return found | _walked(site, heard.walks, fit, one_clock=one_clock)


def _fall(site: Site, hub: int, x: float, y: float) -> float:
    one = site.hubs[hub]
    away_m = math.hypot(one.x_m - x, one.y_m - y, (HUB_M if one.z_m is None else one.z_m) - TAG_M)
    return -10 * math.log10(max(away_m, 0.3))


def _alike(at: Numbers, hubs: npt.NDArray[np.intp], rest: Numbers, least_m: float, most_m: float) -> float:
    """Correlation of what path loss leaves at two places so far apart, at the same hub."""
    products = []
    for hub in np.unique(hubs):
        mine, own = at[hubs == hub], rest[hubs == hub]
        some = np.unique(np.linspace(0, len(own) - 1, min(len(own), 250)).astype(int))
        mine, own = mine[some], own[some]
        apart = np.hypot(mine[:, None, 0] - mine[None, :, 0], mine[:, None, 1] - mine[None, :, 1])
        products.append((own[:, None] * own[None, :])[(apart >= least_m) & (apart < most_m)])
    return float(np.concatenate(products).mean() / rest.var())


def _walked(site: Site, walks: Sequence[Numbers], fit: Numbers, *, one_clock: bool) -> dict[str, float]:
    """Of what path loss leaves along the walks, in slots of SLOT_S."""
    square, again = [], {lag: [] for lag in ECHO_S}  # type: ignore[var-annotated]
    silent, missed = [], []
    for walk in walks:
        times, hubs = walk[:, 0] - walk[0, 0], walk[:, 1].astype(int)
        expected = np.array([_fall(site, hub, x, y) for hub, (x, y) in zip(hubs, walk[:, 3:], strict=True)])
        rest = walk[:, 2] - expected * fit[0] - fit[1:][hubs]
        slots = (times / SLOT_S).astype(int)
        total, number = np.zeros((2, slots.max() + 1, len(site.hubs)))
        np.add.at(total, (slots, hubs), rest)
        np.add.at(number, (slots, hubs), 1)
        with np.errstate(invalid="ignore"):
            level = total / np.where(number > 0, number, np.nan)
        level -= np.nanmean(level, axis=0)
        square.append((level**2).ravel())
        for lag in ECHO_S:
            steps = round(lag / SLOT_S)
            again[lag].append((level[steps:] * level[:-steps]).ravel())
        seconds = np.zeros((int(times[-1]) + 1, len(site.hubs)))
        np.add.at(seconds, (times.astype(int), hubs), 1)
        silent.append((seconds[:-1] == 0).ravel())
        sent = 1 + int((np.diff(np.sort(times)) > TOGETHER_S).sum())
        missed.append((sent * len(site.hubs), len(walk)))
    power = float(np.nanmean(np.concatenate(square)))
    found = {"spread along a walk, dB": math.sqrt(power), "silent seconds": float(np.concatenate(silent).mean())}
    found |= {
        f"error again after {lag:g} s": float(np.nanmean(np.concatenate(rows))) / power for lag, rows in again.items()
    }
    if one_clock:
        sent_all, came = map(sum, zip(*missed, strict=True))
        found["adverts missed"] = 1 - came / sent_all
    return found


def beside(building: Building, folder: Path) -> dict[str, tuple[float, float]]:
    """Of each statistic: the recording's, the model's mean over SEEDS."""
    site = load_site(folder / "site.geojson")
    real = recorded(folder, site)
    some = sorted({(x, y) for x, y, _ in real.still})
    kept = set(some[:: max(1, len(some) // POINTS_MOST)])
    like = Heard({at: one for at, one in real.still.items() if at[:2] in kept}, real.walks)
    theirs = statistics(site, like, one_clock=building.one_clock)
    made = [
        statistics(site, imagined(folder, site, building, like, seed), one_clock=building.one_clock) for seed in SEEDS
    ]
    return {name: (value, float(np.mean([one[name] for one in made]))) for name, value in theirs.items()}


async def measure(_: Run) -> dict[str, float]:
    """Nothing but arithmetic; nothing at all where the recordings do not lie beside the checkout."""
    found: dict[str, float] = {}
    if (SHARED_DATA / "ble").is_dir():
        for building in BUILDINGS:
            folder = SHARED_DATA / "ble" / building.name
            for name, (real, made) in (await asyncio.to_thread(beside, building, folder)).items():
                found |= {f"{building.name} {name} real": real, f"{building.name} {name} made": made}
    return found


def rows(samples: Samples) -> list[Row]:
    """The recording's in the column of goals, with the tolerance."""
    found = []
    for building in BUILDINGS:
        for name, most in TOLERANCES.items():
            real, made = f"{building.name} {name} real", f"{building.name} {name} made"
            if samples.has(real, made):
                theirs, ours = samples.mid(real), samples.mid(made)
                goal, good = f"{theirs:.2f} +- {most:g}", abs(ours - theirs) <= most
                found.append(Row(f"{building.name}: {name}", f"{ours:.2f}", goal, ok=good))
    return found or [Row("no recordings beside the checkout", "-")]


ENTRY = Entry("world", "the made-up radio beside recorded buildings", "none", measure, rows, disk=False)
