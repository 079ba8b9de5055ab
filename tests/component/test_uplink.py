"""Proves the uplink against a real broker and a small cloud: nothing is lost, nobody is believed without cause."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import downlink_pb2

from gateway.flow.budget import Budget, BudgetSettings
from gateway.flow.uplink import UplinkSettings
from gateway.model import SeqRange, Stream
from gateway.wire.signing import sign
from tests.component.uplinks import CLOUD_KEY, TOPICS, Cloudlet, car
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll
from tests.kit.outboxes import USE

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


async def test_forged_receipts_are_counted_and_never_believed(tmp_path: Path) -> None:
    """A wrong key, another device's topic, an altered byte, nonsense, numbers never given: nothing is settled."""
    cloud = Cloudlet()
    cloud.silent = True
    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        await device.append(Stream.LIVE, 100)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 100)
        await device.until(lambda status: status.receipts >= 1)
        good = cloud.receipt()
        elsewhere = sign(CLOUD_KEY, "forecourt/v1/device-2/down/receipt", downlink_pb2.Receipt().SerializeToString())
        forged = [
            cloud.receipt(key=Ed25519PrivateKey.generate()),
            good[:-1] + bytes([good[-1] ^ 1]),
            elsewhere,
            b"",
            sign(CLOUD_KEY, TOPICS.receipt, b"\xff\xff"),
            cloud.receipt(live=101),
            cloud.receipt(live=1 << 62),
        ]
        for payload in forged:
            cloud.send(TOPICS.receipt, payload)
        status = await device.until(lambda status: status.bad_receipts == len(forged))
        assert status.unreceipted == 100
        assert (await device.outbox.books()).settled == 0
        cloud.send(TOPICS.receipt, good)
        await device.until(lambda status: status.drained)


async def test_a_receipt_for_numbers_never_sent_settles_nothing(tmp_path: Path) -> None:
    """Numbers that were given and not sent yet are not believed to have arrived."""
    cloud = Cloudlet()
    cloud.silent = True
    settings = UplinkSettings(unreceipted_max=500)
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), settings=settings) as device,
    ):
        await device.until(lambda status: status.online)
        for _ in range(4):
            await device.append(Stream.LIVE, 500)
        await cloud.until(lambda: cloud.count(Stream.LIVE) >= 500)
        cloud.send(TOPICS.receipt, cloud.receipt(live=2_000))
        status = await device.until(lambda status: status.receipts_ahead > 0)
        await cloud.until(lambda: cloud.count(Stream.LIVE) >= 1_000)
        assert status.bad_receipts == 0
        cloud.silent = False
        cloud.send(TOPICS.receipt, cloud.receipt())
        await device.until(lambda status: status.drained)
    assert cloud.count(Stream.LIVE) == 2_000


async def test_a_cloud_with_another_boot_gets_everything_again_at_once(tmp_path: Path) -> None:
    """The broker took the events, the cloud that was to get them is gone: the boot id of its successor rewinds."""
    first = Cloudlet()
    first.knows_nothing = True
    async with mosquitto() as broker, car(tmp_path, broker.endpoint()) as device:
        async with first.online(broker.endpoint()):
            await device.append(Stream.LIVE, 1_000)
            await first.until(lambda: sum(len(arrival.numbers) for arrival in first.arrivals) >= 2)
            await device.until(lambda status: status.unreceipted == 1_000)
        second = Cloudlet()
        loop = asyncio.get_running_loop()
        async with second.online(broker.endpoint(), boot=7_000):
            began = loop.time()
            await device.until(lambda status: status.drained)
            assert loop.time() - began < 5
            assert second.count(Stream.LIVE) == 1_000
            rewinds = device.status.rewinds
            old = sign(CLOUD_KEY, TOPICS.receipt, downlink_pb2.Receipt(cloud_boot=101).SerializeToString())
            received = device.status.receipts
            second.send(TOPICS.receipt, old)
            await device.until(lambda status: status.receipts > received)
            assert device.status.rewinds == rewinds, "a late message of the old boot is no change"


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


async def test_an_unknown_dictionary_comes_at_once(tmp_path: Path) -> None:
    """A cloud that lost its dictionaries gets the batch again with it, long before any time-out."""
    cloud = Cloudlet()
    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        await device.append(Stream.LIVE, 10)
        await device.until(lambda status: status.drained)
        await device.append(Stream.LIVE, 10)
        await device.until(lambda status: status.drained)
        assert [bool(arrival.batch.shapes) for arrival in cloud.arrivals] == [True, False]
        cloud.dictionaries.clear()
        await device.append(Stream.LIVE, 10)
        await device.until(lambda status: status.drained)
        assert [bool(arrival.batch.shapes) for arrival in cloud.arrivals] == [True, False, False, True]
    assert cloud.count(Stream.LIVE) == 30


