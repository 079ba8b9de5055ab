"""The files of a store: names, creation to full size, ballast, mark, lock; must never change a row of another room.

store.db        pre-grown to its budget, so that a full disk later changes nothing
store.db-wal    reserved to its working size; SQLite removes it at a clean close
store.mark      epoch and commit count outside SQLite: tells a store that lost commits or was restored from a copy
store.lock      held while a process has the store open
ballast         as large as WAL and index; freed before opening, so that a full disk does not keep the store shut
doubted         the boot in which the store was condemned on the cloud's word, once per boot or six hours
condemned       present: the store was found damaged while running, the next open rescues it
damaged/        the files of the last rescue, kept for whoever wants to look
"""

import contextlib
import fcntl
import os
import sqlite3
from binascii import crc32
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from gateway.errors import StoreError, StoreFull
from gateway.limits import PAGE_BYTES
from gateway.log import Log
from gateway.store.budget import wal_frames

_log = Log("store")
_MARK = Struct(">QQ")
_FRAME_BYTES = PAGE_BYTES + 24
_INDEX_BYTES = 32_768
_BALLAST_BYTES_MIN = 131_072
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_PAD_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of one store."""

    folder: Path

    @property
    def db(self) -> Path:
        """The database."""
        return self.folder / "store.db"

    @property
    def wal(self) -> Path:
        """Its write-ahead log."""
        return self.folder / "store.db-wal"

    @property
    def mark(self) -> Path:
        """Epoch and commit count beside the database."""
        return self.folder / "store.mark"

    @property
    def ballast(self) -> Path:
        """Room for WAL and index."""
        return self.folder / "ballast"

    @property
    def condemned(self) -> Path:
        """Says why the next open must rescue."""
        return self.folder / "condemned"

    @property
    def doubted(self) -> Path:
        """Boot in which the cloud was believed last when it said that the store goes on from an old copy."""
        return self.folder / "doubted"

    @property
    def pending(self) -> Path:
        """Present while a damaged store was set aside and the new one is not made yet."""
        return self.aside / "pending"

    @property
    def aside(self) -> Path:
        """Where a damaged store is kept."""
        return self.folder / "damaged"


def connect(path: Path, *, checkpoint_pages: int = 0) -> sqlite3.Connection:
    """A connection that reads; that of the writer thread, which also checkpoints, tells after how many pages."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    settings = ["synchronous=full", "cell_size_check=on", "trusted_schema=off", "temp_store=memory", "cache_size=-4000"]
    settings += [f"wal_autocheckpoint={checkpoint_pages}"] + ([] if checkpoint_pages else ["query_only=on"])
    for setting in settings:
        db.execute(f"pragma {setting}")
    return db


def inspect_only(folder: Path) -> sqlite3.Connection:
    """A read-only connection beside a running agent; raises StoreError when there is no store."""
    path = Files(folder).db
    if not path.is_file():
        raise StoreError(f"no store in {folder}")
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    db.execute("pragma query_only=on")
    return db


def create(path: Path, pages: int) -> None:
    """A new database of `pages` pages, nearly all of them free; raises StoreFull when the disk has no room for it."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    db = sqlite3.connect(new, isolation_level=None)
    try:
        for setting in (f"page_size={PAGE_BYTES}", "journal_mode=off", "synchronous=off"):
            db.execute(f"pragma {setting}")
        db.execute("create table pad(content blob)")
        db.execute("insert into pad values(zeroblob(?))", (max(0, pages - 10) * PAGE_BYTES,))
        db.execute("drop table pad")
        db.execute("pragma journal_mode=wal")
    except sqlite3.OperationalError as error:
        db.close()
        new.unlink(missing_ok=True)
        raise StoreFull(f"the disk has no room for a store of {pages * PAGE_BYTES} bytes: {error}") from error
    db.close()
    sync_file(new)
    new.rename(path)
    sync_folder(path.parent)


def grow(db: sqlite3.Connection, pages: int) -> None:
    """Grows an existing store to a larger budget, in steps that fit the WAL; a crash in between only wastes time."""
    if db.execute("pragma page_count").fetchone()[0] >= pages - 10:
        return
    db.execute("create table if not exists store_pad(content blob)")
    with contextlib.suppress(sqlite3.OperationalError):  # the disk is full: the store grows later, if it can
        while db.execute("pragma page_count").fetchone()[0] < pages - 10 - _PAD_BYTES // PAGE_BYTES:
            db.execute("insert into store_pad values(zeroblob(?))", (_PAD_BYTES,))
    db.execute("drop table store_pad")


def check_header(path: Path) -> str | None:
    """What is wrong with the file at first sight, or None; costs one read."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        size = os.fstat(file.fileno()).st_size
    if len(head) < _HEADER_BYTES or head[:16] != _MAGIC:
        return "header"
    if int.from_bytes(head[16:18], "big") != PAGE_BYTES or size % PAGE_BYTES:
        return "page_size"
    return "truncated" if size < int.from_bytes(head[28:32], "big") * PAGE_BYTES else None


