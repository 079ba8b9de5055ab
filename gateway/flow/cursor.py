"""What was sent of one stream and what is still to send; pure and clockless; must never forget a number.

Every number given so far is in exactly one of four places: known to be with the cloud or gone (up to `floor`, or named
by a receipt), in `pieces` (the backlog: older than the connection, or to be sent again), on its way (sent, no receipt
yet), or above `fresh` (not sent yet).
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.flow.ranges import common, merged, without
from gateway.limits import BAG_EVENTS_MAX
from gateway.model import PurposeSet, SeqRange, Stream

PIECES_MAX = 1_024
"""Ranges kept apart in the backlog of a stream; beyond it the whole stream is sent again from its floor."""


@dataclass(slots=True, eq=False)
class Batch:
    """A batch on its way: when it was published, and how many of its events have no receipt yet.

    The uplink notes which dictionary the batch names and whether it brings it, about whom it is (pairs of subject and
    purposes), and the mark of its payload.
    """

    stream: Stream
    sent_at_s: float
    left: int
    replayed: bool
    digest: int = 0
    about: frozenset[tuple[int, PurposeSet]] = frozenset()
    mark: int = 0
    with_dictionary: bool = False


class Sent(NamedTuple):
    """A bag on its way."""

    first: int
    last: int
    batch: Batch


class Intake(NamedTuple):
    """What a receipt says that is new and believable: settle it. `ahead`: numbers it named that were never sent."""

    floor: int
    above: list[SeqRange]
    freed: int
    ahead: int


class StreamCursor:
    """The numbers of one stream. `last`, as of the start, may have been sent by an earlier process."""

    def __init__(self, stream: Stream, floor: int, last: int) -> None:
        self.stream = stream
        self.floor = floor
        self.fresh = last
        self.pieces = [SeqRange(floor + 1, last)] if last > floor else []
        self.unreceipted = 0
        self._known = [SeqRange(1, last)] if last else []
        self._sent: list[Sent] = []
        self._batches: deque[Batch] = deque()
        self._told: tuple[int, tuple[SeqRange, ...]] = (floor, ())

    @property
    def batches(self) -> Iterable[Batch]:
        """Batches that have events without a receipt, oldest first."""
        return (batch for batch in self._batches if batch.left)

    @property
    def sent(self) -> Sequence[Sent]:
        """Bags without a receipt, by number."""
        return self._sent

    def oldest(self) -> Batch | None:
        """The batch that has waited longest for its receipt."""
        while self._batches and not self._batches[0].left:
            self._batches.popleft()
        return self._batches[0] if self._batches else None

    def connected(self, last: int, floor: int) -> None:
        """A new connection: everything above `floor`, up to `last`, is backlog; the shelf is the truth."""
        self.gone_to(min(floor, last))
        self.floor = min(floor, last)
        self._told = (self.floor, ())
        self.fresh = max(self.fresh, last)
        self.rewind()

    def gone_to(self, floor: int) -> None:
        """Every number up to `floor` is settled or gone, says the outbox."""
        if floor > self.floor:
            self.floor = floor
            self._known = merged([*self._known, SeqRange(1, floor)])

    def fits(self, replayed: bool, after: int, up_to: int) -> bool:
        """Whether a hand-out that was asked for `after` .. `up_to` is still what comes next."""
        if not replayed:
            return after == self.fresh
        return bool(self.pieces) and self.pieces[0].first == after + 1 and self.pieces[0].last >= up_to

    def rewind(self) -> int:
        """Everything sent and not received is to be sent again; returns how many events that are."""
        count = self.unreceipted
        for batch in self._batches:
            batch.left = 0
        self._batches.clear()
        self._sent.clear()
        self.unreceipted = 0
        self.pieces = [SeqRange(self.floor + 1, self.fresh)] if self.fresh > self.floor else []
        return count

    def look_again(self) -> None:
        """What was passed over may be sent now: everything not on its way is looked at once more."""
        whole = [SeqRange(self.floor + 1, self.fresh)] if self.fresh > self.floor else []
        pieces = without(whole, [SeqRange(item.first, item.last) for item in self._sent])
        if len(pieces) > PIECES_MAX:
            self.rewind()
        else:
            self.pieces = pieces

    def advance(self, replayed: bool, after: int, to: int, bags: Sequence[SeqRange], batch: Batch) -> None:
        """`bags` were published; every other number from `after` + 1 to `to` is settled or gone."""
        assert self.fits(replayed, after, to)
        if not replayed:
            self.fresh = max(self.fresh, to)
        else:
            head = self.pieces.pop(0)
            if to < head.last:
                self.pieces.insert(0, SeqRange(to + 1, head.last))
        self._known = merged([*self._known, SeqRange(after + 1, to)])
        if not bags:
            return
        for first, last in bags:
            insort(self._sent, Sent(first, last, batch), key=_first)
            self.unreceipted += last - first + 1
        self._batches.append(batch)

    def received(self, floor: int, above: Sequence[SeqRange]) -> Intake | None:
        """Takes a receipt in; None when it says nothing new. The caller has compared it with the last number given."""
        told = merged([SeqRange(1, floor), *above])
        known = common(told, self._known)
        ahead = sum(item.size for item in told) - sum(item.size for item in known)
        reached = known[0].last if known and known[0].first == 1 else 0
        rest = [item for item in known if item.first != 1]
        freed = sum(self._free(item) for item in known)
        news = (max(reached, self.floor), tuple(rest))
        if not freed and news == self._told:
            return Intake(self.floor, [], 0, ahead) if ahead else None
        self._told = news
        self.floor = news[0]
        self._trim(known)
        return Intake(reached, rest, freed, ahead)

    def lost(self, batch: Batch, parts: int = 1) -> list[SeqRange]:
        """The bags of a batch go back into the backlog, in `parts` pieces that are not taken together; returns them."""
        bags = self.forsake(batch)
        if not bags:
            return []
        per_piece = -(-len(bags) // parts)
        back: list[SeqRange] = []
        for start in range(0, len(bags), per_piece):
            back += merged(bags[start : start + per_piece])
        pieces = sorted([*self.pieces, *back])
        if len(pieces) > PIECES_MAX:
            self.rewind()
        else:
            self.pieces = pieces
        return bags

    def forsake(self, batch: Batch) -> list[SeqRange]:
        """The bags of a batch are not on their way any more; returns them."""
        bags = [SeqRange(item.first, item.last) for item in self._sent if item.batch is batch]
        if bags:
            self._sent = [item for item in self._sent if item.batch is not batch]
            self.unreceipted -= batch.left
            batch.left = 0
        return bags

    def _free(self, covered: SeqRange) -> int:
        """Drops the bags that lie wholly inside a received range; returns their events."""
        start = bisect_left(self._sent, covered.first, key=_first)
        end = start
        freed = 0
        while end < len(self._sent) and self._sent[end].last <= covered.last:
            count = self._sent[end].last - self._sent[end].first + 1
            self._sent[end].batch.left -= count
            freed += count
            end += 1
        del self._sent[start:end]
        self.unreceipted -= freed
        return freed

    def _trim(self, received: Sequence[SeqRange]) -> None:
        """Takes what the cloud has off the backlog, less a bag's width at each end: a range may end inside a bag."""
        if not self.pieces:
            return
        margin = BAG_EVENTS_MAX - 1
        inner = [SeqRange(item.first + margin * (item.first > 1), item.last - margin) for item in received]
        pieces = without(self.pieces, [item for item in inner if item.first <= item.last])
        if len(pieces) <= PIECES_MAX:
            self.pieces = pieces


def _first(item: Sent) -> int:
    return item.first
