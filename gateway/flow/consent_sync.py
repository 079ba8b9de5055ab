"""Keeps a device's consent that of the authority: epochs, puts, fetches; must never let old grants carry new data.

A connection begins with the epoch that the authority retains for this device. Until it equals the one that was applied,
nothing about a guest leaves; where it is higher, a no may have been said elsewhere, and nothing is kept either.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from forecourt.v1 import consent_pb2, control_pb2
from google.protobuf.message import DecodeError, Message

from gateway.clock import Clock
from gateway.consent import Consent, Hold, RecordRefused
from gateway.consent.holdings import all_held, set_epoch
from gateway.consent.record import read_record
from gateway.errors import InputError, StoreError
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.limits import CONSENT_FETCH_AGAIN_S, CONSENT_FETCHES_MAX
from gateway.log import Log
from gateway.model import PurposeSet

PUT, END = "consent.put", "session.end"
NARROWING_MAX = 8
FETCH_SOON_S = 0.2
"""After an epoch that was not asked about yet."""
M = TypeVar("M", bound=Message)
log = Log("flow")


Withdraw = Callable[[int, PurposeSet], Awaitable[object]]
"""Takes purposes of a subject back, and returns when nothing of them can be read or sent."""


class Replies(Protocol):
    """Where what is said to the authority goes: the outbox."""

    def append_control(self, record: control_pb2.ControlRecord) -> Awaitable[object]:
        """Resolves when the record is durable; raises StoreError."""
        ...


class Sessions(Protocol):
    """What a put or an end does to the guest's session on this device."""

    def turn(self) -> AbstractAsyncContextManager[object]:
        """Meanwhile no visit begins or is wiped."""
        ...

    def here(self, subject: int) -> bool:
        """Whether this is the guest whose visit is open."""
        ...

    async def opened(self, subject: int, lease_s: float) -> None:
        """The authority opens a session here; InputError when another guest is there."""
        ...

    async def ended(self, subject: int, reason: str) -> None:
        """The authority ends it; returns when it is wiped. A subject that has none is no error."""
        ...


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """How it stands. `told`: the epoch that the authority retains, None where none was heard of in this connection."""

    applied: int
    told: int | None
    hold: Hold
    fetches: int
    puts: int
    refused: int


