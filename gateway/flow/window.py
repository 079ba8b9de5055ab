"""Whose turn it is, and how much may be on its way; pure and clockless; must never let one stream starve another.

Urgent goes first and has a reserve above the window, then control, then live and bulk; within each of the three classes
fresh events go before the backlog, FRESH_PER_BACKLOG batches to one. Whoever has waited STARVE_TURNS batches is next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.flow.cursor import Batch, Intake, StreamCursor
from gateway.limits import (
    FRESH_PER_BACKLOG,
    RECEIPT_RANGES_MAX,
    RECEIPT_TIMEOUT_S,
    UNRECEIPTED_EVENTS_DEFAULT,
    URGENT_RESERVE_EVENTS,
)
from gateway.model import SeqRange, Stream

STARVE_TURNS = 12
"""After so many batches of others a lane that has something to send is next."""


class Rank(IntEnum):
    """Classes of streams, in the order in which they are asked."""

    URGENT = 0
    CONTROL = 1
    ORDINARY = 2


RANKS = {
    Stream.URGENT: Rank.URGENT,
    Stream.CONTROL: Rank.CONTROL,
    Stream.LIVE: Rank.ORDINARY,
    Stream.BULK: Rank.ORDINARY,
}


@dataclass(slots=True, eq=False)
class Lane:
    """The fresh or the backlog side of a stream. `need`: events of the first bag that found no room last time."""

    cursor: StreamCursor
    replayed: bool
    waiting: int = 0
    need: int = 1

    @property
    def stream(self) -> Stream:
        """Whose lane it is."""
        return self.cursor.stream


@dataclass(frozen=True, slots=True)
class Turn:
    """Take bags of `lane` with numbers above `after` and at most `up_to`; about `room` events may go."""

    lane: Lane
    after: int
    up_to: int
    room: int

    @property
    def stream(self) -> Stream:
        """Whose turn it is."""
        return self.lane.stream

    @property
    def replayed(self) -> bool:
        """Whether it is the backlog's turn."""
        return self.lane.replayed


