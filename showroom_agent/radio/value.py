"""What a parser finds; must never hold an address."""

from collections.abc import Mapping
from dataclasses import dataclass, field

KEY_CHARS_MAX = 200


def normal_key(key: str) -> str:
    """A key as parsers write it: UUIDs without dashes, hexadecimal digits in lower case."""
    kind, _, rest = key.partition(":")
    if kind in {"ibeacon", "altbeacon"}:
        return f"{kind}:{rest.replace('-', '').lower()}"
    return key if "://" in rest else f"{kind}:{rest.lower()}" if kind == "eddystone" else key


@dataclass(frozen=True, slots=True)
class Beacon:
    """A sender, as its advert names it.

    `key`: the format's name, a colon, and what the sender says it is; the same for each of its adverts. Empty for an
    advert that tells of its sender without naming it. `reference_dbm`: the level at one metre that it claims, None for
    no claim. `facts`: numbers that it tells, such as `battery_mv`.
    """

    key: str
    reference_dbm: int | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
