"""The one thread that writes: jobs that are due share a commit; must never acknowledge what is not on disk."""

import asyncio
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Protocol

from gateway.errors import Closed, StoreError
from gateway.log import Log
from gateway.store.damage import as_store_error, is_damage, is_full

_log = Log("store")
FAILURES_MAX = 5
GROUP_SLICES = 4
"""After so many slices of preparing no further job joins the commit."""


class Job(Protocol):
    """Something to be written. It may run again after a commit that failed; only `done` tells that it is durable."""

    def run(self, db: sqlite3.Connection) -> None:
        """Writes, in the commit's transaction, and is undone for itself when it raises; on the writer thread."""
        ...

    def done(self, error: Exception | None) -> None:
        """Called on the loop after the commit, or with what prevented it."""
        ...


class Ledger(Protocol):
    """Counts the commits and vouches for a connection."""

    def count(self, db: sqlite3.Connection) -> None:
        """Inside each transaction."""
        ...

    def committed(self, db: sqlite3.Connection) -> bool:
        """After a commit that reported an error: whether it is in the file all the same."""
        ...

    def advance(self) -> None:
        """After a commit that is in the file."""
        ...

    def relieve(self) -> None:
        """The disk is full: gives back what was kept for such a time."""
        ...

    def reconnect(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """Closes `db` and opens the file anew; raises when what it finds cannot be trusted."""
        ...


@contextmanager
def savepoint(db: sqlite3.Connection) -> Iterator[None]:
    """What happens inside is undone when an error leaves it; may be nested."""
    db.execute("savepoint part")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("rollback to part")
            db.execute("release part")
        raise
    db.execute("release part")


class Writer:
    """Runs jobs on its thread. `finish` gets the jobs of each round with their errors, on the loop."""

    def __init__(
        self,
        db: sqlite3.Connection,
        ledger: Ledger,
        *,
        durable: Callable[[sqlite3.Connection], None],
        finish: Callable[[list[tuple[Job, Exception | None]], bool], None],
        dead: Callable[[Exception], None],
    ) -> None:
        self._db, self._ledger = db, ledger
        self._durable, self._finish, self._dead = durable, finish, dead
        self._loop = asyncio.get_running_loop()
        self._wakes = threading.Condition()
        self._due: dict[Job, float] = {}
        self._riders: set[Job] = set()
        self._prepares: dict[Job, Callable[[], bool]] = {}
        self._group: list[Job] = []
        self._prepare: Callable[[], bool] = lambda: False
        self._slices = 0
        self._wake_at = math.inf
        self._closing = False
        self._failures = 0
        self._fatal: Exception | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def schedule(
        self, job: Job, delay_s: float = 0.0, *, rides: bool = False, prepare: Callable[[], bool] | None = None
    ) -> None:
        """The job joins the first commit at or after its time; scheduled again it only moves forward. Any thread.

        A job that `rides` joins any commit before its time as well, and runs before the jobs whose time has come.
        `prepare` does a slice of work before the commit, on the writer thread, and says whether some is left; commits
        of others go between two slices.
        """
        due = time.monotonic() + delay_s
        with self._wakes:
            error = self._fatal or (Closed("the store is closed") if self._closing else None)
            if error is None:
                self._due[job] = min(due, self._due.get(job, math.inf))
                if rides:
                    self._riders.add(job)
                if prepare is not None:
                    self._prepares[job] = prepare
                if due < self._wake_at:
                    self._wake_at = due
                    self._wakes.notify()
                return
        self._tell(lambda: job.done(error))

    def withdraw(self, job: Job) -> None:
        """The job is not to run (again); for a job that closes itself as it begins to run. Any thread."""
        with self._wakes:
            self._due.pop(job, None)
            self._riders.discard(job)
            self._prepares.pop(job, None)

    async def aclose(self) -> None:
        """Writes what is scheduled, then ends the thread and closes its connection."""
        with self._wakes:
            self._closing = True
            self._wake_at = 0.0
            self._wakes.notify()
        await asyncio.shield(self._ended)

    def _run(self) -> None:
        try:
            while jobs := self._next():
                self._round(jobs)
        finally:
            with suppress(sqlite3.Error):
                self._db.close()
            self._tell(self._end)

    def _next(self) -> list[Job]:
        """The jobs that are due and prepared, riders first; [] at the end. One slice of preparing for each call."""
        while True:
            prepared = bool(self._group) and not self._slice()
            with self._wakes:
                now = math.inf if self._closing else time.monotonic()
                jobs = self._take_due(now, prepared)
                if jobs or (self._closing and not self._group):
                    return jobs
                if not self._group:
                    self._wakes.wait(None if self._wake_at == math.inf else max(0.0, self._wake_at - now))

    def _take_due(self, now: float, prepared: bool) -> list[Job]:
        """Those whose time has not come stay, so that urgent commits do not slice bulk.

        Small jobs are prepared for one commit; a large one has its own, so that who waits for it goes on meanwhile.
        """
        jobs = [job for job, due in self._due.items() if due <= now and job not in self._prepares]
        slow = next((job for job, due in self._due.items() if due <= now and job in self._prepares), None)
        if slow is not None and (not self._group or (prepared and self._slices < GROUP_SLICES)):
            self._group.append(slow)
            self._prepare = self._prepares.pop(slow)
            del self._due[slow]
        elif prepared:
            jobs += self._group
            self._group, self._slices = [], 0
        if jobs and self._riders:
            riders = [job for job in self._due if job in self._riders]
            jobs = riders + [job for job in jobs if job not in self._riders]
            self._riders.clear()
        for job in jobs:
            self._due.pop(job, None)
        self._wake_at = min(self._due.values(), default=math.inf)
        return jobs

    def _slice(self) -> bool:
        """Prepares a little; False when that was the last."""
        self._slices += 1
        try:
            return self._prepare()
        except Exception as error:  # noqa: BLE001 - its run will fail as well, and tell
            _log.warning("prepare_failed", error=type(error).__name__)
            return False

    def _round(self, jobs: list[Job]) -> None:
        outcomes: list[tuple[Job, Exception | None]] = [(job, self._fatal) for job in jobs]
        if self._fatal is None:
            outcomes = self._commit(jobs)
        good = any(error is None for _, error in outcomes)
        if good:
            self._failures = 0
            self._durable(self._db)
        self._tell(lambda: self._finish(outcomes, good))

    def _commit(self, jobs: list[Job]) -> list[tuple[Job, Exception | None]]:
        """Commits all jobs that can be; a failed commit of several is tried one by one."""
        outcomes: list[tuple[Job, Exception | None]] = []
        while jobs:
            ran, failed, error = self._attempt(jobs)
            outcomes += failed
            if error is None:
                return outcomes + [(job, None) for job in ran]
            if not ran and failed:  # a job took the whole transaction with it: once more without it
                jobs = [job for job in jobs if all(job is not bad for bad, _ in failed)]
                continue
            self._heal(error)
            if self._fatal is not None or len(jobs) == 1:
                return outcomes + [(job, as_store_error(error)) for job in ran or jobs]
            for job in ran or jobs:
                outcomes += self._commit([job])
            return outcomes
        return outcomes

    def _attempt(self, jobs: list[Job]) -> tuple[list[Job], list[tuple[Job, Exception | None]], Exception | None]:
        """(jobs that ran, jobs that failed by themselves, error of the transaction)."""
        db = self._db
        ran: list[Job] = []
        failed: list[tuple[Job, Exception | None]] = []
        try:
            db.execute("begin immediate")
            for job in jobs:
                try:
                    with savepoint(db) if len(jobs) > 1 else nullcontext():
                        job.run(db)
                    ran.append(job)
                except Exception as error:  # noqa: BLE001 - one failing job never fails its neighbours
                    failed.append((job, as_store_error(error)))
                    if is_damage(error):
                        self.die(error)
                    if not db.in_transaction:
                        return [], failed, error
            if not ran:
                db.execute("rollback")
                return [], failed, None
            self._ledger.count(db)
            db.execute("commit")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("rollback")
            if not ran or not self._was_committed():
                return ran, failed, error
            _log.warning("checkpoint_failed", error=str(error))
            return ran, failed, None
        self._ledger.advance()
        return ran, failed, None

    def _was_committed(self) -> bool:
        """A commit whose checkpoint failed reports an error although it is on disk."""
        try:
            if not self._ledger.committed(self._db):
                return False
        except sqlite3.Error:
            return False
        self._ledger.advance()
        return True

    def _heal(self, error: Exception) -> None:
        """After a failed transaction: a full disk is waited out, anything else costs the connection, then the store."""
        _log.warning("commit_failed", error=str(error), failures=self._failures)
        if is_full(error):
            self._ledger.relieve()
            with suppress(sqlite3.Error):
                self._db.execute("pragma wal_checkpoint(passive)").fetchall()
            return
        self._failures += 1
        if is_damage(error) or self._failures >= FAILURES_MAX:
            self.die(error)
            return
        try:
            self._db = self._ledger.reconnect(self._db)
        except (sqlite3.Error, OSError, StoreError) as again:
            if is_damage(again):
                self.die(again)

    def die(self, error: Exception) -> None:
        """Nothing is accepted any more; whoever composed the store is told, and restarts."""
        if self._fatal is None:
            _log.error("store_dead", error=str(error))
            with self._wakes:
                self._fatal = as_store_error(error)
            self._dead(error)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _tell(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(call)
