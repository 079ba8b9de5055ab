"""Finds the line of each key of a TOML document; must only be given text that tomllib has accepted."""

import re

from gateway.config.problems import Key

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Key, int]:
    """The line, counted from 1, of every table, key and array element of a valid document."""
    return _Scanner(text).lines


class _Scanner:
    """One pass over a document; what tomllib checked is not checked again."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._line, self._counted = 1, 0
        self._arrays: dict[Key, int] = {}
        self.lines: dict[Key, int] = {}
        table: Key = ()
        while self._skip(_SPACE):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Moves over what fits; whether something is left."""
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def _mark(self, key: Key) -> None:
        """Notes that `key` stands here."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines.setdefault(key, self._line)

    def _header(self, brackets: int) -> Key:
        start = self._at
        self._at += brackets
        names = self._names()
        self._skip(_BLANK)
        end = self._at + brackets
        self._at = start
        key: Key = ()
        for position, name in enumerate(names):
            key = (*key, name)
            if brackets == 2 and position == len(names) - 1:
                self._arrays[key] = self._arrays.get(key, -1) + 1
            if key in self._arrays:
                self._mark(key)
                key = (*key, self._arrays[key])
            self._mark(key)
        self._at = end
        return key

    def _names(self) -> list[str]:
        """A dotted key."""
        names = []
        while True:
            self._skip(_BLANK)
            found = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            assert found is not None, "not TOML"
            names.append(found.group().strip("\"'"))
            self._at = found.end()
            self._skip(_BLANK)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1

    def _pair(self, table: Key) -> None:
        start = self._at
        names = self._names()
        after, self._at = self._at, start
        key = table
        for name in names:
            key = (*key, name)
            self._mark(key)
        self._at = after + 1  # the sign of equality
        self._value(key)

    def _value(self, key: Key) -> None:
        self._skip(_SPACE)
        opening = self._text[self._at]
        if opening == "[":
            self._sequence(key, "]")
        elif opening == "{":
            self._sequence(key, "}")
        else:
            found = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
            self._at = found.end() if found else self._at

    def _sequence(self, key: Key, closing: str) -> None:
        """The elements of an array, or the pairs of an inline table."""
        self._at += 1
        count = 0
        while self._skip(_SPACE) and self._text[self._at] != closing:
            if closing == "]":
                self._mark((*key, count))
                self._value((*key, count))
            else:
                self._pair(key)
            count += 1
            self._skip(_SPACE)
            if self._text.startswith(",", self._at):
                self._at += 1
        self._at += 1
