"""A withdrawal, from the guest's no to "done"; must never say done while a byte of it can be read or sent."""

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from forecourt.v1.consent_pb2 import ConsentSurface
from forecourt.v1.control_pb2 import ControlRecord, ErasureRequest

from gateway.clock import Clock
from gateway.consent import Consent, Narrowing, ledger
from gateway.consent.ledger import Intent, State
from gateway.errors import InputError, StoreFull
from gateway.log import Log
from gateway.model import WITHOUT_CONSENT, PurposeSet, purposes_of
from gateway.store import Store

SHRINK_BAGS = 50
"""So many bags at a time the campaign on a full disk treats without an error."""


class Fence(Protocol):
    """Keeps what is on its way out from leaving."""

    async def fence(self, subject: int, purposes: PurposeSet) -> None:
        """Returns once no bag of `subject` for one of `purposes` can leave any more, closing the socket if need be."""
        ...


class NoFence:
    """Where nothing is sent, nothing can leave."""

    async def fence(self, subject: int, purposes: PurposeSet) -> None:
        """Nothing to do."""


class Withdrawn(Protocol):
    """What withdrawing did to the rows, in events."""

    @property
    def purged(self) -> int:
        """Gone, told by gaps with the reason REVOKED."""
        ...

    @property
    def resealed(self) -> int:
        """Kept for their other purposes, without what those do not allow."""
        ...

    @property
    def more(self) -> bool:
        """Whether `bags_max` was reached, so that some bags may not have been looked at."""
        ...


class Shelf(Protocol):
    """What a withdrawal needs of the outbox; both run on the writer thread inside the one transaction."""

    def control_now(self, db: sqlite3.Connection, record: ControlRecord) -> int:
        """Appends a control record, returns its number."""
        ...

    def withdraw_rows(
        self, db: sqlite3.Connection, subject: int, gone: PurposeSet, narrowing: Narrowing, bags_max: int = 1 << 62
    ) -> Withdrawn:
        """Deletes or reseals bags of `subject` that were kept for one of `gone`, and tells the gaps."""
        ...


class Step(Enum):
    """How far a withdrawal is; a cut between any two of them cannot undo it."""

    BARRED = "barred"
    WRITTEN = "written"
    FENCED = "fenced"
    FORGOTTEN = "forgotten"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class WithdrawalDone:
    """What a withdrawal did: counts of events and keys, and how long it took."""

    purged: int
    resealed: int
    keys_destroyed: int
    seconds: float


class _Written(NamedTuple):
    state: State
    intent: Intent
    purged: int
    resealed: int


