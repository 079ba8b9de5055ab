"""A stand-in for BlueZ on a private D-Bus, with BlueZ's rules for adverts; must never need a radio.

Names are loaded when first asked for: the verbs do not need a bus.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators.bluez.bus import PrivateBus
    from simulators.bluez.rules import Report
    from simulators.bluez.service import BlueZ

_HOMES = {"BlueZ": "service", "PrivateBus": "bus", "Report": "rules"}

__all__ = ["BlueZ", "PrivateBus", "Report"]


def __getattr__(name: str) -> Any:
    """Loads the home of a public name when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'simulators.bluez' has no attribute {name!r}")
    return getattr(import_module(f"simulators.bluez.{home}"), name)
