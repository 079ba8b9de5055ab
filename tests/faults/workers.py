"""Agent and cloud as processes that may be killed at any point; must never tell an event that was not accepted.

The agent writes `a N COUNT STREAM` once the events with values N .. N + COUNT - 1 are accepted, `w` (or `w late`)
when a withdrawal is done, `evicted` when its store has overflowed, and at the end of a quiet life its books as JSON.
"""

import asyncio
import json
import os
import random
from dataclasses import asdict
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud import SqliteSink
from gateway.cloud.process import serve
from gateway.consent import Grant
from gateway.errors import StoreFull
from gateway.identity.keystore import load
from gateway.link import Endpoint
from gateway.model import Event, Kind, Purpose, Stream, ValueType, purpose_set
from gateway.runtime import Agent, AgentOptions
from gateway.tasks import until_signal

LIFE_NUMBERS = 10_000_000
BOTH = purpose_set([Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS])
DRIVING = purpose_set([Purpose.DRIVING_BEHAVIOUR])
SIGNALS = [
    ("Vehicle.TraveledDistance", ValueType.INT, "m"),
    ("Vehicle.Speed", ValueType.FLOAT, "km/h"),
    ("Vehicle.CurrentLocation.Latitude", ValueType.DOUBLE, "degrees"),
]


def tell(text: str) -> None:
    """One line, whole, to where the rig reads it; survives a kill."""
    os.write(1, f"{text}\n".encode())


def agent(
    identity: str, folder: str, port: int, life: int, mode: str, store_bytes: int, quiet: bool, clean_start: bool = True
) -> int:
    """One life of an agent. `mode`: plain, evict (floods a small store), withdraw(-late), stop (heeds SIGTERM).

    `quiet`: only drains, then tells.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    asyncio.run(_agent(Path(identity), Path(folder), port, life, mode, store_bytes, quiet, clean_start))
    return 0


def cloud(identity: str, broker: str, db: str) -> int:
    """The cloud's end, until it is killed; grants are the devices' own here, so it asks for no records."""
    asyncio.run(serve(Path(identity), broker, Path(db), SqliteSink(), consent=False))
    return 0


async def _agent(
    identity: Path, folder: Path, port: int, life: int, mode: str, store_bytes: int, quiet: bool, clean_start: bool
) -> None:
    subject = life + 1
    options = AgentOptions(
        identity=load(identity),
        folder=folder,
        endpoint=Endpoint("127.0.0.1", port, clean_start=clean_start),
        clock=SystemClock(),
        store_bytes_max=store_bytes,
        subject=subject,
        grants=tuple(
            Grant(subject, purpose, record_id=f"life-{life}")
            for purpose in (Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS)
        ),
    )
    signals = until_signal if mode == "stop" else asyncio.TaskGroup
    async with signals(), Agent.open(options) as one, asyncio.TaskGroup() as group:
        tell("open")
        running = group.create_task(one.run(), name="agent")
        if quiet:
            drained = await one.drained(60)
            tell(json.dumps({"drained": drained, "books": asdict(await one.outbox.books()), "epoch": one.outbox.epoch}))
            running.cancel()
            return
        numbers = iter(range(life * LIFE_NUMBERS, (life + 1) * LIFE_NUMBERS))
        producer = Producer(
            one, subject, mode, random.Random(life), lambda count: [next(numbers) for _ in range(count)]
        )
        # As many bulk appends are open as end the linger of their commit early.
        for stream, count in ((Stream.URGENT, 1), (Stream.LIVE, 2), (Stream.BULK, 12)):
            for index in range(count):
                group.create_task(producer.flood(stream), name=f"flood-{stream.word}-{index}")
        if mode.startswith("withdraw"):
            group.create_task(producer.withdraw(), name="withdraw")


class Producer:
    """Appends events of all streams until the process dies."""

    def __init__(self, agent: Agent, subject: int, mode: str, rng: random.Random, numbers) -> None:  # type: ignore[no-untyped-def]
        self._agent, self._subject, self._mode, self._rng, self._numbers = agent, subject, mode, rng, numbers
        self._evicted = False
        self._before = agent.outbox.last[Stream.URGENT]
        self._kinds = {stream: self._kind(stream) for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK)}

    def _kind(self, stream: Stream) -> Kind:
        return self._agent.intern_kind(f"fault.{stream.word}", stream, BOTH, SIGNALS)

    async def flood(self, stream: Stream) -> None:
        """Batches of random sizes, each told once it is accepted."""
        size = {Stream.URGENT: 1, Stream.LIVE: 50, Stream.BULK: 400}[stream]
        pause_s = {Stream.URGENT: 0.005, Stream.LIVE: 0.005, Stream.BULK: 0.002}[stream]
        while True:
            numbers = self._numbers(self._rng.randint(1, size))
            events = [self._event(stream, number) for number in numbers]
            try:
                kept = await self._agent.append_many(events)
            except StoreFull:
                tell(f"full {stream.word}")
                await asyncio.sleep(0.05)
                continue
            if kept.kept == len(events):
                tell(f"a {numbers[0]} {len(numbers)} {stream.word}")
            if self._mode == "evict" and not self._evicted and self._agent.outbox.counters["evicted_bags"]:
                self._evicted = True
                tell("evicted")
            await asyncio.sleep(0 if self._mode == "evict" and stream is Stream.BULK else pause_s)

    def _event(self, stream: Stream, number: int) -> Event:
        agent = self._agent
        noise = self._rng.random()
        values = (number, noise * 100, noise)
        return Event(self._kinds[stream], self._subject, agent.clock.wall_us(), agent.received_ms(), values)

    async def withdraw(self) -> None:
        """After a moment, or once an event of this life was receipted, the guest says no to one purpose."""
        late = self._mode == "withdraw-late"
        if late:
            await self._receipted()
        else:
            await asyncio.sleep(self._rng.uniform(0.02, 0.15))
        await self._agent.withdraw(self._subject, DRIVING)
        tell("w late" if late else "w")

    async def _receipted(self) -> None:
        committed = asyncio.Event()
        self._agent.store.on_commit.append(committed.set)
        while self._agent.outbox.floor[Stream.URGENT] <= self._before:
            committed.clear()
            await committed.wait()
