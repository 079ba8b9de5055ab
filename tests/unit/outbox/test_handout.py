"""What is handed out, and what is not."""

import sqlite3
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import GapReason, PurposeSet, SeqRange, Stream
from gateway.outbox.flights import Flights
from tests.kit.gates import AllowAll
from tests.kit.outboxes import DRIVE, SUBJECT, USE, Bench, bench, events, kind, opened


async def filled(one: Bench, bags: int = 5, size: int = 10, stream: Stream = Stream.LIVE) -> None:
    """So many bags of a stream."""
    for number in range(bags):
        await one.outbox.append_many(events(kind(one.outbox.dictionary, stream), size, start=number * size))


async def test_a_cursor_inside_a_bag_gets_the_whole_bag(tmp_path: Path) -> None:
    """Numbers count: a cursor that stands within a bag is given that bag again."""
    async with bench(tmp_path) as one:
        await filled(one)
        for after, first in ((0, 1), (9, 1), (10, 11), (15, 11), (49, 41)):
            taken = await one.outbox.take(Stream.LIVE, after, None, 1)
            assert [bag.first_seq for bag in taken.bags] == [first]
        assert (await one.outbox.take(Stream.LIVE, 50, None, 1)).bags == []
        taken = await one.outbox.take(Stream.LIVE, 10, 30, 1 << 20)
        assert [bag.first_seq for bag in taken.bags] == [11, 21]
        assert (taken.scanned_to, taken.more) == (30, False)


async def test_an_end_beyond_the_last_number_is_no_hole(tmp_path: Path) -> None:
    """Looking up to a number that was not given yet does not skip it once it is given."""
    async with bench(tmp_path) as one:
        await filled(one, bags=1)
        taken = await one.outbox.take(Stream.LIVE, 10, None, 1)
        assert (taken.scanned_to, taken.more, taken.bags) == (10, False, [])


async def test_the_gate_is_asked_again(tmp_path: Path) -> None:
    """What was allowed at the append and is not any more stays, and the cursor goes on."""
    async with bench(tmp_path) as one:
        await filled(one)
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 3, subject=9))
        one.gate.deny(SUBJECT, USE)
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)
        assert [(bag.first_seq, bag.subject) for bag in taken.bags] == [(51, 9)]
        assert (taken.scanned_to, taken.version) == (53, one.gate.version)
        assert one.outbox.counters["held_back_bags"] == 5
        assert (await one.outbox.books()).pending == 53


async def test_a_gate_that_changes_meanwhile_is_asked_once_more(tmp_path: Path) -> None:
    """Bags are judged by one version of the grants, the one that is told."""

    class Changing(AllowAll):
        asked = 0

        def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
            self.asked += 1
            if self.asked == 3:
                self.deny(SUBJECT, USE)
            return super().may_leave(subject, purposes)

        def may_keep(self, lane: object) -> bool:
            return True

    gate = Changing()
    async with bench(tmp_path, gate=gate) as one:
        await filled(one)
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)
        assert taken.bags == []
        assert taken.version == gate.version == 2


async def test_a_bag_that_does_not_open_is_set_apart_with_a_gap(tmp_path: Path) -> None:
    """Altered ciphertext, or a key that is gone: not sent, kept aside, told as CORRUPT."""
    async with bench(tmp_path) as one:
        await filled(one)
        await one.store.write(
            lambda db: db.execute("update bag_live set sealed = zeroblob(length(sealed)) where first_seq = 21")
        )
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)
        assert [bag.first_seq for bag in taken.bags] == [1, 11, 31, 41]
        assert taken.broken == [21]
        books = await one.outbox.books()
        assert (books.quarantined, books.pending) == (10, 40 + 1)
        gaps = await one.store.read(lambda db: db.execute("select stream, first, last, reason from gap").fetchall())
        assert gaps == [(Stream.LIVE, 21, 30, GapReason.CORRUPT)]
        kept = await one.store.read(lambda db: db.execute("select first_seq, count from quarantined").fetchall())
        assert kept == [(21, 10)]


async def test_what_is_set_apart_is_bounded(tmp_path: Path) -> None:
    """Beyond the bounds the oldest are forgotten; their gaps are not."""
    async with bench(tmp_path) as one:
        await filled(one, bags=70, size=1)
        assert await one.outbox.quarantine(Stream.LIVE, range(1, 71), GapReason.QUARANTINED) == 70
        assert await one.outbox.quarantine(Stream.LIVE, [1], GapReason.QUARANTINED) == 0
        count = await one.store.read(
            lambda db: db.execute("select count(*), min(first_seq) from quarantined").fetchone()
        )
        assert count[0] <= 64
        assert count[1] > 1
        assert (await one.outbox.books()).quarantined == 70


