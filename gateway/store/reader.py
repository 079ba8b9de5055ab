"""The one thread that reads, each time in one transaction; must never write or keep a transaction open."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gateway.errors import Closed
from gateway.store.damage import as_store_error
from gateway.store.file import connect

T = TypeVar("T")


class Reader:
    """A connection that cannot write, on a thread of its own."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor) -> None:
        self._path, self._thread = path, thread
        self._db: sqlite3.Connection | None = None
        self._closed = False

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `fn` on one snapshot; SQLite's errors come as StoreError."""
        if self._closed:
            raise Closed("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, fn)

    async def aclose(self) -> None:
        """Ends after the reads that were asked for."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._db is None:
                self._db = connect(self._path)
            self._db.execute("begin")
            try:
                return fn(self._db)
            finally:
                if self._db.in_transaction:
                    self._db.execute("rollback")
        except sqlite3.Error as error:
            self._close()
            raise as_store_error(error) from error

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
