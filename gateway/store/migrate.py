"""Schema by steps, each in one transaction with its record; must never run a step twice or half."""

import sqlite3
from binascii import crc32
from collections.abc import Callable, Sequence

from gateway.errors import StoreTooNew
from gateway.store.damage import Damaged
from gateway.store.ledger import state_check
from gateway.store.toolkit import Database, Migrations

MigrationSet = Migrations
"""The steps of one room. Steps are only ever added at the end, and never renamed."""

_schema = MigrationSet("store")


@_schema()
def state(db: Database) -> None:
    """Identity of the store, the count of its commits, and the rooms that are done with a rescue."""
    db.execute(
        "create table store_state(id integer primary key check (id = 1), epoch integer not null,"
        " commits integer not null, state_check integer not null, steps_check integer not null, aside text not null)"
    )
    db.execute("insert into store_state values(1, 0, 0, 0, 0, '')")
    db.execute("create table store_salvage(room text primary key) without rowid")


@_schema()
def tally(db: Database) -> None:
    """Counts that change with most commits share a page: row 0 counts the commits, the others are those of rooms."""
    numbers = ", ".join(f"n{number} integer not null default 0" for number in range(1, 10))
    db.execute(f"create table tally(id integer primary key, {numbers}, tally_check integer not null)")
    db.execute("insert into tally(id, n1, tally_check) select 0, commits, state_check from store_state")
    db.execute("alter table store_state drop column commits")
    (epoch,) = db.execute("select epoch from store_state").fetchone()
    db.execute("update store_state set state_check = ?", (state_check(epoch),))


def migrate(db: sqlite3.Connection, sets: Sequence[MigrationSet]) -> None:
    """Applies what is missing; raises StoreTooNew for steps of a later version, Damaged when the record was altered."""
    database = Database(db)
    every = [_schema, *sets]
    recorded = _recorded(db)
    if recorded and _steps_check(db) != _digest(db, recorded):
        raise Damaged("schema")
    if strange := {name.split(".", 1)[0] for name in recorded} - {one.name for one in every}:
        raise StoreTooNew(f"the store was written by a newer version: it has {', '.join(sorted(strange))}")
    for one in every:
        unknown = {step.name for step in one.applied(database)} - _names(one)
        if unknown:
            raise StoreTooNew(
                f"the store was written by a newer version: {one.name} knows no {', '.join(sorted(unknown))}"
            )
    for one in every:
        if one.pending(database):
            _guarded(one, database).apply(database)


def _guarded(source: MigrationSet, database: Database) -> MigrationSet:
    """The pending steps of `source`, each of which also writes the digest of all records, its own included."""
    guarded = MigrationSet(source.name)
    for step in source.pending(database):
        guarded(name=step.name)(_with_digest(source.name, step.name, step.fn))
    return guarded


def _with_digest(room: str, name: str, change: Callable[[Database], None]) -> Callable[[Database], None]:
    def step(database: Database) -> None:
        change(database)
        digest = _digest(database.conn, [*_recorded(database.conn), f"{room}.{name}"])
        database.conn.execute("update store_state set steps_check = ?", (digest,))

    return step


def _names(one: MigrationSet) -> set[str]:
    nothing = Database(memory=True)
    try:
        return {step.name for step in one.pending(nothing)}
    finally:
        nothing.close()


def _recorded(db: sqlite3.Connection) -> list[str]:
    if not db.execute("select 1 from sqlite_master where name = '_sqlite_migrations'").fetchone():
        return []
    return [name for (name,) in db.execute("select migration_set || '.' || name from _sqlite_migrations")]


def _steps_check(db: sqlite3.Connection) -> int:
    row = db.execute("select steps_check from store_state").fetchone()
    return int(row[0]) if row else -1


def _digest(db: sqlite3.Connection, names: Sequence[str]) -> int:
    """CRC-32 over the names of all steps and the text of the schema: a flipped bit there is damage, not a mistake."""
    query = "select type, name, tbl_name, coalesce(sql, '') from sqlite_master where name <> 'store_pad' order by name"
    parts = [*sorted(names), *("\t".join(row) for row in db.execute(query))]
    return crc32("\n".join(parts).encode())
