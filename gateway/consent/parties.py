"""Who is responsible for what is done with a guest's data; must never issue a record in nobody's name."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gateway.consent.record_form import PLACE
from gateway.errors import ConfigError

TABLE = "parties.toml"
TABLE_VERSION = 1
FIELDS = ("id", "name", "address", "contact", "role")
ROLES = ("controller", "joint controller", "processor", "recipient")


@dataclass(frozen=True, slots=True)
class Parties:
    """What a record says of all purposes alike: `parties` and `place` of ConsentRecord."""

    parties: tuple[Mapping[str, str], ...]
    place: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | None = None) -> "Parties":
        """Those in the operator's file, or of the example that ships; raises ConfigError when they cannot be used."""
        source = path if path is not None else files("gateway.consent") / TABLE
        try:
            return cls.parse(source.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"parties: {path} cannot be read") from error

    @classmethod
    def parse(cls, text: str) -> "Parties":
        """Those in `text` (TOML); raises ConfigError, which names the field."""
        try:
            table = tomllib.loads(text)
            if table["version"] != TABLE_VERSION:
                raise ConfigError(f"parties: version {table['version']!r} is not understood")
            parties = tuple({name: _text(row[name], name) for name in FIELDS} for row in table["party"])
            place = {name: table[name] for name in PLACE}
        except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise ConfigError(f"parties: cannot be read: {error!r}") from error
        for party in parties:
            if party["role"] not in ROLES:
                raise ConfigError(f"parties: {party['id']} has no role of {', '.join(ROLES)}")
        if not any(party["role"].endswith("controller") for party in parties):
            raise ConfigError("parties: nobody is the controller (GDPR Art. 4(7))")
        for name in ("jurisdiction", "withdrawal_method"):
            _text(place[name], name)
        for name in ("storage_locations", "recipient_third_parties", "privacy_rights"):
            if type(place[name]) is not list or (name != "recipient_third_parties" and not place[name]):
                raise ConfigError(f"parties: {name} is a list of texts")
            for one in place[name]:
                _text(one, name)
        return cls(parties, place)


def _text(value: Any, name: str) -> str:
    if type(value) is not str or not 0 < len(value) <= 512:
        raise ConfigError(f"parties: {name} is a text of 1 to 512 characters")
    return value
