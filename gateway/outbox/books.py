"""The law of the house, counted from rows; must never derive what it can count."""

import sqlite3
from dataclasses import dataclass

from gateway.model import Books, Stream
from gateway.outbox import heads
from gateway.outbox.core import Core
from gateway.outbox.schema import PENDING, table
from gateway.store.damage import Damaged


def by_stream(core: Core, db: sqlite3.Connection) -> dict[Stream, Books]:
    """The books of each stream; raises Damaged when one does not balance."""
    found = {}
    for stream, head in heads.load(db, core.epoch).items():
        query = f"select coalesce(sum(count), 0) from {table(stream)} where state = {PENDING}"
        books = head.books(db.execute(query).fetchone()[0])
        if not books.balanced:
            raise Damaged(f"the books of {stream.word} do not balance: {books}")
        found[stream] = books
    return found


@dataclass(frozen=True, slots=True)
class StreamStats:
    """One stream at a glance. Counts of events and bags, bytes of the file."""

    books: Books
    floor: int
    bags: int
    bytes: int
    in_flight_bags: int


def stats(core: Core, db: sqlite3.Connection) -> dict[Stream, StreamStats]:
    """Every stream at a glance."""
    books, found = by_stream(core, db), {}
    for stream, head in heads.load(db, core.epoch).items():
        bags = db.execute(f"select count(*) from {table(stream)} where state = {PENDING}").fetchone()[0]
        found[stream] = StreamStats(books[stream], head.floor, bags, head.bytes, core.flights.count(stream))
    return found


def total(books: dict[Stream, Books]) -> Books:
    """The books of all streams together."""
    rows = list(books.values())
    return Books(*(sum(getattr(one, name) for one in rows) for name in Books.__dataclass_fields__))
