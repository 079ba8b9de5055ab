"""What of a kind may be kept for which purposes: arithmetic on tables; must never know a grant, a key or a clock."""

from typing import NamedTuple

from gateway.consent.fields import FieldPolicy
from gateway.consent.policy import SignalPolicy
from gateway.limits import GATE_LANES_MAX
from gateway.model import Kind, PurposeSet


class Decision(NamedTuple):
    """What may be kept of a kind: for which purposes, and which of its values (None: all)."""

    purposes: PurposeSet
    picks: tuple[int, ...] | None


class Policies:
    """The two tables the gate reads, as one; remembers what it found for a path."""

    def __init__(self, signals: SignalPolicy, fields: FieldPolicy) -> None:
        self.signals, self.fields = signals, fields
        self._known: dict[str, PurposeSet] = {}

    @classmethod
    def load(cls) -> "Policies":
        """Those of the contract; raises ConfigError when they cannot be used."""
        return cls(SignalPolicy.load(), FieldPolicy())

    def purposes(self, path: str) -> PurposeSet:
        """What the signal at `path` may be used for; empty where it is denied."""
        found = self._known.get(path)
        if found is None:
            found = self.signals.purposes(path)
            if len(self._known) < GATE_LANES_MAX:
                self._known[path] = found
        return found

    def minimise(self, kind: Kind, allowed: PurposeSet) -> Decision | None:
        """What of `kind` may be kept where `allowed` are allowed; None is nothing.

        A value stays when one of the purposes that the kind asks for, and that are allowed, allows it; a purpose stays
        when it allows a value. So a withdrawal of some purposes of a bag never leaves an event of it without a value.
        """
        asked = kind.purposes & allowed
        if not asked:
            return None
        if not kind.signals:
            purposes = asked & self.fields.purposes
            return Decision(purposes, None) if purposes else None
        usable = [self.purposes(signal.path) & asked for signal in kind.signals]
        picks = tuple(index for index, purposes in enumerate(usable) if purposes)
        if not picks:
            return None
        union = 0
        for purposes in usable:
            union |= purposes
        return Decision(union, None if len(picks) == len(usable) else picks)
