"""The gate at the cloud's door: does the consent that a bag names allow it now; must never trust the stamp alone."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import Enum

from gateway.cloud.consent.ledger import ConsentLedger, yes_began
from gateway.limits import CLOUD_SUBJECTS_CACHED_MAX
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, Scope, purposes_of


class Verdict(Enum):
    """What is to become of a bag."""

    ALLOWED = "allowed"
    UNKNOWN = "unknown"
    DENIED = "denied"


Told = Mapping[Purpose, int]
"""What one record says: purposes that it allows to leave the device, and since when their yes holds."""


class IngestGate:
    """Asked once per bag with a subject. A record says what was allowed then, the ledger whether it still is."""

    def __init__(self, ledger: ConsentLedger) -> None:
        self._ledger = ledger
        self._records: OrderedDict[str, tuple[int, Told] | None] = OrderedDict()
        self._standing: OrderedDict[int, dict[Purpose, tuple[int, Scope]]] = OrderedDict()

    def judge(self, subject: int, purposes: PurposeSet, records: Sequence[str]) -> tuple[Verdict, str]:
        """Whether a bag of `subject` for `purposes`, naming `records` in their order, may have its effect.

        Every purpose needs the record that it names, a yes in it that reaches the cloud, and the same yes unbroken
        until now. Returns the id of the record that is not known with UNKNOWN.
        """
        try:
            named = [purpose for purpose in purposes_of(purposes) if not WITHOUT_CONSENT >> purpose & 1]
        except ValueError:
            return Verdict.DENIED, ""
        if not named or len(named) != len(records):
            return Verdict.DENIED, ""
        standing = self._of(subject)
        for purpose, record_id in zip(named, records, strict=True):
            found = self._record(record_id)
            if found is None:
                return Verdict.UNKNOWN, record_id
            whose, told = found
            since, scope = standing.get(purpose, (0, Scope.NONE))
            if whose != subject or scope < Scope.CLOUD or told.get(purpose) != since:
                return Verdict.DENIED, record_id
        return Verdict.ALLOWED, ""

    def forget(self) -> None:
        """What was remembered may be wrong: a transaction was undone."""
        self._records.clear()
        self._standing.clear()
        self._ledger.changed.clear()

    def _of(self, subject: int) -> dict[Purpose, tuple[int, Scope]]:
        for changed in self._ledger.changed:
            self._standing.pop(changed, None)
        self._ledger.changed.clear()
        if subject not in self._standing:
            self._standing[subject] = self._ledger.yes_since(subject)
            if len(self._standing) > CLOUD_SUBJECTS_CACHED_MAX:
                self._standing.popitem(last=False)
        return self._standing[subject]

    def _record(self, record_id: str) -> tuple[int, Told] | None:
        found = self._records.get(record_id)
        if found is None:
            record = self._ledger.find(record_id)
            if record is None:
                return None
            told = {one.purpose: yes_began(one) for one in record.purposes if one.allows and one.scope >= Scope.CLOUD}
            found = self._records[record_id] = record.subject, told
            if len(self._records) > CLOUD_SUBJECTS_CACHED_MAX:
                self._records.popitem(last=False)
        return found
