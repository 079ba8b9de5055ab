"""A whole day of a vehicle in virtual time with guests who come, grant, refuse and say no; must never judge by what the
product says: a witness holds every byte that left, and a second reading of the contract judges it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from forecourt.v1.record_pb2 import IdentityLink, Record

from gateway.clock import ManualClock
from gateway.cloud import Cloud, Inbox, metrics
from gateway.cloud.audit import audit
from gateway.cloud.schema import open_beside
from gateway.consent import Grant
from gateway.health import Health
from gateway.health.http import Request
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Endpoint
from gateway.model import (
    WITHOUT_CONSENT,
    Event,
    Kind,
    Purpose,
    Stream,
    Value,
    ValueType,
    purpose_set,
    purposes_of,
)
from gateway.runtime import Agent, AgentOptions
from gateway.wire.codec import IDENTITY
from simulators.drive.car import road
from simulators.proxy import Proxy, proxy
from simulators.witness import Seen, Witness, witness
from tests.faults.guests import CONSENT, PROBES, Day, Drives, Hour, guests
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict, received
from tests.kit import scanner as people
from tests.kit.broker import mosquitto
from tests.kit.contract import allows
from tests.kit.scanner import Scanner, listening
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.plan import PlanFile


@dataclass(slots=True)
class Stage:
    """The parts of the day."""

    agent: Agent
    cloud: Cloud
    heard: Witness
    clock: ManualClock
    day: Day
    scanner: Scanner
    health: Health
    network: Proxy
    vehicle: VehicleAgent | None = None

    async def direct(self, hour: int) -> None:
        """What happens when an hour begins: guests come, go, and say things, once all before it is durable."""
        if hour in self.day.hours:
            while self.vehicle is not None and self.vehicle.status().in_flight:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            self.clock.advance(0.001)
            await self._say(self.day.hours[hour])
            self.clock.advance(0.001)
        await self._probe()
        await self._look()

    async def _say(self, now: Hour) -> None:
        agent, day = self.agent, self.day
        if now.offline:
            self.network.cut()
        elif self.network.toxics.cut:
            self.network.heal()
            agent.uplink.link.hurry()
        before = day.granted(now.subject, self.clock.wall_us()) if now.subject else 0
        agent.subject = now.subject
        if not now.subject:
            return
        if gone := before & ~now.granted:
            await agent.withdraw(now.subject, gone)
        if new := now.granted & ~before:
            await agent.consent.grant([Grant(now.subject, p, record_id=f"record-{p}") for p in purposes_of(new)])
        day.said.append((self.clock.wall_us(), now.subject, now.granted))

    async def _probe(self) -> None:
        """An event with everything in it, for every purpose at once, and a record about a person."""
        agent, subject = self.agent, self.agent.subject
        everything = purpose_set(CONSENT) if subject else WITHOUT_CONSENT
        signals = [(path, ValueType.STRING, "") for path in PROBES]
        kind = agent.intern_kind("probe", Stream.LIVE, everything, signals)
        link = agent.intern_kind("identity_link", Stream.LIVE, 1 << Purpose.IDENTITY_LINK)
        body = Record(link=IdentityLink(person=people.PERSON)).SerializeToString()
        told = [self._event(kind, tuple(PROBES.values())), self._event(link, body)] * 3
        kept = await agent.append_many(told)
        if kept.kept:
            self.day.appended[subject, self.day.granted(subject, self.clock.wall_us())] += kept.kept

    def _event(self, kind: Kind, values: tuple[Value, ...] | bytes) -> Event:
        agent = self.agent
        return Event(kind, agent.subject, agent.clock.wall_us(), agent.received_ms(), values)

    async def _look(self) -> None:
        for health in (self.agent.health, self.health):
            self.scanner.add("metrics", (await health.answer(Request("GET", "/metrics"))).body)


@dataclass(slots=True)
class Judged:
    """What the wire held."""

    events: int = 0
    by_purpose: Counter[str] = field(default_factory=Counter)
    ungranted: int = 0
    secret_bytes: int = 0
    first: str = ""

    def judge(self, event: Seen, day: Day) -> None:
        """Every purpose it stands on, and every value in it, was allowed at that time."""
        granted = day.granted(event.subject, event.ts_us)
        bad = [path for path in event.values if not allows(path) & granted & event.purposes]
        bad += ["purposes"] if event.purposes & ~granted or not event.purposes else []
        bad += ["record"] if event.record and event.kind == "identity_link" else []
        self.events += 1
        self.ungranted += len(bad)
        self.first = self.first or (f"{event.kind}: {bad[0]}" if bad else "")
        for purpose in purposes_of(event.purposes & (1 << 30) - 1):
            self.by_purpose[purpose.word] += 1


def bytes_of(heard: Witness) -> list[bytes]:
    """Everything that left, in clear: messages and what their bags hold."""
    found = [message.payload for message in heard.heard]
    unpack = zstandard.ZstdDecompressor()
    for _, batch in heard.batches():
        found += [unpack.decompress(bag.body, 1 << 24) for bag in batch.bags if bag.body and bag.codec != IDENTITY]
    return found


async def day(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """`size` hours of a day, each with a drive of twenty minutes, five readings of a signal in a second."""
    return await whole_day(folder, 1_200.0, 0.2, progress)


async def whole_day(
    folder: Path, drive_s: float, every_s: float, progress: Callable[[int, int], None] = quiet
) -> Verdict:
    """The day; the verdict counts what left without a grant as lost."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", ["day-1"])
    await asyncio.to_thread(road, 1)
    (folder / "agent").mkdir()
    clock, told, scanner = ManualClock(), Day(guests()), Scanner()
    who = await asyncio.to_thread(load_cloud, pki.cloud)
    identity = await asyncio.to_thread(load, pki.device("day-1"))
    async with (
        mosquitto() as broker,
        witness(broker.endpoint()) as heard,
        proxy(broker.host, broker.port) as network,
        Health(None) as health,
    ):
        inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock)
        cloud = Cloud(who, broker.endpoint(), inbox, clock=clock)
        metrics.show(health, cloud, inbox)
        options = AgentOptions(
            identity=identity, folder=folder / "agent", endpoint=Endpoint("127.0.0.1", network.port), clock=clock
        )
        with listening(scanner):
            async with Agent.open(options) as agent, asyncio.TaskGroup() as group:
                stage = Stage(agent, cloud, heard, clock, told, scanner, health, network)
                source = Drives(clock, drive_s, every_s, stage.direct)
                plan = await asyncio.to_thread(PlanFile.read, None)
                stage.vehicle = VehicleAgent(agent, source, plan)
                tasks = [group.create_task(part.run()) for part in (cloud, agent, stage.vehicle)]
                await source.over.wait()
                drained = await agent.drained(60)
                books = await agent.outbox.books()
                for task in tasks:
                    task.cancel()
            await heard.mark()
            await inbox.aclose()
        scanner.add("broker log", broker.text)
    scanner.add("topics", *(message.topic for message in heard.heard))
    scanner.plant(source.values)
    scanner.plant(hour.subject for hour in told.hours.values() if hour.subject)
    verdict = await asyncio.to_thread(_verdict, stage, folder / "cloud.db")
    if not drained or not books.balanced or books.pending:
        verdict.unbalanced += 1
        verdict.notes.append(f"drained: {drained}, books: {books}")
    return verdict


