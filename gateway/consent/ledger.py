"""Grants in the store; must never change one outside the transaction that also raises the version."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from gateway.consent.grants import Grant, Moment
from gateway.errors import InputError, TooLarge
from gateway.limits import CONSENT_RECORD_ID_BYTES_MAX, GRANTS_MAX
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, purposes_of
from gateway.store import DamagedStore, Database, MigrationSet

MIGRATIONS = MigrationSet("consent")
NUMBER_MAX = (1 << 63) - 1
_COLUMNS = (
    "subject, purpose, valid_from_us, valid_until_us, record_id, given_us, given_boottime_s, given_boot, given_sure"
)


@MIGRATIONS()
def grants(db: Database) -> None:
    """Grants given and withdrawn, the version of them all, and withdrawals that are not finished."""
    db.execute(
        "create table consent_grant(subject integer not null, purpose integer not null, given integer not null,"
        " valid_from_us integer not null, valid_until_us integer, record_id text not null, given_us integer not null,"
        " given_boottime_s real not null, given_boot integer not null, given_sure integer not null,"
        " primary key(subject, purpose)) without rowid"
    )
    db.execute("create table consent_state(id integer primary key check (id = 1), version integer not null)")
    db.execute("insert into consent_state values(1, 0)")
    db.execute(
        "create table consent_intent(id integer primary key, subject integer not null, purposes integer not null,"
        " digest integer not null)"
    )


class State(NamedTuple):
    """What the store says is granted."""

    version: int
    grants: tuple[Grant, ...]


class Intent(NamedTuple):
    """A withdrawal that is written but whose keys may still be there."""

    id: int
    subject: int
    purposes: PurposeSet


def check(grant: Grant) -> None:
    """Raises InputError for a grant that cannot be kept: no subject, a purpose that needs none, crossed bounds."""
    if not 0 < grant.subject <= NUMBER_MAX:
        raise InputError("a grant needs a subject of 1 to 63 bits")
    if WITHOUT_CONSENT >> grant.purpose & 1:
        raise InputError(f"{grant.purpose.word} needs no consent, so that none can be given")
    until = grant.valid_until_us
    if not 0 <= grant.valid_from_us < (NUMBER_MAX if until is None else until) <= NUMBER_MAX:
        raise InputError("a grant has to end after it begins")
    if len(grant.record_id.encode("utf-8", "surrogatepass")) > CONSENT_RECORD_ID_BYTES_MAX:
        raise TooLarge(f"a record of consent is named in at most {CONSENT_RECORD_ID_BYTES_MAX} bytes")


def read(db: sqlite3.Connection) -> State:
    """The version and the grants that are given; one that this version does not understand is left out, so denied."""
    (version,) = db.execute("select version from consent_state").fetchone()
    rows = db.execute(f"select {_COLUMNS} from consent_grant where given = 1 limit {GRANTS_MAX}")
    known = set(Purpose)
    return State(version, tuple(_grant(row) for row in rows if row[1] in known))


def _grant(row: tuple[int, int, int, int | None, str, int, float, int, int]) -> Grant:
    subject, purpose, valid_from, valid_until, record_id, *given = row
    moment = Moment(int(given[0]), float(given[1]), int(given[2]), bool(given[3]))
    return Grant(subject, Purpose(purpose), valid_from, valid_until, record_id, moment)


def give(db: sqlite3.Connection, new: Iterable[Grant]) -> State:
    """Writes grants over those of the same subject and purpose; raises TooLarge when there would be too many."""
    for grant in new:
        given = grant.given
        if given is None:
            raise InputError("a grant is kept with the moment at which it was given")
        db.execute(
            f"insert or replace into consent_grant(given, {_COLUMNS}) values(1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (grant.subject, int(grant.purpose), grant.valid_from_us, grant.valid_until_us, grant.record_id, *given),
        )
    (count,) = db.execute("select count(*) from consent_grant where given = 1").fetchone()
    if count > GRANTS_MAX:
        raise TooLarge(f"more than {GRANTS_MAX} grants")
    return _raised(db)


def withdraw(db: sqlite3.Connection, subject: int, gone: PurposeSet) -> State:
    """Marks purposes as withdrawn, whether they were granted or not, and notes that their keys have to go."""
    for purpose in purposes_of(gone):
        db.execute("update consent_grant set given = 0 where subject = ? and purpose = ?", (subject, int(purpose)))
    return _raised(db)


def note(db: sqlite3.Connection, subject: int, gone: PurposeSet) -> Intent:
    """An intent, in the transaction that withdraws; two withdrawals of one subject have two."""
    row = subject, gone, _digest(subject, gone)
    added = db.execute("insert into consent_intent(subject, purposes, digest) values(?, ?, ?)", row)
    return Intent(int(added.lastrowid or 0), subject, gone)


def intents(db: sqlite3.Connection) -> list[Intent]:
    """Withdrawals that are not finished, oldest first."""
    return [Intent(*row) for row in db.execute("select id, subject, purposes from consent_intent order by id")]


def finish(db: sqlite3.Connection, intent: Intent) -> State:
    """The keys of this withdrawal are destroyed: it is done, and so is its part of others of the same subject."""
    for other in intents(db):
        left = other.purposes & ~intent.purposes
        if other.subject == intent.subject and left != other.purposes:
            row = left, _digest(other.subject, left), other.id
            db.execute("update consent_intent set purposes = ?, digest = ? where id = ?", row)
    db.execute("delete from consent_intent where purposes = 0")
    return read(db)


def salvage(damaged: DamagedStore, db: sqlite3.Connection) -> int:
    """After a rescue: no grant is believed, so all are denied; withdrawals that were not finished are taken over."""
    found = 0
    for _, values in damaged.rows("consent_intent", 4):
        _, subject, purposes, digest = values
        if isinstance(subject, int) and isinstance(purposes, int) and digest == _digest(subject, purposes):
            note(db, subject, purposes)
            found += 1
    return found


def _digest(subject: int, purposes: PurposeSet) -> int:
    return crc32(f"{subject} {purposes}".encode())


def _raised(db: sqlite3.Connection) -> State:
    db.execute("update consent_state set version = version + 1")
    return read(db)
