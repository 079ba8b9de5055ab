"""Proves that no interleaving of sends, receipts, losses and rewinds loses a number or exceeds the window."""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.flow.cursor import Batch
from gateway.flow.window import SendWindow
from gateway.model import SeqRange, Stream
from tests.unit.flow.shelf import FarCloud, Shelf, anything, send

WINDOW, RESERVE = 40, 10
STREAMS = st.sampled_from(list(Stream))
PICKS = st.integers(0, 1_000)


class Journeys(RuleBasedStateMachine):
    """A shelf, a window, a wire that may lose batches, and a cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf, self.cloud, self.now_s = Shelf(), FarCloud(), 0.0
        self.restart()

    @rule()
    def restart(self) -> None:
        """The process dies: nothing but the shelf is left."""
        self.settles: list[tuple[Stream, list[SeqRange]]] = []
        self.flying: list[tuple[Batch, list[SeqRange]]] = []
        floors = {stream: self.shelf.floor(stream) for stream in Stream}
        self.window = SendWindow(floors, self.shelf.last, unreceipted_max=WINDOW, urgent_reserve=RESERVE)
        self.connect()

    @rule()
    def connect(self) -> None:
        """A new connection."""
        self.window.connected(self.shelf.last, {stream: self.shelf.floor(stream) for stream in Stream})

    @rule(stream=STREAMS, counts=st.lists(st.integers(1, 30), max_size=5))
    def append(self, stream: Stream, counts: list[int]) -> None:
        """Bags arrive on the shelf."""
        self.shelf.append(stream, counts)

    @rule(bags_max=st.integers(1, 4))
    def transmit(self, bags_max: int) -> None:
        """The next hand-out is published."""
        turn = self.window.pick(self.shelf.last, anything)
        if turn is not None:
            self.flying.append(send(self.window, self.shelf, turn, self.now_s, bags_max))

    @rule(pick=PICKS, keep=st.booleans())
    def arrive(self, pick: int, keep: bool) -> None:
        """A batch reaches the cloud, perhaps for the second time, perhaps long after it was given up."""
        if self.flying:
            batch, bags = self.flying[pick % len(self.flying)]
            self.cloud.arrive(batch.stream, bags)
            if not keep:
                del self.flying[pick % len(self.flying)]

    @rule(pick=PICKS, parts=st.integers(1, 3))
    def lose(self, pick: int, parts: int) -> None:
        """A batch is refused."""
        if self.flying:
            self.window.lost(self.flying.pop(pick % len(self.flying))[0], parts)

    @rule(stream=STREAMS, settle=st.booleans(), cut=st.integers(0, 20))
    def receipt(self, stream: Stream, settle: bool, cut: int = 0) -> None:
        """The cloud tells what it has, perhaps less than that, down to half a bag; the shelf follows now or later."""
        floor, above = self.cloud.receipt(stream, self.shelf.gone[stream])
        floor = max(0, floor - cut)
        above = [SeqRange(item.first, item.last - cut) for item in above if item.size > cut]
        told = self.window.receipt(stream, self.shelf.last[stream], self.shelf.floor(stream), floor, above)
        if told is not None:
            self.settles.append((stream, [SeqRange(1, told.floor), *told.above]))
        if settle:
            self.commit()

    @rule()
    def commit(self) -> None:
        """Settlements are written; a restart loses those that are not."""
        for stream, ranges in self.settles:
            self.shelf.settle(stream, ranges)
        self.settles.clear()

    @rule(stream=STREAMS, pick=PICKS)
    def evict(self, stream: Stream, pick: int) -> None:
        """A bag that is not on its way leaves the shelf with a gap."""
        sent = {item.first for item in self.window.cursors[stream].sent}
        free = [bag for bag in self.shelf.bags[stream] if bag.first not in sent]
        if free:
            self.shelf.drop(stream, free[pick % len(free)])

    @rule()
    def rewind(self) -> None:
        """The cloud has another boot id."""
        self.window.rewind()

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, and what is overdue is given up."""
        self.now_s += seconds
        for batch in self.window.overdue(self.now_s):
            self.window.lost(batch)

    @invariant()
    def bounds_hold(self) -> None:
        """Never more on its way than the window, the reserve of urgent above it, and each count is what it counts."""
        cursors = self.window.cursors
        for cursor in cursors.values():
            assert cursor.unreceipted == sum(item.last - item.first + 1 for item in cursor.sent)
            assert cursor.unreceipted == sum(batch.left for batch in cursor.batches)
        urgent = cursors[Stream.URGENT].unreceipted
        assert self.window.unreceipted <= WINDOW + RESERVE
        assert self.window.unreceipted - min(urgent, RESERVE) <= WINDOW

    @invariant()
    def no_number_is_forgotten(self) -> None:
        """Each number that the cloud lacks is on its way, in the backlog, or still ahead of the cursor."""
        for stream, cursor in self.window.cursors.items():
            somewhere = {n for item in cursor.sent for n in range(item.first, item.last + 1)}
            somewhere |= {n for piece in cursor.pieces for n in range(piece.first, piece.last + 1)}
            lacking = set(range(1, cursor.fresh + 1)) - self.cloud.have[stream] - self.shelf.gone[stream]
            assert lacking <= somewhere

    def teardown(self) -> None:
        """When the wire is good again everything arrives."""
        for _ in range(5_000):
            while (turn := self.window.pick(self.shelf.last, anything)) is not None:
                batch, bags = send(self.window, self.shelf, turn, self.now_s)
                self.cloud.arrive(batch.stream, bags)
            for stream in Stream:
                self.receipt(stream, settle=True)
            if self.window.drained(self.shelf.last):
                break
            self.wait(61.0)
        for stream in Stream:
            assert self.cloud.have[stream] | self.shelf.gone[stream] >= set(range(1, self.shelf.last[stream] + 1))
            assert self.shelf.bags[stream] == []


TestJourneys = Journeys.TestCase
TestJourneys.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
