"""Proves what the uplink does when a broker refuses, stalls or cannot take a batch; on one that does as told."""

import asyncio
import random
import string
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forecourt.v1 import event_pb2

from gateway.model import Event, Stream, ValueType
from tests.component.uplinks import TOPICS, Car, car
from tests.kit import mqtt
from tests.kit.mqtt import Packet
from tests.kit.outboxes import USE, events, kind
from tests.kit.scripted import Peer, Scripted, scripted

LIVE = TOPICS.events(Stream.LIVE)
Answer = Callable[[Peer, Packet, event_pb2.EventBatch], Awaitable[bool]]


class Judge:
    """Serves connections: everything is acknowledged, but live batches get the answer of `answer`."""

    def __init__(self, answer: Answer, **welcome: object) -> None:
        self._answer, self._welcome = answer, welcome
        self.batches: list[event_pb2.EventBatch] = []
        self.taken: set[int] = set()
        self.control: list[event_pb2.EventBatch] = []
        self.changed = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        """One connection."""
        await peer.welcome(**self._welcome)  # type: ignore[arg-type]
        await peer.grant()
        while (packet := await peer.read()) is not None:
            if packet.kind != mqtt.PUBLISH:
                continue
            accepted = True
            if packet.topic == LIVE:
                batch = event_pb2.EventBatch.FromString(packet.payload)
                self.batches.append(batch)
                accepted = await self._answer(peer, packet, batch)
                if accepted:
                    self.taken.update(n for bag in batch.bags for n in range(bag.first_seq, bag.first_seq + bag.count))
            elif packet.topic == TOPICS.events(Stream.CONTROL):
                self.control.append(event_pb2.EventBatch.FromString(packet.payload))
            if accepted:
                await peer.send(mqtt.puback(packet.mid))
            self.changed.set()

    async def until(self, holds: Callable[[], bool], timeout_s: float = 15.0) -> None:
        """Returns when it is so."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def judged(folder: Path, judge: Judge, **terms: object) -> AsyncIterator[tuple[Car, Scripted]]:
    """A device on such a broker."""
    async with scripted(judge) as broker, car(folder, broker.endpoint(**terms)) as device:
        yield device, broker


async def ten_bags(device: Car) -> None:
    """Bags 1-20, 21-40, …: one for each of ten subjects."""
    one = kind(device.outbox.dictionary, Stream.LIVE)
    await device.outbox.append_many([event for subject in range(1, 11) for event in events(one, 20, subject=subject)])


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x90, 0x97])
async def test_a_refusal_stops_backs_off_and_alarms(tmp_path: Path, code: int) -> None:
    """Nothing is lost or split; tries are few, of one bag, and grow rarer; acceptance ends the alarm."""
    refused = 0

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        nonlocal refused
        if refused < 3:
            refused += 1
            await peer.send(mqtt.puback(packet.mid, code))
            return False
        return True

    judge = Judge(answer)
    async with judged(tmp_path, judge) as (device, _):
        await ten_bags(device)
        status = await device.until(lambda status: status.refused >= 1)
        assert status.alarm == code
        await judge.until(lambda: len(judge.taken) == 200)
        status = await device.until(lambda status: status.alarm == 0)
        assert (status.refused, status.quarantined) == (3, 0)
        assert (await device.outbox.books()).pending == 200
    assert [len(batch.bags) for batch in judge.batches[1:4]] == [1, 1, 1]


async def test_no_subscriber_is_not_success(tmp_path: Path) -> None:
    """After 0x10 the same numbers come again, with their dictionary."""
    asked = 0

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        nonlocal asked
        asked += 1
        if asked <= 2:
            await peer.send(mqtt.puback(packet.mid, 0x10))
            return False
        return True

    judge = Judge(answer)
    async with judged(tmp_path, judge) as (device, broker):
        await ten_bags(device)
        await judge.until(lambda: len(judge.taken) == 200)
        assert device.status.nobody == 2
        (peer,) = broker.peers
    live = [packet for packet in peer.publishes if packet.topic == LIVE]
    assert live[0].properties["content_type"] == "application/protobuf"
    assert ("codec", "columns-zstd") in live[0].properties["user"]  # type: ignore[operator]
    assert live[0].properties["message_expiry"] == 60
    assert all(batch.shapes for batch in judge.batches[:3])
    assert [batch.bags[0].replayed for batch in judge.batches[:2]] == [False, True]


@pytest.mark.parametrize("code", [0x95, 0x99])
async def test_a_batch_that_is_at_fault_is_halved_and_its_bag_set_apart(tmp_path: Path, code: int) -> None:
    """Only the bag that holds number 50 is quarantined, with a gap; every other bag arrives."""

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        if any(bag.first_seq <= 50 < bag.first_seq + bag.count for bag in batch.bags):
            await peer.send(mqtt.puback(packet.mid, code))
            return False
        return True

    judge = Judge(answer)
    async with judged(tmp_path, judge) as (device, _):
        await ten_bags(device)
        await judge.until(lambda: len(judge.taken) == 180 and bool(judge.control))
        await device.until(lambda status: status.quarantined == 20)
        books = await device.outbox.books_by_stream()
        assert (books[Stream.LIVE].quarantined, books[Stream.LIVE].pending) == (20, 180)
        (record,) = judge.control[0].bags[0].control.records
        assert [(part.first, part.last) for part in record.gap.ranges] == [(41, 60)]
    assert not judge.taken & set(range(41, 61))


async def test_a_batch_that_ends_the_connection_is_found(tmp_path: Path) -> None:
    """A broker that answers one bag with DISCONNECT 0x95: smaller batches, one at a time, until it is set apart."""

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        if any(bag.first_seq <= 50 < bag.first_seq + bag.count for bag in batch.bags):
            await peer.send(mqtt.disconnect(0x95))
            peer.reset()
            return False
        return True

    judge = Judge(answer)
    async with judged(tmp_path, judge) as (device, _):
        await ten_bags(device)

        async def hurry() -> None:
            while True:
                device.uplink.link.hurry()
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(hurry())
            await device.until(lambda status: status.quarantined == 20)
            await judge.until(lambda: len(judge.taken) == 180)
            task.cancel()


async def test_the_largest_packet_of_the_broker_is_obeyed(tmp_path: Path) -> None:
    """Batches shrink to what it takes, and a bag that alone is too large is set apart with a gap, without a packet."""

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        assert packet.size <= 3_000
        return True

    judge = Judge(answer, maximum_packet_size=3_000)
    async with judged(tmp_path, judge) as (device, _):
        await ten_bags(device)
        await judge.until(lambda: len(judge.taken) == 200)
        dictionary = device.outbox.dictionary
        signals = (dictionary.intern_signal("Vehicle.Text", ValueType.STRING, ""),)
        loud = dictionary.intern_kind("loud", Stream.LIVE, USE, signals, None)
        text = "".join(random.Random(1).choices(string.printable, k=4_000))
        await device.outbox.append(Event(loud, 1, 0, 0, (text,)))
        await device.until(lambda status: status.quarantined == 1)
        await device.append(Stream.LIVE, 5)
        await judge.until(lambda: len(judge.taken) == 205)


async def test_a_dictionary_that_no_packet_holds_costs_no_event(tmp_path: Path) -> None:
    """Where the dictionary alone is over the broker's largest packet, bags go without it and none is set apart."""

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        return True

    judge = Judge(answer, maximum_packet_size=3_000)
    async with judged(tmp_path, judge) as (device, _):
        for number in range(80):
            device.outbox.dictionary.intern_signal(
                f"Vehicle.Some.Long.Branch.Of.The.Tree.Leaf{number}", ValueType.INT, "km"
            )
        await ten_bags(device)
        await judge.until(lambda: len(judge.taken) == 200)
        assert device.status.quarantined == 0
    assert not any(batch.signals for batch in judge.batches)


