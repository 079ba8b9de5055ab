"""What every edge device shares, and the cloud kit; must never load a room that its caller did not ask for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.clock import Clock, SystemClock
    from gateway.errors import ConfigError, ForecourtError, InputError, LinkError, StoreError
    from gateway.model import Appended, Books, Event, Purpose, Stream, Value, ValueType

_HOMES = {
    "Appended": "gateway.model",
    "Books": "gateway.model",
    "Clock": "gateway.clock",
    "ConfigError": "gateway.errors",
    "Event": "gateway.model",
    "ForecourtError": "gateway.errors",
    "InputError": "gateway.errors",
    "LinkError": "gateway.errors",
    "Purpose": "gateway.model",
    "StoreError": "gateway.errors",
    "Stream": "gateway.model",
    "SystemClock": "gateway.clock",
    "Value": "gateway.model",
    "ValueType": "gateway.model",
}

__all__ = [
    "Appended",
    "Books",
    "Clock",
    "ConfigError",
    "Event",
    "ForecourtError",
    "InputError",
    "LinkError",
    "Purpose",
    "StoreError",
    "Stream",
    "SystemClock",
    "Value",
    "ValueType",
]


def __getattr__(name: str) -> Any:
    """Loads the home of a public name when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gateway' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
