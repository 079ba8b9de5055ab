"""A door on this machine: a Unix socket where apps of known users ask by name; must never know what a verb does."""

from gateway.door.client import ask
from gateway.door.server import Door, Verb

__all__ = ["Door", "Verb", "ask"]