async def test_the_receive_maximum_of_the_broker_is_obeyed(tmp_path: Path) -> None:
    """Never more unacknowledged publishes than it said."""
    open_now = most = 0
    release = asyncio.Event()

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        held.append((peer, packet.mid))
        if len(held) == 2:
            release.set()
        return False

    held: list[tuple[Peer, int]] = []
    judge = Judge(answer, receive_maximum=2)
    async with judged(tmp_path, judge) as (device, _):
        for _ in range(6):
            await device.append(Stream.LIVE, 5)
        await release.wait()
        while sum(bag.count for batch in judge.batches for bag in batch.bags) < 30:
            peer, mid = held.pop(0)
            open_now -= 1
            await peer.send(mqtt.puback(mid))
            judge.changed.clear()
            async with asyncio.timeout(5):
                await judge.changed.wait()
    assert most <= 2


async def test_no_puback_in_time_drops_the_connection(tmp_path: Path) -> None:
    """A broker that takes packets and answers none is left, and on the next connection everything comes again."""

    async def answer(peer: Peer, packet: Packet, batch: event_pb2.EventBatch) -> bool:
        return peer.number > 0

    judge = Judge(answer)
    async with judged(tmp_path, judge, ack_timeout_s=0.5) as (device, broker):
        await ten_bags(device)
        await judge.until(lambda: len(judge.taken) == 200)
        assert len(broker.peers) == 2
        assert device.status.unreceipted == 200
