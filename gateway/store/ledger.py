"""Epoch and count of commits, kept in the store and beside it; must never let a store go on that lost commits."""

import secrets
import sqlite3
from binascii import crc32
from collections.abc import Callable
from contextlib import suppress

from gateway.store.damage import Damaged
from gateway.store.file import Ballast, Mark

_READ = "select epoch, state_check, n1, tally_check from store_state, tally where tally.id = 0"


def new_epoch() -> int:
    """63 random bits, never 0."""
    return secrets.randbits(62) | 1 << 62


def state_check(epoch: int, commits: int = 0) -> int:
    """CRC-32 of the epoch, with the count of commits where it stands beside it; both below 2^63."""
    return crc32(epoch.to_bytes(8, "big", signed=True) + commits.to_bytes(8, "big", signed=True))


class CommitLedger:
    """Vouches for the file: what it holds must be at least what was promised."""

    def __init__(self, mark: Mark, ballast: Ballast, open_db: Callable[[], sqlite3.Connection]) -> None:
        self._mark, self._ballast, self._open_db = mark, ballast, open_db
        self.epoch = 0
        self._commits = 0

    def found(self, db: sqlite3.Connection) -> None:
        """Reads the identity of a store; a new one gets its epoch. Raises Damaged when it cannot be trusted."""
        row = db.execute(_READ).fetchone()
        if row is None:
            raise Damaged("state")
        epoch, check, commits, tally_check = row
        if epoch == 0 and commits == 0:
            self.epoch = new_epoch()
            self._mark.write(self.epoch, 0)
            self._mark.sync()
            row = self.epoch, state_check(self.epoch)
            db.execute("update store_state set epoch = ?, state_check = ?", row)
            self._store(db, 0)
            return
        if check != state_check(epoch) or tally_check != state_check(epoch, commits):
            raise Damaged("state")
        known = self._mark.read()
        if known is not None and (known[0] != epoch or known[1] > commits):
            raise Damaged("behind_its_mark")
        self.epoch, self._commits = epoch, commits
        self._mark.write(epoch, commits)
        self._mark.sync()

    def count(self, db: sqlite3.Connection) -> None:
        """One commit more, inside its transaction."""
        self._store(db, self._commits + 1)

    def committed(self, db: sqlite3.Connection) -> bool:
        """Whether the transaction counted last is in the file."""
        return bool(db.execute("select n1 from tally where id = 0").fetchone()[0] == self._commits + 1)

    def advance(self) -> None:
        """The transaction counted last is in the file: it is marked. A mark that cannot be written falls behind."""
        self._commits += 1
        with suppress(OSError):
            self._mark.write(self.epoch, self._commits)

    def relieve(self) -> None:
        """The disk is full: the ballast goes, and comes back with the next open."""
        self._ballast.free()

    def reconnect(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """A fresh connection to the same file, if it still holds every commit that was promised."""
        new = self._open_db()
        checks = state_check(self.epoch), state_check(self.epoch, self._commits)
        if new.execute(_READ).fetchone() != (self.epoch, checks[0], self._commits, checks[1]):
            new.close()
            raise Damaged("lost_commits")
        db.close()
        return new

    def _store(self, db: sqlite3.Connection, commits: int) -> None:
        row = commits, state_check(self.epoch, commits)
        db.execute("update tally set n1 = ?, tally_check = ? where id = 0", row)
