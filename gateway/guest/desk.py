"""What surfaces may ask of the visit on this device: page, door, head unit; must never answer for another guest."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2
from forecourt.v1.control_pb2 import ControlRecord

from gateway.clock import Clock
from gateway.consent import Consent
from gateway.consent.holding import in_force
from gateway.consent.purposes import PurposeRegister
from gateway.consent.states import ConsentState
from gateway.errors import InputError, StoreError
from gateway.flow.revocation import Revocation, WithdrawalDone
from gateway.flow.uplink import Uplink
from gateway.guest import session as sessions
from gateway.guest.session import Session, SessionState
from gateway.guest.views import LANGUAGES, ConsentRow, ConsentView, Erased, Left, SessionView, surface_of, yes_to
from gateway.guest.wipe import EVERYTHING, Wipe, WipeReport
from gateway.limits import CONSENT_LEASE_S
from gateway.log import Log
from gateway.model import WITHOUT_CONSENT, Purpose, Scope, Stream, purpose_set, purposes_of
from gateway.outbox import Outbox, left
from gateway.outbox.held import events_of
from gateway.outbox.left import HOUR_US
from gateway.store import Store
from gateway.wire.signing import sign

CHANGE_CONTEXT = "forecourt/v1/consent-change"
log = Log("guest")


@dataclass(slots=True)
class Parts:
    """The rooms that the desk stands on.

    `take_subject` tells the agent whose data its sources read now, `said` how many purposes the guest changed here.
    """

    store: Store
    outbox: Outbox
    consent: Consent
    revocation: Revocation
    uplink: Uplink
    clock: Clock
    key: Ed25519PrivateKey
    take_subject: Callable[[int], None]
    lease_s: int = CONSENT_LEASE_S
    said: Callable[[int], None] = lambda _: None
    wipe: Wipe = field(init=False)

    def __post_init__(self) -> None:
        self.wipe = Wipe(self.store, self.outbox, self.consent, self.uplink, self.clock)


class GuestDesk:
    """One guest at a time. Raises InputError with what to do for what cannot be; belongs to the loop's thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()
        self._now = Session()
        self.last_wipe: WipeReport | None = None
        self.exports: dict[str, Callable[[], object]] = {}
        """What other rooms hold about the guest, by name and as JSON can say it, for his copy."""
        self.before_open: list[Callable[[], Awaitable[None]]] = []
        """Rooms in which a visit that a crash cut off may have left something: each makes sure that nothing is left, or
        raises ForecourtError, and then no visit opens."""

    @property
    def wipe(self) -> Wipe:
        """For rooms that keep something of a guest: `desk.wipe.others.append(room)`."""
        return self._parts.wipe

    async def start(self) -> None:
        """Before anything is sent: a wipe that was cut goes on, and an open visit is taken up again."""
        self._now = await self._parts.store.read(sessions.load)
        if self._now.state is SessionState.ENDING:
            await self._wiped(self._now, lambda: False)
        elif self._now.state is SessionState.OPEN:
            self._parts.take_subject(self._now.subject)

    def session(self) -> SessionView | None:
        """The visit that is open, being wiped, or could not be wiped."""
        now = self._now
        if now.state in (SessionState.NONE, SessionState.WIPED):
            return None
        return SessionView(now.state, now.subject, now.opened_us, now.surface, now.language, now.lease_s)

    async def open(self, surface: str = "head_unit", language: str = "de") -> SessionView:
        """A visit begins, with a new handle."""
        return await self._open(sessions.new_subject(), surface, language, self._parts.lease_s)

    def turn(self) -> asyncio.Lock:
        """Held by whoever changes the visit; see consent_sync.Sessions."""
        return self._turn

    def guest(self) -> int | None:
        """The handle of the guest whose visit is open; None for nobody."""
        return self._now.subject if self._now.state is SessionState.OPEN else None

    def here(self, subject: int) -> bool:
        """Whether this is the guest whose visit is open."""
        return self.guest() == subject

    async def opened(self, subject: int, lease_s: float) -> None:
        """The authority opens a visit here, for example after a hand-over; see consent_sync.Sessions."""
        if self._now.state is not SessionState.OPEN or self._now.subject != subject:
            await self._open(subject, "staff", "de", int(lease_s))

    async def ended(self, subject: int, reason: str) -> None:
        """The authority ends the visit."""
        if self._now.subject == subject and self._now.state is not SessionState.NONE:
            await self.end(reason)

    async def grant(
        self,
        purposes: Sequence[Purpose],
        scope: Scope | None = None,
        surface: str = "head_unit",
        language: str = "de",
    ) -> ConsentView:
        """The guest says yes to these, as far as each may go or `scope` says; in force inside when this returns.

        A purpose with double opt-in cannot be granted here: the authority asks over its channel.
        """
        parts, subject = self._parts, self._subject()
        where = surface_of(surface)
        changes = [yes_to(purpose, scope, language) for purpose in purposes]
        if not changes:
            raise InputError("name at least one purpose")

        def tell(db: sqlite3.Connection, change: consent_pb2.ConsentChange) -> None:
            parts.outbox.control_now(db, ControlRecord(at_us=parts.clock.wall_us(), consent=change))

        parts.said(len(changes))
        await parts.consent.widen(subject, changes, partial(sign, parts.key, CHANGE_CONTEXT), where, tell)
        return await self.status()

    async def withdraw(self, purposes: Sequence[Purpose], surface: str = "head_unit") -> WithdrawalDone:
        """The guest says no; when this returns nothing of these can be read or sent."""
        subject, gone = self._subject(), purpose_set(purposes)
        self._parts.said(gone.bit_count())
        return await self._parts.revocation.withdraw(subject, gone, surface_of(surface))

    async def status(self) -> ConsentView:
        """What is in force, purpose by purpose."""
        held = await self._parts.consent.held(self._subject())
        yes, barred = in_force(held), self._parts.consent.gate.barred(held.subject)
        rows = []
        for purpose in Purpose:
            if WITHOUT_CONSENT >> purpose & 1:
                continue
            entry, one = PurposeRegister.load()[purpose], yes.get(purpose)
            written = held.record.of(purpose) if held.record is not None else None
            state = written.state if written is not None else ConsentState.UNKNOWN
            if barred >> purpose & 1 or (one is None and state.allows):
                one, state = None, ConsentState.WITHDRAWN
            elif one is not None and not state.allows:
                state = ConsentState.GIVEN
            scope, asked = (one.scope, one.asked) if one is not None else (Scope.NONE, Scope.NONE)
            since_us = written.since_us if written is not None else 0
            rows.append(
                ConsentRow(
                    purpose,
                    state,
                    scope,
                    asked,
                    since_us,
                    entry.basis,
                    entry.double_opt_in,
                    scope == asked > Scope.NONE,
                )
            )
        return ConsentView(held.subject, held.version, tuple(rows))

    async def receipts(self) -> list[bytes]:
        """The signed record that this device holds; the history is with the authority."""
        held = await self._parts.consent.held(self._subject())
        return [held.raw] if held.raw else []

    async def left(self) -> list[Left]:
        """What of the guest's data left and arrived, hour by hour, with the records that it stands on now."""
        subject, parts = self._subject(), self._parts
        rows = await parts.store.read(lambda db: left.of(db, parts.outbox.epoch, subject))
        records = parts.consent.gate.records
        return [
            Left(
                row.hour * HOUR_US,
                Stream(row.stream),
                purposes_of(row.purposes),
                row.events,
                tuple(dict.fromkeys(filter(None, (records(subject, p) for p in purposes_of(row.purposes))))),
            )
            for row in rows
        ]

    async def export(self) -> bytes:
        """Everything about the guest on this device as JSON: visit, record, changes, and what waits to be sent."""
        subject, parts = self._subject(), self._parts
        held = await parts.consent.held(subject)
        waiting = await parts.store.read(lambda db: list(events_of(parts.outbox, db, subject)))
        view, now = await self.status(), self._now
        content = {
            "visit": {"handle": f"{subject:016x}", "opened_us": now.opened_us, "surface": now.surface},
            "record": json.loads(held.raw) if held.raw else None,
            "changes_not_confirmed": [change.number for change in held.pending],
            "consent": {
                row.purpose.word: {"state": row.state.word, "scope": row.scope.word, "asked": row.asked.word}
                for row in view.rows
            },
            "events_waiting": waiting,
            "events_left": [
                {"hour_us": one.hour_us, "purposes": [p.word for p in one.purposes], "events": one.events}
                for one in await self.left()
            ],
        }
        content |= {name: told() for name, told in self.exports.items()}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()

    async def erase(self) -> Erased:
        """Erases everything about the guest, here and, by request, in the cloud; the visit stays open without a yes."""
        started = time.monotonic()
        done = await self._parts.revocation.withdraw(self._subject(), EVERYTHING, surface_of("head_unit"))
        return Erased(done.purged, done.keys_destroyed, time.monotonic() - started)

    async def end(self, reason: str = "guest") -> WipeReport:
        """The visit is over; what may be sent is sent for a moment, then everything of it is wiped."""
        if self._now.state not in (SessionState.OPEN, SessionState.ENDING, SessionState.WIPE_FAILED):
            raise InputError("there is no visit to end")
        async with self._turn:
            one = replace(self._now, reason=reason[:64])
            self._now = one.moved(SessionState.ENDING) if one.state is SessionState.OPEN else one
            self._parts.take_subject(0)
            return await self._wiped(one, lambda: self._parts.uplink.status().online)

    async def _wiped(self, one: Session, online: Callable[[], bool]) -> WipeReport:
        try:
            self.last_wipe = await self._parts.wipe.run(one, online)
        finally:
            self._now = await self._parts.store.read(sessions.load)
        return self.last_wipe

    async def _open(self, subject: int, surface: str, language: str, lease_s: int) -> SessionView:
        parts = self._parts
        surface_of(surface)
        if language not in LANGUAGES:
            raise InputError(f"languages are {', '.join(LANGUAGES)}")
        async with self._turn:
            if self._now.state is SessionState.WIPE_FAILED:
                raise InputError("the visit before could not be wiped: end it again first")
            if self._now.state not in (SessionState.NONE, SessionState.WIPED):
                raise InputError("another guest is here: end that visit first")
            for clean in self.before_open:
                await clean()
            key_id, key = parts.consent.keyring.obtain(subject, 0)
            await asyncio.to_thread(parts.consent.keyring.harden)
            now = Session(
                SessionState.OPEN, subject, parts.clock.wall_us(), surface, language, lease_s, key_id,
                sessions.seal_canary(key),
            )  # fmt: skip
            told = consent_pb2.SessionReport(subject=subject, phase=consent_pb2.SessionReport.PHASE_OPENED)

            def write(db: sqlite3.Connection) -> None:
                sessions.save(db, now)
                parts.outbox.control_now(db, ControlRecord(at_us=now.opened_us, session=told))

            await parts.store.write(write)
            await parts.consent.lease(subject, lease_s)
            self._now = now
            parts.take_subject(subject)
        log.info("visit_opened", surface=surface)
        view = self.session()
        if view is None:
            raise StoreError("the visit did not begin")
        return view

    def _subject(self) -> int:
        if self._now.state is not SessionState.OPEN:
            raise InputError("there is no visit: open one first")
        return self._now.subject
