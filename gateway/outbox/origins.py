"""Under which number a bag was known before a rescue gave it a new one; must never name a number given twice."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

from gateway.model import Stream
from gateway.outbox.schema import check_numbers, table
from gateway.store import DamagedStore

_WIDTH = 6


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


def _proven(rows: Iterable[tuple[int, ...]]) -> Origins:
    streams = set(Stream)
    return {
        (Stream(row[0]), row[1]): Origin(row[2], row[3])
        for *row, check in rows
        if row[0] in streams and check == check_numbers(*row)
    }
