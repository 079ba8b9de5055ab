"""`forecourt demo --showroom`: one guest from the parking lot to the car that fits him; must never help the site along.

Hubs are simulated from the radio on; what they hear goes over a real broker to the real site agent, what it concludes
through its outbox to the cloud kit. The guest goes where his phone leads him and nowhere else.
"""

import asyncio
import json
import math
import shutil
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import classification_pb2, record_pb2, showroom_pb2

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import audit
from gateway.cloud.schema import open_beside
from gateway.errors import LinkError
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Connection, Endpoint, Link
from gateway.model import Stream
from gateway.runtime import Agent, AgentOptions
from gateway.wire import sign
from showroom_agent.example import FOLDER
from showroom_agent.nav import outline_distance
from showroom_agent.nav.handover import Plane
from showroom_agent.plan import load_floor
from showroom_agent.site.agent import SiteAgent
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.stepper import Step
from simulators.brokers import DeskBroker, desk_broker
from simulators.demo.showroom_report import Showroom, ShowroomReport
from simulators.world import Air, Phone, SimHubs, Walker
from simulators.world.radio import Place
from simulators.world.surveyor import PITCH_M, survey

START: Final = (8.0, 3.0)
WISHES: Final = {
    "drive": ["electric", "plug_in_hybrid"],
    "body": ["estate", "suv"],
    "must": ["dog"],
    "dog": "large",
    "budget_eur": 48_000,
}
LIMIT_S: Final = 90.0
CARS_S: Final = 6.0
STAY_S: Final = 5.0
FIX_S: Final = 1.0
FIX_M: Final = 3.0
OUTDOORS_Y_M: Final = 9.5
TURN_S: Final = 0.1
FRAME_S: Final = 0.5
SITE, PHONE, TAG = "site-1", "phone-1", "tag-jan"
Say = Callable[[str], None]


class Walk:
    """The truth beside what is told, while it happens."""

    def __init__(self, parts: SiteParts, phone: Phone, seed: int, start: tuple[float, float]) -> None:
        self.parts, self.phone, self.walker = parts, phone, Walker(*start)
        self.rng = Random(seed)
        self.tags = {car.tag: Place(car.x_m, car.y_m) for car in parts.floor.cars if car.tag}
        self.errors: list[float] = []
        self.route_m = 0.0
        self.zones: list[str] = []
        self.dwell: dict[str, float] = {}
        self.match: dict[str, object] = {}
        self.arrived_m: float | None = None
        phone.on_view.append(self._shown)

    def _shown(self, view: showroom_pb2.GuestView) -> None:
        if view.located:
            self.errors.append(math.dist((view.x_m, view.y_m), (self.walker.x_m, self.walker.y_m)))
        if view.route_m and not self.route_m:
            way = self.phone.way
            self.route_m = sum(math.dist(a, b) for a, b in pairwise(way))
        self.walker.follow(self.phone.way)
        if view.vehicle:
            self.match = {"vehicle": view.vehicle, "percent": view.percent, "why": "; ".join(view.reasons)}
        if self.arrived_m is None and f"vehicle {view.vehicle}" in view.arrived:
            car = next(one for one in self.parts.floor.cars if one.id == view.vehicle)
            here = np.array([self.walker.x_m]), np.array([self.walker.y_m])
            self.arrived_m = float(outline_distance((car.ring,), *here)[0])

    def stepped(self, step: Step) -> None:
        """What the site told."""
        for one in step.derived:
            if one.kind == "zone_visit":
                visit = record_pb2.Record.FromString(one.body).zone_visit
                if visit.phase == record_pb2.ZoneVisit.PHASE_ENTERED:
                    self.zones.append(visit.zone)
                else:
                    self.dwell[visit.zone] = round(self.dwell.get(visit.zone, 0.0) + visit.dwell_s, 1)

    def fix(self) -> bytes:
        """What his receiver says, a few metres wrong."""
        assert self.parts.floor.georeference is not None
        x_m, y_m = (value + self.rng.gauss(0, FIX_M / 1.5) for value in (self.walker.x_m, self.walker.y_m))
        return self.phone.fix(*Plane(self.parts.floor.georeference).earth(x_m, y_m), FIX_M)

    def told(self, seconds: float) -> Showroom:
        """The result."""
        errors = sorted(self.errors) or [math.nan]
        return Showroom(
            round(self.route_m, 1), self.zones, self.dwell,
            None if self.arrived_m is None else round(self.arrived_m, 2),
            round(statistics.median(errors), 2), round(errors[int(len(errors) * 0.9)], 2), self.match,
            round(self.walker.walked_m, 1), round(seconds, 1), len(self.errors),
        )  # fmt: skip


