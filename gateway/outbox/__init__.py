"""The offline buffer on the store: append, hand out, settle, gaps, books; must never know MQTT or consent rules."""

from gateway.outbox.books import StreamStats
from gateway.outbox.core import Gate, Quotas
from gateway.outbox.handout import Taken
from gateway.outbox.memory import MemoryOutbox
from gateway.outbox.outbox import Outbox
from gateway.outbox.withdraw import Narrowing, Withdrawn

__all__ = ["Gate", "MemoryOutbox", "Narrowing", "Outbox", "Quotas", "StreamStats", "Taken", "Withdrawn"]
