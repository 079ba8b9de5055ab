"""What was erased stays erased: a ledger beside the database, replayed after a restore; must never forget a recipient.

A line of `erasures.jsonl` is written and synced before the database changes, and names all lines before it. A database
that is restored from a backup is behind the ledger: what it brought back is erased again before anything is served.
Every recipient that was given the data is told until it has answered (GDPR Art. 19), each with a status.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.cloud.schema import signed, unsigned
from gateway.errors import StoreError
from gateway.model import PurposeSet

_SCRIPT = """
create table if not exists erasure (n integer primary key, at_us integer not null, subject integer not null, purposes
    integer not null, events integer not null);
create table if not exists erasure_told (n integer not null, recipient text not null, tries integer not null default 0,
    told_us integer, primary key (n, recipient)) without rowid
"""


class Recipient(Protocol):
    """A system that was given data: a customer data platform, a mailing tool."""

    @property
    def name(self) -> str:
        """What it is called in the record of processing."""
        ...

    async def erase(self, subject: int, purposes: PurposeSet) -> None:
        """Returns when the recipient has confirmed; raises otherwise, and is asked again."""
        ...


class Entry(NamedTuple):
    """An erasure. `n` counts from 1 without holes."""

    n: int
    at_us: int
    subject: int
    purposes: PurposeSet


class ErasureLedger:
    """The file. Only `append` writes; a line that a power cut left half is cut off by the next opening."""

    def __init__(self, path: Path) -> None:
        """Reads the file, or makes it; raises StoreError when it was altered."""
        self.path = path
        self._before, self._last = "", 0
        whole = 0
        for entry, digest, end in self._lines():
            self._before, self._last, whole = digest, entry.n, end
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, whole)
        os.lseek(self._fd, 0, os.SEEK_END)

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        return self._last

    def append(self, at_us: int, subject: int, purposes: PurposeSet) -> Entry:
        """One more, on disk when this returns; raises StoreError when the disk refuses."""
        entry = Entry(self._last + 1, at_us, subject, purposes)
        digest = _digest(self._before, entry)
        line = json.dumps({**entry._asdict(), "digest": digest}, separators=(",", ":")) + "\n"
        try:
            os.write(self._fd, line.encode())
            os.fsync(self._fd)
        except OSError as error:
            raise StoreError(f"the ledger of erasures cannot be written: {error.strerror}") from error
        self._before, self._last = digest, entry.n
        return entry

    def after(self, n: int) -> list[Entry]:
        """The entries behind number `n`."""
        return [entry for entry, _, _ in self._lines() if entry.n > n]

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._fd)

    def _lines(self) -> Iterator[tuple[Entry, str, int]]:
        """Entry, digest, and where its line ends in bytes."""
        before, end = "", 0
        raw = self.path.read_bytes() if self.path.exists() else b""
        for number, line in enumerate(raw.splitlines(keepends=True), 1):
            end += len(line)
            try:
                found = json.loads(line)
                entry, digest = Entry(found["n"], found["at_us"], found["subject"], found["purposes"]), found["digest"]
            except (ValueError, KeyError, TypeError):
                if end == len(raw):
                    return  # cut in the middle of its write: it was never promised
                raise StoreError(f"{self.path}: line {number} cannot be read") from None
            if entry.n != number or digest != _digest(before, entry) or not line.endswith(b"\n"):
                if end == len(raw) and not line.endswith(b"\n"):
                    return
                raise StoreError(f"{self.path}: line {number} was altered, or one before it is missing")
            before = digest
            yield entry, digest, end


class Erasures:
    """What is to be erased, in the sink at once and with every recipient in time; on the inbox's thread."""

    def __init__(
        self,
        db: sqlite3.Connection,
        ledger: ErasureLedger,
        erase: Callable[[sqlite3.Connection, int, PurposeSet], int],
        recipients: tuple[str, ...],
    ) -> None:
        self._db, self._ledger, self._erase, self._recipients = db, ledger, erase, recipients
        for statement in _SCRIPT.split(";"):
            db.execute(statement)

    def replay(self) -> int:
        """After a restore: erases again what the ledger knows and this database does not; how many entries.

        Begins and ends its own transaction.
        """
        (known,) = self._db.execute("select coalesce(max(n), 0) from erasure").fetchone()
        entries = self._ledger.after(known)
        if known > self._ledger.last:
            raise StoreError(f"{self._ledger.path} is behind the database: put the newest one beside it")
        self._db.execute("begin immediate")
        try:
            for entry in entries:
                self._carry_out(entry)
            self._db.execute("commit")
        except BaseException:
            self._db.execute("rollback")
            raise
        return len(entries)

    def erase(self, at_us: int, subject: int, purposes: PurposeSet) -> int:
        """Erases in the sink, and notes it for the recipients; how many events. In the caller's transaction.

        Written to the ledger first: if the transaction fails, the entry is carried out by the next replay.
        """
        return self._carry_out(self._ledger.append(at_us, subject, purposes))

    def untold(self) -> list[tuple[Entry, str]]:
        """Whom to tell of what, oldest first."""
        rows = self._db.execute(
            "select e.n, e.at_us, e.subject, e.purposes, t.recipient from erasure e join erasure_told t on t.n = e.n"
            " where t.told_us is null order by e.n"
        )
        return [(Entry(n, at_us, unsigned(subject), purposes), name) for n, at_us, subject, purposes, name in rows]

    def told(self, n: int, recipient: str, at_us: int | None) -> None:
        """A recipient was asked: it confirmed at `at_us`, or not."""
        self._db.execute(
            "update erasure_told set tries = tries + 1, told_us = ? where n = ? and recipient = ?",
            (at_us, n, recipient),
        )

    def status(self, subject: int) -> list[tuple[int, str, int, int | None]]:
        """(entry, recipient, tries, confirmed at) for each erasure of a subject."""
        return self._db.execute(
            "select t.n, t.recipient, t.tries, t.told_us from erasure e join erasure_told t on t.n = e.n"
            " where e.subject = ? order by 1, 2",
            (signed(subject),),
        ).fetchall()

    def _carry_out(self, entry: Entry) -> int:
        events = self._erase(self._db, entry.subject, entry.purposes)
        row = entry.n, entry.at_us, signed(entry.subject), entry.purposes, events
        self._db.execute("insert or ignore into erasure values(?, ?, ?, ?, ?)", row)
        self._db.executemany(
            "insert or ignore into erasure_told(n, recipient) values(?, ?)",
            [(entry.n, name) for name in self._recipients],
        )
        return events


def _digest(before: str, entry: Entry) -> str:
    return hashlib.sha256(f"{before}\n{entry.n}\n{entry.at_us}\n{entry.subject}\n{entry.purposes}".encode()).hexdigest()
