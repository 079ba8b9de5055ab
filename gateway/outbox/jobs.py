"""A job that collects until it begins to run; must never be added to afterwards."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.outbox.core import Core
from gateway.outbox.evict import Claims, release_claims
from gateway.store import Store

T = TypeVar("T")


class Collecting(Generic[T]):
    """Items that share a commit. `write` gets them all, on the writer thread, and may be called again."""

    def __init__(
        self, store: Store, write: Callable[[sqlite3.Connection, list[T]], None], delay_s: float, *, rides: bool
    ) -> None:
        self._store, self._write, self._delay_s, self._rides = store, write, delay_s, rides
        self._lock = threading.Lock()
        self._open: _Round[T] | None = None

    def add(self, item: T, future: "asyncio.Future[None] | None" = None) -> None:
        """The item joins the next round; `future` is resolved once that is durable. On the loop."""
        with self._lock:
            if self._open is None or self._open.closed:
                self._open = _Round(self._store, self._lock, self._write)
                self._store.schedule(self._open, self._delay_s, rides=self._rides)
            self._open.items.append(item)
            if future is not None:
                self._open.waiting.append(future)

    async def flush(self) -> None:
        """Returns once what was added before is durable, by a commit of its own if need be; raises its error."""
        one = self._open
        if one is None or one.over:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        one.waiting.append(future)
        with self._lock:
            if not one.closed:
                self._store.schedule(one)
        await future


class _Round(Generic[T]):
    def __init__(
        self, store: Store, lock: threading.Lock, write: Callable[[sqlite3.Connection, list[T]], None]
    ) -> None:
        self._store, self._lock, self._write = store, lock, write
        self.items: list[T] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.closed = self.over = False

    def run(self, db: sqlite3.Connection) -> None:
        """Writes what was collected."""
        with self._lock:
            self.closed = True
        self._store.withdraw(self)
        self._write(db, self.items)

    def done(self, error: Exception | None) -> None:
        """Answers all who still wait; a round that a dead store never ran is closed here."""
        with self._lock:
            self.closed = True
        self.over = True
        for future in self.waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


class Removing:
    """A job that removes bags by `work`, which reports how many; its claims end with its commit."""

    def __init__(self, core: Core, work: Callable[[sqlite3.Connection, Claims], int]) -> None:
        self._core, self._work = core, work
        self._claims: Claims = []
        self._removed = 0
        self.future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def run(self, db: sqlite3.Connection) -> None:
        """Removes."""
        self._removed = self._work(db, self._claims)

    def done(self, error: Exception | None) -> None:
        """Answers."""
        release_claims(self._core, self._claims)
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self._removed)
        else:
            self.future.set_exception(error)
