"""Under which number a bag was known before a rescue gave it a new one; must never name a number given twice."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from gateway.model import Stream
from gateway.outbox import heads
from gateway.outbox.schema import check_numbers, table
from gateway.store import DamagedStore

_WIDTH = 6
_GENUINE_WIDTH = 4


class Origin(NamedTuple):
    """Epoch and number of the first event of a bag when it was appended."""

    epoch: int
    first_seq: int


Origins = dict[tuple[Stream, int], Origin]
"""By stream and the number that a bag has now."""


def load(db: sqlite3.Connection) -> Origins:
    """Those of the bags on the shelf; what damage altered is left out. Forgets those of bags that are gone."""
    for stream in Stream:
        gone = f"stream = ? and first_seq not in (select first_seq from {table(stream)})"
        db.execute(f"delete from origin where {gone}", (stream,))
    return _proven(db.execute("select stream, first_seq, epoch, origin_first, origin_check from origin"))


def found(damaged: DamagedStore) -> Origins:
    """Those that a damaged store still tells."""
    rows = (values[1:] for _, values in damaged.rows("origin", _WIDTH))
    return _proven(cast("tuple[int, ...]", row) for row in rows if all(isinstance(value, int) for value in row))


def save(db: sqlite3.Connection, stream: Stream, origins: Mapping[int, Origin]) -> None:
    """Notes the origins of bags of a stream, by the number that they have now."""
    query = "insert into origin(stream, first_seq, epoch, origin_first, origin_check) values(?, ?, ?, ?, ?)"
    rows = [(int(stream), first, *origin) for first, origin in origins.items()]
    db.executemany(query, [(*row, check_numbers(*row)) for row in rows])


def note_genuine(db: sqlite3.Connection, epoch: int) -> None:
    """Notes which numbers the store has at its first open since the cloud vouched for it.

    Should it be an old copy, these are those of the copy, and what comes after them was given before to other events.
    """
    if db.execute("select 1 from genuine").fetchone() is None:
        rows = [(int(stream), epoch, head.last) for stream, head in heads.load(db, epoch).items()]
        db.executemany("insert into genuine values(?, ?, ?, ?)", [(*row, check_numbers(*row)) for row in rows])


def genuine(damaged: DamagedStore) -> dict[tuple[int, int], int]:
    """The last number that is surely no second one, by epoch and stream, as far as a store tells."""
    found: dict[tuple[int, int], int] = {}
    for stream, (_, *values) in damaged.rows("genuine", _GENUINE_WIDTH):
        match values:
            case [int(epoch), int(last), int(check)] if check == check_numbers(stream, epoch, last):
                found[epoch, stream] = min(last, found.get((epoch, stream), last))
            case _:
                continue
    return found


class Vouched:
    """A job: the cloud knows the store, so it is no old copy, and only a copy made from now on may turn out as one."""

    def run(self, db: sqlite3.Connection) -> None:
        """Part of a commit."""
        db.execute("delete from genuine")

    def done(self, error: Exception | None) -> None:
        """Without it, what a copy holds may come under new numbers without its old ones; nothing is lost."""


def _proven(rows: Iterable[tuple[int, ...]]) -> Origins:
    streams = set(Stream)
    return {
        (Stream(row[0]), row[1]): Origin(row[2], row[3])
        for *row, check in rows
        if row[0] in streams and check == check_numbers(*row)
    }