def _verdict(stage: Stage, path: Path) -> Verdict:
    """Judges every event, every byte and every text."""
    judged, raw = Judged(), bytes_of(stage.heard)
    for event in stage.heard.events():
        judged.judge(event, stage.day)
    forbidden = [part for path, text in PROBES.items() if not allows(path) for part in (path, text)] + [people.PERSON]
    leaked = sum(part.count(text.encode()) * len(text) for part in raw for text in forbidden)
    named = stage.scanner.found()
    verdict = Verdict(effects=judged.events, lost=judged.ungranted + leaked + sum(named.values()))
    db = open_beside(path)
    try:
        held = received(db, "day-1")
        for stream in audit(db, "day-1"):
            verdict.duplicates += stream.duplicates
            for missing in stream.missing:
                verdict.unexplained += sum(
                    part.size for part in held[stream.key.epoch, stream.key.stream].missing(*missing)
                )
    finally:
        db.close()
    kinds = ", ".join(f"{word} {count:,}" for word, count in sorted(judged.by_purpose.items()))
    if judged.first or named:
        verdict.notes.append(f"first: {judged.first}; texts that name people: {named}")
    size = sum(map(len, raw))
    verdict.summary = (
        f"24 hours of virtual time, {judged.events:,} events on the wire in {size / 1e6:.1f} MB ({kinds}): "
        f"{judged.ungranted} values without a grant, {leaked} bytes of a forbidden one, its name included; "
        f"{sum(named.values())} personal values in {stage.scanner.size / 1e6:.1f} MB of logs, metrics, topics, errors; "
        f"unexplained {verdict.unexplained}; the books {'balance' if verdict.good else 'OR A PROMISE BROKE'}"
    )
    return verdict
