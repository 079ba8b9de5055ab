"""The command `forecourt`: verbs that teach in --help; must never contain logic."""

from gateway.cli.root import main

__all__ = ["main"]
