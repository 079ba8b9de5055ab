"""From files to a store that can be trusted: create, check, migrate, rescue; must never run on the loop."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import StoreError
from gateway.limits import PAGE_BYTES
from gateway.store.budget import checkpoint_pages
from gateway.store.damage import Damaged, as_store_error, is_damage
from gateway.store.file import Ballast, Files, Lock, Mark, check_header, connect, create, grow
from gateway.store.ledger import CommitLedger
from gateway.store.migrate import MigrationSet, migrate
from gateway.store.rescue import DamagedStore, drop_files, into_memory, set_aside

_MEMORY = Path("/dev/shm")  # noqa: S108 - SQLite makes its journals there under random names


@dataclass(frozen=True, slots=True)
class Opened:
    """What an open store holds."""

    files: Files
    db: sqlite3.Connection
    ledger: CommitLedger
    mark: Mark
    lock: Lock
    ballast: Ballast
    rescued: bool
    damaged: DamagedStore | None
    created: bool

    def close(self) -> None:
        """After the connections are closed: what the WAL took is kept for the next open."""
        with suppress(OSError):
            self.ballast.take()
            self.mark.close()
            self.lock.close()


def open_file(folder: Path, pages: int, sets: Sequence[MigrationSet]) -> Opened:
    """Opens the store of `folder`; a damaged one is set aside and a new one made in its place."""
    _keep_journals_in_memory()
    files = Files(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(folder)
    except OSError as error:
        raise StoreError(f"the folder of the store cannot be used: {error}") from error
    try:
        why = _rescue_begun(files)
        if why is None:
            try:
                return _open(files, pages, sets, lock, rescued=False)
            except (sqlite3.Error, StoreError) as error:
                if not is_damage(error):
                    raise
                why = str(error)
        if files.pending.exists():  # killed while the new store was made: that one holds nothing yet
            drop_files(files)
        else:
            set_aside(files, why)
        return _open(files, pages, sets, lock, rescued=True)
    except BaseException as error:
        lock.close()
        if isinstance(error, sqlite3.Error):
            raise as_store_error(error) from error
        if isinstance(error, OSError):
            raise StoreError(f"the disk fails: {error}") from error
        raise


def _rescue_begun(files: Files) -> str | None:
    if files.condemned.exists():
        return files.condemned.read_text("utf-8", errors="replace")
    return "interrupted" if files.pending.exists() else None


def _open(files: Files, pages: int, sets: Sequence[MigrationSet], lock: Lock, *, rescued: bool) -> Opened:
    ballast = Ballast(files, pages)
    ballast.free()
    damaged = into_memory(files, (pages + 1_024) * PAGE_BYTES) if rescued else None
    new = not files.db.exists()
    if new:
        create(files.db, pages)
    elif wrong := check_header(files.db):
        raise Damaged(wrong)
    mark = Mark(files.folder)
    db = _connection(files.db, pages)
    try:
        db.execute("select count(*) from sqlite_master").fetchone()
        ballast.reserve_wal()
        migrate(db, sets)
        ledger = CommitLedger(mark, ballast, lambda: _connection(files.db, pages))
        db.execute("begin immediate")
        ledger.found(db)
        if rescued:
            db.execute("update store_state set aside = ?", (files.aside.name,))
        db.execute("commit")
        files.pending.unlink(missing_ok=True)
        grow(db, pages)
        ballast.take()
    except BaseException:
        db.close()
        mark.close()
        raise
    return Opened(files, db, ledger, mark, lock, ballast, rescued, damaged, new)


def _connection(path: Path, pages: int) -> sqlite3.Connection:
    db = connect(path, checkpoint_pages=checkpoint_pages(pages))
    db.execute(f"pragma max_page_count={pages}")
    return db


def _keep_journals_in_memory() -> None:
    """SQLite spills journals of large savepoints into temporary files: those must not need the disk that is full."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK):
        os.environ.setdefault("SQLITE_TMPDIR", str(_MEMORY))
