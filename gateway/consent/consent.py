"""Gate, ledger and keyring as one part of an agent; must never answer before what it answers for is on disk."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.clock import Clock
from gateway.consent import ledger
from gateway.consent.decision import Policies
from gateway.consent.gate import Gate
from gateway.consent.grants import Grant, Moment
from gateway.consent.keyring import Keyring, Wrapper
from gateway.errors import InputError, StoreError
from gateway.limits import KEY_TIDY_S
from gateway.log import Log
from gateway.model import Purpose, PurposeSet, purposes_of
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

    def __init__(self, store: Store, keyring: Keyring, gate: Gate, clock: Clock) -> None:
        self.store, self.keyring, self.gate = store, keyring, gate
        self.changing = asyncio.Lock()  # grants and withdrawals take turns
        self._clock = clock
        self._log = Log("consent")
        self._idle: dict[int, float] = {}

    @classmethod
    async def open(
        cls,
        store: Store,
        folder: Path,
        clock: Clock,
        policies: Policies | None = None,
        wrapper: Wrapper | None = None,
    ) -> "Consent":
        """Reads grants and keys; raises ConfigError for unusable tables and StoreError for an unusable disk.

        Withdrawals that were not finished when the process ended are barred from here on; `Revocation.finish_intents`
        completes them.
        """
        tables = policies if policies is not None else await asyncio.to_thread(Policies.load)
        keyring = await asyncio.to_thread(Keyring.open, folder, wrapper)
        consent = cls(store, keyring, Gate(tables, keyring, clock), clock)
        await consent.reload()
        return consent

    async def reload(self) -> None:
        """Puts in force what the store says."""
        await self.store.salvage("consent", ledger.salvage)
        state, intents = await self.store.read(lambda db: (ledger.read(db), ledger.intents(db)))
        self.gate.replace(state.grants, state.version)
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
                slot.subject != 0 and slot.key_id not in used and not self.gate.needs(slot.subject, slot.purposes)
            )
        )
        now = self._clock.boottime_s()
        self._idle = {key_id: self._idle.get(key_id, now) for key_id in idle}
        ripe = [key_id for key_id, since in self._idle.items() if now - since >= KEY_TIDY_S]
        return await asyncio.to_thread(self.keyring.destroy, ripe) if ripe else 0

    async def aclose(self) -> None:
        """Lets go of the keyring; close the store first, its last commit may need a key."""
        await asyncio.to_thread(self.keyring.close)
