"""The stored outbox does what its model does, whatever happens to it; the books balance after every step."""

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.clock import ManualClock
from gateway.errors import StoreFull
from gateway.model import ClockQuality, Event, GapReason, Kind, OpenBag, SeqRange, Stream
from gateway.outbox import MemoryOutbox, Outbox, Taken
from gateway.outbox.ranges import merged
from gateway.store import Store
from gateway.wire.codec import Encoder, decode
from tests.kit.gates import AllowAll, Narrow
from tests.kit.outboxes import DRIVE, USE, events, kind, opened, text_kind, texts

T = TypeVar("T")
STORE_BYTES = 1 << 20
SUBJECTS = (11, 12)
EVENTS_OF = (Stream.URGENT, Stream.LIVE, Stream.BULK)
ANY_STREAM = st.sampled_from(list(Stream))
SHARE = st.floats(0, 1.1)


class OutboxMachine(RuleBasedStateMachine):
    """Drives both and compares."""

    retain = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="forecourt-machine-"))
        self.boots = 0
        self.gate, self.clock, self.noise = AllowAll(), ManualClock(), random.Random(1)
        self.gap_seen = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs on the machine's loop."""
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        """A new store and an empty model."""
        self.store, self.outbox = self.do(self.open())
        self.model = MemoryOutbox(self.gate, Encoder(), self.clock, epoch=self.outbox.epoch)
        self.take_over_dictionary()

    def open(self) -> Coroutine[Any, Any, tuple[Store, Outbox]]:
        """Opens the store of the present folder."""
        return opened(self.folder / f"{self.boots}", self.gate, self.clock, bytes_max=STORE_BYTES, retain=self.retain)

    def take_over_dictionary(self) -> None:
        """Makes the kinds; their ids must be those of before."""
        dictionary = self.outbox.dictionary
        self.model.dictionary = dictionary
        self.kinds: dict[tuple[Stream, bool], Kind] = {}
        for stream in EVENTS_OF:
            self.kinds[stream, False] = kind(dictionary, stream, purposes=USE | DRIVE)
            self.kinds[stream, True] = kind(dictionary, stream, purposes=USE, ttl_s=300)
        self.wide, self.wide_live = (text_kind(dictionary, stream, DRIVE) for stream in (Stream.BULK, Stream.LIVE))

    def teardown(self) -> None:
        """Closes and removes the store."""
        self.do(self.store.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    # What may happen

    @rule(
        stream=st.sampled_from(EVENTS_OF),
        ages=st.booleans(),
        subject=st.sampled_from(SUBJECTS),
        count=st.integers(1, 700),
        bad=st.integers(0, 5),
    )
    def append(self, stream: Stream, ages: bool, subject: int, count: int, bad: int) -> None:
        """Appends; some values may be of a wrong type, some purposes withdrawn."""
        found = events(self.kinds[stream, ages], count, subject=subject)
        if bad == 1:
            found[count // 2] = found[count // 2]._replace(values=("x",) * 3)
        self.keep(found)

    @rule(wide=st.booleans(), subject=st.sampled_from(SUBJECTS))
    def flood(self, wide: bool, subject: int) -> None:
        """Appends what does not compress, so that something has to go."""
        self.keep(texts(self.wide_live if wide else self.wide, 60, subject=subject, noise=self.noise))

    def keep(self, found: list[Event]) -> None:
        """Appends to both, and tells the model what had to go for it."""

        async def append() -> object:
            try:
                return await self.outbox.append_many(found)
            except StoreFull as error:
                return error

        got = self.do(append())
        stream = found[0].kind.stream
        self.learn_losses(below=stream)
        if isinstance(got, StoreFull):
            assert all(self.model.in_flight(one) for one in (Stream.BULK,)) or stream != Stream.BULK
            return
        assert got == self.model.keep(found)

    def learn_losses(self, below: Stream) -> None:
        """Evictions and expiries that made room: they must be lawful, and the model follows them."""
        query = "select id, stream, first, last, reason from gap where id > ? order by id"
        rows = self.do(self.store.read(lambda db: db.execute(query, (self.gap_seen,)).fetchall()))
        lost: dict[tuple[Stream, GapReason], list[SeqRange]] = {}
        for row_id, stream, first, last, reason in rows:
            self.gap_seen = row_id
            lost.setdefault((Stream(stream), GapReason(reason)), []).append(SeqRange(first, last))
        losses = []
        for (stream, reason), ranges in lost.items():
            bags = [self.model.bags[stream][first] for first in self.firsts(stream, ranges)]
            assert reason in {GapReason.EVICTED, GapReason.EXPIRED}
            assert not {bag.first_seq for bag in bags} & self.model.in_flight(stream)
            assert merged(bag.numbers for bag in bags) == merged(ranges)
            if reason == GapReason.EVICTED:
                assert stream in {Stream.BULK, Stream.LIVE}
                assert stream == Stream.BULK or below != Stream.BULK
                free = sorted(set(self.model.bags[stream]) - self.model.in_flight(stream))
                assert [bag.first_seq for bag in bags] == free[: len(bags)]
            else:
                assert all(bag.expires for bag in bags)
            losses.append((bags, reason))
        self.model.lose(*losses)

    def firsts(self, stream: Stream, ranges: list[SeqRange]) -> list[int]:
        """First numbers of the model's bags in these ranges."""
        return [n for n in sorted(self.model.bags[stream]) if any(one.first <= n <= one.last for one in ranges)]

    @rule(stream=ANY_STREAM, after=SHARE, upto=st.none() | SHARE, one=st.booleans())
    def take(self, stream: Stream, after: float, upto: float | None, one: bool) -> None:
        """Hands out the same bags with the same content."""
        last = self.outbox.last[stream]
        until = None if upto is None else int(upto * last)
        arguments = (stream, int(after * last), until, 1 if one else 1 << 30)
        ours, theirs = self.do(self.outbox.take(*arguments)), self.do(self.model.take(*arguments))
        assert (ours.scanned_to, ours.more, ours.broken) == (theirs.scanned_to, theirs.more, [])
        assert [self.read(bag) for bag in ours.bags] == [self.read(bag) for bag in theirs.bags]
        self.taken: Taken = ours

    def read(self, bag: OpenBag) -> object:
        """A bag in comparable form."""
        head = (bag.stream, bag.first_seq, bag.count, bag.subject, bag.purposes)
        if bag.stream == Stream.CONTROL:
            return head
        groups = decode(bag.codec, bag.body, bag.first_seq, bag.count, self.outbox.dictionary.types)
        return head, sorted((group.shape, *row) for group in groups for row in group.rows())

    @rule(stream=ANY_STREAM)
    def release(self, stream: Stream) -> None:
        """A rewind."""
        self.outbox.release(stream)
        self.model.release(stream)

    @rule(stream=ANY_STREAM, floor=SHARE, above=st.lists(st.tuples(SHARE, SHARE), max_size=3))
    def receipt(self, stream: Stream, floor: float, above: list[tuple[float, float]]) -> None:
        """Settles what is covered; numbers never given are refused."""
        last = self.outbox.last[stream]
        ranges = [SeqRange(1 + int(min(pair) * last), 1 + int(max(pair) * last)) for pair in above]
        honest = self.outbox.settle(stream, int(floor * last), ranges)
        assert honest == self.model.settle(stream, int(floor * last), ranges)
        self.do(self.store.write(lambda _: None))

    @rule(seconds=st.integers(1, 400))
    def age(self, seconds: int) -> None:
        """Time passes, and what is dead goes."""
        self.clock.advance(seconds)
        swept = self.do(self.outbox.sweep())
        assert swept == self.model.expire()
        self.skip_gaps()

    def skip_gaps(self) -> None:
        """The model knows these gaps already."""
        self.gap_seen = self.do(
            self.store.read(lambda db: db.execute("select coalesce(max(id), 0) from gap").fetchone()[0])
        )

    @rule(subject=st.sampled_from(SUBJECTS), gone=st.sampled_from([USE, DRIVE, USE | DRIVE]))
    def withdraw(self, subject: int, gone: int) -> None:
        """Bags shrink or go; and, when told so, nothing more of it is kept."""
        narrow = Narrow(self.gate, subject, gone, kept=(0, 2))
        ours = self.do(self.store.write(lambda db: self.outbox.withdraw_rows(db, subject, gone, narrow)))
        assert ours == self.model.withdraw(subject, gone, narrow)
        self.skip_gaps()

    @precondition(lambda self: any(self.model.bags[stream] for stream in EVENTS_OF))
    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        """A bag is set apart."""
        stream = data.draw(st.sampled_from([stream for stream in EVENTS_OF if self.model.bags[stream]]))
        first = data.draw(st.sampled_from(sorted(self.model.bags[stream])))
        assert self.do(self.outbox.quarantine(stream, [first], GapReason.QUARANTINED)) == 1
        self.model.lose(([self.model.bags[stream][first]], GapReason.QUARANTINED))
        self.skip_gaps()

    @rule(reboot=st.booleans(), down_s=st.integers(0, 500), trusted=st.booleans())
    def crash(self, reboot: bool, down_s: int, trusted: bool) -> None:
        """The process is killed; the files as they are then are opened, maybe after a reboot with a doubtful clock."""
        before = self.outbox.epoch
        here, there = self.folder / f"{self.boots}", self.folder / f"{self.boots + 1}"
        shutil.copytree(here, there)
        self.do(self.store.aclose())
        shutil.rmtree(here)
        self.boots += 1
        if reboot:
            self.clock.reboot(down_s)
            self.clock.trust = ClockQuality.SYNCHRONISED if trusted else ClockQuality.UNTRUSTED
        self.store, self.outbox = self.do(self.open())
        assert self.outbox.epoch == before
        ids = {key: one.id for key, one in self.kinds.items()}
        self.take_over_dictionary()
        assert ids == {key: one.id for key, one in self.kinds.items()}
        self.model.reopened(self.do(self.store.read(ttl_clock)))

    @rule()
    def close(self) -> None:
        """A clean stop and start."""
        self.do(self.store.aclose())
        self.store, self.outbox = self.do(self.open())
        self.take_over_dictionary()
        self.model.reopened(self.do(self.store.read(ttl_clock)))

    # What always holds

    @invariant()
    def same_books(self) -> None:
        """Both count the same, per stream; every number is settled, told as a gap, or pending."""
        ours, theirs = self.do(self.outbox.books_by_stream()), self.do(self.model.books_by_stream())
        assert ours == theirs
        assert all(books.balanced for books in ours.values())
        assert dict(self.outbox.last) == dict(self.model.last)
        assert dict(self.outbox.floor) == dict(self.model.floor)

    @invariant()
    def same_gaps(self) -> None:
        """Every loss is remembered with its numbers and its reason."""
        rows = self.do(self.store.read(lambda db: db.execute("select stream, reason, first, last from gap").fetchall()))
        ours: dict[tuple[int, int], list[SeqRange]] = {}
        for stream, reason, first, last in rows:
            ours.setdefault((stream, reason), []).append(SeqRange(first, last))
        theirs = {key: merged(ranges) for key, ranges in self.model.gaps.items() if ranges}
        assert {key: merged(ranges) for key, ranges in ours.items()} == theirs


def ttl_clock(db: sqlite3.Connection) -> int:
    """What the TTL clock was written as at the open."""
    return int(db.execute("select ttl_ms from ttl_clock").fetchone()[0])


class RetainingMachine(OutboxMachine):
    """The same where settled rows are kept for requests: they are the first to go, and change no count."""

    retain = True


OutboxMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
RetainingMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
TestOutboxMachine = OutboxMachine.TestCase
TestRetainingMachine = RetainingMachine.TestCase
