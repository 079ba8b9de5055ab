"""The tags that a hub knows, from a file that holds their secrets; must never tell a key in an error."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError
from showroom_agent.radio.rotating import KEY_BYTES_MIN
from showroom_agent.radio.value import KEY_CHARS_MAX, normal_key

TAGS_MAX = 5_000
FILE_BYTES_MAX = 4 << 20
ID_CHARS_MAX = 64
IRK_BYTES = 16
_KINDS = ("beacon", "rotating", "irk")
EXAMPLE = """[[tag]]
id = "car-3"
beacon = "ibeacon:6f726563-6f75-7274-0000-000000000001:1:3"
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """Tags by what they send: keys of beacons (see radio.Beacon), keys of rotating tags, identity resolving keys."""

    beacons: Mapping[str, str] = field(default_factory=dict)
    """Tag by key."""
    rotating: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Secret by tag."""
    irks: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Key by identity, most significant byte first."""


def load_watch(path: Path) -> Watch:
    """Reads a tags file (TOML). Raises ConfigError with the tag and what to do. Blocks: not for the loop."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} has more than {FILE_BYTES_MAX} bytes: a hub knows at most {TAGS_MAX} tags")
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}; a tags file looks like\n{EXAMPLE}") from error
    return read_watch(data, str(path))


def read_watch(data: Mapping[str, Any], where: str) -> Watch:
    """The same from parsed TOML."""
    if extra := sorted(set(data) - {"tag"}):
        raise ConfigError(f"{where}: unknown {', '.join(extra)}; a tags file looks like\n{EXAMPLE}")
    rows = data.get("tag", [])
    if not isinstance(rows, list) or len(rows) > TAGS_MAX:
        raise ConfigError(f"{where}: [[tag]] is a list of at most {TAGS_MAX} tags")
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
    ids: set[str] = set()
    for number, row in enumerate(rows, 1):
        name, kind, value = _row(row, f"{where}, tag {number}")
        if name in ids:
            raise ConfigError(f'{where}: two tags are called "{name}"; each id stands for one thing')
        ids.add(name)
        if kind == "beacon":
            if value in found[kind]:
                raise ConfigError(f'{where}: "{name}" sends the same as "{found[kind][value]}"; nobody could tell them')
            found[kind][value] = name
        else:
            found[kind][name] = _secret(value, kind, f'{where}, tag "{name}"')
    return Watch(found["beacon"], found["rotating"], found["irk"])


def _row(row: Any, where: str) -> tuple[str, str, str]:
    """Id, kind and value of a tag."""
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is no table; a tags file looks like\n{EXAMPLE}")
    name, kinds = row.get("id"), [kind for kind in _KINDS if kind in row]
    if not isinstance(name, str) or not 0 < len(name) <= ID_CHARS_MAX or not name.isprintable():
        raise ConfigError(f"{where}: id is a word of at most {ID_CHARS_MAX} characters")
    extra = sorted(set(row) - {"id", *_KINDS})
    if len(kinds) != 1 or extra:
        raise ConfigError(f'{where}: "{name}" needs its id and one of {", ".join(_KINDS)}, nothing else')
    value = row[kinds[0]]
    if not isinstance(value, str) or not 0 < len(value) <= KEY_CHARS_MAX:
        raise ConfigError(f'{where}: {kinds[0]} of "{name}" is a text of at most {KEY_CHARS_MAX} characters')
    return name, kinds[0], normal_key(value) if kinds[0] == "beacon" else value


def _secret(text: str, kind: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if kind == "irk" and len(secret) != IRK_BYTES:
        raise ConfigError(f"{where}: irk is {2 * IRK_BYTES} hexadecimal digits, most significant byte first")
    if len(secret) < KEY_BYTES_MIN:
        raise ConfigError(f"{where}: {kind} is at least {2 * KEY_BYTES_MIN} hexadecimal digits")
    return secret
