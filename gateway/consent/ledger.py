"""Grants in the store; must never change one outside the transaction that also raises the version."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple
from zlib import crc32

from gateway.consent import history, holdings
from gateway.consent.grants import Grant, Moment
from gateway.consent.holding import Holding, grants_of
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


@MIGRATIONS()
def records(db: Database) -> None:
    """Records of the authority, changes made here, leases, the epoch and the history; a check for every grant."""
    db.execute("alter table consent_grant add column digest integer not null default 0")
    for row in db.execute(f"select given, {_COLUMNS} from consent_grant").fetchall():
        _sign(db, row)
    holdings.make(db)
    history.make(db)


class State(NamedTuple):
    """What the store says is granted. `damaged`: rows that are not believed, so that they allow nothing."""

    version: int
    grants: tuple[Grant, ...]
    damaged: int = 0


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
    """The version and what is granted; what is damaged, or this version does not understand, is left out, so denied.

    A subject to whom the authority or the guest said yes here is judged by that alone, not by the settings.
    """
    (version,) = db.execute("select version from consent_state").fetchone()
    held = list(holdings.all_held(db))
    found = [grant for one in held for grant in grants_of(one)]
    lost = sum(one.damaged for one in held)
    judged, known = {one.subject: one.closed_to_settings for one in held}, set(Purpose)
    for *row, digest in db.execute(
        f"select given, {_COLUMNS}, digest from consent_grant where given = 1 limit {GRANTS_MAX}"
    ):
        if digest != holdings.digest_of(*row):
            lost += 1
        elif row[2] in known and not judged.get(row[1], 0) >> row[2] & 1:
            found.append(_grant(*row[1:]))
    return State(version, tuple(found), lost)


def _grant(
    subject: int, purpose: int, valid_from: int, valid_until: int | None, record_id: str, *given: int | float
) -> Grant:
    moment = Moment(int(given[0]), float(given[1]), int(given[2]), bool(given[3]))
    return Grant(subject, Purpose(purpose), valid_from, valid_until, record_id, moment)


def _sign(db: sqlite3.Connection | Database, row: tuple[object, ...]) -> None:
    """Puts the check of a row of grants in its place."""
    db.execute(
        "update consent_grant set digest = ? where subject = ? and purpose = ?",
        (holdings.digest_of(*row), row[1], row[2]),
    )


def give(db: sqlite3.Connection, new: Iterable[Grant]) -> State:
    """Writes grants over those of the same subject and purpose; raises TooLarge when there would be too many."""
    for grant in new:
        given = grant.given
        if given is None:
            raise InputError("a grant is kept with the moment at which it was given")
        bounds = grant.valid_from_us, grant.valid_until_us, grant.record_id
        moment = given.wall_us, float(given.boottime_s), given.boot_id, int(given.trusted)
        row = 1, grant.subject, int(grant.purpose), *bounds, *moment
        db.execute(
            f"insert or replace into consent_grant(given, {_COLUMNS}, digest) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, holdings.digest_of(*row)),
        )
    (count,) = db.execute("select count(*) from consent_grant where given = 1").fetchone()
    if count > GRANTS_MAX:
        raise TooLarge(f"more than {GRANTS_MAX} grants")
    return raised(db)


def withdraw(db: sqlite3.Connection, subject: int, gone: PurposeSet) -> State:
    """Marks purposes as withdrawn, whether they were granted or not, whoever granted them."""
    for purpose in purposes_of(gone):
        key = subject, int(purpose)
        db.execute("update consent_grant set given = 0 where subject = ? and purpose = ?", key)
        where = "where subject = ? and purpose = ?"
        for row in db.execute(f"select given, {_COLUMNS} from consent_grant {where}", key).fetchall():
            _sign(db, row)
    held = holdings.held(db, subject)
    if held != Holding(subject):
        holdings.put(db, replace(held, denied=held.denied | gone))
    return raised(db)


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
    """After a rescue: no grant or record is believed, so all are denied; what says no and was not finished is kept."""
    found = holdings.salvage(damaged, db)
    for _, values in damaged.rows("consent_intent", 4):
        _, subject, purposes, digest = values
        if isinstance(subject, int) and isinstance(purposes, int) and digest == _digest(subject, purposes):
            note(db, subject, purposes)
            found += 1
    return found


def _digest(subject: int, purposes: PurposeSet) -> int:
    return crc32(f"{subject} {purposes}".encode())


def raised(db: sqlite3.Connection) -> State:
    """What is granted, under a new version."""
    db.execute("update consent_state set version = version + 1")
    return read(db)