@pytest.mark.parametrize(
    "change",
    [
        "update bag_live set subject = subject + 1 where first_seq = 11",
        "update bag_live set purposes = 128 where first_seq = 11",
        "update bag_live set count = 9 where first_seq = 11",
        "update bag_live set state = 1 where first_seq = 11",
        "delete from bag_live where first_seq = 11",
        "update tally set n3 = n3 + 1 where id = 2",
        "update dictionary set body = x'08' where rank = 0",
    ],
)
async def test_altered_rows_condemn_the_store(tmp_path: Path, change: str) -> None:
    """What a seal does not cover has a check of its own; a row that vanished shows in the books."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        await filled(one)
        epoch = one.outbox.epoch

    def alter(path: Path) -> None:
        db = sqlite3.connect(path)
        db.execute(change)
        db.commit()
        db.close()

    alter(tmp_path / "store.db")
    with pytest.raises(StoreError):
        await meet_damage(tmp_path, gate)
    async with bench(tmp_path, gate=gate) as one:
        assert one.store.rescued
        assert one.outbox.epoch != epoch
        bags = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        assert {bag.subject for bag in bags} <= {SUBJECT}
        assert sum(bag.count for bag in bags) >= 40 or "dictionary" in change
        assert (await one.outbox.books()).balanced


async def meet_damage(folder: Path, gate: AllowAll) -> None:
    """Opens and looks at everything."""
    store, outbox = await opened(folder, gate, ManualClock())
    try:
        while await outbox.check_damage():
            pass
    finally:
        await store.aclose()


async def test_retained_bags_can_be_read_again(tmp_path: Path) -> None:
    """With retention a settled bag is out of the books and of the hand-out, and can be read until room is needed."""
    async with bench(tmp_path, retain=True) as one:
        await filled(one)
        one.outbox.settle(Stream.LIVE, 25, [SeqRange(31, 40)])
        await one.store.write(lambda _: None)
        books = await one.outbox.books()
        assert (books.settled, books.pending) == (30, 20)
        assert [bag.first_seq for bag in (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags] == [21, 41]
        again = await one.outbox.read_settled(Stream.LIVE, SeqRange(5, 40), 1 << 20)
        assert [bag.first_seq for bag in again.bags] == [1, 11, 31]
        one.gate.deny(SUBJECT, USE)
        assert (await one.outbox.read_settled(Stream.LIVE, SeqRange(5, 40), 1 << 20)).bags == []


async def test_receipts_for_numbers_never_given_are_refused(tmp_path: Path) -> None:
    """A forged or foreign receipt settles nothing and is counted; a bag that is covered in part stays."""
    async with bench(tmp_path) as one:
        await filled(one)
        assert not one.outbox.settle(Stream.LIVE, 51)
        assert not one.outbox.settle(Stream.LIVE, 0, [SeqRange(45, 51)])
        assert not one.outbox.settle(Stream.LIVE, 0, [SeqRange(9, 3)])
        assert one.outbox.counters["bad_receipts"] == 3
        assert one.outbox.settle(Stream.LIVE, 15, [SeqRange(22, 40)])
        await one.store.write(lambda _: None)
        assert [bag.first_seq for bag in (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags] == [11, 21, 41]
        assert one.outbox.floor[Stream.LIVE] == 10


async def test_what_is_in_flight_does_not_expire(tmp_path: Path) -> None:
    """A bag on its way may still arrive: it is neither evicted nor expired until it is released."""
    async with bench(tmp_path) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE, ttl_s=10), 3))
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.BULK, ttl_s=10), 3))
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1)
        one.clock.advance(130)
        assert await one.outbox.sweep() == 1
        one.outbox.release(Stream.LIVE, [SeqRange(bag.first_seq, bag.last_seq) for bag in taken.bags])
        assert await one.outbox.sweep() == 1
        assert (await one.outbox.books()).expired == 6


def test_no_bag_is_both_claimed_and_in_flight() -> None:
    """A hand-out that saw a row before its removal was committed does not hand it out."""
    flights = Flights()
    flights.begin_take()
    assert flights.claim(Stream.LIVE, [1, 2]) == {1, 2}
    assert flights.mark(Stream.LIVE, [1, 2, 3]) == {3}
    assert flights.claim(Stream.LIVE, [3, 4]) == {4}
    flights.resolved(Stream.LIVE, {1, 2, 4})
    assert flights.mark(Stream.LIVE, [2]) == set()
    flights.begin_take()
    assert flights.mark(Stream.LIVE, [2]) == {2}
    flights.release(Stream.LIVE)
    assert flights.count(Stream.LIVE) == 0


def test_a_bag_that_two_commits_claim_is_free_after_both() -> None:
    """The first commit is told late, when the second has claimed already: its end does not free what that one takes."""
    flights = Flights()
    assert flights.claim(Stream.BULK, [1]) == flights.claim(Stream.BULK, [1]) == {1}
    flights.resolved(Stream.BULK, {1})
    flights.begin_take()
    assert flights.mark(Stream.BULK, [1]) == set()
    flights.resolved(Stream.BULK, {1})
    flights.begin_take()
    assert flights.mark(Stream.BULK, [1]) == {1}


async def test_purposes_travel_with_their_bag(tmp_path: Path) -> None:
    """Events for different purposes never share a bag."""
    async with bench(tmp_path) as one:
        kinds = [kind(one.outbox.dictionary, Stream.LIVE, purposes=purposes) for purposes in (USE, DRIVE, USE | DRIVE)]
        await one.outbox.append_many([event for one_kind in kinds for event in events(one_kind, 2)])
        bags = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        assert [(bag.purposes, bag.count) for bag in bags] == [(USE, 2), (DRIVE, 2), (USE | DRIVE, 2)]
