"""How well a site notices that a hub was moved: links of cars and hubs, people between; must never spare a hub.

Each world has walls of its own (shadowing, and fading that stays while a tag rests), slow drift, and PEOPLE who stand
before a car for a while and take 3 to 10 dB from a quarter of its links. In one half nothing is moved for an hour; in
the other, one hub, whichever, is moved by 6 m in any direction within the building after ten minutes.
"""

import asyncio
import math
from statistics import median

import numpy as np

from benchmarks.figures import Entry, Row, Run, Samples
from showroom_agent.example import FOLDER
from showroom_agent.hearing import MovedWatch
from showroom_agent.plan import Floor, load_floor
from showroom_agent.plan.geometry import Array

HOURS, MOVES = 20, 40
MOVED_M, MOVED_AFTER_S, WATCHED_S = 6.0, 600, 900
PEOPLE, STAY_S, TAKES_DB, TAKES_SHARE = 4, 90.0, (3.0, 10.0), 0.25
SHADOW_DB, STILL_DB, DRIFT_DB, DRIFT_S, FADING_DB = 4.0, 3.0, 1.5, 30.0, 3.0
AT_1_M_DBM, EXPONENT, HEIGHT_M, FAINTEST_DBM = -59.0, 2.1, 1.8, -94.0
SPAN_S, ADVERTS, KEPT = 2, 4, 0.85


class World:
    """Cars and hubs of a floor. `moved`: which hub is, if any."""

    def __init__(self, floor: Floor, seed: int, *, move: bool) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.cars = np.array([(car.x_m, car.y_m) for car in floor.cars])
        hubs = np.array([(hub.x_m, hub.y_m) for hub in floor.site.hubs])
        self.shape = len(self.cars), len(hubs)
        walls = self._walls()
        self.before = self.after = self._levels(hubs) + walls
        self.moved = int(rng.integers(len(hubs))) if move else None
        if self.moved is not None:
            left, bottom, right, top = floor.site.extent
            there = hubs.copy()
            while True:
                angle = rng.uniform(0, 2 * math.pi)
                x_m, y_m = hubs[self.moved] + MOVED_M * np.array([math.cos(angle), math.sin(angle)])
                if left <= x_m <= right and bottom <= y_m <= top:
                    break
            there[self.moved] = x_m, y_m
            walls = walls.copy()
            walls[:, self.moved] = self._walls()[:, self.moved]
            self.after = self._levels(there) + walls

    def _walls(self) -> Array:
        found: Array = self.rng.normal(0, SHADOW_DB, self.shape) + self.rng.normal(0, STILL_DB, self.shape)
        return found

    def _levels(self, hubs: Array) -> Array:
        away = np.sqrt(((self.cars[:, None, :] - hubs[None]) ** 2).sum(axis=2) + HEIGHT_M**2)
        found: Array = AT_1_M_DBM - 10 * EXPONENT * np.log10(away)
        return found

    def told(self, seconds: int) -> list[tuple[int, int]]:
        """When which hub was told of as moved."""
        rng, watch, found = self.rng, MovedWatch(*self.shape), []
        drift, until, taken = np.zeros(self.shape), np.zeros(PEOPLE), np.zeros((PEOPLE, *self.shape))
        keep = math.exp(-SPAN_S / DRIFT_S)
        for now in range(SPAN_S, seconds + 1, SPAN_S):
            drift = drift * keep + rng.normal(0, DRIFT_DB * math.sqrt(1 - keep**2), self.shape)
            for one in np.nonzero(until <= now)[0]:
                until[one] = now + rng.exponential(STAY_S)
                taken[one] = 0.0
                links = rng.random(self.shape[1]) < TAKES_SHARE
                taken[one, rng.integers(self.shape[0]), links] = rng.uniform(*TAKES_DB)
            level = (self.after if now >= MOVED_AFTER_S else self.before) + drift - taken.sum(axis=0)
            count = rng.binomial(ADVERTS, KEPT, self.shape)
            level = np.round(level + rng.normal(0, FADING_DB, self.shape) / np.sqrt(np.maximum(count, 1)))
            for tag, hub in zip(*np.nonzero((count > 0) & (level > FAINTEST_DBM)), strict=True):
                watch.heard(int(tag), int(hub), float(level[tag, hub]), int(count[tag, hub]))
            before = set(watch.moved)
            if watch.step(float(now)):
                found += [(now, hub) for hub in watch.moved.keys() - before]
        return found


def figures(seed: int, hours: int, moves: int) -> dict[str, float]:
    """Over that many unmoved hours and moved hubs."""
    floor = load_floor(FOLDER / "site.geojson")
    false = sum(bool(World(floor, seed + number, move=False).told(3_600)) for number in range(hours))
    after, wrong = [], 0
    for number in range(moves):
        world = World(floor, seed + 10_000 + number, move=True)
        told = world.told(MOVED_AFTER_S + WATCHED_S)
        wrong += any(hub != world.moved for _, hub in told)
        after += [at - MOVED_AFTER_S for at, hub in told if hub == world.moved][:1]
    return {
        "hours": hours,
        "false": false,
        "moves": moves,
        "told": len(after),
        "wrong": wrong,
        "after_s": median(after) if after else math.inf,
    }


async def measure(run: Run) -> dict[str, float]:
    """In one thread."""
    hours, moves = (2, 4) if run.quick else (HOURS, MOVES)
    return await asyncio.to_thread(figures, 1 + 100_000 * run.number, hours, moves)


def rows(samples: Samples) -> list[Row]:
    """Nothing was promised of the share: a hub that hears few cars cannot be judged."""
    hours, moves = sum(samples.all("hours")), sum(samples.all("moves"))
    false, told, wrong = (sum(samples.all(name)) for name in ("false", "told", "wrong"))
    return [
        Row("moved hub, 6 m: told of", f"{told:.0f} of {moves:.0f}", "", "within 15 minutes"),
        Row(
            "moved hub: seconds until told",
            f"{samples.mid('after_s'):.0f} s",
            "<= 600 s",
            "median",
            "",
            samples.mid("after_s") <= 600,
        ),
        Row("moved hub: another one named", f"{wrong:.0f} of {moves:.0f}", "0", "", "", wrong == 0),
        Row("unmoved: hours with a warning", f"{false:.0f} of {hours:.0f}", "<= 1/20", "", "", false <= hours / 20),
    ]


ENTRY = Entry(
    "moved", "the example's 6 cars and 14 hubs, 4 people standing before cars", "none", measure, rows, disk=False
)
