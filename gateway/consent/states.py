"""States of consent and the moves between them; must never let one that is no yes allow anything.

Names are those of the W3C Data Privacy Vocabulary 2 (consent status); PENDING_CONFIRMATION is a state of ours within
its ConsentRequested: a double opt-in that was begun.
"""

from enum import IntEnum

from gateway.errors import InputError


class ConsentState(IntEnum):
    """State of consent for one purpose; numbers equal those of forecourt.v1.ConsentState."""

    UNKNOWN = 1
    REQUESTED = 2
    DEFERRED = 3
    PENDING_CONFIRMATION = 4
    GIVEN = 5
    RENEWED = 6
    REFUSED = 7
    WITHDRAWN = 8
    REVOKED = 9
    EXPIRED = 10
    INVALIDATED = 11

    @property
    def word(self) -> str:
        """The name in records and on screen, such as `given`."""
        return self.name.lower()

    @property
    def allows(self) -> bool:
        """Whether data may be processed: GIVEN and RENEWED only."""
        return self in (ConsentState.GIVEN, ConsentState.RENEWED)

    @property
    def dpv(self) -> str:
        """Its term of the Data Privacy Vocabulary."""
        return _TERMS[self]


_S = ConsentState
_TERMS = {
    _S.UNKNOWN: "dpv:ConsentUnknown",
    _S.REQUESTED: "dpv:ConsentRequested",
    _S.DEFERRED: "dpv:ConsentRequestDeferred",
    _S.PENDING_CONFIRMATION: "dpv:ConsentRequested",
    _S.GIVEN: "dpv:ConsentGiven",
    _S.RENEWED: "dpv:RenewedConsentGiven",
    _S.REFUSED: "dpv:ConsentRefused",
    _S.WITHDRAWN: "dpv:ConsentWithdrawn",
    _S.REVOKED: "dpv:ConsentRevoked",
    _S.EXPIRED: "dpv:ConsentExpired",
    _S.INVALIDATED: "dpv:ConsentInvalidated",
}
_ASKED = {_S.DEFERRED, _S.REFUSED, _S.PENDING_CONFIRMATION, _S.GIVEN}
_ENDED = {_S.WITHDRAWN, _S.REVOKED, _S.EXPIRED, _S.INVALIDATED}
MOVES: dict[ConsentState, frozenset[ConsentState]] = {
    _S.UNKNOWN: frozenset({_S.REQUESTED, *_ASKED}),
    _S.REQUESTED: frozenset(_ASKED),
    _S.DEFERRED: frozenset({_S.REQUESTED, *_ASKED} - {_S.DEFERRED}),
    _S.PENDING_CONFIRMATION: frozenset({_S.GIVEN, _S.EXPIRED, _S.REFUSED, _S.WITHDRAWN}),
    _S.GIVEN: frozenset({_S.RENEWED, *_ENDED}),
    _S.RENEWED: frozenset({_S.RENEWED, *_ENDED}),
    **{state: frozenset({_S.REQUESTED, *_ASKED}) for state in (_S.REFUSED, *_ENDED)},
}
"""What may follow what. A yes after a no is a new yes, never a renewal of the old one."""


def move(old: ConsentState, new: ConsentState) -> ConsentState:
    """`new`, if it may follow `old`; raises InputError otherwise. Saying no again is allowed, and changes nothing."""
    if new in MOVES[old] or (new is old and not new.allows):
        return new
    raise InputError(f"consent that is {old.word} cannot become {new.word}")
