"""Proves what the uplink believes of a cloud, and what it does when the cloud changes; on a real broker."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.flow.uplink import UplinkSettings
from gateway.model import Stream
from gateway.wire.signing import sign
from tests.component.uplinks import CLOUD_KEY, TOPICS, Arrival, Cloudlet, car
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll

pytestmark = [pytest.mark.needs_mosquitto]


async def test_forged_receipts_are_counted_and_never_believed(tmp_path: Path) -> None:
    """A wrong key, another device's topic, an altered byte, nonsense: nothing is settled."""
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
        ]
        for payload in forged:
            cloud.send(TOPICS.receipt, payload)
        status = await device.until(lambda status: status.bad_receipts == len(forged))
        assert status.unreceipted == 100
        await device.store.write(lambda _: None)  # a settlement would ride on a commit
        assert (await device.outbox.books()).settled == 0
        cloud.send(TOPICS.receipt, good)
        await device.until(lambda status: status.drained)


async def test_numbers_never_given_are_proof_of_lost_commits_once(tmp_path: Path) -> None:
    """The first such receipt makes a new epoch at the next start; a cloud that goes on saying so is only counted."""
    cloud, keys, epoch = Cloudlet(), AllowAll(), 0
    cloud.silent = True
    async with mosquitto() as broker, cloud.online(broker.endpoint()):
        for life in range(2):
            async with car(tmp_path, broker.endpoint(), gate=keys) as device:
                dead = asyncio.Event()
                device.store.on_fatal.append(lambda _, dead=dead: dead.set())  # type: ignore[misc]
                await device.append(Stream.LIVE, 100)
                await device.append(Stream.URGENT, 10)
                place = (device.store.epoch, Stream.LIVE)
                await cloud.until(lambda place=place: place in cloud.held)  # type: ignore[misc]
                received = device.status.receipts
                cloud.send(TOPICS.receipt, cloud.receipt(live=1 << 62))
                if life == 0:
                    async with asyncio.timeout(10):
                        await dead.wait()
                    epoch = device.store.epoch
                    continue
                assert device.store.epoch != epoch
                await device.until(lambda status, received=received: status.receipts > received)  # type: ignore[misc]
                cloud.send(TOPICS.receipt, cloud.receipt(live=1 << 62))
                await device.until(lambda status: status.bad_receipts > 0)
                assert not dead.is_set()
                cloud.held = {place: ranges for place, ranges in cloud.held.items() if place[0] == device.store.epoch}
                cloud.silent = False
                cloud.send(TOPICS.receipt, cloud.receipt())
                await device.until(lambda status: status.drained)
                books = await device.outbox.books()
                assert (books.balanced, books.pending) == (True, 0)


async def test_a_doubt_about_an_older_birth_is_answered_with_another_birth(tmp_path: Path) -> None:
    """A broker that kept an old birth shows it to the cloud: the device says a new one, and goes on."""
    cloud = Cloudlet()
    async with mosquitto() as broker, cloud.online(broker.endpoint()), car(tmp_path, broker.endpoint()) as device:
        await device.append(Stream.LIVE, 100)
        await device.until(lambda status: status.drained)
        old = downlink_pb2.Receipt(cloud_boot=cloud.boot, doubted_epoch=device.store.epoch, birth=12_345)
        cloud.send(TOPICS.receipt, sign(CLOUD_KEY, TOPICS.receipt, old.SerializeToString()))
        await cloud.until(lambda: len(cloud.states) == 2)
        first, second = cloud.states
        assert (second.epoch, second.connect) == (first.epoch, first.connect)
        assert first.birth in second.births
        await device.append(Stream.LIVE, 100)
        await device.until(lambda status: status.drained)
    assert cloud.count(Stream.LIVE) == 200


async def test_a_long_connection_says_its_birth_again_under_another_name(tmp_path: Path) -> None:
    """So that a copy that was made since the last one cannot go unnoticed for longer than that."""
    cloud, settings = Cloudlet(), UplinkSettings(birth_again_s=0.1)
    async with (
        mosquitto() as broker,
        cloud.online(broker.endpoint()),
        car(tmp_path, broker.endpoint(), settings=settings) as device,
    ):
        await device.append(Stream.LIVE, 100)
        await cloud.until(lambda: len(cloud.states) >= 3)
        await device.until(lambda status: status.drained)
    births = [state for state in cloud.states if state.online]
    assert len({state.birth for state in births}) == len(births)
    assert len({state.connect for state in births}) == 1
    assert all(before.birth in after.births for before, after in pairwise(births))


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


class Choking(Cloudlet):
    """Can read no batch that holds a certain number, as one with other bounds might."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.choked = number, 0

    def _batch(self, came: Arrival) -> None:
        if came.stream is Stream.LIVE and any(item.first <= self.number <= item.last for item in came.numbers):
            self.choked += 1
            mark = int.from_bytes(came.batch.signature[-8:], "little")
            receipt = downlink_pb2.Receipt(cloud_boot=self.boot, unreadable=[mark])
            self.send(TOPICS.receipt, sign(CLOUD_KEY, TOPICS.receipt, receipt.SerializeToString()))
            return
        super()._batch(came)


async def test_a_batch_that_nobody_can_read_is_halved_down_to_the_bag_at_fault(tmp_path: Path) -> None:
    """It would come again each minute otherwise; its neighbours arrive, the dictionary that came with it too."""
    cloud = Choking(620)
    async with mosquitto() as broker, car(tmp_path, broker.endpoint()) as device:
        for _ in range(20):
            await device.append(Stream.LIVE, 50)
        async with cloud.online(broker.endpoint()):
            await device.until(lambda status: status.quarantined == 50 and status.drained)
            books = await device.outbox.books()
    assert (books.pending, books.quarantined, books.balanced) == (0, 50, True)
    assert cloud.count(Stream.LIVE) == 950
    assert 3 <= cloud.choked <= 8
    assert [(gap.reason, gap.ranges[0].first, gap.ranges[0].last) for gap in cloud.gaps] == [
        (control_pb2.GAP_REASON_QUARANTINED, 601, 650)
    ]
