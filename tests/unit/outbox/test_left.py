"""What left of each guest, by hour: exact while there is room, bounded, and gone with the visit."""

import sqlite3

from gateway.model import Stream
from gateway.outbox import left
from gateway.outbox.left import FIRST_ID, HOUR_US, ROWS

EPOCH, GUEST, OTHER = 9, 5, 6


def table() -> sqlite3.Connection:
    """The tally as the store makes it."""
    db = sqlite3.connect(":memory:")
    numbers = ", ".join(f"n{number} integer not null default 0" for number in range(1, 10))
    db.execute(f"create table tally(id integer primary key, {numbers}, tally_check integer not null)")
    return db


def test_events_add_up_by_hour_and_purpose() -> None:
    """Of one guest, oldest hour first; another guest's are not shown."""
    db = table()
    for hour in (3, 2, 3):
        left.note(db, EPOCH, hour * HOUR_US + 17, {(GUEST, Stream.LIVE, 2): 10, (OTHER, Stream.LIVE, 2): 1})
    left.note(db, EPOCH, 3 * HOUR_US, {(GUEST, Stream.BULK, 6): 4})
    assert [(row.hour, row.purposes, row.events) for row in left.of(db, EPOCH, GUEST)] == [
        (2, 2, 10),
        (3, 2, 20),
        (3, 6, 4),
    ]
    left.forget(db, GUEST)
    assert left.of(db, EPOCH, GUEST) == []
    assert len(left.of(db, EPOCH, OTHER)) == 2


def test_the_rows_are_bounded_and_no_event_is_lost_from_the_sum() -> None:
    """A year of hours takes as many rows as a day; the oldest join the next."""
    db = table()
    for hour in range(1_000):
        left.note(db, EPOCH, hour * HOUR_US, {(GUEST, Stream.LIVE, 2): 3})
    rows = left.of(db, EPOCH, GUEST)
    assert len(rows) == ROWS
    assert sum(row.events for row in rows) == 3_000
    assert rows[-1].hour == 999


def test_an_altered_row_says_nothing() -> None:
    """It is neither shown nor added to."""
    db = table()
    left.note(db, EPOCH, 0, {(GUEST, Stream.LIVE, 2): 3})
    db.execute("update tally set n5 = 4 where id = ?", (FIRST_ID,))
    assert left.of(db, EPOCH, GUEST) == []
    left.note(db, EPOCH, 0, {(GUEST, Stream.LIVE, 2): 3})
    assert [row.events for row in left.of(db, EPOCH, GUEST)] == [3]
