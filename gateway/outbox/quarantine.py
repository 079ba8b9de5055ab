"""Bags that are set apart; must never be sent, and never grow without bound."""

import sqlite3
from collections.abc import Iterable

from gateway.limits import QUARANTINED_BAGS_MAX
from gateway.model import GapReason, Stream
from gateway.outbox.core import Core, body_of, change
from gateway.outbox.ranges import of_bags
from gateway.outbox.schema import COLUMNS, PENDING, Row, proven, table

_BYTES_MAX_SHARE = 1 / 64
_SET_APART = (
    "insert into quarantined(at_us, stream, reason, first_seq, count, subject, purposes, key_id, codec, sealed)"
    " select ?, ?, ?, first_seq, count, subject, purposes, key_id, codec, sealed from {} where first_seq = ?"
)


def quarantine(core: Core, db: sqlite3.Connection, stream: Stream, firsts: Iterable[int], reason: GapReason) -> int:
    """Sets bags apart with a gap; those that are settled or gone meanwhile are left alone. Returns how many."""
    query = f"select first_seq, count, length(sealed) from {table(stream)} where first_seq = ? and state = {PENDING}"
    rows = [row for first in firsts if (row := db.execute(query, (first,)).fetchone()) is not None]
    at_us = core.clock.wall_us()
    with change(core, db) as one:
        for first, _, size in rows:
            if size <= core.budget_bytes * _BYTES_MAX_SHARE:
                db.execute(_SET_APART.format(table(stream)), (at_us, stream, int(reason), first))
            db.execute(f"delete from {table(stream)} where first_seq = ?", (first,))
        _bound(core, db)
        one.took(stream, rows)
        one.gap(stream, of_bags(rows), reason)
    core.counters["quarantined_bags"] += len(rows)
    core.flights.release(stream, [row[0] for row in rows])
    return len(rows)


def _bound(core: Core, db: sqlite3.Connection) -> None:
    """Forgets the oldest beyond the bounds in number and bytes."""
    size = 0
    query = "select id, length(sealed) from quarantined order by id desc"
    for rank, (row_id, sealed_bytes) in enumerate(db.execute(query).fetchall()):
        size += sealed_bytes
        if rank >= QUARANTINED_BAGS_MAX or size > core.budget_bytes * _BYTES_MAX_SHARE:
            db.execute("delete from quarantined where id <= ?", (row_id,))
            return


def check(
    core: Core, db: sqlite3.Connection, stream: Stream, after: int, bags_max: int
) -> tuple[int | None, list[int]]:
    """Looks at the next bags after a number: (where to go on, None at the end; first numbers of bags that do not open).

    Raises Damaged for a row that was altered.
    """
    query = f"select {COLUMNS} from {table(stream)} where first_seq > ? order by first_seq limit ?"
    rows = [proven(stream, Row(*values)) for values in db.execute(query, (after, bags_max))]
    broken = [row.first_seq for row in rows if body_of(core, stream, row) is None]
    return (rows[-1].first_seq if len(rows) == bags_max else None), broken
