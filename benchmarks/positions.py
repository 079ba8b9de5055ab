"""How well and how fast a tag is located: on recorded buildings beside their truth, and with a hall full of guests.

Recordings count only where they lie beside the checkout; the hall is made up. Must never tell the locator the truth.
"""

import asyncio
import math
import time
from pathlib import Path

import numpy as np

from benchmarks.drives import SHARED_DATA
from benchmarks.figures import Entry, Row, Run, Samples
from showroom_agent.locator import Locator, evaluate
from showroom_agent.plan import load_readings, load_site, load_survey, read_site
from showroom_agent.presence import judge, load_run
from tests.kit.beacons import errors, tracks
from tests.kit.floors import hub, level

GOALS = {
    ("danis-tetam", "survey"): ("", 1.0, 2.1),
    ("danis-tetam", "no survey"): ("", 1.4, 3.4),
    ("kolakowski-flat", "survey"): ("", 0.8, 1.8),
    ("kolakowski-flat", "no survey"): ("", 0.95, 1.8),
    ("uji-lib", "survey by another phone"): ("phone2", 1.15, 2.8),
}
GUESTS, HUBS, RATE_HZ, STEPS = 200, 20, 2, 8


def located(folder: Path, surveyed: bool, some: str) -> tuple[float, float]:
    """Median and 90th percentile of the error in metres over the tracks whose names begin so."""
    site = load_site(folder / "site.geojson")
    locator = Locator(site, load_survey(folder / "survey.csv", site) if surveyed else None)
    found = []
    for track in (one for one in tracks(folder) if one.startswith(some)):
        readings, _ = load_readings(folder / "tracks" / f"{track}.sightings.csv", site)
        estimates = list(evaluate(locator, readings))
        found.append(errors(folder, track, estimates, 2.0 if folder.name == "uji-lib" else math.inf))
    together = np.concatenate(found)
    return float(np.median(together)), float(np.percentile(together, 90))


def hall() -> float:
    """Share of a core that 200 guests among 20 hubs take, at two estimates a second each."""
    hubs = [hub(f"h{n}", 4 + n % 5 * 8.0, 4 + n // 5 * 7.0) for n in range(HUBS)]
    site = read_site({"properties": {"extent_m": [0, 0, 40, 30]}, "features": hubs})
    locator, rng = Locator(site), np.random.default_rng(1)
    places = rng.uniform((2, 2), (38, 28), (GUESTS, 2))
    guests = [locator.track() for _ in range(GUESTS)]
    spent = 0.0
    for step in range(1, 4 * STEPS + 1):
        heard = [[(h, level(site, h, x, y) + rng.normal(0, 4)) for h in range(HUBS)] for x, y in places + 0.4 * step]
        begun = time.process_time()
        for track, readings in zip(guests, heard, strict=True):
            for place, rssi in readings:
                track.observe(place, rssi)
            track.step(step / RATE_HZ)
        if step > 3 * STEPS:
            spent += time.process_time() - begun
    return spent / STEPS * RATE_HZ


def figures() -> dict[str, float]:
    """What a round finds; positions are the same in each."""
    found = {"hall": hall()}
    data = SHARED_DATA / "ble"
    if not data.is_dir():
        return found
    for (name, how), (some, _, _) in GOALS.items():
        found[f"{name} {how} median"], found[f"{name} {how} p90"] = located(data / name, how != "no survey", some)
    site = load_site(data / "sal-car" / "site.geojson")
    runs = [load_run(data / "sal-car", name, site, "outside") for name in tracks(data / "sal-car")]
    for carrier in ("car", "walk"):
        own = [run for run in runs if run.name.startswith(carrier)]
        _, all_runs = judge([one.id for one in site.hubs], carrier, own).frontier[0]
        found |= {f"{carrier} accuracy": all_runs.accuracy, f"{carrier} flips": all_runs.flips_per_min}
        found |= {f"{carrier} delay": all_runs.delay_s(50), f"{carrier} delay90": all_runs.delay_s(90)}
        found[f"{carrier} missed"] = all_runs.true - all_runs.found
    return found


async def measure(_: Run) -> dict[str, float]:
    """Nothing but arithmetic."""
    return await asyncio.to_thread(figures)


def rows(samples: Samples) -> list[Row]:
    """Each beside its goal."""
    share = samples.mid("hall")
    told = f"{share:.2f} of a core"
    found = [Row(f"{GUESTS} guests x {HUBS} hubs x {RATE_HZ} Hz, no survey", told, "<= 1", ok=share <= 1)]
    for (name, how), (_, median_m, p90_m) in GOALS.items():
        at = f"{name} {how}"
        if samples.has(f"{at} median", f"{at} p90"):
            median, p90 = samples.mid(f"{at} median"), samples.mid(f"{at} p90")
            goal, good = f"<= {median_m:g} / {p90_m:g} m", median <= median_m and p90 <= p90_m
            found.append(Row(f"{name}, {how}: error, median / p90", f"{median:.2f} / {p90:.2f} m", goal, ok=good))
    for carrier, least in (("car", 0.965), ("walk", 0.93)):
        if samples.has(f"{carrier} accuracy"):
            accuracy, flips = samples.mid(f"{carrier} accuracy"), samples.mid(f"{carrier} flips")
            told = (
                f"{accuracy:.3f}, {flips:.2f} false flips/min, {samples.mid(f'{carrier} missed'):.0f} passages missed"
            )
            good = accuracy >= least and flips <= 0.5 and not samples.mid(f"{carrier} missed")
            late = f"delay {samples.mid(f'{carrier} delay'):.2f} s, p90 {samples.mid(f'{carrier} delay90'):.2f} s"
            found.append(Row(f"sal-car, {carrier}: inside or outside", told, f">= {least:g}, <= 0.5", late, ok=good))
    return found


ENTRY = Entry(
    "positions", "errors of the locator on recorded buildings, and its load", "none", measure, rows, disk=False
)
