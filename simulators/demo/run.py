"""Runs a demonstration: broker, cloud, databroker, agent and a network that fails; must never help the agent along."""

import asyncio
import json
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import StreamAudit, audit
from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import open_beside
from gateway.consent import Grant, SignalPolicy
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Endpoint
from gateway.model import Stream, purposes_of
from gateway.runtime import Agent, AgentOptions
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY
from simulators.brokers import DeskBroker, desk_broker
from simulators.databroker import Databroker
from simulators.demo.catalogue import catalogue_for
from simulators.demo.display import View
from simulators.demo.drive import drive_of
from simulators.demo.marks import Marks, WatchedSink
from simulators.demo.no import No
from simulators.demo.options import DemoOptions
from simulators.demo.plan import DemoPlan, plan_for
from simulators.demo.report import CloudTally, DemoReport, DriveTally, LinkTally
from simulators.demo.scene import Scene
from simulators.player import Player
from simulators.proxy import proxy
from simulators.witness import witness
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.plan import PlanFile
from vehicle_agent.settings import DatabrokerSettings

STORE_BYTES = 64 << 20
LOOK_S = 0.25
Show = Callable[[View], None]


async def run_demo(options: DemoOptions, show: Show = lambda _: None) -> DemoReport:
    """The whole demonstration; raises ConfigError, InputError or LinkError with what to do."""
    drive = await asyncio.to_thread(drive_of, options)
    policy = await asyncio.to_thread(SignalPolicy.load)
    plan = plan_for(drive.paths, policy)
    no = No(options.withdraw, plan.purposes, policy) if options.withdraw is not None else None
    device = secrets.token_hex(8)
    pki = await asyncio.to_thread(make_dev_pki, options.folder / "pki", [device])
    clock, sink = await asyncio.to_thread(SystemClock), WatchedSink(policy.purposes)
    async with broker_of(options) as broker:
        far = broker_endpoint(broker)
        who = await asyncio.to_thread(load_cloud, pki.cloud)
        inbox = await Inbox.open(options.folder / "cloud.db", who.device_key, clock=clock, sink=sink)
        try:
            cloud = Cloud(who, far, inbox, clock=clock)
            catalogue = await asyncio.to_thread(catalogue_for, drive, options.vss)
            async with (
                AsyncExitStack() as stack,
                proxy(far.host, far.port) as network,
                Databroker(catalogue) as databroker,
                Agent.open(await _agent_options(options, pki, device, plan, replace(far, port=network.port))) as agent,
            ):
                vehicle = await _vehicle(options, plan, databroker.address, agent)
                player = Player(databroker, clock, speed=drive.speed)
                heard = await stack.enter_async_context(witness(far, dozing=True)) if no is not None else None
                marks = Marks(agent, sink)
                scene = Scene(options, drive, broker, agent, vehicle, cloud, player, network, marks, no, heard)
                await _play(scene, databroker, show)
                books, counters = await agent.outbox.books(), dict(vehicle.counters)
                status = agent.uplink.status()
                refused = await no.tally(agent, heard, options.folder / "agent") if no and heard else None
        finally:
            await inbox.aclose()
    tally = await asyncio.to_thread(_count, options)
    return DemoReport(
        books,
        tally,
        scene.outage(),
        DriveTally(drive.name, len(player.paths), player.played, drive.speed, plan.unclassified, drive.problems),
        LinkTally(broker.name, broker.security, network.connects, status.bytes_sent, status.batches, status.rewinds),
        counters,
        refused,
    )


@asynccontextmanager
async def broker_of(options: DemoOptions) -> AsyncIterator[DeskBroker]:
    """The broker that was named, or one of our own."""
    if options.broker_url is not None:
        endpoint = Endpoint.parse(options.broker_url)
        yield DeskBroker(str(endpoint), endpoint.port, False, 0, "none (as given with --broker)", endpoint.host)
        return
    async with desk_broker(options.broker_port, options.broker_kind) as broker:
        yield broker


