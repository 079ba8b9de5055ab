"""A file of settings with the line of each key, checked against a schema; must never stop at one mistake."""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from gateway.config.convert import Wrong, converted
from gateway.config.fields import Field, fields_of
from gateway.config.lines import lines_of
from gateway.config.problems import Key, Mistakes, Problem, did_you_mean, dotted

S = TypeVar("S")
PREFIX = "FORECOURT_"
BYTES_MAX = 1 << 20
_ABSENT = object()


class Document:
    """A parsed file. Settings from the environment (FORECOURT_SECTION__KEY, a TOML value or plain text) come on top."""

    def __init__(self, text: str, file: str, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        """Parses `text`; raises Mistakes with the line where it is no TOML. Relative paths count from `folder`."""
        self.file, self.folder = file, folder
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Mistakes([_syntax(file, str(error))]) from error
        self._lines = lines_of(text)
        self._from_environ: dict[Key, tuple[str, str]] = {}
        self._unusable: list[Problem] = []
        for name, value in sorted((environ or {}).items()):
            if name.startswith(PREFIX) and "__" in name:
                self._overlay(name, value)

    @classmethod
    def read(cls, path: Path, environ: Mapping[str, str] | None = None) -> "Document":
        """The file at `path`; raises Mistakes when it cannot be read. Blocks: not for the loop."""
        try:
            with path.open("rb") as stream:
                raw = stream.read(BYTES_MAX + 1)
            if len(raw) > BYTES_MAX:
                raise Mistakes([Problem(str(path), 0, "", f"is larger than {BYTES_MAX:,} bytes")])
            text = raw.decode("utf-8")
        except OSError as error:
            hint = "give the path of a TOML file"
            raise Mistakes([Problem(str(path), 0, "", f"cannot be read ({error.strerror})", hint)]) from error
        except UnicodeDecodeError as error:
            raise Mistakes([Problem(str(path), 0, "", "is not UTF-8 text")]) from error
        return cls(text, str(path), Path(os.path.abspath(path.parent)), environ)  # noqa: PTH100 - no look at the disk

    def problem(self, key: Key, text: str, hint: str = "") -> Problem:
        """A mistake at `key`, with the line of the key or of the table it is missing from."""
        for length in range(len(key), 0, -1):
            if (given := self._from_environ.get(key[:length])) is not None:
                return Problem(given[0], 0, dotted(key), text, hint)
            if (line := self._lines.get(key[:length])) is not None:
                return Problem(self.file, line, dotted(key), text, hint)
        return Problem(self.file, 0, dotted(key), text, hint)

    def settings(self, schema: type[S], ignore: frozenset[str] = frozenset()) -> S:
        """The settings as `schema` has them; raises Mistakes with all that is wrong. `ignore`: keys of others."""
        found: list[Problem] = list(self._unusable)
        data = {name: value for name, value in self.data.items() if name not in ignore}
        built = self._table(schema, data, (), found)
        if found or built is None:
            raise Mistakes(found)
        return cast("S", built)

    def _overlay(self, name: str, value: str) -> None:
        key = tuple(name.removeprefix(PREFIX).lower().split("__"))
        table = self.data
        for part in key[:-1]:
            below = table.setdefault(part, {})
            if not isinstance(below, dict):
                self._unusable.append(Problem(name, 0, "", "leads into a setting that is no table"))
                return
            table = below
        table[key[-1]] = _parsed(value)
        self._from_environ[key] = name, value

    def _table(self, schema: type[Any], data: dict[str, Any], at: Key, found: list[Problem]) -> object | None:
        """A schema's value from a table; None when something in it is wrong."""
        before = len(found)
        known = {field.name: field for field in fields_of(schema)}
        strange = [name for name in data if name not in known]
        found += [self.problem((*at, name), "is not a setting", did_you_mean(name, known)) for name in strange]
        values: dict[str, object] = {}
        for name, field in known.items():
            value = data.get(name, _ABSENT)
            if value is not _ABSENT:
                values[name] = self._field(field, value, (*at, name), found)
            elif field.required and field.table is not None and field.element is None:
                values[name] = self._table(field.table, {}, (*at, name), found)
            elif field.required:
                found.append(self.problem((*at, name), "is missing", field.info.doc))
        if len(found) > before:
            return None
        built = schema(**values)
        for path, text, hint in getattr(built, "mistakes", tuple)():
            found.append(self.problem((*at, *_key(path)), text, hint))
        return cast("object", built) if len(found) == before else None

    def _field(self, field: Field, value: object, at: Key, found: list[Problem]) -> object:
        if field.table is None:
            given = self._from_environ.get(at)
            if given is not None and not isinstance(value, str) and field.kind in {str, Path}:
                value = given[1]  # a text that happens to look like a number
            try:
                return converted(value, field, self.folder)
            except Wrong as wrong:
                found.append(self.problem(at, wrong.text, wrong.hint))
                return None
        if field.element is None:
            if isinstance(value, dict):
                return self._table(field.table, value, at, found)
            found.append(self.problem(at, "is not a table", f"write [{dotted(at)}] and its settings below"))
            return None
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return tuple(self._table(field.table, one, (*at, index), found) for index, one in enumerate(value))
        found.append(self.problem(at, "is not a list of tables", f"write [[{dotted(at)}]] before each"))
        return None


def load(schema: type[S], path: Path, environ: Mapping[str, str] | None = None) -> S:
    """The settings of `path` with those of the environment on top.

    `schema` is a dataclass of sections. `environ` is os.environ when None. Raises Mistakes (a ConfigError) that names
    every mistake at once. Blocks: not for the loop.
    """
    document = Document.read(path, os.environ if environ is None else environ)
    return document.settings(schema, ignore=frozenset({"role"}))


def _key(path: str) -> Key:
    return tuple(int(part) if part.isdigit() else part for part in path.split(".")) if path else ()


def _parsed(value: str) -> object:
    """A variable's value: TOML where it is, else text."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError):
        return value


def _syntax(file: str, message: str) -> Problem:
    text, _, place = message.partition(" (at line ")
    line = place.partition(",")[0]
    hint = "text is written in quotes, one setting a line: name = value"
    return Problem(file, int(line) if line.isdigit() else 0, "", f"is not TOML: {text.lower()}", hint)


def replaced(settings: S, **sections: Mapping[str, object]) -> S:
    """Settings with some of a section's values replaced, as options of a command do; None leaves a value as it is."""
    changed = {}
    for name, values in sections.items():
        given = {key: value for key, value in values.items() if value is not None}
        changed[name] = dataclasses.replace(getattr(settings, name), **given)
    return dataclasses.replace(cast("Any", settings), **changed)  # type: ignore[no-any-return]
