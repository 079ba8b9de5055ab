"""The inbox's thread: one connection that writes, messages grouped into one commit; must never block the loop.

What waits is bounded by the broker: Receive Maximum messages are brought before the first is acknowledged.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from gateway.clock import Clock
from gateway.cloud.admission import Admission, DeviceKey
from gateway.cloud.consent.desk import ConsentDesk, ConsentTerms
from gateway.cloud.numbers import Numbers
from gateway.cloud.outcome import Outcome
from gateway.cloud.profile.desk import ProfileDesk
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Sink
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.cloud.streams import StreamKey
from gateway.errors import Closed, ConfigError, StoreError
from gateway.limits import CLOUD_RECEIVE_MAXIMUM
from gateway.log import Log
from gateway.model import PurposeSet

T = TypeVar("T")
Done = Callable[[Outcome | None], None]
"""Called on the loop: what became of a message once it is committed, or None when the disk refused."""

log = Log("cloud")


@dataclass(frozen=True, slots=True)
class _Letter:
    topic: str
    payload: bytes
    done: Done


@dataclass(frozen=True, slots=True)
class Hardened:
    """What may be receipted: the receipt's number, and what is held of each stream, on disk for good."""

    number: int
    held: dict[StreamKey, Numbers]


class Inbox:
    """Where messages are admitted. Every method is for the loop's thread."""

    def __init__(
        self,
        path: Path | str,
        device_key: DeviceKey,
        sink: Sink,
        clock: Clock,
        consent: ConsentTerms | None = None,
        profiles: ProfileTerms | None = None,
    ) -> None:
        self.path = path
        self._terms = consent
        self.profile_terms = profiles
        self._device_key, self._sink, self._clock = device_key, sink, clock
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[_Letter | Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="forecourt-inbox", daemon=True)
        self._opened: Future[None] = Future()
        self._closing = False

    @classmethod
    async def open(
        cls,
        path: Path | str,
        device_key: DeviceKey,
        *,
        clock: Clock,
        sink: Sink | None = None,
        consent: ConsentTerms | None = None,
        profiles: ProfileTerms | None = None,
    ) -> "Inbox":
        """The inbox of a database file, made where it is missing; StoreError when it cannot be opened.

        With `consent` it is a consent authority: events with a subject need a record of consent that is in force.
        With `profiles` it keeps profiles too, for visits whose consent it knows.
        """
        if profiles is not None and consent is None:
            raise ConfigError("profiles need consent: serve as the authority of both")
        inbox = cls(path, device_key, sink or SqliteSink(), clock, consent, profiles)
        inbox._thread.start()
        await asyncio.wrap_future(inbox._opened)
        return inbox

    @property
    def consent(self) -> ConsentDesk | None:
        """The authority's side of the control stream; what it holds is for the inbox's thread (`read`, `write`)."""
        return self._admission.consent

    @property
    def profiles(self) -> ProfileDesk | None:
        """The profile authority's side of the streams; what it holds is for the inbox's thread."""
        return self._admission.profiles

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Forgets what stood on purposes of a subject; for the inbox's thread, inside `write`."""
        desk = self._admission.consent
        return self._sink.erase(db, subject, purposes) if desk is None else desk.erase(db, subject, purposes)

    def submit(self, topic: str, payload: bytes, done: Done) -> None:
        """Admits a message with others that wait; `done` follows, unless the inbox is closed first."""
        if not self._closing:
            self._work.put(_Letter(topic, payload, done))

    async def harden(self, streams: Collection[StreamKey], births: Collection[tuple[str, int]] = ()) -> Hardened:
        """Makes every commit so far survive a power loss; what is then held of `streams` and of all of `births`.

        A birth is a device and its epoch.
        """

        def work(db: sqlite3.Connection) -> Hardened:
            number = self._commit_full(
                db, lambda: db.execute("update meta set value = value + 1 where name = 'receipts' returning value")
            )
            keys = {*streams}.union(*(self._admission.streams.of_epoch(*birth) for birth in births))
            return Hardened(int(number[0][0]), {key: self._admission.streams.held(key).copy() for key in keys})

        return await self._call(work)

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `fn` in a transaction of its own, on disk for good when this returns; StoreError when it fails."""

        def work(db: sqlite3.Connection) -> T:
            db.execute("pragma synchronous = full")
            db.execute("begin immediate")
            try:
                result = fn(db)
                db.execute("commit")
            except BaseException:
                if db.in_transaction:
                    db.execute("rollback")
                raise
            finally:
                db.execute("pragma synchronous = normal")
            return result

        return await self._call(work)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `fn` between two groups of messages; keep it short, they wait meanwhile. StoreError when it fails."""
        return await self._call(fn)

    async def aclose(self) -> None:
        """Finishes what was submitted and closes the file; may be called twice."""
        if not self._closing:
            self._closing = True
            self._work.put(None)
        await asyncio.to_thread(self._thread.join)

    async def _call(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        if self._closing:
            raise Closed("the inbox is closed")
        answer: Future[T] = Future()

        def work() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # who asked is gone
            try:
                answer.set_result(fn(self._db))
            except sqlite3.Error as error:
                answer.set_exception(StoreError(f"the inbox: {error}"))
            except BaseException as error:  # noqa: BLE001  it belongs to the caller
                answer.set_exception(error)

        self._work.put(work)
        return await asyncio.wrap_future(answer)

    # The thread

    def _run(self) -> None:
        try:
            self._db = open_database(self.path)
            self._admission = Admission(
                self._db, self._device_key, self._sink, self._clock, self._terms, self.profile_terms
            )
        except sqlite3.Error as error:
            self._opened.set_exception(StoreError(f"the inbox cannot be opened: {error}"))
            return
        except BaseException as error:  # noqa: BLE001  it belongs to the caller of open
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while (item := self._work.get()) is not None:
                while isinstance(item, _Letter):
                    item = self._admit_with_followers(item)
                if item is None:
                    break
                if callable(item):
                    item()
        finally:
            self._sink.close()
            if self._admission.consent is not None:
                self._admission.consent.close()
            if self._admission.profiles is not None:
                self._admission.profiles.close()
            self._db.close()

    def _admit_with_followers(self, first: _Letter) -> "_Letter | Callable[[], None] | None":
        """Admits a letter and those behind it in one commit; the item that follows them, a no-op when there is none."""
        letters, follower = [first], _nothing
        while len(letters) < CLOUD_RECEIVE_MAXIMUM:
            try:
                item = self._work.get_nowait()
            except Empty:
                break
            if not isinstance(item, _Letter):
                self._admit(letters)
                return item
            letters.append(item)
        self._admit(letters)
        return follower

    def _admit(self, letters: Sequence[_Letter]) -> None:
        outcomes: Sequence[Outcome | None]
        try:
            outcomes = self._admission.admit([(letter.topic, letter.payload) for letter in letters])
        except sqlite3.Error as error:
            log.error("inbox_refused", messages=len(letters), error=str(error))
            outcomes = [None] * len(letters)
        except Exception as error:  # noqa: BLE001  the thread has to go on, or nobody is answered any more
            log.error("inbox_failed", messages=len(letters), error=type(error).__name__)
            outcomes = [None] * len(letters)
        self._tell([(letter.done, outcome) for letter, outcome in zip(letters, outcomes, strict=True)])

    def _tell(self, answers: Sequence[tuple[Done, Outcome | None]]) -> None:
        def tell() -> None:
            for done, outcome in answers:
                done(outcome)

        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:
            log.debug("inbox_loop_gone", messages=len(answers))

    @staticmethod
    def _commit_full(db: sqlite3.Connection, statement: Callable[[], sqlite3.Cursor]) -> list[tuple[int]]:
        """One commit that is synced, and with it every commit before it in the log."""
        db.execute("pragma synchronous = full")
        try:
            return statement().fetchall()
        finally:
            db.execute("pragma synchronous = normal")


def _nothing() -> None:
    """No follower."""