async def run_showroom(
    folder: Path,
    broker_kind: str,
    seed: int,
    say: Say,
    start: tuple[float, float] = START,
    pitch_m: float = PITCH_M,
    stay_s: float = STAY_S,
) -> ShowroomReport:
    """The whole demonstration. Raises ConfigError and LinkError with what to do.

    `start`: where the guest parks; `pitch_m`: between two spots of the survey; `stay_s`: at the car.
    """
    parts = await asyncio.to_thread(_site, folder / "site", seed, pitch_m)
    hubs = [hub.id for hub in parts.floor.site.hubs]
    floor_pki = await asyncio.to_thread(make_dev_pki, folder / "floor", [*hubs, PHONE])
    cloud_pki = await asyncio.to_thread(make_dev_pki, folder / "cloud", [SITE])
    clock = await asyncio.to_thread(SystemClock)
    who = await asyncio.to_thread(load_cloud, cloud_pki.cloud)
    floor = await asyncio.to_thread(load_cloud, floor_pki.cloud)
    async with desk_broker(0, broker_kind) as far, desk_broker(0, broker_kind) as near:
        inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock)
        try:
            cloud = Cloud(who, _endpoint(far), inbox, clock=clock)
            async with Agent.open(await _options(folder, cloud_pki, _endpoint(far))) as agent:
                site = SiteAgent(agent, parts, floor, _endpoint(near), refresh=False)
                phone_keys = await asyncio.to_thread(load, floor_pki.device(PHONE))
                phone = Phone(PHONE, phone_keys.key, floor.key.public_key())
                walk = Walk(parts, phone, seed, start)
                site.on_step.append(walk.stepped)
                keys = {hub: (await asyncio.to_thread(load, floor_pki.device(hub))).key for hub in hubs}
                sky = SimHubs(Air(parts.floor.site, seed), 7)
                stage = _Stage(cloud, agent, site, walk, keys, _endpoint(near), sky, say, stay_s)
                seconds = await _play(stage)
                books, counters = await agent.outbox.books(), site.status().counters
        finally:
            await inbox.aclose()
    effects, duplicates, gaps = await asyncio.to_thread(_count, folder / "cloud.db")
    return ShowroomReport(walk.told(seconds), books, effects, duplicates, gaps, counters)


@dataclass(frozen=True, slots=True)
class _Stage:
    """All that takes part."""

    cloud: Cloud
    agent: Agent
    site: SiteAgent
    walk: Walk
    keys: Mapping[str, Ed25519PrivateKey]
    floor: Endpoint
    hubs: SimHubs
    say: Say
    stay_s: float


async def _play(stage: _Stage) -> float:
    """Cloud, site, hubs; then the guest. Returns how long he was on his way, in seconds."""
    walk, loop = stage.walk, asyncio.get_running_loop()
    hubs = Link(stage.floor, "hubs", on_message=lambda *_: None)
    phone = Link(stage.floor, PHONE, on_message=walk.phone.message)

    async def listening(connection: Connection) -> None:
        await connection.subscribe(walk.phone.views)
        await loop.create_future()

    async def talking(_: Connection) -> None:
        await loop.create_future()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stage.cloud.run(), name="cloud")]
        await stage.cloud.ready.wait()
        tasks.append(group.create_task(stage.agent.run(stage.site.run), name="site"))
        tasks.append(group.create_task(hubs.run(talking), name="hubs"))
        tasks.append(group.create_task(phone.run(listening), name="phone"))
        for link in (hubs, phone, stage.site.link):
            await link.wait_online()
        tasks.append(group.create_task(_air(stage, hubs), name="air"))
        stage.say("hubs are on; the cars are found")
        await asyncio.sleep(CARS_S)
        begun_s = loop.time()
        await _visit(stage, phone)
        seconds = loop.time() - begun_s
        _send(phone, walk.phone.topic, walk.phone.request(showroom_pb2.GuestRequest(bye=True)))
        await asyncio.sleep(2 * FRAME_S)
        await stage.agent.drained(15.0)
        for task in reversed(tasks):
            task.cancel()
    return seconds


