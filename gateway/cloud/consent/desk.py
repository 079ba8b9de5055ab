"""What devices tell about consent, in the transaction that admits it; must never take a yes that nobody signed."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1 import consent_pb2, control_pb2

from gateway.clock import Clock
from gateway.cloud.consent.double_opt_in import DoubleOptIn
from gateway.cloud.consent.erasure import ErasureLedger, Erasures
from gateway.cloud.consent.ingest import IngestGate
from gateway.cloud.consent.ledger import Change, ConsentLedger, Session
from gateway.cloud.consent.links import Links
from gateway.consent.parties import Parties
from gateway.consent.record import NoticeRef, RecordRefused
from gateway.consent.record_form import SURFACES
from gateway.consent.states import ConsentState
from gateway.errors import InputError, SignatureError
from gateway.limits import CONSENT_CHANGES_MAX, CONSENT_SUBJECTS_MAX
from gateway.log import Log
from gateway.model import Purpose, PurposeSet, Scope
from gateway.wire.signing import verify

log = Log("cloud")

CHANGE_CONTEXT = "forecourt/v1/consent-change"
DeviceKey = Callable[[str], Ed25519PublicKey | None]


class ConsentTerms(NamedTuple):
    """What makes a cloud a consent authority: the key that signs records, and who is responsible.

    `erasures` is the ledger of erasures, on another disk than backups of the database are taken from, or beside it.
    `recipients` names the systems that were given data and have to confirm an erasure.
    """

    key: Ed25519PrivateKey
    parties: Parties
    erasures: Path
    recipients: tuple[str, ...] = ()


class ConsentDesk:
    """The authority's side of the control stream, with the gate for events beside it."""

    def __init__(
        self,
        db: sqlite3.Connection,
        terms: ConsentTerms,
        clock: Clock,
        device_key: DeviceKey,
        count: Callable[[str, int], None],
        erase: Callable[[sqlite3.Connection, int, PurposeSet], int],
    ) -> None:
        """Erases again what a restored database brought back; raises StoreError when the ledger cannot be relied on."""
        self._db, self._clock, self._device_key, self._count = db, clock, device_key, count
        self.ledger = ConsentLedger(db, terms.key, terms.parties, clock)
        self.gate = IngestGate(self.ledger)
        self.links = Links(db, clock, count)
        self.opt_in = DoubleOptIn(db, self.ledger, clock)
        self._file = ErasureLedger(terms.erasures)
        self.erasures = Erasures(db, self._file, erase, terms.recipients)
        if again := self.erasures.replay():
            log.warning("erased_again_after_restore", entries=again)

    def erase(self, _: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Erases what stood on purposes of a subject, here and with every recipient; how many events here."""
        return self.erasures.erase(self._clock.wall_us(), subject, purposes)

    def close(self) -> None:
        """Lets go of the ledger of erasures."""
        self._file.close()

    def take(self, device: str, record: control_pb2.ControlRecord) -> bool:
        """The effect of a change, a fetch or a report of a session; whether the device is to be told something.

        What makes no sense is counted and has no effect: it would make no more sense the next time.
        """
        try:
            match record.WhichOneof("record"):
                case "consent":
                    return self._change(device, record.consent)
                case "fetch":
                    return self._fetch(device, record.fetch)
                case "session":
                    return self._report(device, record.session)
        except (InputError, RecordRefused) as error:
            self._count(f"consent_refused.{getattr(error, 'reason', 'input')}", 1)
            self._ask_all(device)
            return True
        return False

    def forget(self) -> None:
        """A transaction was undone: the tables are the truth."""
        self.gate.forget()

    def _change(self, device: str, change: consent_pb2.ConsentChange) -> bool:
        session = self._session(device, change.subject)
        if change.number <= session.changes_seen:
            self._count("consent_changes_repeated", 1)
            return False
        if len(change.changes) > CONSENT_CHANGES_MAX:
            raise InputError("too many changes at once")
        surface = consent_pb2.ConsentSurface.Name(change.surface).removeprefix("CONSENT_SURFACE_").lower()
        proven = self._proven(device, change)
        for one in change.changes:
            self._apply(change.subject, one, surface if surface in SURFACES else "system", proven)
        self._db.execute(
            "update consent_session set changes_seen = ?, asked = 1 where subject = ?", (change.number, change.subject)
        )
        return True

    def _apply(self, subject: int, one: consent_pb2.PurposeChange, surface: str, proven: bool) -> None:
        """One purpose of a change. A no always holds; a yes needs the device's signature."""
        try:
            purpose, state, scope = Purpose(one.purpose), ConsentState(one.state), Scope(one.scope)
        except ValueError:
            self._count("consent_refused.unknown", 1)
            return
        if state.allows and not proven:
            self._count("consent_refused.signature", 1)
            return
        digest = one.notice_sha256.hex()
        notice = NoticeRef(f"urn:sha256:{digest}", digest, one.language, "1") if len(digest) == 64 else None
        try:
            self.ledger.change(subject, [Change(purpose, state, scope, notice, surface)], "guest")
        except InputError:
            self._count("consent_refused.move", 1)

    def _proven(self, device: str, change: consent_pb2.ConsentChange) -> bool:
        key = self._device_key(device)
        if key is None or not change.signature:
            return False
        try:
            verify(key, CHANGE_CONTEXT, change.SerializeToString(deterministic=True))
        except SignatureError:
            return False
        return True

    def _fetch(self, device: str, fetch: consent_pb2.ConsentFetch) -> bool:
        if fetch.record and self.ledger.restore(fetch.record) is not None:
            self._count("consent_records_restored", 1)
        if fetch.subject:
            self._session(device, fetch.subject)
        if fetch.epoch > self.ledger.epoch(device):
            self.ledger.raise_epoch(device, fetch.epoch)
        self._ask_all(device)
        return True

    def _report(self, device: str, report: consent_pb2.SessionReport) -> bool:
        phases = consent_pb2.SessionReport
        if report.phase == phases.PHASE_OPENED:
            self._session(device, report.subject)
            return False
        session = self.ledger.session(report.subject)
        if session is None or session.device != device:
            self._count("consent_refused.foreign_session", 1)
            return False
        if report.phase == phases.PHASE_WIPE_FAILED:
            self._count("wipes_failed", 1)
        self.ledger.end_session(report.subject)
        return False

    def _session(self, device: str, subject: int) -> Session:
        """The visit, which begins with the first that a device says of it; InputError when it is another device's."""
        if self.ledger.session(subject) is None and len(self.ledger.sessions(device)) >= CONSENT_SUBJECTS_MAX:
            raise InputError("too many visits are open on this device")
        return self.ledger.open_session(subject, device)

    def _ask_all(self, device: str) -> None:
        self._db.execute("update consent_session set asked = 1 where device = ? and ended_us is null", (device,))