class Ballast:
    """Disk space kept for WAL and index."""

    def __init__(self, files: Files, pages: int) -> None:
        self._files = files
        self._wal_bytes = 32 + _FRAME_BYTES * wal_frames(pages)

    def free(self) -> None:
        """Before the store is opened."""
        self._files.ballast.unlink(missing_ok=True)

    def reserve_wal(self) -> None:
        """Gives the WAL its working size; SQLite reads zeros as its end."""
        fd = os.open(self._files.wal, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(fd).st_size < self._wal_bytes:
                os.posix_fallocate(fd, 0, self._wal_bytes)
        except OSError as error:
            _log.warning("wal_not_reserved", error=error.strerror)
        finally:
            os.close(fd)

    def take(self) -> None:
        """Keeps room for the next open, as much as there is; a disk that is full already is no reason to fail."""
        size = self._wal_bytes + _INDEX_BYTES
        while size >= _BALLAST_BYTES_MIN:
            try:
                fd = os.open(self._files.ballast, os.O_RDWR | os.O_CREAT, 0o600)
                try:
                    os.posix_fallocate(fd, 0, size)
                finally:
                    os.close(fd)
            except OSError as error:
                self._files.ballast.unlink(missing_ok=True)
                size //= 2
                if size < _BALLAST_BYTES_MIN:
                    _log.warning("ballast_not_taken", error=error.strerror)
            else:
                return


class Mark:
    """Epoch and commit count beside the store, overwritten after each commit and synced at each open only.

    So it may fall behind in a power loss, and never runs ahead. A store behind its mark lost commits that were promised
    (damage, an old copy): its numbers cannot be trusted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = os.open(folder / "store.mark", os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(self._fd, 0, _MARK.size + 4)  # so that it can be written on a full disk

    def read(self) -> tuple[int, int] | None:
        """Epoch and commits; None when it is damaged; (0, 0) when it is new."""
        raw = os.pread(self._fd, _MARK.size + 4, 0)
        return mark_of(raw) if any(raw) else (0, 0)

    def write(self, epoch: int, commits: int) -> None:
        """One small write into the page cache."""
        body = _MARK.pack(epoch, commits)
        os.pwrite(self._fd, body + crc32(body).to_bytes(4, "big"), 0)

    def sync(self) -> None:
        """Waits until the mark is on the disk, its name included."""
        os.fsync(self._fd)
        sync_folder(self._folder)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._fd)


def mark_of(raw: bytes) -> tuple[int, int] | None:
    """Epoch and commits of the bytes of a mark; None when they are damaged."""
    body, check = raw[: _MARK.size], raw[_MARK.size :]
    if len(raw) != _MARK.size + 4 or crc32(body) != int.from_bytes(check, "big"):
        return None
    epoch, commits = _MARK.unpack(body)
    return epoch, commits


class Lock:
    """Held by the one process that has the store open; raises StoreError when another holds it."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise StoreError(f"another process has the store in {folder} open") from error

    def close(self) -> None:
        """Lets others open the store."""
        os.close(self._fd)


def sync_file(path: Path) -> None:
    """Waits until the content of a file is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
