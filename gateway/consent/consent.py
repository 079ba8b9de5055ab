"""Gate, ledger and keyring as one part of an agent; must never answer before what it answers for is on disk."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1.consent_pb2 import CONSENT_SURFACE_HEAD_UNIT, ConsentChange, ConsentSurface, PurposeChange

from gateway.clock import Clock
from gateway.consent import books, history, holdings, ledger
from gateway.consent.books import Applied, Sign
from gateway.consent.decision import Policies
from gateway.consent.gate import Gate
from gateway.consent.grants import Grant, Lease, Moment
from gateway.consent.holding import Holding
from gateway.consent.keyring import Keyring, Wrapper
from gateway.consent.record import RecordRefused
from gateway.errors import InputError, StoreError
from gateway.limits import CONSENT_LEASE_S, KEY_TIDY_S
from gateway.log import Log
from gateway.model import Purpose, PurposeSet, Scope, purposes_of
from gateway.store import MigrationSet, Store


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """What a guest or an operator may see of one subject."""

    subject: int
    in_force: tuple[Purpose, ...]
    grants: tuple[Grant, ...]
    withdrawing: tuple[Purpose, ...]


class Consent:
    """The room's one object. Made by `Consent.open`; the store must have been opened with `Consent.migrations`."""

    migrations: MigrationSet = ledger.MIGRATIONS

    def __init__(
        self, store: Store, keyring: Keyring, gate: Gate, clock: Clock, authority: Sequence[Ed25519PublicKey] = ()
    ) -> None:
        self.store, self.keyring, self.gate = store, keyring, gate
        self.authority = tuple(authority)
        self.refused: Counter[str] = Counter()
        """Records that were refused, by record.Refused."""
        self.damaged = 0
        """Rows of the ledger that are not believed, so that they allow nothing."""
        self.changing = asyncio.Lock()  # grants and withdrawals take turns
        self._clock = clock
        self._log = Log("consent")
        self._idle: dict[int, float] = {}

    @property
    def counters(self) -> dict[str, int]:
        """What was refused or not believed, by name, for metrics."""
        found = {f"record_refused_{reason}": count for reason, count in self.refused.items()}
        full = {"keyring_full": self.gate.keyring_full, "dictionary_full": self.gate.dictionary_full}
        return found | {"rows_not_believed": self.damaged} | full

    @classmethod
    async def open(
        cls,
        store: Store,
        folder: Path,
        clock: Clock,
        policies: Policies | None = None,
        wrapper: Wrapper | None = None,
        *,
        authority: Sequence[Ed25519PublicKey] = (),
        reach: Scope = Scope.CLOUD,
    ) -> "Consent":
        """Reads grants and keys; raises ConfigError for unusable tables and StoreError for an unusable disk.

        `authority`: who signs records; without a key none is believed, also of those in the store. `reach`: how far
        data goes from here. Withdrawals that were not finished when the process ended are barred from here on;
        `Revocation.finish_intents` completes them.
        """
        tables = policies if policies is not None else await asyncio.to_thread(Policies.load)
        keyring = await asyncio.to_thread(Keyring.open, folder, wrapper)
        consent = cls(store, keyring, Gate(tables, keyring, clock, reach), clock, authority)
        await consent.reload()
        return consent

    async def reload(self) -> None:
        """Puts in force what the store says."""
        await self.store.salvage("consent", ledger.salvage)
        unsigned = await self.store.read(lambda db: books.unsigned(db, self.authority))
        if unsigned:
            await self.store.write(lambda db: books.distrust(db, unsigned))
        state, intents = await self.store.read(lambda db: (ledger.read(db), ledger.intents(db)))
        self._in_force(state)
        if unsigned or state.damaged:
            self._log.warning("consent_not_believed", records=len(unsigned), rows=state.damaged)
        for intent in intents:
            self.gate.bar(intent.subject, intent.purposes)

    async def grant(self, grants: Iterable[Grant]) -> None:
        """Puts grants in force once they are durable.

        Raises InputError for a grant that cannot be (ledger.check), StoreError when it was not written or when the
        withdrawal of the same purpose is not finished.
        """
        new = [replace(grant, given=Moment.of(self._clock)) for grant in grants]
        for grant in new:
            ledger.check(grant)
        async with self.changing:
            for grant in new:
                if self.gate.barred(grant.subject) >> grant.purpose & 1:
                    raise StoreError(f"the withdrawal of {grant.purpose.word} is not finished")
            state = await self.store.write(lambda db: ledger.give(db, new))
            self.gate.replace(state.grants, state.version)
        self._log.info("granted", purposes=[grant.purpose.word for grant in new])

    async def apply_record(self, raw: bytes, epoch: int, changes_seen: int, lease_s: int) -> Applied:
        """Takes over a record of the authority, or says what has to be withdrawn first.

        Where `narrowed` is not empty, nothing was written: the caller withdraws those purposes (`Revocation`) and calls
        again; a cut in between is made good by the next put. The same record again renews the lease. Raises
        RecordRefused, which is counted, for one that cannot be relied on, once what it takes away has been withdrawn;
        StoreError when it was not written.
        """
        now = Moment.of(self._clock)
        async with self.changing:
            try:
                put = books.Put(raw, epoch, changes_seen, lease_s)
                applied, state = await self.store.write(lambda db: books.apply(db, put, self.authority, now))
            except RecordRefused as refused:
                self._refuse(refused)
                if refused.reason in books.UNREAD:
                    state = await self.store.write(lambda db: books.suspend(db, raw, self.authority))
                    if state is not None:
                        self._in_force(state)
                raise
            if state is not None:
                self._in_force(state)
        if applied.written and not applied.renewal:
            self._log.info("record_applied", version=applied.version, epoch=applied.epoch)
        return applied

    def _refuse(self, refused: RecordRefused) -> None:
        self.refused[refused.reason] += 1
        self._log.warning("record_refused", reason=str(refused.reason))

    def _in_force(self, state: ledger.State) -> None:
        self.damaged = state.damaged
        self.gate.replace(state.grants, state.version)

    async def widen(
        self,
        subject: int,
        changes: Sequence[PurposeChange],
        sign: Sign,
        surface: ConsentSurface = CONSENT_SURFACE_HEAD_UNIT,
        also: Callable[[sqlite3.Connection, ConsentChange], object] = lambda _db, _change: None,
    ) -> ConsentChange:
        """A guest's yes on this device: in force in the vehicle once it is durable, further once it is countersigned.

        `sign` returns a message with the device's signature appended; `also` runs in the same transaction, to send the
        change. Raises InputError for what is no yes to a text that was shown or goes further than the purpose may,
        StoreError when it was not written or the withdrawal of the same purpose is not finished.
        """
        async with self.changing:
            for one in changes:
                if self.gate.barred(subject) >> one.purpose & 1:
                    raise StoreError("a withdrawal of the same purpose is not finished")
            now = Moment.of(self._clock)
            said = books.Said(subject, tuple(changes), surface, now)
            change, state = await self.store.write(lambda db: books.widen(db, said, sign, also))
            self._in_force(state)
        self._log.info("widened", purposes=len(changes))
        return change

    def narrow_now(
        self,
        db: sqlite3.Connection,
        subject: int,
        gone: PurposeSet,
        surface: ConsentSurface = CONSENT_SURFACE_HEAD_UNIT,
    ) -> ConsentChange:
        """Notes a guest's no in the transaction that withdraws, and returns it for the control stream.

        It stands against every record that does not take it in. The caller runs the withdrawal itself.
        """
        return books.narrow(db, subject, gone, surface, Moment.of(self._clock))

    async def lease(self, subject: int, length_s: float) -> None:
        """Begins a lease of a subject anew, at most CONSENT_LEASE_S; 0 ends it. Changes no purpose."""
        lease = Lease(subject, Moment.of(self._clock), min(max(float(length_s), 0.0), CONSENT_LEASE_S))
        async with self.changing:
            self._in_force(await self.store.write(lambda db: books.lease(db, lease)))

    def forget(self, db: sqlite3.Connection, subject: int) -> None:
        """Drops record, changes, lease and grants of a subject, in the caller's transaction; then call `reload`.

        Of its history the handle and hashes stay. Bar the subject before, so that nothing comes in meanwhile.
        """
        books.forget(db, subject, self._clock.wall_us())

    async def held(self, subject: int) -> Holding:
        """Record, own changes that wait for the authority, lease: what stands behind the grants of a subject."""
        return await self.store.read(lambda db: holdings.held(db, subject))

    async def epoch(self) -> int:
        """The consent epoch that this device has applied; 0 for none."""
        return await self.store.read(holdings.epoch)

    async def history(self) -> list[history.Entry]:
        """What this device did about consent, oldest first."""
        return await self.store.read(history.read)

    async def status(self, subject: int) -> ConsentStatus:
        """Grants of a subject as they lie in the store, and what is in force of them now."""
        state = await self.store.read(ledger.read)
        grants = tuple(grant for grant in state.grants if grant.subject == subject)
        barred = purposes_of(self.gate.barred(subject))
        return ConsentStatus(subject, purposes_of(self.gate.granted(subject)), grants, barred)

    def doomed(self, subject: int, gone: PurposeSet) -> list[int]:
        """Ids of the keys whose destruction erases every bag of `subject` that was kept for one of `gone`."""
        if subject == 0:
            raise InputError("data without a subject has no consent that could be withdrawn")
        return self.keyring.ids(lambda slot: slot.subject == subject and bool(slot.purposes & gone))

    async def tidy(self, in_use: Callable[[sqlite3.Connection], set[int]]) -> int:
        """Frees slots of keys that no row uses and no grant in force may use; returns how many.

        A key has to be found idle twice, KEY_TIDY_S apart, so that none is taken from a commit that is under way.
        """
        used = await self.store.write(in_use)
        idle = self.keyring.ids(
            lambda slot: (
                slot.subject != 0
                and slot.purposes != 0  # the key of the visit itself, which its wipe destroys
                and slot.key_id not in used
                and not self.gate.needs(slot.subject, slot.purposes)
            )
        )
        now = self._clock.boottime_s()
        self._idle = {key_id: self._idle.get(key_id, now) for key_id in idle}
        ripe = [key_id for key_id, since in self._idle.items() if now - since >= KEY_TIDY_S]
        return await asyncio.to_thread(self.keyring.destroy, ripe) if ripe else 0

    async def aclose(self) -> None:
        """Lets go of the keyring; close the store first, its last commit may need a key."""
        await asyncio.to_thread(self.keyring.close)
