"""The end of a visit: everything goes, and the device looks whether it is gone; must never report what it did not do.

The order: nothing more is taken in, and the intent is noted; what may be sent is sent for a moment; rows, records,
changes and grants go; nothing of it can leave any more; its keys are destroyed; own files are searched for the tracer
of the visit. The next start goes on where a cut was.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

from forecourt.v1 import consent_pb2
from forecourt.v1.control_pb2 import ControlRecord

from gateway.clock import Clock
from gateway.consent import Consent, ledger
from gateway.errors import StoreFull
from gateway.flow.revocation import Fence
from gateway.guest import session as sessions
from gateway.guest.searching import Search
from gateway.guest.session import Session, SessionState
from gateway.log import Log
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, purpose_set
from gateway.outbox import Outbox, left
from gateway.outbox.withdraw import waiting
from gateway.store import Store

EVERYTHING: PurposeSet = purpose_set(Purpose) & ~WITHOUT_CONSENT
BAGS_AT_ONCE = 50
log = Log("guest")


class Wipeable(Protocol):
    """A room that keeps something of a guest elsewhere: a cache, a profile."""

    async def wipe(self, subject: int) -> None:
        """Forgets everything of `subject`; may be called again after a cut. Raises ForecourtError when it cannot."""
        ...


class WipeStep(Enum):
    """How far a wipe is; a cut between any two of them is made good at the next start."""

    STOPPED = "stopped"
    FLUSHED = "flushed"
    WRITTEN = "written"
    FENCED = "fenced"
    FORGOTTEN = "forgotten"
    SEARCHED = "searched"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class WipeReport:
    """What a wipe did: events, keys, bytes that were searched, tracers found in them (0), seconds."""

    rows: int
    keys: int
    bytes_scanned: int
    canaries_found: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.canaries_found == 0


class Wipe:
    """Wipes the one visit of a device."""

    def __init__(
        self, store: Store, outbox: Outbox, consent: Consent, fence: Fence, clock: Clock, flush_s: float = 5.0
    ) -> None:
        self._store, self._outbox, self._consent, self._clock = store, outbox, consent, clock
        self.fence, self.flush_s = fence, flush_s
        self._search = Search()
        self.others: list[Wipeable] = []
        self.files: list[Path] = []
        """Files of the device beside its store that are searched too, such as its log."""
        self.on_step: list[Callable[[WipeStep], None]] = []

    async def run(self, one: Session, online: Callable[[], bool]) -> WipeReport:
        """Wipes a visit that is OPEN, ENDING or WIPE_FAILED; raises StoreError when the disk refuses, then again."""
        started, subject, was_open = time.monotonic(), one.subject, one.state is SessionState.OPEN
        if was_open:
            one = await self._noted(one)
        self._at(WipeStep.STOPPED)
        if was_open:
            await self._flush(subject, online)
        self._at(WipeStep.FLUSHED)
        self._consent.gate.bar(subject, EVERYTHING)
        tracer = sessions.mirrored(one.mirror) or sessions.open_canary(self._consent.gate.key(one.key_id), one.sealed)
        ending = one if one.state is SessionState.ENDING else one.moved(SessionState.ENDING)
        ending = replace(ending, mirror=sessions.mirrored(tracer))
        rows = await self._purge(ending)
        self._at(WipeStep.WRITTEN)
        for other in self.others:
            await other.wipe(subject)
        await self.fence.fence(subject, EVERYTHING)
        self._at(WipeStep.FENCED)
        ids = self._consent.keyring.ids(lambda slot: slot.subject == subject)
        keys = await asyncio.to_thread(self._consent.keyring.destroy, ids)
        self._at(WipeStep.FORGOTTEN)
        searched, found = await asyncio.to_thread(self._search, self._own_files(), tracer)
        self._at(WipeStep.SEARCHED)
        report = WipeReport(rows, keys, searched, found, time.monotonic() - started)
        await self._finish(ending, report)
        self._at(WipeStep.DONE)
        (log.info if report.clean else log.error)("visit_wiped", **asdict(report))
        return report

    async def _noted(self, one: Session) -> Session:
        """The visit ends, whatever happens to this process from here on."""
        ending = one.moved(SessionState.ENDING)
        try:
            await self._store.write(lambda db: sessions.save(db, ending))
        except StoreFull:  # then the first rows that go make room for it
            return one
        return ending

    async def _flush(self, subject: int, online: Callable[[], bool]) -> None:
        """What may leave leaves, for a moment."""
        until_s = time.monotonic() + self.flush_s
        while online() and time.monotonic() < until_s:
            await self._outbox.flush()
            if not await self._store.read(lambda db: waiting(db, subject)):
                return
            await asyncio.sleep(0.02)

    async def _purge(self, ending: Session) -> int:
        """The intent with the first rows; small commits, since the disk may be full."""
        rows, more = 0, True
        async with self._consent.changing:
            while more:
                done = await self._store.write(lambda db: self._write(db, ending))
                rows, more = rows + done[0], done[1]
            state = await self._store.read(ledger.read)
            self._consent.gate.replace(state.grants, state.version)
        return rows

    def _write(self, db: sqlite3.Connection, ending: Session) -> tuple[int, bool]:
        sessions.save(db, ending)
        left.forget(db, ending.subject)
        gone = self._outbox.erase_subject(db, ending.subject, BAGS_AT_ONCE)
        self._consent.forget(db, ending.subject)
        return gone.purged, gone.more

    async def _finish(self, ending: Session, report: WipeReport) -> None:
        phases = consent_pb2.SessionReport
        state = SessionState.WIPED if report.clean else SessionState.WIPE_FAILED
        told = consent_pb2.SessionReport(
            subject=ending.subject,
            phase=phases.PHASE_WIPED if report.clean else phases.PHASE_WIPE_FAILED,
            reason=ending.reason,
            events=report.rows,
            keys=report.keys,
            bytes_searched=report.bytes_scanned,
            tracers_found=report.canaries_found,
            took_ms=int(report.seconds * 1_000),
        )
        left = Session(state) if report.clean else ending.moved(state)

        def write(db: sqlite3.Connection) -> ledger.State:
            sessions.save(db, left)
            self._outbox.control_now(db, ControlRecord(at_us=self._clock.wall_us(), session=told))
            return ledger.read(db)

        async with self._consent.changing:
            now = await self._store.write(write)
            unbar = (ending.subject, EVERYTHING) if report.clean else (0, 0)
            self._consent.gate.replace(now.grants, now.version, unbar=unbar)

    def _own_files(self) -> list[Path]:
        return [*(path for path in sorted(self._store.folder.rglob("*")) if path.is_file()), *self.files]

    def _at(self, step: WipeStep) -> None:
        for told in self.on_step:
            told(step)
