"""What each stream counted so far; must never be written without the rows it counts."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter

from gateway.model import Books, GapReason, Stream
from gateway.outbox.schema import PENDING, check_numbers, table
from gateway.store.damage import Damaged


@dataclass(slots=True)
class Head:
    """Counts of events of one stream, its last number given, and the bytes that its rows take.

    Every number up to `floor` is settled or gone. `kept_bytes` belong to rows that are settled and retained.
    """

    stream: int
    last: int = 0
    floor: int = 0
    settled: int = 0
    evicted: int = 0
    expired: int = 0
    purged: int = 0
    quarantined: int = 0
    bytes: int = 0
    kept_bytes: int = 0

    @property
    def pending(self) -> int:
        """What the law says must be on the shelf."""
        return self.last - self.settled - self.evicted - self.expired - self.purged - self.quarantined

    def count_gap(self, reason: GapReason, events: int) -> None:
        """Events left without being settled."""
        match reason:
            case GapReason.EXPIRED:
                self.expired += events
            case GapReason.EVICTED:
                self.evicted += events
            case GapReason.REVOKED | GapReason.WIPED:
                self.purged += events
            case GapReason.CORRUPT | GapReason.QUARANTINED:
                self.quarantined += events

    def books(self, pending: int) -> Books:
        """The books of this stream, with `pending` as counted from its rows."""
        return Books(self.last, self.settled, pending, self.evicted, self.expired, self.purged, self.quarantined)


FIELDS = [field.name for field in fields(Head)]
_GONE = slice(FIELDS.index("settled"), FIELDS.index("bytes"))
"""Counts of what left the shelf: only then the floor moves, since a bag is put behind every other."""
_numbers: Callable[[Head], tuple[int, ...]] = attrgetter(*FIELDS)
_LOAD = f"select * from tally where id between {min(Stream)} and {max(Stream)}"
_SAVE = f"insert or replace into tally values({', '.join('?' * 11)})"


def load(db: sqlite3.Connection, epoch: int) -> dict[Stream, Head]:
    """The heads of all streams; raises Damaged when one was altered."""
    heads = {stream: Head(stream) for stream in Stream}
    for *numbers, check in db.execute(_LOAD):
        if check != check_numbers(epoch, *numbers):
            raise Damaged("head")
        heads[Stream(numbers[0])] = Head(*numbers)
    return heads


def holds(epoch: int, numbers: Sequence[object], check: object) -> bool:
    """Whether the numbers of a row are those of a head of `epoch`, as it was written."""
    whole = [number for number in numbers if isinstance(number, int)]
    return len(whole) == len(FIELDS) and whole[0] in set(Stream) and check == check_numbers(epoch, *whole)


def save(db: sqlite3.Connection, epoch: int, head: Head) -> None:
    """Writes one head, into the store's tally: on the page that every commit writes anyway."""
    numbers = _numbers(head)
    db.execute(_SAVE, (*numbers, check_numbers(epoch, *numbers)))


@contextmanager
def changed(db: sqlite3.Connection, epoch: int) -> Iterator[dict[Stream, Head]]:
    """The heads, to be changed inside; those that differ are written at the end."""
    heads = load(db, epoch)
    before = {stream: _numbers(head) for stream, head in heads.items()}
    yield heads
    for stream, head in heads.items():
        if (now := _numbers(head)) != before[stream]:
            if now[_GONE] != before[stream][_GONE]:
                head.floor = _floor(db, head)
            save(db, epoch, head)


def _floor(db: sqlite3.Connection, head: Head) -> int:
    where = f"first_seq > ? and state = {PENDING}"
    row = db.execute(f"select min(first_seq) from {table(head.stream)} where {where}", (head.floor,)).fetchone()
    return head.last if row[0] is None else int(row[0]) - 1
