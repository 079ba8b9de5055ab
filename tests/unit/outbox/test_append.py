"""What becomes of an append, and of its neighbours."""

import asyncio
import random
from pathlib import Path

import pytest
from forecourt.v1 import control_pb2, record_pb2

from gateway.clock import ManualClock
from gateway.errors import StoreError, StoreFull, TooLarge
from gateway.limits import BAG_EVENTS_MAX, RECORD_BYTES_MAX, WAITING_EVENTS_MAX
from gateway.model import Appended, Event, Lane, Stream
from gateway.wire.codec import decode
from tests.kit.gates import AllowAll, DenyAll
from tests.kit.outboxes import SUBJECT, USE, bench, events, kind, opened, text_kind, texts


async def test_appended_is_durable_and_numbered(tmp_path: Path) -> None:
    """Events get the numbers 1, 2, 3 … of their stream in their order, and a reopened store has them."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        assert await one.outbox.append_many(events(live, 1_200)) == Appended(1_200, 0, 0)
        assert await one.outbox.append(events(live, 1, start=1_200)[0]) == Appended(1, 0, 0)
        assert one.outbox.last[Stream.LIVE] == 1_201
    async with bench(tmp_path, gate=gate) as one:
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)
        assert [bag.count for bag in taken.bags] == [BAG_EVENTS_MAX, BAG_EVENTS_MAX, 200, 1]
        types = one.outbox.dictionary.types
        rows = [
            row
            for bag in taken.bags
            for group in decode(bag.codec, bag.body, bag.first_seq, bag.count, types)
            for row in group.rows()
        ]
        assert [row[0] for row in rows] == list(range(1, 1_202))
        assert [row[1] for row in rows] == list(range(1_201))
        assert rows[7] == (8, 7, 7, 7.0, 8.0, 9.0)


async def test_without_a_grant_not_a_byte_is_kept(tmp_path: Path) -> None:
    """Default deny: counted, and nothing is written."""
    async with bench(tmp_path, gate=DenyAll()) as one:
        assert await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 5)) == Appended(0, 5, 0)
        assert (await one.outbox.books()).appended == 0


async def test_a_withdrawal_between_append_and_commit_counts_as_denied(tmp_path: Path) -> None:
    """The gate is asked once more in the commit."""

    class Late(AllowAll):
        def may_keep(self, lane: Lane) -> bool:
            return False

    async with bench(tmp_path, gate=Late()) as one:
        assert await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 5)) == Appended(0, 5, 0)


async def test_a_withdrawal_between_preparing_and_commit_counts_as_denied(tmp_path: Path) -> None:
    """Bags that were encoded ahead of the commit are not written when the gate closed meanwhile."""

    class Closing(AllowAll):
        asked = 0

        def may_keep(self, lane: Lane) -> bool:
            self.asked += 1
            return self.asked == 1

    gate = Closing()
    async with bench(tmp_path, gate=gate) as one:
        assert await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.BULK), 5)) == Appended(0, 5, 0)
        assert gate.asked == 3
        assert (await one.outbox.books()).appended == 0


async def test_a_value_that_cannot_be_encoded_fails_alone(tmp_path: Path) -> None:
    """Wrong types and lengths are refused and counted; the others of the same append and of the same commit stay."""
    async with bench(tmp_path) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        good = events(live, 4)
        bad = [good[0]._replace(values=("x", 1.0, 2.0)), good[0]._replace(values=(1.0,)), good[0]._replace(values=b"")]
        answers = await asyncio.gather(
            one.outbox.append_many([*good, *bad]), one.outbox.append_many(good), one.outbox.append_many(bad)
        )
        assert list(answers) == [Appended(4, 0, 3), Appended(4, 0, 0), Appended(0, 0, 3)]
        assert (await one.outbox.books()).pending == 8


async def test_many_small_appends_share_bags_and_a_bad_one_among_them_is_told(tmp_path: Path) -> None:
    """Hundreds of appends of one lane fill bags to their bound; the answer of each is its own."""
    store, outbox = await opened(tmp_path, AllowAll(), ManualClock(), linger_s=dict.fromkeys(Stream, 0.6))
    try:
        bulk = kind(outbox.dictionary, Stream.BULK)
        made = [events(bulk, 4, start=4 * number) for number in range(300)]
        made[7][2] = made[7][2]._replace(values=("x", 1.0, 2.0))
        answers = await asyncio.gather(*map(outbox.append_many, made))
        assert [number for number, answer in enumerate(answers) if answer != Appended(4, 0, 0)] == [7]
        assert answers[7] == Appended(3, 0, 1)
        taken = await outbox.take(Stream.BULK, 0, None, 1 << 20)
        assert [bag.count for bag in taken.bags] == [BAG_EVENTS_MAX, BAG_EVENTS_MAX, 199]
        stamps = [
            row[1]
            for bag in taken.bags
            for group in decode(bag.codec, bag.body, bag.first_seq, bag.count, outbox.dictionary.types)
            for row in group.rows()
        ]
        assert stamps == [number for number in range(1_200) if number != 30]
    finally:
        await store.aclose()


async def test_a_time_that_cannot_be_encoded_fails_alone(tmp_path: Path) -> None:
    """Times beyond 64 bits, before the boot or of another type are refused like values; their neighbours stay."""
    async with bench(tmp_path) as one:
        good = events(kind(one.outbox.dictionary, Stream.LIVE), 4)
        absurd = [good[0]._replace(ts_us=1 << 70), good[1]._replace(ts_us=True), good[2]._replace(received_ms=-1)]
        answers = await asyncio.gather(*map(one.outbox.append_many, (good, absurd, [*absurd, *good])))
        assert answers == [Appended(4, 0, 0), Appended(0, 0, 3), Appended(4, 0, 3)]
        assert (await one.outbox.books()).pending == 8


async def test_kinds_of_one_lane_share_a_bag_and_keep_their_order(tmp_path: Path) -> None:
    """Two kinds for the same purposes, in turn: one bag, numbers in the order of the append."""
    async with bench(tmp_path) as one:
        short, wide = (kind(one.outbox.dictionary, Stream.LIVE, values=n, ttl_s=t) for n, t in ((2, None), (5, None)))
        mixed = [event for pair in zip(events(short, 20), events(wide, 20), strict=True) for event in pair]
        mixed = [event._replace(ts_us=number) for number, event in enumerate(mixed)]
        await one.outbox.append_many(mixed)
        (bag,) = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        rows = [
            row
            for group in decode(bag.codec, bag.body, 1, bag.count, one.outbox.dictionary.types)
            for row in group.rows()
        ]
        assert sorted((row[0], row[1]) for row in rows) == [(number + 1, number) for number in range(40)]


async def test_records_ride_in_bags_of_their_own(tmp_path: Path) -> None:
    """Events that carry a record are rows, apart from those with values; bytes that are no record are refused."""
    async with bench(tmp_path) as one:
        trip = one.outbox.dictionary.intern_kind("trip", Stream.LIVE, USE)
        body = record_pb2.Record(trip=record_pb2.Trip(id=7, phase=record_pb2.Trip.PHASE_BEGAN)).SerializeToString()
        found = [Event(trip, SUBJECT, 1, 1, body), Event(trip, SUBJECT, 2, 2, b"\xff\xff")]
        values = events(kind(one.outbox.dictionary, Stream.LIVE), 3)
        assert await one.outbox.append_many([*values, *found]) == Appended(4, 0, 1)
        bags = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        assert sorted(bag.count for bag in bags) == [1, 3]


async def test_texts_are_cut_into_bags_that_a_body_can_hold(tmp_path: Path) -> None:
    """Long texts make small bags, each of which a decoder with its bounds can read."""
    async with bench(tmp_path) as one:
        long = text_kind(one.outbox.dictionary, Stream.BULK)
        assert await one.outbox.append_many(texts(long, 200, noise=random.Random(1))) == Appended(200, 0, 0)
        bags = (await one.outbox.take(Stream.BULK, 0, None, 1 << 24)).bags
        assert len(bags) > 1
        types = one.outbox.dictionary.types
        assert all(decode(bag.codec, bag.body, bag.first_seq, bag.count, types) for bag in bags)


async def test_what_waits_for_the_disk_is_bounded(tmp_path: Path) -> None:
    """Who appends without waiting is refused at a bound, and goes on once the disk has caught up."""
    async with bench(tmp_path) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        batch = events(live, 10_000)
        waiting = [one.outbox.append_many(batch) for _ in range(WAITING_EVENTS_MAX // len(batch) + 2)]
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, StoreError)]
        assert len(refused) == 2
        assert one.outbox.counters["append_refused"] == 20_000
        assert await one.outbox.append(batch[0]) == Appended(1, 0, 0)


async def test_nothing_to_evict_fails_that_append_only(tmp_path: Path) -> None:
    """With every bag in flight a large append finds no room and says StoreFull; a small urgent one still fits."""
    async with bench(tmp_path, bytes_max=1 << 20) as one:
        long, urgent = text_kind(one.outbox.dictionary, Stream.BULK), kind(one.outbox.dictionary, Stream.URGENT)
        noise = random.Random(1)
        while not one.outbox.counters["evicted_bags"]:
            await one.outbox.append_many(texts(long, 20, noise=noise))
        taken = await one.outbox.take(Stream.BULK, 0, None, 1 << 30)
        evicted = one.outbox.counters["evicted_bags"]
        with pytest.raises(StoreFull):
            await one.outbox.append_many(texts(long, 200, noise=noise))
        assert one.outbox.counters["evicted_bags"] == evicted
        assert await one.outbox.append(events(urgent, 1)[0]) == Appended(1, 0, 0)
        one.outbox.release(Stream.BULK)
        assert taken.bags
        assert (await one.outbox.append_many(texts(long, 20, noise=noise))).kept == 20
        assert (await one.outbox.books()).balanced


async def test_urgent_displaces_live_and_bulk_never_does(tmp_path: Path) -> None:
    """Bulk that has no room of its own leaves live alone; urgent takes from bulk first, then from live."""
    async with bench(tmp_path, bytes_max=1 << 20) as one:
        noise = random.Random(1)
        live, bulk, urgent = (
            text_kind(one.outbox.dictionary, stream) for stream in (Stream.LIVE, Stream.BULK, Stream.URGENT)
        )
        for _ in range(60):
            await one.outbox.append_many(texts(live, 5, noise=noise))
        for _ in range(60):
            await one.outbox.append_many(texts(bulk, 5, noise=noise))
        books = await one.outbox.books_by_stream()
        assert books[Stream.LIVE].evicted > 0
        kept = books[Stream.LIVE].pending
        for _ in range(30):
            await one.outbox.append_many(texts(bulk, 5, noise=noise))
        assert (await one.outbox.books_by_stream())[Stream.LIVE].pending == kept
        for _ in range(60):
            await one.outbox.append_many(texts(urgent, 5, noise=noise))
        books = await one.outbox.books_by_stream()
        assert books[Stream.URGENT].pending == 300
        assert books[Stream.BULK].pending == 0
        assert books[Stream.LIVE].pending < kept


async def test_control_records_are_bounded(tmp_path: Path) -> None:
    """A control record is durable when its future is done; a huge one is refused at once."""
    async with bench(tmp_path) as one:
        reply = control_pb2.CommandReply(command=1, result=b"x")
        await one.outbox.append_control(control_pb2.ControlRecord(at_us=1, reply=reply))
        assert one.outbox.last[Stream.CONTROL] == 1
        reply.result = bytes(RECORD_BYTES_MAX)
        with pytest.raises(TooLarge):
            one.outbox.append_control(control_pb2.ControlRecord(at_us=1, reply=reply))
        waiting = [one.outbox.append_control(control_pb2.ControlRecord(at_us=n)) for n in range(3)]
        waiting[1].cancel()
        await waiting[0]
        await waiting[2]
        assert one.outbox.last[Stream.CONTROL] == 4
