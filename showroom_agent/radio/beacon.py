"""What an advert says of its sender: one value, and the seam for formats of others; must never trust a length.

A parser of an outside package is an entry point in the group `forecourt.beacon_parsers`: a class without arguments that
keeps showroom_agent.contracts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from gateway.errors import ConfigError
from showroom_agent.radio.advert import Advert
from showroom_agent.radio.eddystone import eddystone
from showroom_agent.radio.ibeacon import altbeacon, ibeacon
from showroom_agent.radio.value import KEY_CHARS_MAX, Beacon

__all__ = ["KEY_CHARS_MAX", "PARSER_GROUP", "Beacon", "BeaconParser", "Parsers", "built_in", "outside"]

PARSER_GROUP = "forecourt.beacon_parsers"


class BeaconParser(Protocol):
    """A format. `name` begins the keys of its beacons, followed by a colon."""

    @property
    def name(self) -> str:
        """Lower case, such as `ibeacon`."""
        ...

    def parse(self, advert: Advert) -> Beacon | None:
        """What the advert says, None where it is of another format or damaged. Never raises; keeps no state."""
        ...


@dataclass(frozen=True, slots=True)
class _Plain:
    """A parser that is a function."""

    name: str
    parse: Callable[[Advert], Beacon | None]


def built_in() -> tuple[BeaconParser, ...]:
    """iBeacon, AltBeacon and Eddystone."""
    return _Plain("ibeacon", ibeacon), _Plain("altbeacon", altbeacon), _Plain("eddystone", eddystone)


def outside(names: Sequence[str]) -> tuple[BeaconParser, ...]:
    """Those of other packages by name. Raises ConfigError that names what is installed."""
    if not names:
        return ()
    known = {one.name: one for one in entry_points(group=PARSER_GROUP)}
    missing = [name for name in names if name not in known]
    if missing:
        have = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"no package offers the beacon parsers {', '.join(missing)}; installed: {have}")
    return tuple(known[name].load()() for name in names)


class Parsers:
    """Several formats, one after the other. A parser of others that raises is counted and goes on."""

    def __init__(self, parsers: Sequence[BeaconParser]) -> None:
        """The first that knows an advert wins."""
        self._parsers = tuple(parsers)
        self.failed: dict[str, int] = {}
        """Exceptions by parser."""

    def parse(self, advert: Advert) -> Beacon | None:
        """What it says; None for nothing that is known."""
        if not advert.manufacturer and not advert.services:
            return None
        for parser in self._parsers:
            try:
                found = parser.parse(advert)
            except Exception:  # noqa: BLE001 - whatever a parser of others does, the hub goes on hearing
                self.failed[parser.name] = self.failed.get(parser.name, 0) + 1
                continue
            if found is not None:
                return found
        return None
