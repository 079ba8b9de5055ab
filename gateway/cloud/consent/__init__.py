"""The consent authority: records, evidence, propagation, and the gate at the cloud's door; must never guess a yes."""

from gateway.cloud.consent.authority import Authority
from gateway.cloud.consent.desk import ConsentTerms
from gateway.cloud.consent.ledger import Change, ConsentLedger

__all__ = ["Authority", "Change", "ConsentLedger", "ConsentTerms"]
