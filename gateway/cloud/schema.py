"""The tables of the inbox and how its database is opened; must never hold a decision about numbers."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import StoreTooNew

VERSION = 1
_BIT_63 = 1 << 63
_BITS_64 = 1 << 64

_TABLES = """
create table if not exists stream (device text, epoch integer, stream integer, floor integer not null, above
    text not null, head integer not null, kept integer not null default 0, primary key (device, epoch, stream))
    without rowid;
create table if not exists admitted (device text not null, epoch integer not null, stream integer not null,
    first integer not null, last integer not null, at_us integer not null, batch integer not null);
create index if not exists admitted_by_number on admitted (device, epoch, stream, first);
create table if not exists gap (device text not null, epoch integer not null, stream integer not null, first
    integer not null, last integer not null, reason integer not null, at_us integer not null);
create index if not exists gap_by_number on gap (device, epoch, stream, first);
create table if not exists control (device text not null, epoch integer not null, seq integer not null, at_us
    integer not null, received_us integer not null, kind text not null, body blob not null);
create table if not exists dictionary (device text, digest integer, epoch integer not null, body blob not null,
    primary key (device, digest)) without rowid;
create table if not exists boot (device text, id integer, wall_at_boot_us integer not null, quality integer not
    null, primary key (device, id)) without rowid;
create table if not exists device (device text primary key, online integer not null default 0, boot integer,
    connect integer, epoch integer, version text not null default '', capabilities text not null default '[]',
    clock integer not null default 0, born_us integer, seen_us integer not null, birth integer not null default 0)
    without rowid;
create table if not exists command (id integer primary key, device text not null, kind text not null, counter
    integer not null, body blob not null, issued_us integer not null, not_after_us integer not null, stage
    integer not null default 0);
create index if not exists command_by_device on command (device, counter);
create table if not exists reply (command integer not null, stage integer not null, reason text not null, result
    blob not null, at_us integer not null);
create index if not exists reply_by_command on reply (command);
create table if not exists erased (device text not null, subject integer not null, purposes integer not null,
    at_us integer not null, events integer not null, epoch integer not null, heads text not null);
create index if not exists erased_by_subject on erased (device, subject);
create table if not exists born (device text, epoch integer, rank integer not null, primary key (device, epoch))
    without rowid;
create index if not exists control_by_device on control (device);
create table if not exists poison (at_us integer not null, device text not null, topic text not null, reason
    text not null, detail text not null, bytes integer not null, payload blob not null);
create table if not exists counter (name text primary key, value integer not null) without rowid;
create table if not exists meta (name text primary key, value integer not null) without rowid;
insert or ignore into meta values ('receipts', 0);
"""


def signed(number: int) -> int:
    """A number of 64 bits without sign as SQLite holds it."""
    return number if number < _BIT_63 else number - _BITS_64


def unsigned(number: int) -> int:
    """The number that `signed` was given."""
    return number if number >= 0 else number + _BITS_64


def open_database(path: Path | str) -> sqlite3.Connection:
    """The inbox's database, made where it is missing; StoreTooNew when a newer version wrote it.

    Commits are NORMAL: they survive the death of the process, and one FULL commit makes all before it survive a power
    loss (https://sqlite.org/pragma.html#pragma_synchronous).
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        found = int(db.execute("pragma user_version").fetchone()[0])
        if found > VERSION:
            raise StoreTooNew(f"the inbox is of version {found}, this Forecourt knows {VERSION}: update it")
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("pragma cache_size = -16384")
        db.execute("pragma busy_timeout = 5000")
        db.executescript(_TABLES)
        db.execute(f"pragma user_version = {VERSION}")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """What is read within the block is of one moment, whatever is committed meanwhile."""
    if db.in_transaction:
        yield
        return
    db.execute("begin")
    try:
        yield
    finally:
        db.execute("rollback")


def open_beside(path: Path | str) -> sqlite3.Connection:
    """A connection that only reads, beside a running inbox; sqlite3.OperationalError where there is none."""
    db = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("pragma query_only = 1")
    db.execute("pragma busy_timeout = 5000")
    return db
