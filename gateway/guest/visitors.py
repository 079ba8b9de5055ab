"""Many guests on one device, each with consent of his own: a showroom's site; must never answer for another guest.

The single visit of a head unit is GuestDesk's. Here a visit is only its handle: what a guest agrees to holds inside at
once, and for the cloud once the authority has countersigned it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from forecourt.v1 import consent_pb2
from forecourt.v1.control_pb2 import ControlRecord

from gateway.consent import ledger
from gateway.consent.holdings import all_held
from gateway.consent.purposes import PurposeRegister
from gateway.errors import InputError
from gateway.guest.desk import CHANGE_CONTEXT, Parts
from gateway.guest.views import LANGUAGES, surface_of, yes_to
from gateway.guest.wipe import EVERYTHING
from gateway.limits import CONSENT_SUBJECTS_MAX
from gateway.log import Log
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, purpose_set, purposes_of
from gateway.wire.signing import sign

log = Log("guest")


class Visitors:
    """Visits by handle. Belongs to the loop's thread; what changes them runs one after the other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()
        self._open: set[int] = set()
        self.on_ended: list[Callable[[int], None]] = []
        """Called with the handle of a visit that the authority has ended; it is wiped by then."""

    @property
    def count(self) -> int:
        """How many visits are open."""
        return len(self._open)

    async def start(self) -> None:
        """Before the first guest: visits of an earlier process, which nobody follows any more, are over."""
        left = await self._parts.store.read(lambda db: [held.subject for held in all_held(db)])
        async with self._turn:
            for subject in left:
                if subject not in self._open:
                    await self._wipe(subject, "restart")

    async def agree(
        self, subject: int, purposes: Iterable[Purpose], *, surface: str = "phone", language: str = "de"
    ) -> PurposeSet:
        """A guest says yes; what is in force inside when this returns.

        The visit begins with his first yes. Purposes with double opt-in are not taken here. Raises InputError when so
        many visits are open, and StoreError.
        """
        parts, register = self._parts, PurposeRegister.load()
        where, words = surface_of(surface), language if language in LANGUAGES else "de"
        wanted = [one for one in purposes if not WITHOUT_CONSENT >> one & 1 and not register[one].double_opt_in]
        changes = [yes_to(purpose, None, words) for purpose in wanted]
        async with self._turn:
            await self._begin(subject, parts.lease_s)
            if changes:
                tell = partial(self._tell_change, parts.clock.wall_us())
                parts.said(len(changes))
                await parts.consent.widen(subject, changes, partial(sign, parts.key, CHANGE_CONTEXT), where, tell)
        return self.in_force(subject)

    def in_force(self, subject: int) -> PurposeSet:
        """What may be done here with data of this guest; what may leave is the gate's to say, event by event."""
        return purpose_set(one for one in purposes_of(EVERYTHING) if self._parts.consent.gate.may_use(subject, one))

    async def leave(self, subject: int) -> None:
        """The visit is over: rows, keys and consent of it go, here at once and by request in the cloud."""
        async with self._turn:
            await self._wipe(subject, "guest")

    # consent_sync.Sessions

    def turn(self) -> asyncio.Lock:
        """Meanwhile no visit begins or is wiped."""
        return self._turn

    def here(self, subject: int) -> bool:
        """Whether this visit is open."""
        return subject in self._open

    async def opened(self, subject: int, lease_s: float) -> None:
        """The authority opens a visit here, for example after a hand-over."""
        async with self._turn:
            await self._begin(subject, lease_s)

    async def ended(self, subject: int, reason: str) -> None:
        """The authority ends it; returns when it is wiped."""
        async with self._turn:
            if subject not in self._open:
                return
            await self._wipe(subject, reason)
        for told in self.on_ended:
            told(subject)

    async def _begin(self, subject: int, lease_s: float) -> None:
        if subject in self._open:
            return
        if len(self._open) >= CONSENT_SUBJECTS_MAX:
            raise InputError(f"{CONSENT_SUBJECTS_MAX} visits are open here: end one first")
        opened = self._reported(subject, consent_pb2.SessionReport.PHASE_OPENED)
        await self._parts.outbox.append_control(opened)
        await self._parts.consent.lease(subject, lease_s)
        self._open.add(subject)

    async def _wipe(self, subject: int, reason: str) -> None:
        """What was kept goes with its keys, then what was agreed to: its place is for another guest."""
        self._open.discard(subject)
        parts = self._parts
        await parts.revocation.withdraw(subject, EVERYTHING)
        report = self._reported(subject, consent_pb2.SessionReport.PHASE_WIPED, reason)

        def forget(db: sqlite3.Connection) -> ledger.State:
            parts.consent.forget(db, subject)
            parts.outbox.control_now(db, report)
            return ledger.read(db)

        async with parts.consent.changing:
            state = await parts.store.write(forget)
            parts.consent.gate.replace(state.grants, state.version)
        log.info("visit_left", open=len(self._open))

    def _reported(self, subject: int, phase: consent_pb2.SessionReport.Phase, reason: str = "") -> ControlRecord:
        told = consent_pb2.SessionReport(subject=subject, phase=phase, reason=reason[:64])
        return ControlRecord(at_us=self._parts.clock.wall_us(), session=told)

    def _tell_change(self, at_us: int, db: sqlite3.Connection, change: consent_pb2.ConsentChange) -> None:
        self._parts.outbox.control_now(db, ControlRecord(at_us=at_us, consent=change))
