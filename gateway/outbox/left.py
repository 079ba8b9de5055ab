"""What left of each guest and when, counted as it is settled; must never hold more of a person than a handle.

A few rows of the store's tally, on the page that every commit writes anyway: where they are all taken, the oldest hour
joins the next of its kind, or goes.
"""

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from gateway.model import PurposeSet, Stream
from gateway.outbox.schema import check_numbers

FIRST_ID, ROWS = 16, 32
HOUR_US = 3_600_000_000
_BETWEEN = f"id between {FIRST_ID} and {FIRST_ID + ROWS - 1}"
_LOAD = f"select id, n1, n2, n3, n4, n5, tally_check from tally where {_BETWEEN} order by n2"


class Left(NamedTuple):
    """So many events of a subject, a stream and purposes that the cloud confirmed in one hour since 1970 UTC."""

    subject: int
    hour: int
    stream: int
    purposes: PurposeSet
    events: int


Settled = Mapping[tuple[int, Stream, PurposeSet], int]
"""Events by subject, stream and purposes."""


def note(db: sqlite3.Connection, epoch: int, at_us: int, settled: Settled) -> None:
    """Adds what was settled, in the transaction that settles it."""
    rows = _load(db, epoch)
    for (subject, stream, purposes), events in settled.items():
        hour = at_us // HOUR_US
        same = next((i for i, row in rows.items() if row[:4] == (subject, hour, stream, purposes)), None)
        place = same if same is not None else _place(db, epoch, rows)
        before = rows[place].events if same is not None else 0
        rows[place] = Left(subject, hour, int(stream), purposes, before + events)
        _save(db, epoch, place, rows[place])


def of(db: sqlite3.Connection, epoch: int, subject: int) -> list[Left]:
    """What left of a subject, oldest first."""
    return sorted((row for row in _load(db, epoch).values() if row.subject == subject), key=lambda row: row.hour)


def forget(db: sqlite3.Connection, subject: int) -> None:
    """The visit is over."""
    db.execute(f"delete from tally where {_BETWEEN} and n1 = ?", (subject,))


def _load(db: sqlite3.Connection, epoch: int) -> dict[int, Left]:
    """By place, oldest first; a row that was altered says nothing."""
    return {
        place: Left(*numbers)
        for place, *numbers, check in db.execute(_LOAD)
        if check == check_numbers(epoch, place, *numbers)
    }


def _place(db: sqlite3.Connection, epoch: int, rows: dict[int, Left]) -> int:
    """A free place; the oldest row makes room."""
    free = next((place for place in range(FIRST_ID, FIRST_ID + ROWS) if place not in rows), None)
    if free is not None:
        return free
    place, oldest = min(rows.items(), key=lambda item: item[1].hour)
    del rows[place]
    kind = oldest.subject, oldest.stream, oldest.purposes
    heirs = [(i, row) for i, row in rows.items() if (row.subject, row.stream, row.purposes) == kind]
    if heirs:
        heir, row = min(heirs, key=lambda item: item[1].hour)
        rows[heir] = row._replace(events=row.events + oldest.events)
        _save(db, epoch, heir, rows[heir])
    return place


def _save(db: sqlite3.Connection, epoch: int, place: int, row: Left) -> None:
    check = check_numbers(epoch, place, *row)
    db.execute(
        "insert or replace into tally(id, n1, n2, n3, n4, n5, tally_check) values(?, ?, ?, ?, ?, ?, ?)",
        (place, *row, check),
    )
