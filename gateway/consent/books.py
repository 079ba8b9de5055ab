"""Consent as it changes in the store; must never write a yes that plan.py does not give, nor lose a no."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import classification_pb2, consent_pb2
from forecourt.v1.consent_pb2 import ConsentChange, ConsentSurface, PurposeChange

from gateway.consent import history, holdings, ledger
from gateway.consent.grants import Lease, Moment
from gateway.consent.holding import EVERYTHING, Holding, said
from gateway.consent.plan import next_epoch, plan_apply
from gateway.consent.purposes import PurposeRegister
from gateway.consent.record import RecordRefused, Refused, authentic, read_record
from gateway.errors import InputError, TooLarge
from gateway.limits import CONSENT_CHANGES_MAX, CONSENT_LEASE_S
from gateway.model import PurposeSet, Scope, purpose_set, purposes_of

Sign = Callable[[bytes], bytes]
Also = Callable[[sqlite3.Connection, ConsentChange], object]
UNREAD = frozenset({Refused.SCHEMA, Refused.MALFORMED})
"""Reasons for which a record that the authority signed suspends what is known of its subject."""
SHA256_BYTES = 32


class Put(NamedTuple):
    """What came down: see forecourt.v1.PutConsent."""

    raw: bytes
    epoch: int
    changes_seen: int
    lease_s: int


class Said(NamedTuple):
    """What a guest said on this device, where and when."""

    subject: int
    changes: tuple[PurposeChange, ...]
    surface: ConsentSurface
    at: Moment


@dataclass(frozen=True, slots=True)
class Applied:
    """What a record did. `narrowed`: to be withdrawn first, then nothing is written yet. `epoch`: as applied now."""

    subject: int
    version: int
    narrowed: PurposeSet
    widened: PurposeSet
    written: bool
    renewal: bool
    epoch: int


def apply(
    db: sqlite3.Connection, put: Put, keys: Sequence[Ed25519PublicKey], now: Moment
) -> tuple[Applied, ledger.State | None]:
    """Writes what `plan_apply` allows; raises RecordRefused."""
    new = read_record(put.raw, keys)
    held = holdings.held(db, new.subject)
    plan = plan_apply(held, put.raw, new, put.epoch, put.changes_seen, now)
    epoch = holdings.epoch(db)
    if plan.narrowed:
        return Applied(new.subject, new.version, plan.narrowed, plan.widened, False, plan.renewal, epoch), None
    if plan.refused is not None or plan.after is None:
        raise RecordRefused(plan.refused or Refused.REPLAYED)
    lease = Lease(new.subject, now, float(min(max(put.lease_s, 0), CONSENT_LEASE_S)))
    holdings.put(db, replace(plan.after, lease=lease))
    others = [one.epoch for one in holdings.all_held(db) if one.subject != new.subject]
    holdings.set_epoch(db, epoch := next_epoch(epoch, put.epoch, others))
    if not plan.renewal:
        history.note(db, now.wall_us, new.subject, new.version, "record", put.raw)
    return Applied(new.subject, new.version, 0, plan.widened, True, plan.renewal, epoch), ledger.raised(db)


def suspend(db: sqlite3.Connection, raw: bytes, keys: Sequence[Ed25519PublicKey]) -> ledger.State | None:
    """What the authority signed and nobody here can read may be a no: until it can be read, its subject has no yes.

    None where nothing changes.
    """
    try:
        body = authentic(raw, keys)
        subject, version = int(body["pii_principal_id"], 16), body.get("version", 0)
    except (RecordRefused, KeyError, TypeError, ValueError):
        return None
    held = holdings.held(db, subject) if 0 < subject <= ledger.NUMBER_MAX else Holding(0)
    older = type(version) is int and version < held.version
    if held == Holding(held.subject) or held.suspended or older:
        return None
    holdings.put(db, replace(held, suspended=True))
    return ledger.raised(db)


def widen(db: sqlite3.Connection, what: Said, sign: Sign, also: Also) -> tuple[ConsentChange, ledger.State]:
    """Writes a signed yes; raises InputError or TooLarge for what cannot be one."""
    for change in what.changes:
        check_yes(change)
    held = holdings.held(db, what.subject)
    if held.suspended:
        raise InputError("what the authority said last cannot be read here, so that no yes can be added to it")
    if len(held.pending) >= CONSENT_CHANGES_MAX:
        raise TooLarge("too many changes wait for the authority")
    message = _change(held, what)
    signed = ConsentChange.FromString(sign(message.SerializeToString(deterministic=True)))
    if not signed.signature or signed.number != message.number:
        raise InputError("a yes has to be signed by the device")
    yes = purpose_set(change.purpose for change in what.changes)
    lease = held.lease or Lease(what.subject, what.at, float(CONSENT_LEASE_S))
    _add(db, replace(held, lease=lease, denied=held.denied & ~yes), signed, what.at, "yes")
    also(db, signed)
    return signed, ledger.raised(db)


def check_yes(change: PurposeChange) -> None:
    """Raises InputError unless a change is a yes that a guest can give on a device."""
    found = said(change)
    if found is None or found[1] is Scope.NONE:
        raise InputError("a yes names a purpose that needs consent, GIVEN, and how far it goes")
    purpose, scope = found
    entry = PurposeRegister.load()[purpose]
    if entry.double_opt_in:
        raise InputError(f"{purpose.word} is confirmed over its channel, not on a device")
    if scope > entry.scope_max:
        raise InputError(f"{purpose.word} goes no further than {entry.scope_max.word}")
    if len(change.notice_sha256) != SHA256_BYTES or not change.language:
        raise InputError("a yes names the text that was shown, and its language")


def narrow(
    db: sqlite3.Connection, subject: int, gone: PurposeSet, surface: ConsentSurface, at: Moment
) -> ConsentChange:
    """Writes a no, whatever is held; beyond CONSENT_CHANGES_MAX the oldest are joined into one."""
    held = holdings.held(db, subject)
    changes = tuple(
        PurposeChange(purpose=classification_pb2.Purpose.Name(purpose), state=consent_pb2.CONSENT_STATE_WITHDRAWN)
        for purpose in purposes_of(gone)
    )
    change = _change(held, Said(subject, changes, surface, at))
    _add(db, replace(held, denied=held.denied | gone), change, at, "no")
    return change


def _change(held: Holding, what: Said) -> ConsentChange:
    return ConsentChange(
        subject=what.subject,
        number=held.changes + 1,
        at_us=what.at.wall_us,
        surface=what.surface,
        changes=what.changes,
        on_version=held.version,
    )


def _add(db: sqlite3.Connection, held: Holding, change: ConsentChange, at: Moment, what: str) -> None:
    pending = (*held.pending, change)
    if len(pending) > CONSENT_CHANGES_MAX:
        pending = (_joined(*pending[:2]), *pending[2:])
    holdings.put(db, replace(held, changes=change.number, pending=pending))
    content = change.SerializeToString(deterministic=True)
    history.note(db, at.wall_us, held.subject, held.version, what, content)


def _joined(first: ConsentChange, second: ConsentChange) -> ConsentChange:
    """Two changes as the later one: what it does not speak of stays as the first said."""
    later = {change.purpose for change in second.changes}
    joined = ConsentChange()
    joined.CopyFrom(second)
    del joined.changes[:]
    joined.changes.extend([change for change in first.changes if change.purpose not in later])
    joined.changes.extend(second.changes)
    return joined


def lease(db: sqlite3.Connection, new: Lease) -> ledger.State:
    """Writes a lease."""
    holdings.put(db, replace(holdings.held(db, new.subject), lease=new if new.length_s else None))
    return ledger.raised(db)


def forget(db: sqlite3.Connection, subject: int, at_us: int) -> None:
    """Drops what is held of a subject, and notes that."""
    held = holdings.held(db, subject)
    holdings.drop(db, subject)
    history.note(db, at_us, subject, held.version, "forgotten", b"")
    ledger.raised(db)


def unsigned(db: sqlite3.Connection, keys: Sequence[Ed25519PublicKey]) -> list[Holding]:
    """What is held on a record that none of `keys` signed."""
    return [held for held in holdings.all_held(db) if held.raw and not held.damaged and not _good(held.raw, keys)]


def _good(raw: bytes, keys: Sequence[Ed25519PublicKey]) -> bool:
    try:
        read_record(raw, keys)
    except RecordRefused:
        return False
    return True


def distrust(db: sqlite3.Connection, some: Sequence[Holding]) -> ledger.State:
    """Drops their records, so that nothing is allowed until the authority puts one; changes made here stay."""
    for held in some:
        holdings.put(db, replace(held, raw=b"", record=None, suspended=True, denied=EVERYTHING))
    return ledger.raised(db)
