"""The consent gate, its grants and its keys; must never talk to a network.

Names are loaded when asked for: a cloud process reads and signs records without a device's gate, ledger and keys.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.consent.books import Applied
    from gateway.consent.consent import Consent, ConsentStatus
    from gateway.consent.decision import Decision, Policies
    from gateway.consent.fields import FieldPolicy, Finding, check_contract
    from gateway.consent.gate import Gate, Hold, decide
    from gateway.consent.grants import Grant, Lease, Moment
    from gateway.consent.holding import Holding
    from gateway.consent.keyring import Keyring, KeyringFull, PlainWrapper, Wrapper
    from gateway.consent.narrowing import Narrowing
    from gateway.consent.policy import Classified, SignalPolicy
    from gateway.consent.purposes import PurposeRegister
    from gateway.consent.record import ConsentRecord, NoticeRef, PurposeConsent, RecordRefused
    from gateway.consent.states import ConsentState

_HOMES = {
    "Applied": "books",
    "Classified": "policy",
    "Consent": "consent",
    "ConsentRecord": "record",
    "ConsentState": "states",
    "ConsentStatus": "consent",
    "Decision": "decision",
    "FieldPolicy": "fields",
    "Finding": "fields",
    "Gate": "gate",
    "Grant": "grants",
    "Hold": "gate",
    "Holding": "holding",
    "Keyring": "keyring",
    "KeyringFull": "keyring",
    "Lease": "grants",
    "Moment": "grants",
    "Narrowing": "narrowing",
    "NoticeRef": "record",
    "PlainWrapper": "keyring",
    "Policies": "decision",
    "PurposeConsent": "record",
    "PurposeRegister": "purposes",
    "RecordRefused": "record",
    "SignalPolicy": "policy",
    "Wrapper": "keyring",
    "check_contract": "fields",
    "decide": "gate",
}

__all__ = [
    "Applied",
    "Classified",
    "Consent",
    "ConsentRecord",
    "ConsentState",
    "ConsentStatus",
    "Decision",
    "FieldPolicy",
    "Finding",
    "Gate",
    "Grant",
    "Hold",
    "Holding",
    "Keyring",
    "KeyringFull",
    "Lease",
    "Moment",
    "Narrowing",
    "NoticeRef",
    "PlainWrapper",
    "Policies",
    "PurposeConsent",
    "PurposeRegister",
    "RecordRefused",
    "SignalPolicy",
    "Wrapper",
    "check_contract",
    "decide",
]


def __getattr__(name: str) -> Any:
    """Loads the home of a public name when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gateway.consent' has no attribute {name!r}")
    return getattr(import_module(f"gateway.consent.{home}"), name)


def __dir__() -> list[str]:
    return __all__
