"""The authority's records in the inbox's database; every method is part of the caller's transaction, on its thread."""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import Clock
from gateway.cloud.consent.history import history_digest
from gateway.cloud.consent.tables import create
from gateway.consent.parties import Parties
from gateway.consent.purposes import PurposeRegister
from gateway.consent.record import ConsentRecord, NoticeRef, PurposeConsent, read_record, sign_record
from gateway.consent.states import ConsentState, move
from gateway.errors import InputError
from gateway.limits import CONSENT_LEASE_S
from gateway.model import Purpose, Scope

SUBJECT_MAX = (1 << 63) - 1
UNBROKEN = "unbroken_since_us"
"""Key of PurposeConsent.evidence: since when a renewed yes holds without a no in between."""
KEEPS_THE_YES = (ConsentState.GIVEN, ConsentState.RENEWED, ConsentState.EXPIRED)
"""After these, events that were captured under the last yes may still arrive; after any other they are refused."""


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody said of one purpose. `notice` is needed for a yes, `scope` is how far it goes."""

    purpose: Purpose
    state: ConsentState
    scope: Scope = Scope.CLOUD
    notice: NoticeRef | None = None
    surface: str = "system"
    valid_until_us: int | None = None
    evidence: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """A visit on a device. `lease_s`: how long the device may collect without contact."""

    subject: int
    device: str
    opened_us: int
    ended_us: int | None
    lease_s: int
    changes_seen: int


class ConsentLedger:
    """Versions of consent by subject, sessions by device, and epochs."""

    def __init__(self, db: sqlite3.Connection, key: Ed25519PrivateKey, parties: Parties, clock: Clock) -> None:
        """Makes the tables where they are missing."""
        self._db, self._key, self._parties, self._clock = db, key, parties, clock
        self._keys = (key.public_key(),)
        self._register = PurposeRegister.load()
        self.changed: set[int] = set()
        """Subjects whose state changed, for whoever caches it; the reader empties it."""
        create(db)

    # Records

    def current(self, subject: int) -> ConsentRecord | None:
        """The newest record of a subject."""
        row = self._db.execute(
            "select raw from consent_record where subject = ? order by version desc limit 1", (subject,)
        ).fetchone()
        return read_record(row[0], self._keys) if row else None

    def raw(self, subject: int) -> bytes | None:
        """The newest record as it travels."""
        row = self._db.execute(
            "select raw from consent_record where subject = ? order by version desc limit 1", (subject,)
        ).fetchone()
        return bytes(row[0]) if row else None

    def history(self, subject: int) -> list[bytes]:
        """All records of a subject as they travel, oldest first."""
        query = "select raw from consent_record where subject = ? order by version"
        return [bytes(row[0]) for row in self._db.execute(query, (subject,))]

    def change(self, subject: int, changes: Iterable[Change], actor: str) -> ConsentRecord | None:
        """The next version; the present one where nothing changes, None where there is none.

        Raises InputError for what cannot be: a purpose that needs no consent, a yes without the text that was shown, a
        scope beyond what the purpose may have, a move that no state allows.
        """
        if not 0 < subject <= SUBJECT_MAX:
            raise InputError("consent is that of a subject")
        before = self.current(subject)
        # Times of one subject rise, whatever the clock does: by them one yes is told from the next.
        now_us = max(self._clock.wall_us(), before.issued_us + 1 if before else 0)
        record_id = secrets.token_hex(16)
        states = {one.purpose: one for one in before.purposes} if before else {}
        for change in changes:
            old = states.get(change.purpose)
            new = self._next(change, old, record_id, now_us)
            if new is not None:
                states[change.purpose] = new
        chosen = tuple(states[purpose] for purpose in sorted(states))
        if not chosen or (before is not None and chosen == before.purposes):
            return before
        version = before.version + 1 if before else 1
        record = ConsentRecord(
            *(record_id, subject, version, before.digest if before else "", now_us, chosen),
            parties=self._parties.parties,
            place=self._parties.place,
        )
        self._keep(record, sign_record(self._key, record), actor)
        return record

    def restore(self, raw: bytes) -> ConsentRecord | None:
        """Takes back a record of ours that we lost, newer than what we have; None when it is not.

        Raises RecordRefused when we did not sign it.
        """
        record = read_record(raw, self._keys)
        before = self.current(record.subject)
        if before is not None and before.version >= record.version:
            return None
        self._keep(record, raw, "restored")
        return record

    def find(self, record_id: str) -> ConsentRecord | None:
        """The record of that id."""
        row = self._db.execute("select raw from consent_record where id = ?", (record_id,)).fetchone()
        return read_record(row[0], self._keys) if row else None

    def yes_since(self, subject: int) -> dict[Purpose, tuple[int, Scope]]:
        """By purpose, since when the yes holds under which events may arrive, and how far it goes."""
        rows = self._db.execute(
            "select purpose, yes_since_us, scope from consent_current where subject = ? and yes_since_us > 0",
            (subject,),
        )
        known = set(Purpose)
        return {Purpose(purpose): (since, Scope(scope)) for purpose, since, scope in rows if purpose in known}

    # Sessions and epochs

    def open_session(self, subject: int, device: str, lease_s: int | None = None) -> Session:
        """A visit begins on a device; again the same is no change. Raises InputError when it is another device's."""
        known = self.session(subject)
        if known is not None:
            if known.device != device:
                raise InputError("this visit is on another device")
            return known
        now_us = self._clock.wall_us()
        self._db.execute(
            "insert into consent_session(subject, device, opened_us, lease_s) values(?, ?, ?, ?)",
            (subject, device, now_us, lease_s or CONSENT_LEASE_S),
        )
        self._log(subject, 0, "session_opened", now_us)
        found = self.session(subject)
        assert found is not None
        return found

    def session(self, subject: int) -> Session | None:
        """The visit of a subject."""
        row = self._db.execute(f"select {_SESSION} from consent_session where subject = ?", (subject,)).fetchone()
        return Session(*row) if row else None

    def sessions(self, device: str) -> list[Session]:
        """The visits that are open on a device."""
        query = f"select {_SESSION} from consent_session where device = ? and ended_us is null"
        return [Session(*row) for row in self._db.execute(query, (device,))]

    def hand_over(self, subject: int, device: str) -> Session:
        """The visit goes on on another device; the one before is to wipe it. Raises InputError when it has ended."""
        known = self.session(subject)
        if known is None or known.ended_us is not None:
            raise InputError("there is no such visit")
        self._db.execute(
            "update consent_session set device = ?, asked = 1, changes_seen = 0 where subject = ?", (device, subject)
        )
        self.raise_epoch(known.device)
        self.raise_epoch(device)
        self._log(subject, 0, "session_handed_over", self._clock.wall_us())
        return replace(known, device=device, changes_seen=0)

    def end_session(self, subject: int) -> ConsentRecord | None:
        """A visit is over: every yes of it ends, so that nothing more is collected for it."""
        now_us = self._clock.wall_us()
        found = self._db.execute(
            "update consent_session set ended_us = ? where subject = ? and ended_us is null", (now_us, subject)
        )
        if not found.rowcount:
            return None
        self._log(subject, 0, "session_ended", now_us)
        record = self.current(subject)
        ended = [Change(one.purpose, ConsentState.EXPIRED) for one in record.purposes if one.allows] if record else []
        return self.change(subject, ended, "session_end") if ended else record

    def epoch(self, device: str) -> int:
        """How often what is in force on a device has changed; 0 for never."""
        row = self._db.execute("select epoch from consent_epoch where device = ?", (device,)).fetchone()
        return int(row[0]) if row else 0

    def raise_epoch(self, device: str, beyond: int = 0) -> int:
        """What is in force on the device has changed. `beyond`: what it has applied, if we forgot that we said so."""
        self._db.execute(
            "insert into consent_epoch values(?1, ?2 + 1) on conflict do update set epoch = max(epoch, ?2) + 1",
            (device, min(beyond, SUBJECT_MAX - 1)),
        )
        return self.epoch(device)

    # Inside

    def _next(self, change: Change, old: PurposeConsent | None, record_id: str, now_us: int) -> PurposeConsent | None:
        """The state after a change; None where it changes nothing."""
        entry = self._register[change.purpose]
        if not entry.needs_consent:
            raise InputError(f"{change.purpose.word} needs no consent, so that none can be given or withdrawn")
        state, before = change.state, old.state if old else ConsentState.UNKNOWN
        if state.allows and entry.double_opt_in and "confirmed_us" not in change.evidence:
            state = ConsentState.PENDING_CONFIRMATION
        if state is ConsentState.GIVEN and before.allows:
            state = ConsentState.RENEWED
        if state is before and not state.allows:
            return None
        if state is ConsentState.WITHDRAWN and not before.allows and ConsentState.WITHDRAWN not in _after(before):
            state = ConsentState.REFUSED
        move(before, state)
        scope = change.scope if state.allows else Scope.NONE
        if state.allows or state is ConsentState.PENDING_CONFIRMATION:
            if change.notice is None:
                raise InputError("a yes names the text that was shown")
            if change.scope > entry.scope_max:
                raise InputError(f"{change.purpose.word} goes no further than {entry.scope_max.word}")
        evidence = dict(change.evidence)
        if state is ConsentState.RENEWED and old is not None:
            evidence[UNBROKEN] = yes_began(old)
        return PurposeConsent(
            change.purpose,
            state,
            scope,
            now_us,
            record_id,
            change.valid_until_us if state.allows else None,
            change.notice,
            change.surface,
            evidence,
        )

    def _keep(self, record: ConsentRecord, raw: bytes, actor: str) -> None:
        db, subject = self._db, record.subject
        db.execute("insert into consent_record values(?, ?, ?, ?)", (record.record_id, subject, record.version, raw))
        kept = self.yes_since(subject)
        for one in record.purposes:
            since, scope = kept.get(one.purpose, (0, Scope.NONE))
            if one.allows:
                since, scope = yes_began(one), one.scope
            elif one.state not in KEEPS_THE_YES:
                since, scope = 0, Scope.NONE
            db.execute(
                "insert or replace into consent_current values(?, ?, ?, ?, ?)",
                (subject, int(one.purpose), int(one.state), int(scope), since),
            )
        self._log(subject, record.version, actor, record.issued_us, record.digest)
        session = self.session(subject)
        if session is not None and session.ended_us is None:
            self.raise_epoch(session.device)
        self.changed.add(subject)

    def _log(self, subject: int, version: int, what: str, at_us: int, content: str = "") -> None:
        """One more entry of the history; each names all before it by its digest."""
        row = self._db.execute("select n, digest from consent_history order by n desc limit 1").fetchone()
        number, before = (row[0] + 1, row[1]) if row else (1, "")
        digest = history_digest(before, number, at_us, subject, version, what, content)
        self._db.execute(
            "insert into consent_history values(?, ?, ?, ?, ?, ?)", (number, at_us, subject, version, what, digest)
        )


_SESSION = "subject, device, opened_us, ended_us, lease_s, changes_seen"


def yes_began(one: PurposeConsent) -> int:
    """Since when a yes holds without a no in between, in microseconds since 1970 UTC."""
    unbroken = one.evidence.get(UNBROKEN)
    return unbroken if isinstance(unbroken, int) else one.since_us


def _after(state: ConsentState) -> Sequence[ConsentState]:
    from gateway.consent.states import MOVES

    return tuple(MOVES[state])
