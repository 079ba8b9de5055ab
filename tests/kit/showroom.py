"""A small showroom whose hubs hear tags by path loss and fading, seeded; must never be read by the product."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path as FilePath

import numpy as np
from forecourt.v1 import showroom_pb2

from gateway.clock import BUILD_TIME_US
from gateway.model import Purpose, PurposeSet, purpose_set
from showroom_agent.example import FOLDER
from showroom_agent.nav import Route, Router
from showroom_agent.site import Derived, SiteCore, SiteParts
from showroom_agent.site.bounds import STEP_MS

Path = Callable[[float], tuple[float, float] | None]
"""Where a tag is at a time in seconds; None where it is not at all."""
BOTH: PurposeSet = purpose_set([Purpose.INDOOR_NAVIGATION, Purpose.PERSONALISED_OFFERS])
BEACONS = "6f726563-6f75-7274-0000-0000000000aa"
"""UUID of the beacons of a floor."""
WISHES = '{"drive": ["electric"], "body": ["estate"], "dog": "large", "must": ["dog"], "budget_eur": 48000}'


@cache
def example() -> SiteParts:
    """The showroom that comes along."""
    return SiteParts.load(FOLDER)


def beacon_floor(folder: FilePath, *, listen: bool) -> FilePath:
    """The example showroom in a new folder, a beacon at each hub; `listen`: the hubs listen too."""
    plan = json.loads((FOLDER / "site.geojson").read_text("utf-8"))
    for number, one in enumerate(one for one in plan["features"] if one["properties"]["kind"] == "hub"):
        one["properties"] |= {"beacon": f"ibeacon:{BEACONS}:1:{number}", "listens": listen}
    folder.mkdir()
    (folder / "site.geojson").write_text(json.dumps(plan), "utf-8")
    return folder


@dataclass
class World:
    """Tags and hubs. `deaf`: hubs that send nothing; `boots`: by hub; `skew_us`: wall clocks of hubs that are wrong."""

    parts: SiteParts = field(default_factory=example)
    seed: int = 1
    tags: dict[str, list[Path]] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    boots: dict[str, int] = field(default_factory=dict)
    skew_us: dict[str, int] = field(default_factory=dict)
    noise: dict[str, list[str]] = field(default_factory=dict)
    """Tags of nobody, by the hub that says it hears them."""
    fading_db: float = 3.0
    begin_ms: int = 1_000_000

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.numbers = dict.fromkeys((hub.id for hub in self.parts.floor.site.hubs), 0)
        self.shadow = dict(zip(self.numbers, self.rng.normal(0, 2, len(self.numbers)), strict=True))
        for car in self.parts.floor.cars:
            self.tags[car.tag] = [standing(car.x_m, car.y_m)]

    def frames(self, at_ms: int) -> Iterator[showroom_pb2.SightingFrame]:
        """What each hub heard in the half second before."""
        at_s = (at_ms - self.begin_ms) / 1_000
        places = [(tag, path(at_s)) for tag, paths in self.tags.items() for path in paths]
        for hub in self.parts.floor.site.hubs:
            if hub.id in self.deaf:
                continue
            self.numbers[hub.id] += 1
            frame = showroom_pb2.SightingFrame(
                hub=hub.id,
                boot=self.boots.get(hub.id, 7),
                frame=self.numbers[hub.id],
                boottime_ms=at_ms - 400_000,
                wall_us=BUILD_TIME_US + at_ms * 1_000 + self.skew_us.get(hub.id, 0),
                span_ms=STEP_MS,
                mode=showroom_pb2.SCANNER_MODE_ACTIVE,
            )
            heard: dict[str, list[float]] = {}
            for tag, place in places:
                if place is not None:
                    level = self.level(hub.id, hub.x_m, hub.y_m, place)
                    heard.setdefault(tag, []).extend(level + self.rng.normal(0, self.fading_db, 2))
            for tag, levels in heard.items():
                usable = [round(level) for level in levels if -96 < level < -10]
                if usable:
                    frame.tags.add(tag=tag, best_dbm=max(usable), mean_dbm=float(np.mean(usable)), count=len(usable))
            for tag in self.noise.get(hub.id, ()):
                frame.tags.add(tag=tag, best_dbm=-60, mean_dbm=-60, count=1)
            yield frame

    def level(self, hub: str, hub_x: float, hub_y: float, place: tuple[float, float]) -> float:
        """DBm without fading: exponent 2.2, -58 dBm at 1 m, hubs 2 m above the tags."""
        away = math.hypot(hub_x - place[0], hub_y - place[1], 2.0)
        return -58 - 22 * math.log10(away) + float(self.shadow[hub])


def standing(x_m: float, y_m: float, since_s: float = -math.inf, until_s: float = math.inf) -> Path:
    """A tag that rests, for a while."""
    return lambda at_s: (x_m, y_m) if since_s <= at_s < until_s else None


def walking(points: list[tuple[float, float]], begin_s: float = 0.0, pace_m_s: float = 1.1) -> Path:
    """A tag that goes along points and rests at the last."""
    times = [begin_s]
    for a, b in pairwise(points):
        times.append(times[-1] + math.dist(a, b) / pace_m_s)
    xs, ys = zip(*points, strict=True)
    return lambda at_s: (float(np.interp(at_s, times, xs)), float(np.interp(at_s, times, ys)))


def way_to(car: str, start: tuple[float, float] = (8.0, 3.0)) -> list[tuple[float, float]]:
    """The corners of the route from the lot to a car."""
    router = Router(example().floor)
    found = router.route(*start, router.target(car))
    assert isinstance(found, Route)
    return list(found.points)


def hello(tag: str, wishes: str = WISHES, language: str = "de") -> showroom_pb2.GuestRequest:
    """A visit begins."""
    return showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(tag=tag, wishes=wishes, language=language))


def core(world: World) -> SiteCore:
    """A core for this world."""
    return SiteCore(world.parts, BUILD_TIME_US)


def play(
    world: World,
    site: SiteCore,
    seconds: float,
    begin_s: float = 0.0,
    at: Mapping[float, Callable[[int], None]] | None = None,
) -> list[Derived]:
    """Lets time pass; `at`: what happens at which second."""
    found: list[Derived] = []
    due = dict(at or {})
    for step in range(round(begin_s * 2) + 1, round((begin_s + seconds) * 2) + 1):
        at_ms = world.begin_ms + step * STEP_MS
        for second in [second for second in due if second <= step / 2]:
            due.pop(second)(at_ms)
        for frame in world.frames(at_ms):
            site.frame(at_ms, frame)
        found += site.tick(at_ms)
    return found
