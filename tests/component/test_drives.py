"""Proves that whole drives pass through the databroker to whoever subscribes: none lost, none invented, in order."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from kuksa.val.v2 import val_pb2

from gateway.clock import SystemClock
from gateway.model import Value
from simulators.databroker import Catalogue, Databroker
from simulators.drive.car import Reading, readings
from simulators.player import Player
from simulators.recording import read_recording
from tests.kit.databrokers import raw, until
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.plan import PlanFile
from vehicle_agent.settings import DatabrokerSettings
from vehicle_agent.source import SignalInfo

WHOLE_BUFFER = 1_000
CLOCK = SystemClock()


class Seen:
    """What a subscriber saw: values and times of each signal, in order."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[Any, int]]] = defaultdict(list)
        self.count = 0

    async def follow(self, broker: Databroker, paths: Sequence[str]) -> None:
        """Subscribes with the stock stub and a buffer that misses nothing."""
        async with raw(broker) as stub:
            request = val_pb2.SubscribeRequest(signal_paths=paths, buffer_size=WHOLE_BUFFER)
            async for response in stub.Subscribe(request):
                for path, point in response.entries.items():
                    which = point.value.WhichOneof("typed_value")
                    if which is not None:
                        value = getattr(point.value, which)
                        self.points[path].append((value, point.timestamp.ToMicroseconds()))
                        self.count += 1


@asynccontextmanager
async def watched(broker: Databroker, paths: Sequence[str]) -> AsyncIterator[Seen]:
    """A subscriber of these signals while the block runs."""
    seen = Seen()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(seen.follow(broker, paths))
        await broker.wait_subscribed()
        yield seen
        task.cancel()


def by_signal(drive: Sequence[Reading]) -> Iterator[tuple[str, list[Value]]]:
    """Values of each signal in order."""
    found: dict[str, list[Value]] = defaultdict(list)
    for reading in drive:
        found[reading.path].append(reading.value)
    yield from found.items()


def changes(values: Sequence[Value]) -> list[Value]:
    """Without those equal to the one before: actuators tell only changes."""
    return [value for i, value in enumerate(values) if not i or value != values[i - 1]]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "rows"), [("rav4-san-francisco", 35_605), ("twizy-rabat-1", 2_844), ("omaha-15", 14_254)]
)
async def test_recordings_arrive_whole(shared_data: Path, name: str, rows: int) -> None:
    """Every reading of a real drive, much faster than it was driven, is one of VSS 6.0 and reaches a subscriber."""
    vss = await asyncio.to_thread(Catalogue.read, shared_data / "vss" / "vss-6.0.json")
    recording = await asyncio.to_thread(read_recording, shared_data / "vehicle" / f"{name}.csv")
    drive = recording.readings
    assert recording.rows == len(drive) == rows
    async with Databroker(vss) as broker, watched(broker, recording.paths) as seen:
        player = Player(broker, CLOCK, speed=drive[-1].at_s / 0.5)
        await player.play(drive)
        assert (player.played, player.refused.total()) == (len(drive), 0)
        sent = dict(by_signal(drive))
        expected = {path: changes(values) if vss[path].entry == "actuator" else values for path, values in sent.items()}
        await until(lambda: seen.count >= sum(map(len, expected.values())))
        assert broker.counters.dropped_messages == 0
    for path, values in expected.items():
        kept = [value for value, _ in seen.points[path]]
        if vss[path].datatype == "float":
            assert kept == [pytest.approx(value, rel=1e-6, abs=1e-6) for value in values], path
        elif vss[path].kind.low is not None:
            assert kept == [round(float(value)) for value in values], path
        else:
            assert kept == values, path


@pytest.mark.timed
async def test_a_drive_keeps_its_pace_and_its_times() -> None:
    """At ten times its speed 20 s of the packaged drive last 2 s; time stamps are start + time / 10."""
    drive = await asyncio.to_thread(lambda: list(takewhile(lambda reading: reading.at_s < 20.0, readings(7))))
    paths = list(dict(by_signal(drive)))
    async with Databroker(await asyncio.to_thread(Catalogue.packaged)) as broker, watched(broker, paths) as seen:
        player = Player(broker, CLOCK, speed=10.0)
        begun_us, begun_s = time.time_ns() // 1_000, time.monotonic()
        await player.play(drive, 2.0)
        assert 1.95 <= time.monotonic() - begun_s < 3.0
        await until(lambda: seen.count == len(drive))
    speeds = [reading for reading in drive if reading.path == "Vehicle.Speed"]
    stamps = [at_us - begun_us for _, at_us in seen.points["Vehicle.Speed"]]
    offset_us = stamps[0]
    assert 0 <= offset_us < 500_000
    assert [at_us - offset_us for at_us in stamps] == [round(reading.at_s / 10 * 1e6) for reading in speeds]


async def test_a_paused_drive_stands_still() -> None:
    """Nothing is played meanwhile; afterwards time stamps go on from now, not from then."""
    drive = [Reading(i / 10, "Vehicle.Speed", float(i)) for i in range(40)]
    async with Databroker(await asyncio.to_thread(Catalogue.packaged)) as broker:
        player, point = Player(broker, CLOCK, speed=4.0), broker.tree.by_path["Vehicle.Speed"]
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(player.play(drive))
            await until(lambda: player.played >= 2)
            player.pause()
            await asyncio.sleep(0.05)
            stood, before_us = player.played, point.point.timestamp.ToMicroseconds()
            await asyncio.sleep(0.3)
            assert player.played == stood < len(drive)
            player.go()
            await playing
        after_us = point.point.timestamp.ToMicroseconds()
    assert player.played == len(drive)
    driven_us = 1e6 * (len(drive) - stood) / 10 / 4
    assert after_us - before_us >= 300_000 + driven_us
    assert after_us <= time.time_ns() // 1_000


async def test_the_vehicle_agent_finds_the_packaged_plan() -> None:
    """Every signal of the packaged plan is known with type and unit, and readings arrive over gRPC."""
    paths = (await asyncio.to_thread(PlanFile.read, None)).plan.paths
    async with Databroker(await asyncio.to_thread(Catalogue.packaged)) as broker:
        source = KuksaSource(DatabrokerSettings(address=broker.address))
        known = await source.describe(paths)
        assert [path for path, info in known.items() if not isinstance(info, SignalInfo)] == []
        stream = source.readings(paths)
        await anext(stream)
        broker.publish([("Vehicle.Speed", 12.5, 1_800_000_000_000_000)])
        (reading,) = await anext(stream)
        assert (paths[reading.signal], reading.ts_us, reading.value) == ("Vehicle.Speed", 1_800_000_000_000_000, 12.5)
        await stream.aclose()
        await source.aclose()