class Revocation:
    """Withdraws consent, and finishes at the next start what a crash interrupted."""

    def __init__(self, store: Store, outbox: Shelf, consent: Consent, fence: Fence, clock: Clock) -> None:
        self._store, self._outbox, self._consent, self._clock = store, outbox, consent, clock
        self.fence = fence
        self.on_step: list[Callable[[Step], None]] = []
        self.others: list[Callable[[int, PurposeSet], Awaitable[None]]] = []
        """Rooms that keep something of a guest elsewhere; each forgets what stood on these purposes, also twice."""
        self._log = Log("flow")

    async def withdraw(
        self, subject: int, purposes: PurposeSet, surface: ConsentSurface | None = None
    ) -> WithdrawalDone:
        """Takes `purposes` of `subject` out of force now, and returns when nothing of them can be read or sent.

        `surface`: where the guest said it on this device, to be told to the authority; None where it knows already.

        The gate is shut before anything is awaited. Raises InputError for what cannot be withdrawn, and StoreError
        when the disk refuses: then the gate stays shut, and the caller tries again. Withdrawing twice does no harm.
        """
        _check(subject, purposes)
        started, gate = time.monotonic(), self._consent.gate
        gate.bar(subject, purposes)
        self._at(Step.BARRED)
        async with self._consent.changing:
            narrowing = await asyncio.to_thread(gate.narrowing, subject, purposes)
            try:
                written = await self._store.write(lambda db: self._write(db, subject, purposes, narrowing, surface))
                purged, resealed = written.purged, written.resealed
            except StoreFull:
                written = await self._store.write(lambda db: self._write(db, subject, purposes, None, surface))
                purged, resealed = await self._shrink(written.intent, narrowing)
            gate.replace(written.state.grants, written.state.version)
            self._at(Step.WRITTEN)
            destroyed = await self._complete(written.intent)
        seconds = time.monotonic() - started
        done = WithdrawalDone(purged, resealed, destroyed, seconds)
        self._log.info("withdrawn", purged=done.purged, resealed=done.resealed, keys=destroyed, seconds=seconds)
        return done

    async def finish_intents(self) -> int:
        """Completes withdrawals that were written and not finished; how many. Before anything is sent or appended."""
        async with self._consent.changing:
            intents = await self._store.read(ledger.intents)
            for intent in intents:
                narrowing = await asyncio.to_thread(self._consent.gate.narrowing, intent.subject, intent.purposes)
                await self._shrink(intent, narrowing)
                await self._complete(intent)
        if intents:
            self._log.warning("withdrawals_finished_at_start", count=len(intents))
        return len(intents)

    def _write(
        self,
        db: sqlite3.Connection,
        subject: int,
        gone: PurposeSet,
        narrowing: Narrowing | None,
        surface: ConsentSurface | None,
    ) -> _Written:
        """All or nothing, and the request for erasure first: the cloud learns of it before it learns of the gaps.

        Without `narrowing` the rows stay for `_shrink`; the intent sees to it that they are not forgotten.
        """
        request = ErasureRequest(id=secrets.randbits(63), subject=subject, purposes=map(int, purposes_of(gone)))
        self._outbox.control_now(db, ControlRecord(at_us=self._clock.wall_us(), erasure=request))
        if surface is not None:
            change = self._consent.narrow_now(db, subject, gone, surface)
            self._outbox.control_now(db, ControlRecord(at_us=self._clock.wall_us(), consent=change))
        state = ledger.withdraw(db, subject, gone)
        intent = ledger.note(db, subject, gone)
        if narrowing is None:
            return _Written(state, intent, 0, 0)
        rows = self._outbox.withdraw_rows(db, subject, gone, narrowing)
        return _Written(state, intent, rows.purged, rows.resealed)

    async def _shrink(self, intent: Intent, narrowing: Narrowing) -> tuple[int, int]:
        """Treats the rows in small commits, for a disk without room for a large one, or after a cut between them."""
        purged = resealed = 0
        more = True
        while more:
            rows = await self._store.write(
                lambda db: self._outbox.withdraw_rows(db, intent.subject, intent.purposes, narrowing, SHRINK_BAGS)
            )
            purged, resealed, more = purged + rows.purged, resealed + rows.resealed, rows.more
        return purged, resealed

    async def _complete(self, intent: Intent) -> int:
        """From the written intent to its end; may be repeated from any point."""
        consent, subject, gone = self._consent, intent.subject, intent.purposes
        for forget in self.others:
            await forget(subject, gone)
        await self.fence.fence(subject, gone)
        self._at(Step.FENCED)
        destroyed = await asyncio.to_thread(consent.keyring.destroy, consent.doomed(subject, gone))
        self._at(Step.FORGOTTEN)
        state = await self._store.write(lambda db: ledger.finish(db, intent))
        consent.gate.replace(state.grants, state.version, unbar=(subject, gone))
        self._at(Step.DONE)
        return destroyed

    def _at(self, step: Step) -> None:
        for told in self.on_step:
            told(step)


def _check(subject: int, purposes: PurposeSet) -> None:
    if not 0 < subject <= ledger.NUMBER_MAX:
        raise InputError("a withdrawal needs the subject of a grant")
    try:
        named = purposes_of(purposes)
    except ValueError as error:
        raise InputError("a purpose that nobody knows cannot be withdrawn") from error
    if not named:
        raise InputError("a withdrawal names a purpose")
    if purposes & WITHOUT_CONSENT:
        raise InputError("what needs no consent cannot be withdrawn")
