"""Records of consent for tests; must never be signed by a key that the test did not choose."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.consent.record import ConsentRecord, NoticeRef, PurposeConsent
from gateway.consent.states import ConsentState
from gateway.model import Purpose, Scope

AUTHORITY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
"""The key of the authority, which is that of the cloud in the other kits."""
PARTIES = ({"id": "example-oem", "name": "Example OEM", "address": "-", "contact": "privacy", "role": "controller"},)
PLACE = {
    "jurisdiction": "EU",
    "storage_locations": ["EU"],
    "recipient_third_parties": [],
    "withdrawal_method": "in the car, at the kiosk or on the page of the visit",
    "privacy_rights": ["access", "erasure", "portability", "withdrawal"],
}
NOTICE = NoticeRef("notice:test", "ab" * 32, "de", "1")
GIVEN_US = 1_790_000_000_000_000


def consent(
    purpose: Purpose,
    state: ConsentState = ConsentState.GIVEN,
    scope: Scope = Scope.CLOUD,
    valid_until_us: int | None = None,
    record_id: str = "record-1",
) -> PurposeConsent:
    """Consent for one purpose."""
    return PurposeConsent(
        purpose, state, scope, GIVEN_US, record_id, valid_until_us, NOTICE if state.allows else None, "kiosk"
    )


def record(
    *purposes: PurposeConsent, subject: int = 7, version: int = 1, before: ConsentRecord | None = None
) -> ConsentRecord:
    """A record of these purposes; `before` makes it the next version."""
    if before is not None:
        subject, version = before.subject, before.version + 1
    previous = before.digest if before is not None else ("" if version == 1 else "cd" * 32)
    return ConsentRecord(f"record-{version}", subject, version, previous, GIVEN_US, purposes, PARTIES, PLACE)
