"""Turns a value of TOML into a setting's type; must never guess: a string is no number."""

import enum
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.config.fields import Field, Info
from gateway.config.problems import did_you_mean

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    dict: "a table",
    Path: "a path in quotes",
    datetime: "a date with time and zone, such as 2027-01-31T00:00:00Z",
}


class Wrong(Exception):
    """A value that cannot be used: what is wrong, and a hint."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


def type_words(kind: Any) -> str:
    """What to write for a setting of that type."""
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "one of " + ", ".join(f'"{word}"' for word in words_of(kind))
    return _WORDS.get(kind, str(kind))


def words_of(kind: type[enum.Enum]) -> dict[str, enum.Enum]:
    """The words of an enumeration in settings."""
    return {member.name.lower(): member for member in kind}


def converted(value: object, field: Field, folder: Path) -> object:
    """The value of a setting that is no table; relative paths count from `folder`. Raises Wrong."""
    if field.element is None:
        return scalar(value, field.kind, field.info, folder)
    if not isinstance(value, list):
        raise Wrong(f"is {_shown(value)}, not a list", f"write [{_shown(value)}]")
    return tuple(scalar(one, field.element, field.info, folder) for one in value)


def scalar(value: object, kind: Any, info: Info, folder: Path) -> object:
    """One value of type `kind`. Raises Wrong."""
    if issubclass(kind, enum.Enum):
        words = words_of(kind)
        if not isinstance(value, str):
            raise Wrong(f"is {_shown(value)}, not a word", f"write {type_words(kind)}")
        if value.lower() not in words:
            raise Wrong(f'"{value[:64]}" is not known', did_you_mean(value.lower(), words))
        return words[value.lower()]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is Path and isinstance(value, str):
        return _path(value, folder)
    if type(value) is not kind:
        raise Wrong(f"is {_shown(value)}", f"write {_WORDS[kind]}" + (f" ({info.span})" if info.span else ""))
    if isinstance(value, datetime) and value.tzinfo is None:
        raise Wrong("has no time zone", "add Z or an offset, such as 2027-01-31T00:00:00Z")
    _bounded(value, info)
    return value


def _bounded(value: object, info: Info) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        below = info.low is not None and not value >= info.low
        above = info.high is not None and not value <= info.high
        if below or above:
            raise Wrong(f"{value} is out of range", f"allowed: {info.span}")
    if info.pattern is not None and isinstance(value, str) and not info.pattern.fullmatch(value):
        raise Wrong(f"{_shown(value)} is not of the right form", info.form)


def _path(value: str, folder: Path) -> Path:
    if not value or "\0" in value:
        raise Wrong("is not a path", "write a path in quotes")
    # Text only: the loop may ask for it, and the home folder of nobody is a message, not a crash.
    return folder / value


def _shown(value: object) -> str:
    """A value as TOML has it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:64]}{"…" if len(value) > 64 else ""}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(value)[:64]
