"""Tables of the outbox and the check of each row; must never hold an event in clear.

A table per stream: numbers rise, so every append goes to the end of its tree and pages fill.
"""

import sqlite3
from binascii import crc32
from struct import Struct, pack
from typing import NamedTuple

from gateway.model import Stream
from gateway.store import Database, MigrationSet
from gateway.store.damage import Damaged

schema = MigrationSet("outbox")

PENDING, SETTLED = 0, 1
_BAG = (
    "first_seq integer primary key, count integer not null, subject integer not null, purposes integer not null,"
    " key_id integer not null, boot integer not null, codec integer not null, expires integer not null,"
    " state integer not null, row_check integer not null, sealed blob not null"
)
BAG_WIDTH = 11
ROW_BYTES = 64
"""What a row of a bag takes beside its sealed body, at most, in bytes."""
_ROW = Struct(">10Q").pack
_MASK = (1 << 64) - 1


class Row(NamedTuple):
    """A bag as it lies on the shelf. `expires` is a bucket of the TTL clock, 0 for never."""

    first_seq: int
    events: int
    subject: int
    purposes: int
    key_id: int
    boot: int
    codec: int
    expires: int
    state: int
    row_check: int
    sealed: bytes

    @property
    def last_seq(self) -> int:
        """The number of its last event."""
        return self.first_seq + self.events - 1


COLUMNS = ", ".join(Row._fields).replace("events", "count")


def table(stream: int) -> str:
    """The table that holds the bags of a stream."""
    return f"bag_{Stream(stream).word}"


def checked(stream: int, row: Row) -> Row:
    """The row with its check value."""
    return row._replace(row_check=check_of(stream, row))


def check_of(stream: int, row: Row) -> int:
    """CRC-32 over everything of a row that its seal does not cover; raises Damaged where a number is none."""
    numbers = (stream, *row[:9])
    try:
        return crc32(_ROW(*[number & _MASK for number in numbers]))
    except TypeError:
        raise Damaged(f"row of {table(stream)}") from None


def proven(stream: int, row: Row) -> Row:
    """The row itself; raises Damaged when it was altered."""
    if row.row_check != check_of(stream, row):
        raise Damaged(f"row of {table(stream)}")
    return row


def check_numbers(*numbers: int) -> int:
    """CRC-32 over numbers of up to 64 bits; raises Damaged where one is none: SQLite hands out what a page holds."""
    try:
        return crc32(pack(f">{len(numbers)}Q", *[number & _MASK for number in numbers]))
    except TypeError:
        raise Damaged("a row of numbers") from None


def check_text(*parts: object) -> int:
    """CRC-32 over the texts of `parts`."""
    return crc32("\0".join(map(str, parts)).encode())


def insert(db: sqlite3.Connection, stream: int, rows: list[Row]) -> None:
    """Puts bags on the shelf."""
    db.executemany(f"insert into {table(stream)}({COLUMNS}) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


@schema()
def shelves(db: Database) -> None:
    """Bags by stream, and the heads that count them."""
    for stream in Stream:
        db.execute(f"create table {table(stream)}({_BAG})")
    db.execute(
        "create table head(stream integer primary key, last integer not null, floor integer not null,"
        " settled integer not null, evicted integer not null, expired integer not null, purged integer not null,"
        " quarantined integer not null, bytes integer not null, kept_bytes integer not null,"
        " head_check integer not null)"
    )


@schema()
def references(db: Database) -> None:
    """What bags refer to: signals, shapes and boots."""
    db.execute(
        "create table dictionary(rank integer primary key, shape integer not null, body blob not null,"
        " body_check integer not null)"
    )
    db.execute(
        "create table boot(id integer primary key, wall_at_boot_us integer not null, quality integer not null,"
        " epoch integer not null, boot_check integer not null)"
    )
    db.execute(
        "create table ttl_clock(id integer primary key check (id = 1), ttl_ms integer not null, boot integer not null,"
        " boottime_ms integer not null, wall_us integer not null, quality integer not null, ttl_check integer not null)"
    )


@schema()
def losses(db: Database) -> None:
    """What left the shelf without being settled, and bags that do not open."""
    db.execute(
        "create table gap(id integer primary key, at_us integer not null, stream integer not null,"
        " first integer not null, last integer not null, reason integer not null)"
    )
    db.execute(
        "create table quarantined(id integer primary key, at_us integer not null, stream integer not null,"
        " reason integer not null, first_seq integer not null, count integer not null, subject integer not null,"
        " purposes integer not null, key_id integer not null, codec integer not null, sealed blob not null)"
    )
    db.execute("create table salvage(stream integer primary key, first_seq integer not null)")


@schema()
def ownership(db: Database) -> None:
    """The name that bags are sealed with."""
    db.execute(
        "create table owner(id integer primary key check (id = 1), device text not null, device_check integer not null)"
    )


@schema()
def origins(db: Database) -> None:
    """Under which epoch and number salvaged bags were known before."""
    db.execute(
        "create table origin(id integer primary key, stream integer not null, first_seq integer not null,"
        " epoch integer not null, origin_first integer not null, origin_check integer not null)"
    )


@schema()
def tallied(db: Database) -> None:
    """The heads move to the tally of the store; `head` shows them to whoever looks into the file."""
    names = "last, floor, settled, evicted, expired, purged, quarantined, bytes, kept_bytes, head_check"
    db.execute(f"insert into tally select stream, {names} from head")
    db.execute("drop table head")
    shown = ", ".join(f"n{number} as {name}" for number, name in enumerate(names.split(", ")[:-1], 1))
    streams = f"id between {min(Stream)} and {max(Stream)}"
    db.execute(
        f"create view head as select id as stream, {shown}, tally_check as head_check from tally where {streams}"
    )


@schema()
def genuine(db: Database) -> None:
    """The last numbers that the store had when it was opened, until the cloud says that it is no old copy."""
    db.execute(
        "create table genuine(id integer primary key, epoch integer not null, last integer not null,"
        " genuine_check integer not null)"
    )
