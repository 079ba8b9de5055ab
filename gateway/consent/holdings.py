"""Records, changes, leases and the consent epoch in the store; must never believe a row whose check does not fit."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zlib import crc32

from forecourt.v1.consent_pb2 import ConsentChange
from google.protobuf.message import DecodeError

from gateway.consent.grants import Lease, Moment
from gateway.consent.holding import EVERYTHING, Holding
from gateway.consent.record import RecordRefused, unsigned
from gateway.errors import TooLarge
from gateway.limits import CONSENT_CHANGES_MAX, CONSENT_SUBJECTS_MAX
from gateway.store import DamagedStore, Database

_COLUMNS = (
    "subject, record, epoch, changes, seen, waiting, denied, suspended, lease_us, lease_boottime_s, lease_boot,"
    " lease_sure, lease_s"
)
_WIDTH = 14


def make(db: Database) -> None:
    """The tables, in the migration of the ledger."""
    db.execute(
        "create table consent_subject(subject integer primary key, record blob not null, epoch integer not null,"
        " changes integer not null, seen integer not null, waiting integer not null, denied integer not null,"
        " suspended integer not null, lease_us integer not null, lease_boottime_s real not null,"
        " lease_boot integer not null, lease_sure integer not null, lease_s real not null, digest integer not null)"
    )
    db.execute(
        "create table consent_change(subject integer not null, number integer not null, body blob not null,"
        " digest integer not null, unique(subject, number))"  # with rowid: salvage reads its leaves
    )
    db.execute(
        "create table consent_device(id integer primary key check (id = 1), epoch integer not null, digest integer"
        " not null)"
    )
    db.execute("insert into consent_device values(1, 0, ?)", (digest_of(0),))


def digest_of(*values: object) -> int:
    """A check over the values of a row: it finds bits that flipped, not people who write."""
    found = 0
    for value in values:
        part = value if isinstance(value, bytes) else repr(value).encode()
        found = crc32(part, crc32(b"%d " % len(part), found))
    return found


def held(db: sqlite3.Connection, subject: int) -> Holding:
    """What is held of a subject; an empty holding where there is nothing, nothing allowed where it is damaged."""
    row = db.execute(f"select {_COLUMNS}, digest from consent_subject where subject = ?", (subject,)).fetchone()
    return _holding(db, row) if row else Holding(subject)


def all_held(db: sqlite3.Connection) -> Iterator[Holding]:
    """Of every subject."""
    rows = db.execute(f"select {_COLUMNS}, digest from consent_subject order by subject limit {CONSENT_SUBJECTS_MAX}")
    return (_holding(db, row) for row in rows.fetchall())


def _holding(db: sqlite3.Connection, row: tuple[Any, ...]) -> Holding:
    """The row as a holding; where it, its record or one of its changes is damaged, one that allows nothing.

    Changes that can be read stay also then: they say no to what the authority may not know.
    """
    values, digest = row[:-1], row[-1]
    subject = int(values[0])
    pending = _changes(db, subject)
    last = max((change.number for change in pending), default=0)
    lost = Holding(subject, changes=last, denied=EVERYTHING, suspended=True, pending=pending)
    if digest != digest_of(*values):
        return lost
    _, raw, epoch, changes, seen, waiting, denied, suspended, us, boottime_s, boot, sure, length_s = values
    lost = replace(lost, changes=changes, seen=seen, epoch=epoch)
    try:
        record = unsigned(raw) if raw else None
    except RecordRefused:
        return lost
    if len(pending) != waiting:
        return lost
    lease = Lease(subject, Moment(us, boottime_s, boot, bool(sure)), length_s) if length_s else None
    return Holding(subject, raw, record, epoch, changes, seen, denied, bool(suspended), lease, pending)


def _changes(db: sqlite3.Connection, subject: int) -> tuple[ConsentChange, ...]:
    """Those that wait, in order; damaged ones are left out."""
    rows = db.execute("select number, body, digest from consent_change where subject = ? order by number", (subject,))
    found = []
    for number, body, digest in rows:
        if digest == digest_of(subject, number, body):
            try:
                found.append(ConsentChange.FromString(body))
            except DecodeError:
                continue
    return tuple(found)


def put(db: sqlite3.Connection, one: Holding) -> None:
    """Writes a holding; raises TooLarge when there are too many subjects."""
    given, length_s = (one.lease.given, float(one.lease.length_s)) if one.lease else (Moment(0, 0.0, 0, False), 0.0)
    lease = given.wall_us, float(given.boottime_s), given.boot_id, int(given.trusted), length_s
    counts = one.epoch, one.changes, one.seen, len(one.pending)
    row = one.subject, one.raw, *counts, one.denied, int(one.suspended), *lease
    marks = ", ".join("?" * _WIDTH)
    db.execute(f"insert or replace into consent_subject({_COLUMNS}, digest) values({marks})", (*row, digest_of(*row)))
    db.execute("delete from consent_change where subject = ?", (one.subject,))
    for change in one.pending:
        key = one.subject, change.number, change.SerializeToString(deterministic=True)
        db.execute("insert into consent_change values(?, ?, ?, ?)", (*key, digest_of(*key)))
    (count,) = db.execute("select count(*) from consent_subject").fetchone()
    if count > CONSENT_SUBJECTS_MAX:
        raise TooLarge(f"consent of more than {CONSENT_SUBJECTS_MAX} subjects")


def drop(db: sqlite3.Connection, subject: int) -> None:
    """Nothing is held of a subject any more."""
    for table in ("consent_subject", "consent_change", "consent_grant"):
        db.execute(f"delete from {table} where subject = ?", (subject,))


def epoch(db: sqlite3.Connection) -> int:
    """The consent epoch that this device has applied; 0 for none, and where the row is damaged."""
    row = db.execute("select epoch, digest from consent_device").fetchone()
    return row[0] if row and row[1] == digest_of(row[0]) else 0


def set_epoch(db: sqlite3.Connection, value: int) -> None:
    """Notes the epoch that was applied."""
    db.execute("insert or replace into consent_device values(1, ?, ?)", (value, digest_of(value)))


def salvage(damaged_store: DamagedStore, db: sqlite3.Connection) -> int:
    """After a rescue: no record is believed; changes that the authority may not know are, of which a no can only deny.

    Their numbers go on where they were, so that the authority takes no new one for an old one.
    """
    found: dict[int, dict[int, ConsentChange]] = {}
    for _, values in damaged_store.rows("consent_change", 4):
        match values:
            case (int() as subject, int() as number, bytes() as body, int() as digest) if (
                subject > 0 and digest == digest_of(subject, number, body)
            ):
                try:
                    found.setdefault(subject, {})[number] = ConsentChange.FromString(body)
                except DecodeError:
                    continue
    for subject, changes in list(found.items())[:CONSENT_SUBJECTS_MAX]:
        pending = tuple(changes[number] for number in sorted(changes))[-CONSENT_CHANGES_MAX:]
        put(db, Holding(subject, changes=max(changes), denied=EVERYTHING, suspended=True, pending=pending))
    return len(found)
