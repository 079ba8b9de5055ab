"""Proves the uplink against a real broker and a small cloud: nothing is lost, nobody is believed without cause."""

import asyncio
from pathlib import Path

import pytest

from gateway.flow.uplink import UplinkSettings
from gateway.model import Stream
from tests.component.uplinks import TOPICS, Cloudlet, car
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll

pytestmark = [pytest.mark.needs_mosquitto]


async def test_everything_arrives_and_is_settled(tmp_path: Path) -> None:
    """Events of every stream reach the cloud once, receipts empty the shelf, the books balance."""
    cloud = Cloudlet()
    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
            await device.append(stream, 700)
        await device.until(lambda status: status.drained)
        assert [cloud.count(stream) for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK)] == [700] * 3
        assert cloud.repeated == 0
        books = await device.settled(2_100)
        assert (books.appended, books.settled, books.pending, books.balanced) == (2_100, 2_100, 0, True)


async def test_birth_and_will(tmp_path: Path) -> None:
    """Each connection is born with a higher number, a stop says farewell, a cut lets the broker say it."""
    cloud = Cloudlet()
    async with mosquitto() as broker, cloud.online(broker.endpoint()):
        async with car(tmp_path, broker.endpoint()) as device:
            await device.append(Stream.LIVE, 3)
            await cloud.until(lambda: any(state.online for state in cloud.states))
            connection = device.uplink.link.connection
            assert connection is not None
            connection.abort("a cut")
            await cloud.until(lambda: sum(state.online for state in cloud.states) == 2)
        await cloud.until(lambda: not cloud.states[-1].online)
        async with car(tmp_path, broker.endpoint()):
            await cloud.until(lambda: sum(state.online for state in cloud.states) == 3)
    births = [state for state in cloud.states if state.online]
    assert births[0].connect < births[1].connect < births[2].connect
    farewells = [state.connect for state in cloud.states if not state.online]
    assert farewells[:2] == [births[0].connect, births[1].connect]
    head = next(head for head in births[1].heads if head.stream == Stream.LIVE)
    assert (head.floor, head.epoch) == (3, births[1].epoch)


async def test_an_outage_builds_a_backlog_that_drains_behind_fresh_events(tmp_path: Path) -> None:
    """While the broker is away events are kept; afterwards they come as replayed, fresh ones before the last."""
    cloud = Cloudlet()
    settings = UplinkSettings(unreceipted_max=1_000)
    async with mosquitto() as broker, car(tmp_path, broker.endpoint(), settings=settings) as device:
        async with cloud.online(broker.endpoint()):
            await device.append(Stream.LIVE, 10)
            await device.until(lambda status: status.drained)
            await broker.kill()
        await device.until(lambda status: not status.online)
        await asyncio.gather(*(device.append(Stream.LIVE, 1_000) for _ in range(8)))
        cloud.silent = True
        await broker.restart()
        device.uplink.link.hurry()
        async with cloud.online(broker.endpoint()):
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 1_010)
            await device.append(Stream.LIVE, 5)
            cloud.silent = False
            cloud.send(TOPICS.receipt, cloud.receipt())
            await device.until(lambda status: status.drained)
    assert cloud.count(Stream.LIVE) == 8_015
    order = [(item.last, arrival.batch.bags[0].replayed) for arrival in cloud.arrivals for item in arrival.numbers]
    assert order.index((8_015, False)) == order.index((1_010, True)) + 1, "fresh events overtake the backlog"


async def test_a_stop_of_the_device_loses_nothing(tmp_path: Path) -> None:
    """What had no receipt when the process ended comes again in the next life, and the cloud has every number."""
    cloud, gate = Cloudlet(), AllowAll()
    cloud.silent = True
    async with mosquitto() as broker, cloud.online(broker.endpoint()):
        async with car(tmp_path, broker.endpoint(), gate=gate) as device:
            await device.append(Stream.LIVE, 900)
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 900)
            assert (await device.outbox.books()).pending == 900
        cloud.silent, cloud.held = False, {}
        async with car(tmp_path, broker.endpoint(), gate=gate) as device:
            await device.until(lambda status: status.drained)
            assert (await device.settled(900)).balanced
    assert cloud.count(Stream.LIVE) == 900
    assert any(bag.replayed for bag in cloud.arrivals[-1].batch.bags)


async def test_nobody_subscribed_is_not_success(tmp_path: Path) -> None:
    """Without a subscriber the broker answers 0x10: tries are few and lose nothing, the cloud's arrival ends it."""
    cloud = Cloudlet()
    async with mosquitto() as broker, car(tmp_path, broker.endpoint()) as device:
        await device.append(Stream.LIVE, 2_000)
        status = await device.until(lambda status: status.nobody >= 3)
        assert status.batches < 20
        async with cloud.online(broker.endpoint()):
            await device.until(lambda status: status.drained)
            assert cloud.count(Stream.LIVE) == 2_000


async def test_no_receipt_in_time_sends_again(tmp_path: Path) -> None:
    """After the receipt time-out what has no receipt is sent again, and the cloud's inbox makes it harmless."""
    cloud = Cloudlet()
    cloud.silent = True
    settings = UplinkSettings(receipt_timeout_s=0.5)
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), settings=settings) as device,
    ):
        await device.append(Stream.LIVE, 50)
        await cloud.until(lambda: cloud.repeated >= 50)
        cloud.silent = False
        await device.until(lambda status: status.drained)
        assert device.status.rewinds >= 1


async def test_urgent_overtakes_a_backlog_of_100_000(tmp_path: Path) -> None:
    """While the window is full of a large backlog, urgent events arrive at once; then the backlog drains."""
    cloud, loop = Cloudlet(), asyncio.get_running_loop()
    async with mosquitto() as broker, car(tmp_path, broker.endpoint(), store_bytes=64 << 20) as device:
        await broker.kill()
        await device.until(lambda status: not status.online)
        await asyncio.gather(*(device.append(Stream.LIVE, 5_000) for _ in range(20)))
        await broker.restart()
        device.uplink.link.hurry()
        cloud.silent = True
        async with cloud.online(broker.endpoint()):
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 10_000)
            waits = []
            for number in range(1, 11):
                began = loop.time()
                await device.append(Stream.URGENT, 1)
                await cloud.holds(Stream.URGENT, number)
                waits.append(loop.time() - began)
            assert cloud.count(Stream.LIVE) == 10_000
            cloud.silent = False
            cloud.send(TOPICS.receipt, cloud.receipt())
            await device.until(lambda status: status.drained)
    assert cloud.count(Stream.LIVE) == 100_000
    assert sorted(waits)[len(waits) // 2] < 0.5