async def test_a_cloud_that_never_learns_a_dictionary_makes_no_storm(tmp_path: Path) -> None:
    """One that says `unknown` to everything is answered about once a second."""
    cloud = Cloudlet()
    cloud.refuse_dictionaries = True
    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        await device.append(Stream.LIVE, 10)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await cloud.until(lambda: len(cloud.arrivals) >= 3)
        assert loop.time() - began > 0.9
        assert len(cloud.arrivals) <= 2 + (loop.time() - began) * 1.5


async def test_no_receipt_in_time_sends_again(tmp_path: Path) -> None:
    """After the receipt time-out what has no receipt is sent again, and the cloud's inbox makes it harmless."""
    cloud = Cloudlet()
    cloud.silent = True
    settings = UplinkSettings(receipt_timeout_s=1.0)
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


async def test_a_metered_link_and_a_spent_day(tmp_path: Path) -> None:
    """Bulk stays on a metered device, comes when the link is free, and stops at its daily budget."""
    cloud = Cloudlet()
    budget = Budget(BudgetSettings(metered=True, daily_bytes={Stream.BULK: 3_000}))
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), budget=budget) as device,
    ):
        await device.append(Stream.BULK, 400)
        await device.append(Stream.LIVE, 10)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 10)
        assert cloud.count(Stream.BULK) == 0
        budget.metered = False
        await cloud.until(lambda: cloud.count(Stream.BULK) == 400)
        while budget.left(Stream.BULK):
            await device.append(Stream.BULK, 400)
            await device.until(lambda status: status.drained or not budget.left(Stream.BULK))
        held = cloud.count(Stream.BULK)
        await device.append(Stream.BULK, 5)
        await device.append(Stream.LIVE, 5)
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 15)
        assert cloud.count(Stream.BULK) == held


async def test_the_gate_is_asked_again_when_bags_leave(tmp_path: Path) -> None:
    """What was kept and is denied by now does not leave, though nobody took it off the shelf."""
    cloud, gate = Cloudlet(), AllowAll()
    async with mosquitto() as broker, car(tmp_path, broker.endpoint(), gate=gate) as device:
        await device.append(Stream.LIVE, 20, subject=8)
        await device.append(Stream.LIVE, 20, subject=9)
        gate.deny(8, USE)
        async with cloud.online(broker.endpoint()):
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 20)
            await device.append(Stream.LIVE, 1, subject=9)
            await cloud.until(lambda: cloud.count(Stream.LIVE) == 21)
    subjects = {consent.subject for arrival in cloud.arrivals for consent in arrival.batch.consents}
    assert subjects == {9}


async def test_the_fence_cuts_a_connection_that_holds_withdrawn_bytes(tmp_path: Path) -> None:
    """While a batch about the subject has no PUBACK the fence drops the connection; afterwards it leaves it alone."""
    cloud, gate = Cloudlet(), AllowAll()
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), gate=gate) as device,
    ):
        await device.append(Stream.LIVE, 5, subject=9)
        await device.until(lambda status: status.drained and status.in_flight == 0)
        before = device.uplink.link.connection
        await device.uplink.fence(8, USE)
        await device.uplink.fence(9, USE)
        assert device.uplink.link.connection is before, "nothing about them is on its way"
        broker.freeze()
        await device.append(Stream.LIVE, 5, subject=8)
        await device.until(lambda status: status.in_flight > 0)
        await device.uplink.fence(9, USE)
        assert device.uplink.link.connection is before
        gate.deny(8, USE)
        await device.uplink.fence(8, USE)
        assert before is not None
        assert before.closed.done()
        broker.thaw()


async def test_settled_events_are_sent_again_on_request(tmp_path: Path) -> None:
    """Where they are retained, a range comes once more, marked as replayed."""
    cloud = Cloudlet()
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), retain=True) as device,
    ):
        await device.append(Stream.LIVE, 100)
        await device.until(lambda status: status.drained)
        await device.settled(100)
        cloud.held.clear()
        assert await device.uplink.resend(Stream.LIVE, SeqRange(1, 100)) == 100
        await cloud.until(lambda: cloud.count(Stream.LIVE) == 100)
    assert all(bag.replayed for bag in cloud.arrivals[-1].batch.bags)


async def test_a_command_comes_down_and_its_answers_go_up(tmp_path: Path) -> None:
    """Through the broker: one effect, and ACCEPTED, RUNNING, DONE in the control stream."""
    cloud = Cloudlet()
    ran: list[bytes] = []

    async def echo(body: bytes) -> bytes:
        ran.append(body)
        return body

    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        device.router.register("test.echo", echo)
        await device.until(lambda status: status.online)
        now = device.store.clock.wall_us()
        command = downlink_pb2.Command(
            id=4, kind="test.echo", issued_us=now, not_after_us=now + 1_000_000, counter=1, body=b"x"
        )
        payload = sign(CLOUD_KEY, TOPICS.command, command.SerializeToString())
        for _ in range(3):
            cloud.send(TOPICS.command, payload)
        await cloud.until(lambda: any(reply.stage == 3 for reply in cloud.replies))
    assert [reply.stage for reply in cloud.replies][:3] == [1, 2, 3]
    assert ran == [b"x"]
