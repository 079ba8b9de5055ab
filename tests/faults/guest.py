"""Lives of a device whose guest says no, each ended by a kill at a chosen step; must never cut anywhere else.

It tells `filled` once the events are durable, `w {json}` when the guest sees "done", and its books as JSON at the end
of a quiet life.
"""

import asyncio
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path

from gateway.clock import SystemClock
from gateway.consent import Grant
from gateway.flow.revocation import Step
from gateway.identity.keystore import load
from gateway.link import Endpoint
from gateway.model import Event, Kind, Purpose, PurposeSet, Stream, ValueType, purpose_set, purposes_of
from gateway.runtime import Agent, AgentOptions
from tests.faults.workers import tell

SUBJECT = 4_711
GONE = Purpose.DRIVING_BEHAVIOUR
PATHS = {
    Purpose.DRIVING_BEHAVIOUR: "Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude",
    Purpose.USAGE_ANALYTICS: "Vehicle.Cabin.Infotainment.Media.Action",
    Purpose.PROFILE: "Vehicle.Cabin.Infotainment.Media.Played.Source",
}
"""For each purpose a signal that no other purpose allows."""
SETS: tuple[PurposeSet, ...] = (
    purpose_set([GONE]),
    purpose_set([Purpose.USAGE_ANALYTICS]),
    purpose_set(PATHS),
    purpose_set([GONE, Purpose.PROFILE]),
)
STREAMS = (Stream.URGENT, Stream.LIVE, Stream.BULK, Stream.LIVE)
GROUP = 250
STORE_BYTES = 16 << 20


def life(identity: str, folder: str, port: int, part: str, events: int = 0, cut: str = "", wait: bool = False) -> int:
    """`part`: fill, withdraw (killed at the step `cut`, if given), or drain. `wait`: only once something was sent."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    asyncio.run(_life(Path(identity), Path(folder), port, part, events, cut, wait))
    return 0


async def _life(identity: Path, folder: Path, port: int, part: str, events: int, cut: str, wait: bool) -> None:
    options = AgentOptions(
        identity=load(identity),
        folder=folder,
        endpoint=Endpoint("127.0.0.1", port),
        clock=SystemClock(),
        store_bytes_max=STORE_BYTES,
        subject=SUBJECT,
        grants=tuple(Grant(SUBJECT, purpose, record_id=f"record-{purpose}") for purpose in PATHS),
    )
    async with Agent.open(options) as agent:
        if part == "fill":
            await fill(agent, events)
            tell("filled")
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(agent.run(), name="agent")
            if part == "withdraw":
                await withdraw(agent, cut, wait)
                await asyncio.Event().wait()
            drained = await agent.drained(60)
            books = asdict(await agent.outbox.books())
            tell(json.dumps({"drained": drained, "books": books, "epoch": agent.outbox.epoch}))
            running.cancel()


async def fill(agent: Agent, events: int) -> None:
    """So many events over all sets of purposes, with a marker for each purpose in each."""
    kinds = [kind_of(agent, purposes, stream) for purposes, stream in zip(SETS, STREAMS, strict=True)]
    tickets = []
    for first in range(0, events, GROUP):
        kind = kinds[first // GROUP % len(kinds)]
        tickets.append(agent.append_many([event(agent, kind, first + i) for i in range(min(GROUP, events - first))]))
    for ticket in tickets:
        kept = await ticket
        assert not kept.denied, kept
        assert not kept.refused, kept


def kind_of(agent: Agent, purposes: PurposeSet, stream: Stream) -> Kind:
    """The kind with one text for each purpose."""
    signals = [(PATHS[purpose], ValueType.STRING, "") for purpose in purposes_of(purposes)]
    return agent.intern_kind(f"kind-{purposes}", stream, purposes, signals)


def event(agent: Agent, kind: Kind, number: int) -> Event:
    """An event that nobody else would write."""
    values = tuple(marker(purpose, number) for purpose in purposes_of(kind.purposes))
    return Event(kind, SUBJECT, agent.clock.wall_us(), agent.received_ms(), values)


def marker(purpose: Purpose, number: int) -> str:
    """What an event holds for a purpose."""
    return f"marker-{purpose.word}-{number:06}"


async def withdraw(agent: Agent, cut: str, wait: bool) -> None:
    """The guest says no, while a batch is on its way if `wait`; the kill comes at the step `cut`."""
    if wait:
        await agent.uplink.link.wait_online()
        while not agent.uplink.status().bytes_sent:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0)

    def at(step: Step) -> None:
        if step.value == cut:
            os.kill(os.getpid(), signal.SIGKILL)

    agent.revocation.on_step.append(at)
    connection = agent.uplink.link.connection
    done = await agent.withdraw(SUBJECT, 1 << GONE)
    closed = connection is None or connection.closed.done()
    tell("w " + json.dumps(asdict(done) | {"closed": closed}))