async def _visit(stage: _Stage, link: Link) -> None:
    """He says what he wishes, and goes where he is led until he has stood before the car for a while."""
    walk, loop = stage.walk, asyncio.get_running_loop()
    wanted = [classification_pb2.PURPOSE_INDOOR_NAVIGATION, classification_pb2.PURPOSE_PERSONALISED_OFFERS]
    _send(link, walk.phone.topic, walk.phone.hello(TAG, json.dumps(WISHES), wanted, "en"))
    begun_s = last_s = fixed_s = loop.time()
    arrived_s = math.inf
    told = ""
    while (now_s := loop.time()) - begun_s < LIMIT_S and now_s - arrived_s < stage.stay_s:
        walk.walker.walk(now_s - last_s)
        last_s = now_s
        walk.tags[TAG] = walk.walker.place
        if walk.walker.y_m < OUTDOORS_Y_M and now_s - fixed_s >= FIX_S:
            fixed_s = now_s
            _send(link, walk.phone.topic, walk.fix())
        if walk.arrived_m is not None:
            arrived_s = min(arrived_s, now_s)
        if walk.phone.view.text != told:
            told = walk.phone.view.text
            stage.say(f"{now_s - begun_s:5.1f} s  {told}")
        await asyncio.sleep(TURN_S)


async def _air(stage: _Stage, link: Link) -> None:
    """Frames of all hubs, twice a second."""
    clock, loop = await asyncio.to_thread(SystemClock), asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        for frame in stage.hubs.frames(clock.boottime_s(), clock.wall_us(), stage.walk.tags):
            topic = f"forecourt/v1/{frame.hub}/up/s"
            _send(link, topic, sign(stage.keys[frame.hub], topic, frame.SerializeToString()))
        due_s += FRAME_S
        await asyncio.sleep(max(0.0, due_s - loop.time()))


def _send(link: Link, topic: str, payload: bytes) -> None:
    if link.connection is None:
        return
    try:
        taken = link.connection.publish(topic, payload, expiry_s=10)
    except LinkError:
        return
    taken.add_done_callback(lambda done: done.cancelled() or done.exception())


def _site(folder: Path, seed: int, pitch_m: float) -> SiteParts:
    """The example showroom, surveyed by a technician."""
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    floor = load_floor(folder / "site.geojson")
    survey(Air(floor.site, seed), floor, folder / "survey.csv", pitch_m)
    return SiteParts.load(folder)


def _endpoint(broker: DeskBroker) -> Endpoint:
    return Endpoint(
        broker.host, broker.port, clean_start=broker.clean_start, keepalive_s=5, ack_timeout_s=5, connect_timeout_s=5
    )


async def _options(folder: Path, pki: Pki, endpoint: Endpoint) -> AgentOptions:
    store = folder / "store"
    await asyncio.to_thread(store.mkdir, exist_ok=True)
    identity = await asyncio.to_thread(load, pki.device(SITE))
    clock = await asyncio.to_thread(SystemClock)
    return AgentOptions(identity=identity, folder=store, endpoint=endpoint, clock=clock, store_bytes_max=64 << 20)


def _count(path: Path) -> tuple[int, int, int]:
    """Effects, duplicates and unexplained gaps in the cloud's table."""
    db = open_beside(path)
    try:
        found = audit(db)
    finally:
        db.close()
    told = [one for one in found if one.key.stream is not Stream.CONTROL]
    gaps = sum(part.size for one in told for part in one.missing)
    return sum(one.effects for one in told), sum(one.duplicates for one in told), gaps
