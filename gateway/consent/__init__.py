"""The consent gate, its grants and its keys; must never talk to a network."""

from gateway.consent.consent import Consent, ConsentStatus
from gateway.consent.decision import Decision, Policies
from gateway.consent.fields import FieldPolicy, Finding, check_contract
from gateway.consent.gate import Gate, decide
from gateway.consent.grants import Grant, Moment
from gateway.consent.keyring import Keyring, KeyringFull, PlainWrapper, Wrapper
from gateway.consent.narrowing import Narrowing
from gateway.consent.policy import Classified, SignalPolicy

__all__ = [
    "Classified",
    "Consent",
    "ConsentStatus",
    "Decision",
    "FieldPolicy",
    "Finding",
    "Gate",
    "Grant",
    "Keyring",
    "KeyringFull",
    "Moment",
    "Narrowing",
    "PlainWrapper",
    "Policies",
    "SignalPolicy",
    "Wrapper",
    "check_contract",
    "decide",
]
