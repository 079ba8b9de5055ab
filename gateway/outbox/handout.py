"""Bags on their way out; must never hand out one that the gate denies, that was altered, or that is being evicted."""

import sqlite3
from dataclasses import dataclass, field

from gateway.limits import BAG_EVENTS_MAX, TAKE_BAGS_MAX
from gateway.model import OpenBag, Stream
from gateway.outbox.core import Core, body_of
from gateway.outbox.schema import COLUMNS, PENDING, SETTLED, Row, proven, table

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """What a hand-out found.

    `scanned_to`: every number up to it was looked at; go on after it. `version`: of the gate, by which all bags were
    judged. `more`: there are rows beyond. `broken`: first numbers of bags that did not open.
    """

    bags: list[OpenBag]
    scanned_to: int
    version: int
    more: bool
    broken: list[int] = field(default_factory=list)


def take(core: Core, db: sqlite3.Connection, stream: Stream, after: int, up_to: int | None, bytes_max: int) -> Taken:
    """The next bags with a number above `after`, opened, and marked in flight; on the reader thread.

    The gate is asked for each bag; if its version changes meanwhile, all are judged again.
    """
    core.flights.begin_take()
    rows, more = _rows(db, stream, after, up_to, bytes_max)
    scanned_to = rows[-1].last_seq if rows else (after if up_to is None else max(after, up_to))
    version, tries = core.gate.version, 1
    bags, broken = _open(core, stream, rows)
    while core.gate.version != version and tries < _TRIES:
        version, tries = core.gate.version, tries + 1
        bags, broken = _open(core, stream, rows)
    free = core.flights.mark(stream, [bag.first_seq for bag in bags])
    return Taken([bag for bag in bags if bag.first_seq in free], scanned_to, version, more, broken)


def take_settled(core: Core, db: sqlite3.Connection, stream: Stream, first: int, last: int, bytes_max: int) -> Taken:
    """Bags that were settled and retained; they are not marked, since nothing waits for them."""
    version = core.gate.version
    rows, more = _rows(db, stream, first - 1, last, bytes_max, SETTLED)
    bags, broken = _open(core, stream, rows)
    return Taken(bags, rows[-1].last_seq if rows else last, version, more, broken)


def _rows(
    db: sqlite3.Connection, stream: Stream, after: int, up_to: int | None, bytes_max: int, state: int = PENDING
) -> tuple[list[Row], bool]:
    """Rows from the one that holds `after` + 1, until `bytes_max` is passed; and whether there are more."""
    query = (
        f"select {COLUMNS} from {table(stream)} where first_seq > ? and first_seq + count > ? and state = {state}"
        " and first_seq <= ? order by first_seq"
    )
    last = up_to if up_to is not None else (1 << 62)
    rows: list[Row] = []
    size = 0
    for values in db.execute(query, (after - BAG_EVENTS_MAX, after + 1, last)):
        if rows and (size >= bytes_max or len(rows) >= TAKE_BAGS_MAX):
            return rows, True
        row = proven(stream, Row(*values))
        rows.append(row)
        size += len(row.sealed)
    return rows, False


def _open(core: Core, stream: Stream, rows: list[Row]) -> tuple[list[OpenBag], list[int]]:
    bags: list[OpenBag] = []
    broken: list[int] = []
    for row in rows:
        if stream != Stream.CONTROL and not core.gate.may_leave(row.subject, row.purposes):
            core.counters["held_back_bags"] += 1
            continue
        body = body_of(core, stream, row)
        if body is None:
            broken.append(row.first_seq)
            continue
        origin = core.origins.get((stream, row.first_seq)) if core.origins else None
        about = row.subject, row.purposes, row.boot
        bags.append(OpenBag(stream, row.first_seq, row.events, *about, row.codec, body, origin))
    return bags, broken
