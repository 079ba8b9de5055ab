"""What a device holds of one subject, and what that allows; must never let an own yes go further than the vehicle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from forecourt.v1.consent_pb2 import ConsentChange, PurposeChange

from gateway.consent.grants import Grant, Lease, Moment
from gateway.consent.record import ConsentRecord
from gateway.consent.states import ConsentState
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, Scope, purpose_set

EVERYTHING: PurposeSet = (1 << 63) - 1


class Yes(NamedTuple):
    """A yes to one purpose: how far the guest let it go, how far it is in force, and on which record it stands."""

    asked: Scope
    scope: Scope
    record_id: str
    valid_until_us: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """All of one subject. `pending`: changes made here that no record of the authority takes in yet, oldest first.

    `changes` is the number of the last change made here, `seen` of the last that the authority has taken in; `epoch`
    is that of the last put. `denied` are purposes withdrawn since the record was written. `suspended`: the authority
    signed something newer that this version cannot read, so nothing is allowed until it signs what can be read.
    """

    subject: int
    raw: bytes = b""
    record: ConsentRecord | None = None
    epoch: int = 0
    changes: int = 0
    seen: int = 0
    denied: PurposeSet = 0
    suspended: bool = False
    lease: Lease | None = None
    pending: tuple[ConsentChange, ...] = ()

    @property
    def version(self) -> int:
        """Of the record; 0 for none."""
        return self.record.version if self.record else 0

    @property
    def damaged(self) -> bool:
        """Whether what was kept of it is not believed."""
        return self.suspended and self.denied == EVERYTHING

    @property
    def closed_to_settings(self) -> PurposeSet:
        """Purposes for which a grant of the settings says nothing any more: all where there is a record or a yes."""
        every = (said(one) for change in self.pending for one in change.changes)
        if self.raw or self.suspended or any(what is not None and what[1] > Scope.NONE for what in every):
            return EVERYTHING
        return self.denied | denied_here(self.pending)


def said(change: PurposeChange) -> tuple[Purpose, Scope] | None:
    """What a change says of a purpose, NONE for a no; None for a purpose that this version does not know."""
    try:
        purpose = Purpose(change.purpose)
    except ValueError:
        return None
    if WITHOUT_CONSENT >> purpose & 1:
        return None
    try:
        yes = ConsentState(change.state).allows
        return purpose, Scope(change.scope) if yes else Scope.NONE
    except ValueError:
        return purpose, Scope.NONE


def in_force(holding: Holding) -> Mapping[Purpose, Yes]:
    """What is allowed, time and lease aside: the record, then the changes made here, less what is denied."""
    found: dict[Purpose, Yes] = {}
    if holding.suspended:
        return found
    for one in holding.record.purposes if holding.record else ():
        if one.allows and not WITHOUT_CONSENT >> one.purpose & 1:
            found[one.purpose] = Yes(one.scope, one.scope, one.record_id, one.valid_until_us)
    for change in holding.pending:
        for one_change in change.changes:
            what = said(one_change)
            if what is None:
                continue
            purpose, asked = what
            base = found.pop(purpose, None)
            if asked > Scope.NONE:
                known = base.scope if base else Scope.NONE
                scope = min(asked, max(known, Scope.IN_VEHICLE))
                found[purpose] = Yes(
                    asked, scope, base.record_id if base else "", base.valid_until_us if base else None
                )
    return {purpose: yes for purpose, yes in found.items() if not holding.denied >> purpose & 1}


def grants_of(holding: Holding) -> tuple[Grant, ...]:
    """The grants that a holding amounts to; each ends with the lease, and without one has ended."""
    nothing = Lease(holding.subject, Moment(0, 0.0, 0, False), 0.0)
    lease = holding.lease or nothing
    return tuple(
        Grant(holding.subject, purpose, 0, yes.valid_until_us, yes.record_id, lease.given, yes.scope, yes.asked, lease)
        for purpose, yes in sorted(in_force(holding).items())
    )


def denied_here(changes: Iterable[ConsentChange]) -> PurposeSet:
    """Purposes that one of the changes says no to."""
    every = (said(one) for change in changes for one in change.changes)
    return purpose_set(what[0] for what in every if what is not None and what[1] is Scope.NONE)