class SendWindow:
    """The cursors of all streams under one bound of events without a receipt."""

    def __init__(
        self,
        floor: Mapping[Stream, int],
        last: Mapping[Stream, int],
        *,
        unreceipted_max: int = UNRECEIPTED_EVENTS_DEFAULT,
        urgent_reserve: int = URGENT_RESERVE_EVENTS,
        fresh_per_backlog: int = FRESH_PER_BACKLOG,
        receipt_timeout_s: float = RECEIPT_TIMEOUT_S,
    ) -> None:
        self.unreceipted_max = unreceipted_max
        self.receipt_timeout_s = receipt_timeout_s
        self.cursors = {stream: StreamCursor(stream, floor[stream], last[stream]) for stream in Stream}
        self._reserve = urgent_reserve
        self._ratio = fresh_per_backlog
        self._version: int | None = None
        self._fresh_run = dict.fromkeys(Rank, 0)
        self._lanes = [
            Lane(self.cursors[stream], replayed)
            for replayed in (False, True)
            for stream in (Stream.URGENT, Stream.CONTROL, Stream.LIVE, Stream.BULK)
        ]

    @property
    def unreceipted(self) -> int:
        """Events on their way of which the cloud has not said that it has them."""
        return sum(cursor.unreceipted for cursor in self.cursors.values())

    def room(self, stream: Stream) -> int:
        """How many events of a stream may be sent now; urgent ones count only beyond their reserve."""
        if stream is Stream.URGENT:
            return self.unreceipted_max + self._reserve - self.unreceipted
        return self.unreceipted_max - self._counted()

    def connected(self, last: Mapping[Stream, int], floor: Mapping[Stream, int]) -> None:
        """A new connection: what is older than now is backlog, what was on its way is to be sent again."""
        for stream, cursor in self.cursors.items():
            cursor.connected(last[stream], floor[stream])
        self._unblock()

    def pick(self, last: Mapping[Stream, int], allowed: Callable[[Stream, bool], bool]) -> Turn | None:
        """The next lane that has something to send, room for it, and leave (`allowed`, of a stream and its backlog)."""
        wanting = [lane for lane in self._lanes if self._wants(lane, last) and allowed(lane.stream, lane.replayed)]
        starved = max((lane for lane in wanting if lane.waiting >= STARVE_TURNS), key=_waiting, default=None)
        if starved is not None:
            if self._has_room(starved):
                return self._turn(starved, last)
            wanting = [lane for lane in wanting if lane.stream is Stream.URGENT]
            if self.cursors[Stream.URGENT].unreceipted >= self._reserve:
                return None
        ready = [lane for lane in wanting if self._has_room(lane)]
        if not ready:
            return None
        rank = min(RANKS[lane.stream] for lane in ready)
        of_rank = [lane for lane in ready if RANKS[lane.stream] is rank]
        backlog = [lane for lane in of_rank if lane.replayed]
        fresh = [lane for lane in of_rank if not lane.replayed]
        if backlog and (not fresh or self._fresh_run[rank] >= self._ratio):
            return self._turn(backlog[0], last)
        return self._turn(fresh[0], last)

    def fitting(self, turn: Turn, counts: Sequence[int]) -> int:
        """How many of the bags taken fit now, of those with so many events; 0 also when the turn is no longer next."""
        if not turn.lane.cursor.fits(turn.replayed, turn.after, turn.up_to):
            return 0
        room = self.room(turn.stream)
        for index, count in enumerate(counts):
            if count > room and not (index == 0 and self._counted() == 0):
                if index == 0:
                    turn.lane.need = count
                return index
            room -= count
        return len(counts)

    def sent(self, turn: Turn, bags: Sequence[SeqRange], scanned_to: int, now_s: float) -> Batch:
        """`bags` were published at `now_s`, and no other bag stands between `turn.after` and `scanned_to`."""
        cursor, lane = turn.lane.cursor, turn.lane
        batch = Batch(turn.stream, now_s, sum(bag.size for bag in bags), turn.replayed)
        cursor.advance(turn.replayed, turn.after, min(scanned_to, turn.up_to), bags, batch)
        if scanned_to > turn.after:
            lane.need = 1
        if bags:
            run = self._fresh_run
            run[RANKS[turn.stream]] = 0 if turn.replayed else run[RANKS[turn.stream]] + 1
            for other in self._lanes:
                other.waiting += 1
            lane.waiting = 0
        return batch

    def receipt(self, stream: Stream, last: int, gone_to: int, floor: int, above: Sequence[SeqRange]) -> Intake | None:
        """Takes in what the cloud has; None when nothing new. Raises ValueError for numbers that were never given."""
        if len(above) > RECEIPT_RANGES_MAX or any(item.first < 1 or item.last < item.first for item in above):
            raise ValueError("a receipt with ranges that are none")
        if max(floor, *(item.last for item in above), 0) > last:
            raise ValueError("a receipt for numbers never given")
        cursor = self.cursors[stream]
        cursor.gone_to(min(gone_to, last))
        return cursor.received(floor, above)

    def lost(self, batch: Batch, parts: int = 1) -> list[SeqRange]:
        """A batch was refused or is overdue: its bags are to be sent again, in `parts` pieces; returns those bags."""
        self._unblock()
        return self.cursors[batch.stream].lost(batch, parts)

    def forsake(self, batch: Batch) -> None:
        """The bags of a batch are never sent again: they leave the shelf another way."""
        self._unblock()
        self.cursors[batch.stream].forsake(batch)

    def within(self, stream: Stream, ranges: Sequence[SeqRange]) -> list[SeqRange]:
        """The bags on their way that lie wholly inside one of `ranges`."""
        return [
            SeqRange(sent.first, sent.last)
            for sent in self.cursors[stream].sent
            if any(item.first <= sent.first and sent.last <= item.last for item in ranges)
        ]

    def look_again(self, version: int) -> None:
        """The gate may let more leave than before: with a new `version` of it, what it held is looked at once more."""
        if version != self._version:
            self._version = version
            for cursor in self.cursors.values():
                cursor.look_again()
            self._unblock()

    def rewind(self) -> int:
        """Everything on its way may be gone, in all streams; returns how many events that are."""
        self._unblock()
        return sum(cursor.rewind() for cursor in self.cursors.values())

    def overdue(self, now_s: float) -> list[Batch]:
        """Batches that have waited for their receipt longer than they may."""
        return [
            batch
            for cursor in self.cursors.values()
            for batch in cursor.batches
            if now_s - batch.sent_at_s >= self.receipt_timeout_s
        ]

    def next_overdue_s(self) -> float | None:
        """When the next batch will be overdue."""
        oldest = [batch.sent_at_s for cursor in self.cursors.values() if (batch := cursor.oldest()) is not None]
        return min(oldest) + self.receipt_timeout_s if oldest else None

    def batches(self) -> Iterator[Batch]:
        """All batches that have events without a receipt."""
        for cursor in self.cursors.values():
            yield from cursor.batches

    def backlog(self, stream: Stream) -> int:
        """How many numbers of a stream the backlog spans, gone ones included."""
        return sum(piece.size for piece in self.cursors[stream].pieces)

    def drained(self, last: Mapping[Stream, int]) -> bool:
        """Whether all that was given was sent and received."""
        return not self.unreceipted and not any(self._wants(lane, last) for lane in self._lanes)

    def _wants(self, lane: Lane, last: Mapping[Stream, int]) -> bool:
        wants = bool(lane.cursor.pieces) if lane.replayed else last[lane.stream] > lane.cursor.fresh
        if not wants:
            lane.waiting = 0
        return wants

    def _has_room(self, lane: Lane) -> bool:
        return self.room(lane.stream) >= lane.need or not self._counted()

    def _counted(self) -> int:
        return self.unreceipted - min(self.cursors[Stream.URGENT].unreceipted, self._reserve)

    def _turn(self, lane: Lane, last: Mapping[Stream, int]) -> Turn:
        room = max(self.room(lane.stream), 1)
        if lane.replayed:
            piece = lane.cursor.pieces[0]
            return Turn(lane, piece.first - 1, piece.last, room)
        return Turn(lane, lane.cursor.fresh, last[lane.stream], room)

    def _unblock(self) -> None:
        for lane in self._lanes:
            lane.need = 1


def _waiting(lane: Lane) -> int:
    return lane.waiting
