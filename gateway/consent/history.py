"""What a device did about consent, in a chain of hashes; must never hold more of a person than a handle."""

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from gateway.limits import CONSENT_HISTORY_MAX
from gateway.store import Database


class Entry(NamedTuple):
    """One line: when by the device's clock (microseconds since 1970 UTC), about whom, what, and the hash of it."""

    number: int
    at_us: int
    subject: int
    version: int
    what: str
    digest: str
    chain: str


def make(db: Database) -> None:
    """The table, in the migration of the ledger; only its oldest rows can be deleted, and none can be changed."""
    db.execute(
        "create table consent_history(number integer primary key, at_us integer not null, subject integer not null,"
        " version integer not null, what text not null, digest text not null, chain text not null)"
    )
    db.execute(
        "create trigger consent_history_stays before update on consent_history begin"
        " select raise(abort, 'the history of consent does not change'); end"
    )
    db.execute(
        "create trigger consent_history_ends before delete on consent_history when"
        f" old.number > (select max(number) - {CONSENT_HISTORY_MAX} from consent_history) begin"
        " select raise(abort, 'the history of consent does not shrink'); end"
    )


def note(db: sqlite3.Connection, at_us: int, subject: int, version: int, what: str, content: bytes) -> None:
    """Adds a line; the oldest make room beyond CONSENT_HISTORY_MAX."""
    last = db.execute("select number, chain from consent_history order by number desc limit 1").fetchone()
    number, before = (last[0] + 1, last[1]) if last else (1, "")
    digest = hashlib.sha256(content).hexdigest()
    row = number, at_us, subject, version, what, digest
    db.execute("insert into consent_history values(?, ?, ?, ?, ?, ?, ?)", (*row, _link(before, row)))
    db.execute("delete from consent_history where number <= ?", (number - CONSENT_HISTORY_MAX,))


def read(db: sqlite3.Connection) -> list[Entry]:
    """All lines, oldest first."""
    return [Entry(*row) for row in db.execute("select * from consent_history order by number")]


def broken(entries: Iterable[Entry]) -> int:
    """The number of the first line that was altered or follows a hole; 0 when the chain holds."""
    before: Entry | None = None
    for entry in entries:
        first = before is None and entry.number == 1
        if before is not None or first:
            linked = _link(before.chain if before else "", entry[:6])
            if entry.chain != linked or (before is not None and entry.number != before.number + 1):
                return entry.number
        before = entry
    return 0


def _link(before: str, row: tuple[object, ...]) -> str:
    return hashlib.sha256(f"{before}\n{row!r}".encode()).hexdigest()
