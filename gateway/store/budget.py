"""Arithmetic of pages; must never touch a row."""

import sqlite3
from dataclasses import dataclass

from gateway.limits import PAGE_BYTES, STORE_BYTES_MIN, WAL_PAGES_MAX

_LEAF_BYTES = PAGE_BYTES - 8
_LOCAL_MAX = PAGE_BYTES - 35
_LOCAL_MIN = (PAGE_BYTES - 12) * 32 // 255 - 23
_CHAIN_BYTES = PAGE_BYTES - 4


def pages_of(bytes_max: int) -> int:
    """Pages of a budget in bytes, at least the smallest that works."""
    return max(bytes_max, STORE_BYTES_MIN) // PAGE_BYTES


def checkpoint_pages(pages: int) -> int:
    """After how many pages in the write-ahead log they are written back: few, since a reader may hold up a restart."""
    return max(32, min(WAL_PAGES_MAX, pages // 16))


def wal_frames(pages: int) -> int:
    """Pages that the write-ahead log holds in daily work: those before a checkpoint, and two large commits."""
    return 64 + 3 * checkpoint_pages(pages)


def row_bytes(payload: int) -> int:
    """Bytes of the file a row of `payload` bytes takes in a table that grows at its end (SQLite file format, 1.6)."""
    if payload <= _LOCAL_MAX:
        return PAGE_BYTES // max(1, _LEAF_BYTES // (payload + 12))
    local = _LOCAL_MIN + (payload - _LOCAL_MIN) % _CHAIN_BYTES
    if local > _LOCAL_MAX:
        local = _LOCAL_MIN
    chain = -(-(payload - local) // _CHAIN_BYTES)
    return chain * PAGE_BYTES + PAGE_BYTES // max(1, _LEAF_BYTES // (local + 16))


@dataclass(frozen=True, slots=True)
class Budget:
    """How many pages the store may have."""

    pages: int

    def free_pages(self, db: sqlite3.Connection) -> int:
        """Pages that rows may still take, as SQLite counts them in this transaction; costs two reads of page 1."""
        used: int = db.execute("pragma page_count").fetchone()[0]
        spare: int = db.execute("pragma freelist_count").fetchone()[0]
        return self.pages - used + spare
