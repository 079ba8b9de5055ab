"""The subscriber's kit: takes in what devices send, once in effect; must never load a room of a device.

Back ends use `Cloud` as it stands, or `Inbox` behind a link of their own. Names are loaded when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.cloud.commands import Commander
    from gateway.cloud.inbox import Inbox
    from gateway.cloud.numbers import Numbers
    from gateway.cloud.service import Cloud, CloudStatus
    from gateway.cloud.sinks import Effects, Sink, find_sinks
    from gateway.cloud.sqlite_sink import SqliteSink, readings

_HOMES = {
    "Cloud": "service",
    "CloudStatus": "service",
    "Commander": "commands",
    "Effects": "sinks",
    "Inbox": "inbox",
    "Numbers": "numbers",
    "Sink": "sinks",
    "SqliteSink": "sqlite_sink",
    "find_sinks": "sinks",
    "readings": "sqlite_sink",
}

__all__ = [
    "Cloud",
    "CloudStatus",
    "Commander",
    "Effects",
    "Inbox",
    "Numbers",
    "Sink",
    "SqliteSink",
    "find_sinks",
    "readings",
]


def __getattr__(name: str) -> Any:
    """Loads a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
