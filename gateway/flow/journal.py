"""The journal that makes a command run at most once, kept in the store; must never run or answer one."""

import sqlite3
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from gateway.flow.schema import signed, unsigned
from gateway.limits import COMMANDS_KEPT_MAX
from gateway.log import Log
from gateway.store import DamagedStore, Store

log = Log("flow")

INTERRUPTED = "interrupted"
REPLAYED = "replayed"
LOST = "journal_lost"
BUSY = "busy"
_FLOOR = "command_floor"
_SINCE = "command_since_us"
_UNKNOWN_US = 1 << 62
"""Stands for the moment of a rescue whose clock could not be believed: no command is younger than it."""
_COLUMNS = "id, counter, kind, not_after_us, body, stage, reason, result, told"


class Stage(IntEnum):
    """How far a command is; numbers equal those of forecourt.v1.CommandStage."""

    NONE = 0
    ACCEPTED = 1
    RUNNING = 2
    DONE = 3
    FAILED = 4

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {Stage.DONE, Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the journal. `told` is the stage that was answered last, durably."""

    id: int
    counter: int
    kind: str
    not_after_us: int
    body: bytes
    stage: Stage
    reason: str = ""
    result: bytes = b""
    told: Stage = Stage.NONE


class Now(NamedTuple):
    """What the clock shows, and whether it is to be believed."""

    wall_us: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """What the journal says of a command that came: `entry` is new, or known already (then `again`)."""

    entry: Entry
    again: bool


class Journal:
    """The table of commands. Every change is durable when its call returns; raises StoreError when it is not."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, now: Now) -> list[Entry]:
        """Ends what an earlier process was running, and returns everything that is open or not yet answered.

        When the store had to be rescued, no command issued before now may run: nobody knows which did. Where the clock
        is in doubt, that is before the first moment at which it is not.
        """

        def lost(_: DamagedStore, db: sqlite3.Connection) -> None:
            _set(db, _SINCE, now.wall_us if now.trusted else _UNKNOWN_US)

        def begin(db: sqlite3.Connection) -> list[Entry]:
            db.execute(
                "update flow_command set stage = ?, reason = ?, body = x'' where stage = ?",
                (Stage.FAILED, INTERRUPTED, Stage.RUNNING),
            )
            rows = db.execute(
                f"select {_COLUMNS} from flow_command where stage < ? or told != stage order by counter", (Stage.DONE,)
            )
            return [_entry(row) for row in rows]

        await self._store.salvage("flow", lost)
        return await self._store.write(begin)

    async def admit(self, entry: Entry, issued_us: int, open_max: int, now: Now, *, safe: bool = False) -> Admission:
        """Writes a command down, as accepted or as refused with its reason, unless it is known or may not be new.

        One that is `safe` may run a second time, so a journal that was lost does not hinder it.
        """

        def write(db: sqlite3.Connection) -> Admission:
            row = db.execute(f"select {_COLUMNS} from flow_command where id = ?", (signed(entry.id),)).fetchone()
            if row is not None:
                return Admission(_entry(row), again=True)
            floor = _get(db, _FLOOR)
            used = db.execute("select 1 from flow_command where counter = ?", (entry.counter,)).fetchone()
            if entry.counter <= floor or used is not None:
                return Admission(_refused(entry, REPLAYED), again=True)
            if db.execute("select count(*) from flow_command").fetchone()[0] >= 2 * COMMANDS_KEPT_MAX:
                return Admission(_refused(entry, BUSY), again=True)
            new = entry
            if issued_us <= _since(db, now) and not safe:
                new = _refused(entry, LOST)
            elif not new.stage.final:
                running = db.execute("select count(*) from flow_command where stage < ?", (Stage.DONE,)).fetchone()[0]
                new = _refused(entry, BUSY) if running >= open_max else entry
            db.execute(
                f"insert into flow_command({_COLUMNS}) values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(signed(new.id), new.counter, new.kind, new.not_after_us, b"" if new.stage.final else new.body),
                    *(new.stage, new.reason, new.result, Stage.NONE),
                ),
            )
            _prune(db)
            return Admission(new, again=False)

        return await self._store.write(write)

    async def running(self, entry: Entry) -> bool:
        """From here on the command is never begun again; False when it was begun before."""
        update = "update flow_command set stage = ? where id = ? and stage = ?"
        values = (Stage.RUNNING, signed(entry.id), Stage.ACCEPTED)
        return await self._store.write(lambda db: db.execute(update, values).rowcount) == 1

    async def finished(self, entry: Entry) -> None:
        """The end of a command with its reason and result."""
        update = "update flow_command set stage = ?, reason = ?, result = ?, body = x'' where id = ?"
        values = (entry.stage, entry.reason, entry.result, signed(entry.id))
        await self._store.write(lambda db: db.execute(update, values).rowcount)

    async def told(self, entry: Entry, stage: Stage) -> None:
        """The answer of a stage is durable in the control stream."""
        update = "update flow_command set told = ? where id = ? and told < ?"
        await self._store.write(lambda db: db.execute(update, (stage, signed(entry.id), stage)).rowcount)


def _refused(entry: Entry, reason: str) -> Entry:
    return Entry(entry.id, entry.counter, entry.kind, entry.not_after_us, b"", Stage.FAILED, reason)


def _entry(row: tuple[int, int, str, int, bytes, int, str, bytes, int]) -> Entry:
    number, counter, kind, not_after_us, body, stage, reason, result, told = row
    return Entry(unsigned(number), counter, kind, not_after_us, body, Stage(stage), reason, result, Stage(told))


def _get(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("select value from flow_state where name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def _set(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("insert into flow_state values(?, ?) on conflict do update set value = excluded.value", (name, value))


def _since(db: sqlite3.Connection, now: Now) -> int:
    """Commands issued up to this moment may have run in a store that is lost; fixed once the clock can be believed."""
    since = _get(db, _SINCE)
    if since == _UNKNOWN_US and now.trusted:
        since = now.wall_us
        _set(db, _SINCE, since)
    return since


def _prune(db: sqlite3.Connection) -> None:
    """Keeps the newest commands; one that is not kept can never come again, since its counter is below the floor."""
    count = db.execute("select count(*) from flow_command").fetchone()[0]
    if count <= COMMANDS_KEPT_MAX:
        return
    row = db.execute(
        "delete from flow_command where id = (select id from flow_command where stage >= ? and told = stage"
        " order by counter limit 1) returning counter",
        (Stage.DONE,),
    ).fetchone()
    if row is not None:
        _set(db, _FLOOR, max(row[0], _get(db, _FLOOR)))
