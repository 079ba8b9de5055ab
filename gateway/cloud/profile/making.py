"""Puts a profile authority together; must never make one where nobody answers for consent."""

from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.cloud.consent.desk import ConsentDesk
from gateway.cloud.consent.rounds import Issue
from gateway.cloud.inbox import Inbox
from gateway.cloud.profile.authority import ProfileAuthority
from gateway.cloud.profile.proofs import Codes, Proofs
from gateway.cloud.profile.rounds import ProfileParts
from gateway.model import Purpose, Scope

if TYPE_CHECKING:
    from gateway.cloud.profile.accounts import Accounts


def profile_authority(
    inbox: Inbox, commander: Issue, clock: Clock, accounts: "Accounts | None" = None
) -> ProfileAuthority | None:
    """The authority of an inbox that keeps profiles; None of one that does not."""
    desk, consent, terms = inbox.profiles, inbox.consent, inbox.profile_terms
    if desk is None or consent is None or terms is None:
        return None
    codes = Codes(desk.db, terms, desk.ledger, clock)
    parts = ProfileParts(inbox, desk, codes, Proofs(terms, clock, accounts), lambda subject: _agreed(consent, subject))
    return ProfileAuthority(parts, commander, clock)


def _agreed(consent: ConsentDesk, subject: int) -> bool:
    """Whether a visit said yes to its profile, as far as the cloud; on the inbox's thread."""
    record = consent.ledger.current(subject)
    found = record.of(Purpose.PROFILE) if record is not None else None
    return found is not None and found.allows and found.scope >= Scope.CLOUD