def broker_endpoint(broker: DeskBroker) -> Endpoint:
    """How the demonstration's parts reach the broker; they notice a silent one within seconds."""
    return Endpoint(
        broker.host, broker.port, clean_start=broker.clean_start, keepalive_s=5, ack_timeout_s=5, connect_timeout_s=5
    )


async def _agent_options(
    options: DemoOptions, pki: Pki, device: str, plan: DemoPlan, endpoint: Endpoint
) -> AgentOptions:
    folder, subject = options.folder / "agent", secrets.randbits(62) + 1
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    return AgentOptions(
        identity=await asyncio.to_thread(load, pki.device(device)),
        folder=folder,
        endpoint=endpoint,
        clock=await asyncio.to_thread(SystemClock),
        store_bytes_max=STORE_BYTES,
        codec=IDENTITY if options.plain else COLUMNS_ZSTD,
        subject=subject,
        grants=tuple(Grant(subject, purpose, record_id="demo") for purpose in purposes_of(plan.purposes)),
    )


async def _vehicle(options: DemoOptions, plan: DemoPlan, address: str, agent: Agent) -> VehicleAgent:
    path = options.folder / "plan.toml"
    await asyncio.to_thread(path.write_text, plan.text, "utf-8")
    source = KuksaSource(DatabrokerSettings(address=address))
    return VehicleAgent(agent, source, await asyncio.to_thread(PlanFile.read, path))


async def _play(scene: Scene, databroker: Databroker, show: Show) -> None:
    """The time line: cloud, agent, vehicle, drive with its outage, the drain."""
    agent = scene.agent
    async with asyncio.TaskGroup() as group:
        stage = [group.create_task(scene.cloud.run(), name="cloud")]
        await scene.cloud.ready.wait()
        stage.append(group.create_task(agent.run(), name="agent"))
        stage.append(group.create_task(scene.look(LOOK_S, show), name="look"))
        sources = [
            group.create_task(scene.vehicle.run(), name="vehicle"),
            group.create_task(scene.marks.run(), name="marks"),
        ]
        await databroker.wait_subscribed()
        scene.begin()
        failing = group.create_task(scene.fail(), name="network")
        refusing = group.create_task(scene.refuse(), name="no")
        await scene.player.play(scene.drive.readings(), scene.options.duration_s)
        await _until_read(scene)
        for task in sources:
            task.cancel()
        await asyncio.wait([*sources, failing, refusing])
        scene.phase = "drain"
        await agent.drained(scene.options.drain_limit_s)
        await scene.look_once(show)
        for task in stage:
            task.cancel()


async def _until_read(scene: Scene, still_s: float = 0.5) -> None:
    """Until the vehicle agent has been without a new event for a moment and the disk has all of them."""
    seen, since_s = -1, time.monotonic()
    while time.monotonic() - since_s < still_s:
        now = sum(scene.vehicle.counters.values()) + scene.vehicle.status().in_flight
        if now != seen or scene.vehicle.status().in_flight:
            seen, since_s = now, time.monotonic()
        await asyncio.sleep(0.05)


def _count(options: DemoOptions) -> CloudTally:
    """Counts the rows of the cloud's table; what it has received and lacks was erased, if the guest said no."""
    db = open_beside(options.folder / "cloud.db")
    try:
        found = audit(db)
        never = sum(never_received(db, stream) for stream in found)
    finally:
        db.close()
    missing = sum(part.size for stream in found for part in stream.missing)
    erased = missing - never if options.withdraw is not None else 0
    return CloudTally(
        effects=sum(stream.effects for stream in found),
        duplicates=sum(stream.duplicates for stream in found),
        unexplained_gaps=missing - erased,
        explained_gaps=sum(stream.gaps for stream in found if stream.key.stream is not Stream.CONTROL),
        erased=erased,
    )


def never_received(db: sqlite3.Connection, stream: StreamAudit) -> int:
    """How many of the missing numbers the cloud has never received."""
    query = "select floor, above from stream where device = ? and epoch = ? and stream = ?"
    floor, above = db.execute(query, stream.key.row).fetchone()
    held = Numbers(floor, json.loads(above))
    return sum(part.size for gone in stream.missing for part in held.missing(*gone))
