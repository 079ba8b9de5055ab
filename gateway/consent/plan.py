"""What a record changes on a device: arithmetic; must never widen on what is old, future, forked or not understood."""

from dataclasses import dataclass, replace

from gateway.consent.grants import Moment
from gateway.consent.holding import Holding, denied_here, in_force
from gateway.consent.record import ConsentRecord, PurposeConsent, Refused
from gateway.limits import CONSENT_SKEW_S
from gateway.model import PurposeSet

SECOND_US = 1_000_000
UNBROKEN = "unbroken_since_us"
"""Key of PurposeConsent.evidence: since when the yes has held without a no in between, renewals included."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a record would change.

    `narrowed`: purposes whose buffered events have to go before anything is written. `widened`: purposes that go
    further afterwards. `after`: what is held then; None where the record changes nothing but what it narrows.
    """

    narrowed: PurposeSet
    widened: PurposeSet
    after: Holding | None
    refused: Refused | None = None
    renewal: bool = False


def plan_apply(held: Holding, raw: bytes, new: ConsentRecord, epoch: int, changes_seen: int, now: Moment) -> Plan:
    """What the record `new`, read from `raw`, changes. Pure.

    A record that the authority signed and that is newer, but cannot be relied on, still takes away; it never gives.
    One that is older than what is held changes nothing: what it took away was taken into account since.
    """
    if new.subject != held.subject:
        return Plan(0, 0, None, Refused.SUBJECT)
    renewal = new.version == held.version and held.record is not None and new.digest == held.record.digest
    if new.version < held.version or (renewal and epoch < held.epoch):
        return Plan(0, 0, None, Refused.REPLAYED)
    seen = max(held.seen, changes_seen)
    candidate = replace(
        held,
        raw=raw,
        record=new,
        epoch=max(held.epoch, epoch),
        changes=max(held.changes, changes_seen),
        seen=seen,
        denied=held.denied if renewal else 0,
        suspended=False,
        pending=tuple(change for change in held.pending if change.number > seen),
    )
    narrowed, widened = _compared(held, candidate)
    if (why := _doubt(held, new, now)) is not None:
        return Plan(narrowed, 0, None, why)
    return Plan(narrowed, widened, candidate, None, renewal)


def _doubt(held: Holding, new: ConsentRecord, now: Moment) -> Refused | None:
    """Why a signed record that is not older cannot be relied on."""
    before = held.record
    if before is not None:
        same = new.version == before.version
        if (same and new.digest != before.digest) or (
            new.version == before.version + 1 and new.previous != before.digest
        ):
            return Refused.FORKED
    if now.trusted and new.issued_us > now.wall_us + CONSENT_SKEW_S * SECOND_US:
        return Refused.FUTURE
    return None


def _compared(held: Holding, candidate: Holding) -> tuple[PurposeSet, PurposeSet]:
    before, after = in_force(replace(held, suspended=False)), in_force(candidate)
    narrowed = widened = 0
    for purpose, yes in before.items():
        then = after.get(purpose)
        if then is None or then.asked < yes.asked or _interrupted(held, candidate, purpose):
            narrowed |= 1 << purpose
    for purpose, then in after.items():
        yes_before = before.get(purpose)
        if yes_before is None or held.suspended or then.scope > yes_before.scope or narrowed >> purpose & 1:
            widened |= 1 << purpose
    return narrowed, widened


def _interrupted(held: Holding, candidate: Holding, purpose: int) -> bool:
    """Whether a no may lie between two yeses of the authority of which this device saw only the yeses.

    From one version to the next there is none. Over versions that were not seen, there may be one, unless the later
    record vouches for it or the no was made here and has been carried out.
    """
    if held.record is None or candidate.record is None or candidate.version <= held.version + 1:
        return False
    old, new = (_of(record, purpose) for record in (held.record, candidate.record))
    if old is None or new is None or not (old.allows and new.allows) or old.record_id == new.record_id:
        return False
    unbroken = new.evidence.get(UNBROKEN)
    vouched = type(unbroken) is int and unbroken <= old.since_us
    return not vouched and not denied_here(held.pending) >> purpose & 1


def _of(record: ConsentRecord, purpose: int) -> PurposeConsent | None:
    return next((one for one in record.purposes if one.purpose == purpose), None)


def next_epoch(applied: int, put: int, others: list[int]) -> int:
    """The consent epoch of a device after a put at epoch `put`; `others` are the epochs of its other subjects.

    It rises by one change at a time, or at once where everything held is of that epoch; otherwise a change was missed,
    it stays, and the device has to fetch.
    """
    if put <= applied:
        return applied
    return put if put == applied + 1 or all(other >= put for other in others) else applied