class ConsentSync:
    """One device's side. Belongs to the loop's thread; `run` goes on until it is cancelled."""

    def __init__(
        self, consent: Consent, *, replies: Replies, clock: Clock, withdraw: Withdraw, sessions: Sessions | None = None
    ) -> None:
        self._consent, self._withdraw, self._replies, self._clock = consent, withdraw, replies, clock
        self.sessions = sessions
        self._applied = 0
        self._told: int | None = None
        self._asked_s = float("-inf")
        self._asked_for: int | None = None
        self._records: set[str] = set()
        self._wanted = False
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._fetches = self._puts = self._refused = 0
        self._own = 0
        self.on_connected: list[Callable[[], None]] = []
        self.on_authority: list[Callable[[int, bytes], None]] = []

    async def open(self) -> None:
        """Before anything is sent: nothing about a guest leaves until the authority has told its epoch."""
        self._applied = await self._consent.epoch()
        self._consent.gate.hold(Hold.FORWARD)

    def register(self, router: CommandRouter) -> None:
        """Takes consent.put and session.end. A late one does no harm, so both may run under a clock in doubt."""
        router.register(PUT, self.put, safe=True)
        router.register(END, self.end, safe=True)

    def status(self) -> SyncStatus:
        """A snapshot."""
        return SyncStatus(self._applied, self._told, self._hold(), self._fetches, self._puts, self._refused)

    def said(self, purposes: int) -> None:
        """The guest changed so many purposes on this device: the epoch may rise by as many, and that is no news."""
        self._own += purposes

    # What comes down

    def connected(self) -> None:
        """A new connection: what the authority retains now is not known yet."""
        self._told, self._wanted = None, True
        self._judge()
        self._wake.set()
        for told in self.on_connected:
            told()

    def authority_says(self, boot: int, seal_key: bytes) -> None:
        """The cloud's signed state; for whoever keeps profiles."""
        for told in self.on_authority:
            told(boot, seal_key)

    def epoch(self, told: int) -> None:
        """The authority's epoch of this device, signed."""
        self._told = told
        self._judge()
        self._wanted = self._hold() is not Hold.NONE
        self._wake.set()

    def refused(self, unknown_records: Iterable[str], not_allowed: bool) -> None:
        """The cloud lacks records that bags stand on, or holds that they do not allow what was sent."""
        self._records.update(list(unknown_records)[:CONSENT_FETCHES_MAX])
        self._wanted |= not_allowed
        if self._records or not_allowed:
            self._wake.set()

    async def put(self, body: bytes) -> bytes:
        """A record of the authority: what it takes away is withdrawn first, then it is in force and on disk.

        One of a visit that is over changes nothing: what was wiped does not come back.
        """
        message = _read(consent_pb2.PutConsent(), body)
        self._puts += 1
        if self.sessions is None:
            return await self._apply(message)
        try:
            subject = read_record(message.record, self._consent.authority).subject
        except RecordRefused:
            return await self._apply(message)  # which says why, and denies what cannot be read
        if message.opens_session:
            await self.sessions.opened(subject, message.lease_s)
        async with self.sessions.turn():
            held = await self._consent.held(subject)
            if not self.sessions.here(subject) and held.record is None and not held.pending:
                raise CommandFailed("no_visit")
            return await self._apply(message)

    async def _apply(self, message: consent_pb2.PutConsent) -> bytes:
        try:
            for _ in range(NARROWING_MAX):
                applied = await self._consent.apply_record(
                    message.record, message.epoch, message.changes_seen, message.lease_s
                )
                if not applied.narrowed:
                    break
                await self._withdraw(applied.subject, applied.narrowed)
            else:
                raise CommandFailed("narrowed_again")
        except RecordRefused as refused:
            self._refused += 1
            raise CommandFailed(f"record_{refused.reason}") from refused
        self._applied = applied.epoch
        if self._told is None or self._applied >= self._told:
            self._own = 0
        self._judge()
        return b""

    async def end(self, body: bytes) -> bytes:
        """The authority ends a visit: it is wiped before this is answered."""
        message = _read(consent_pb2.EndSession(), body)
        if self.sessions is not None:
            await self.sessions.ended(message.subject, message.reason)
        return b""

    # What goes up

    async def run(self) -> None:
        """Asks for what is missing, at most so often, until grants are those of the authority."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            again_s = CONSENT_FETCH_AGAIN_S if self._asked_for == self._told else FETCH_SOON_S
            rest_s = self._asked_s + again_s - self._loop.time()
            if rest_s > 0 and not self._records:
                self._loop.call_later(rest_s, self._wake.set)
                continue
            try:
                await self._adopt()
                await self._ask()
            except StoreError as error:
                log.warning("consent_not_fetched", error=type(error).__name__)
                self._loop.call_later(CONSENT_FETCH_AGAIN_S, self._wake.set)

    async def _ask(self) -> None:
        records, self._records = self._records, set()
        behind = self._told is not None and self._told < self._applied  # the authority forgot what it had said
        for subject, raw in await self._consent.store.read(lambda db: _holding(db, None if behind else records)):
            await self._fetch(subject, raw)
        if self._hold() is not Hold.NONE or self._wanted:
            self._wanted = False
            self._asked_s, self._asked_for = self._loop.time(), self._told
            await self._fetch(0, b"")
            if self._hold() is not Hold.NONE:
                self._loop.call_later(CONSENT_FETCH_AGAIN_S, self._wake.set)

    async def _fetch(self, subject: int, raw: bytes) -> None:
        self._fetches += 1
        fetch = consent_pb2.ConsentFetch(subject=subject, epoch=self._applied, record=raw)
        await self._replies.append_control(control_pb2.ControlRecord(at_us=self._clock.wall_us(), fetch=fetch))

    async def _adopt(self) -> None:
        """Where nothing is held of anybody, nothing can be stale: the epoch is taken over as it is told."""
        told = self._told
        if told is None or told <= self._applied:
            return

        def adopt(db: sqlite3.Connection) -> bool:
            if any(held.record is not None or held.pending for held in all_held(db)):
                return False
            set_epoch(db, told)
            return True

        if await self._consent.store.write(adopt):
            self._applied = told
            self._judge()

    def _hold(self) -> Hold:
        if self._told is None or self._told < self._applied:
            return Hold.FORWARD
        if self._told == self._applied:
            return Hold.NONE
        return Hold.FORWARD if self._told - self._applied <= self._own else Hold.ALL

    def _judge(self) -> None:
        self._consent.gate.hold(self._hold())
        if self._hold() is Hold.NONE:
            log.debug("consent_is_current", epoch=self._applied)


def _holding(db: sqlite3.Connection, records: set[str] | None) -> list[tuple[int, bytes]]:
    """Subject and record of those in which one of `records` is named; None: of all."""
    return [
        (held.subject, held.raw)
        for held in (all_held(db) if records is None or records else ())
        if held.record is not None
        and (records is None or records & {held.record.record_id, *(one.record_id for one in held.record.purposes)})
    ]


def _read(message: M, body: bytes) -> M:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise InputError("the body cannot be read") from error
    return message
