"""The store: one file, one writer thread, one reader thread; must never know what a row means."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.limits import DOUBT_AGAIN_S, PAGE_BYTES, STORE_BYTES_DEFAULT
from gateway.log import Log
from gateway.store.budget import Budget, pages_of
from gateway.store.damage import Damaged, is_damage
from gateway.store.migrate import MigrationSet
from gateway.store.opening import Opened, open_file
from gateway.store.reader import Reader
from gateway.store.rescue import OLD_COPY, DamagedStore
from gateway.store.writer import Job, Writer

T = TypeVar("T")
_log = Log("store")


class _Call:
    """A job that calls a function once and hands its result over."""

    def __init__(self, fn: Callable[[sqlite3.Connection], T], future: "asyncio.Future[T]") -> None:
        self._fn, self._future = fn, future
        self._result: object = None

    def run(self, db: sqlite3.Connection) -> None:
        """Calls the function."""
        self._result = self._fn(db)

    def done(self, error: Exception | None) -> None:
        """Answers who waits, if anybody still does."""
        if self._future.done():
            return
        if error is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(self._result)  # type: ignore[arg-type]


class Store:
    """An open store. Made by `Store.open`."""

    def __init__(self, opened: Opened, clock: Clock, thread: ThreadPoolExecutor, budget: Budget) -> None:
        self._opened, self._thread = opened, thread
        self.clock, self.budget = clock, budget
        self.folder: Path = opened.files.folder
        self.epoch: int = opened.ledger.epoch
        self.rescued: bool = opened.rescued
        self.created: bool = opened.created
        self.on_commit: list[Callable[[], None]] = []
        self.on_durable: list[Callable[[sqlite3.Connection], None]] = []
        self.on_fatal: list[Callable[[Exception], None]] = []
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(opened.files.db, thread)
        self._writer = Writer(
            opened.db, opened.ledger, durable=self._durable, finish=self._finish, dead=self._dead_in_thread
        )

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        clock: Clock,
        bytes_max: int = STORE_BYTES_DEFAULT,
        migrations: Sequence[MigrationSet] = (),
    ) -> "Store":
        """Opens, creates or rescues the store of `folder`.

        Raises StoreTooNew for a store of a later version, StoreFull when the disk cannot hold `bytes_max` for a new
        one, StoreError when another process has it open or the disk fails.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        budget = Budget(pages_of(bytes_max))
        loop = asyncio.get_running_loop()
        try:
            opened = await loop.run_in_executor(thread, open_file, folder, budget.pages, migrations)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        _log.info("store_open", bytes=budget.pages * PAGE_BYTES, rescued=opened.rescued)
        return cls(opened, clock, thread, budget)

    def schedule(
        self, job: Job, delay_s: float = 0.0, *, rides: bool = False, prepare: Callable[[], bool] | None = None
    ) -> None:
        """The job joins the first commit at or after its time; scheduled again it only moves forward. Any thread.

        A job that `rides` joins any commit before its time as well, and runs before the jobs whose time has come.
        `prepare` does a slice of work before the commit, on the writer thread, and says whether some is left; commits
        of others go between two slices.
        """
        self._writer.schedule(job, delay_s, rides=rides, prepare=prepare)

    def withdraw(self, job: Job) -> None:
        """The job is not to run (again); for a job that closes itself as it begins to run. Any thread."""
        self._writer.withdraw(job)

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `fn`, once what it wrote is durable; it shares the next commit and may be called twice."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.schedule(_Call(fn, future))
        return await future

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `fn` on one snapshot, on the reader thread. Damage that it meets condemns the store."""
        try:
            return await self._reader.read(fn)
        except StoreError as error:
            if is_damage(error):
                await self.condemn(str(error))
            raise

    async def damaged(self, room: str) -> DamagedStore | None:
        """After a rescue the store that was set aside, until `room` has saved its rows (for saving in steps)."""
        folder, kept = self._opened.files.aside, self._opened.damaged

        def look(db: sqlite3.Connection) -> DamagedStore | None:
            if db.execute("select 1 from store_salvage where room = ?", (room,)).fetchone():
                return None
            if not db.execute("select aside from store_state").fetchone()[0]:
                return None
            return kept or (DamagedStore(folder) if folder.is_dir() else None)

        return await self.read(look)

    async def salvage(self, room: str, fn: Callable[[DamagedStore, sqlite3.Connection], T]) -> T | None:
        """After a rescue: what `fn` saved for `room`, written together with the record that it is done; else None."""
        folder = self._opened.files.aside

        def once(db: sqlite3.Connection) -> T | None:
            if db.execute("select 1 from store_salvage where room = ?", (room,)).fetchone():
                return None
            if not db.execute("select aside from store_state").fetchone()[0] or not folder.is_dir():
                return None
            db.execute("insert into store_salvage values(?)", (room,))
            return fn(self._opened.damaged or DamagedStore(folder), db)

        return await self.write(once)

    async def condemn(self, why: str) -> None:
        """The file contradicts itself: the next open rescues it; this store takes nothing more."""
        await self._loop.run_in_executor(self._thread, self._writer.die, Damaged(why))

    async def doubt(self) -> bool:
        """Somebody trusted says that numbers were given twice: condemns the store, once in a boot or every six hours.

        A cloud that is wrong again and again would otherwise keep a device from working. False when it was ignored.
        """
        return await self._loop.run_in_executor(self._thread, self._doubt)

    def _doubt(self) -> bool:
        mark, boot, now_s = self._opened.files.doubted, self.clock.boot_id(), self.clock.boottime_s()
        try:
            said = mark.read_text("utf-8", errors="replace").split() if mark.exists() else []
            if len(said) == 2 and said[0] == str(boot) and said[1].isdigit() and now_s - int(said[1]) < DOUBT_AGAIN_S:
                return False
            mark.write_text(f"{boot} {int(now_s)}", "utf-8")
        except OSError as error:
            _log.warning("doubt_not_noted", error=error.strerror)
        self._writer.die(Damaged(OLD_COPY))
        return True

    async def aclose(self) -> None:
        """Writes what is scheduled, then closes; may be called twice."""
        await self._writer.aclose()
        if self._closed:
            return
        self._closed = True
        await self._reader.aclose()
        await self._loop.run_in_executor(self._thread, self._opened.close)
        self._thread.shutdown(wait=False)

    def _durable(self, db: sqlite3.Connection) -> None:
        try:
            for hook in self.on_durable:
                hook(db)
        except (sqlite3.Error, StoreError) as error:  # what is durable cannot be told any more
            self._writer.die(error)

    def _finish(self, outcomes: list[tuple[Job, Exception | None]], committed: bool) -> None:
        for job, error in outcomes:
            job.done(error)
        if committed:
            for hook in self.on_commit:
                hook()

    def _dead_in_thread(self, error: Exception) -> None:
        if is_damage(error):
            with suppress(OSError):
                self._opened.files.condemned.write_text(str(error), "utf-8")
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._dead, error)

    def _dead(self, error: Exception) -> None:
        for hook in self.on_fatal:
            hook(error)
