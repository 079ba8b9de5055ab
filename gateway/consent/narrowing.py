"""How bags shrink when purposes are withdrawn; must never touch a row."""

from gateway.consent.decision import Policies
from gateway.consent.keyring import Keyring
from gateway.errors import StoreFull
from gateway.model import AeadKey, Kind, PurposeSet


class Narrowing:
    """How bags of a subject shrink when purposes are withdrawn; its keys are ready and durable."""

    def __init__(self, policies: Policies, keyring: Keyring, subject: int, gone: PurposeSet) -> None:
        """Makes the keys of the smaller sets; blocks, use a thread. Raises StoreError when they are not durable."""
        self._policies, self._keyring = policies, keyring
        self.subject, self.gone = subject, gone
        for purposes in keyring.sets(subject):
            if purposes & gone and purposes & ~gone:
                self._ready(purposes & ~gone)
        keyring.harden()

    def rest(self, purposes: PurposeSet) -> PurposeSet:
        """What remains of a bag's purposes; 0 when the bag has to go."""
        return purposes & ~self.gone

    def picks(self, kind: Kind, rest: PurposeSet) -> tuple[int, ...] | None:
        """Indices of the values of `kind` that may stay for `rest`; None when none may."""
        if not kind.signals:
            return ()
        kept = tuple(i for i, signal in enumerate(kind.signals) if self._policies.purposes(signal.path) & rest)
        return kept or None

    def record(self, body: bytes, rest: PurposeSet) -> bytes:
        """The record without what `rest` does not allow; raises InputError when it cannot be read."""
        return self._policies.fields.strip(body, rest)

    def key(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        """Id and key of the smaller set; None when the keyring has no room, then the bag has to go."""
        return self._ready(rest)

    def _ready(self, rest: PurposeSet) -> tuple[int, AeadKey] | None:
        try:
            return self._keyring.obtain(self.subject, rest, reserved=True)
        except StoreFull:
            return None
