"""Our agent as a party, and the comparison's events as it is given them; must never skip a promise to be faster."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.work import CYCLE, T0_MS, telemetry
from gateway.clock import SystemClock
from gateway.consent import Grant
from gateway.flow.uplink import UplinkSettings
from gateway.identity import tls_context
from gateway.identity.keystore import load
from gateway.link import Endpoint
from gateway.model import Appended, Event, Kind, Purpose, Stream, ValueType, purpose_set
from gateway.runtime import Agent, AgentOptions

GROUP = 100
OPEN_APPENDS = 60
SUBJECT = 7
GRANTED = (Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS)
SIGNALS = [
    ("Vehicle.CurrentLocation.Latitude", ValueType.DOUBLE, "degrees"),
    ("Vehicle.CurrentLocation.Longitude", ValueType.DOUBLE, "degrees"),
    ("Vehicle.Speed", ValueType.FLOAT, "km/h"),
    ("Vehicle.TraveledDistance", ValueType.INT, "m"),
    ("Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed", ValueType.FLOAT, "percent"),
    ("Vehicle.Exterior.AirTemperature", ValueType.INT, "0.1 celsius"),
    ("Vehicle.Powertrain.ElectricMotor.Speed", ValueType.INT, "rpm"),
    ("Vehicle.Powertrain.Transmission.CurrentGear", ValueType.INT, ""),
    ("Vehicle.Powertrain.Transmission.SelectedGear", ValueType.INT, ""),
]


@contextlib.asynccontextmanager
async def agent(
    identity: str,
    folder: str,
    broker: str,
    window: int = 10_000,
    store_bytes: int = 256 << 20,
    authority: bool = False,
) -> AsyncIterator[Agent]:
    """An open agent whose guest has granted what the events need, at the `authority` or here; it does not run yet."""
    clock = SystemClock()
    who = load(Path(identity))
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - nothing else runs on this loop yet
    tls = tls_context(who.tls, clock) if broker.startswith("mqtts:") else None
    options = AgentOptions(
        identity=who,
        folder=Path(folder),
        endpoint=Endpoint.parse(broker, tls),
        clock=clock,
        store_bytes_max=store_bytes,
        uplink=UplinkSettings(unreceipted_max=window),
        subject=SUBJECT,
        grants=() if authority else tuple(Grant(SUBJECT, purpose, record_id="bench") for purpose in GRANTED),
        authority=authority,
    )
    async with Agent.open(options) as one:
        yield one


@contextlib.asynccontextmanager
async def running(one: Agent) -> AsyncIterator[asyncio.TaskGroup]:
    """The agent runs while the block does."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(one.run(), name="agent")
        yield group
        task.cancel()


def kind_of(one: Agent, stream: Stream) -> Kind:
    """The kind of the comparison's events: nine values beside device, number and time."""
    return one.intern_kind(f"bench.{stream.word}", stream, purpose_set(GRANTED), SIGNALS)


async def produce(one: Agent, kind: Kind, count: int, rate_hz: float | None = None, first: int = 0) -> float:
    """Appends events in hundreds with many appends open, at a rate or as fast as it goes.

    Returns when all are durable: the loop's time at which the last append was made, in seconds. AssertionError
    when one was not kept.
    """
    rows = telemetry()
    waiting: deque[asyncio.Future[Appended]] = deque()
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for begin in range(first, first + count, GROUP):
        now_ms = one.received_ms()
        events = [
            Event(kind, SUBJECT, (T0_MS + i) * 1_000, now_ms, rows[i % CYCLE])
            for i in range(begin, min(begin + GROUP, first + count))
        ]
        waiting.append(one.append_many(events))
        if len(waiting) >= OPEN_APPENDS:
            await _kept(waiting.popleft())
        if rate_hz is not None:
            await asyncio.sleep(max(0.0, begun_s + (begin - first + GROUP) / rate_hz - loop.time()))
    made_s = loop.time()
    while waiting:
        await _kept(waiting.popleft())
    return made_s


async def _kept(waiting: "asyncio.Future[Appended]") -> None:
    done = await waiting
    assert not done.denied, done
    assert not done.refused, done
