"""Days without a network at ten events a second, in virtual time, then a drain; must never skip an event."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from gateway.clock import ManualClock
from gateway.cloud import Cloud, Inbox
from gateway.consent import Grant
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Endpoint
from gateway.model import Event, Purpose, Stream, purpose_set
from gateway.runtime import Agent, AgentOptions
from simulators.brokers import free_port
from tests.faults.oracle import Verdict, judge
from tests.faults.workers import SIGNALS
from tests.kit.broker import mosquitto

RATE_HZ = 10
STEP_S = 60
OPEN_APPENDS = 60
SUBJECT = 77
DAY_S = 86_400


async def offline(folder: Path, hours: int, seed: int, progress: Callable[[int, int], None]) -> Verdict:
    """`hours` of virtual time; live events are worth keeping for a day, bulk events until they are settled."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", ["d1"])
    clock = ManualClock()
    port = free_port()
    options = AgentOptions(
        identity=await asyncio.to_thread(load, pki.device("d1")),
        folder=folder / "agent",
        endpoint=Endpoint("127.0.0.1", port),
        clock=clock,
        subject=SUBJECT,
        grants=(Grant(SUBJECT, Purpose.DRIVING_BEHAVIOUR),),
    )
    (folder / "agent").mkdir()
    log = folder / "log"
    async with Agent.open(options) as agent, asyncio.TaskGroup() as group:
        running = group.create_task(agent.run(), name="agent")
        with log.open("w", encoding="ascii") as told:
            await _fill(agent, clock, hours, told.write, progress)
        largest = (folder / "agent" / "store.db").stat().st_size if (folder / "agent" / "store.db").exists() else 0
        identity = await asyncio.to_thread(load_cloud, pki.cloud)
        async with mosquitto(port=port) as broker:
            inbox = await Inbox.open(folder / "cloud.db", identity.device_key, clock=clock)
            cloud = Cloud(identity, broker.endpoint(), inbox, clock=clock)
            serving = group.create_task(cloud.run(), name="cloud")
            agent.uplink.link.hurry()
            drained = await agent.drained(600)
            report = {"drained": drained, "books": asdict(await agent.outbox.books()), "epoch": agent.outbox.epoch}
            running.cancel()
            serving.cancel()
            await asyncio.wait([running, serving])
            await inbox.aclose()
    with log.open("a", encoding="ascii") as told:
        told.write(json.dumps(report) + "\n")
    verdict = await asyncio.to_thread(judge, folder / "cloud.db", log, "d1")
    if largest > options.store_bytes_max * 1.1:
        verdict.notes.append(f"the store took {largest:,} bytes, over its budget")
        verdict.unbalanced += 1
    return verdict


async def _fill(
    agent: Agent, clock: ManualClock, hours: int, tell: Callable[[str], object], progress: Callable[[int, int], None]
) -> None:
    """Every event of `hours`, with its number as first value; told once it is accepted."""
    purposes = purpose_set([Purpose.DRIVING_BEHAVIOUR])
    kinds = (
        agent.intern_kind("offline.live", Stream.LIVE, purposes, SIGNALS, DAY_S),
        agent.intern_kind("offline.bulk", Stream.BULK, purposes, SIGNALS),
    )
    number, waiting = 0, []
    for minute in range(hours * 60):
        for kind in kinds:
            count = RATE_HZ * STEP_S // len(kinds)
            stamp_us, received_ms = clock.wall_us(), agent.received_ms()
            events = [
                Event(
                    kind,
                    SUBJECT,
                    stamp_us + i * 200_000,
                    received_ms + i * 200,
                    (number + i, (number + i) % 1_300 / 10, 48 + (number + i) % 10_000 / 1e5),
                )
                for i in range(count)
            ]
            waiting.append((number, count, kind.stream.word, agent.append_many(events)))
            number += count
        clock.advance(STEP_S)
        while len(waiting) > OPEN_APPENDS:
            first, count, stream, future = waiting.pop(0)
            kept = await future
            if kept.kept == count:
                tell(f"a {first} {count} {stream}\n")
        if minute % 60 == 59:
            await agent.outbox.sweep()
            progress(minute // 60 + 1, hours)
    for first, count, stream, future in waiting:
        if (await future).kept == count:
            tell(f"a {first} {count} {stream}\n")
