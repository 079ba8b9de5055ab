"""How a setting is declared: a field that knows its meaning, type and bounds; must never read a file."""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any

_INFO = "forecourt"


@dataclass(frozen=True, slots=True)
class Info:
    """What is known of a setting beside its type: its meaning, unit, bounds (both included), and form."""

    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    pattern: re.Pattern[str] | None = None
    form: str = ""

    @property
    def span(self) -> str:
        """The allowed range with its unit; empty without bounds."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low is not None and self.high is not None:
            return f"{_number(self.low)} to {_number(self.high)}{unit}"
        if self.low is not None:
            return f"{_number(self.low)}{unit} or more"
        return f"at most {_number(self.high)}{unit}" if self.high is not None else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def setting(
    default: object = MISSING,
    *,
    doc: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    pattern: str = "",
    form: str = "",
) -> Any:
    """A field of a section. Without a default it has to be given. `form` says in words what `pattern` takes."""
    info = Info(doc, unit, low, high, re.compile(pattern) if pattern else None, form)
    if default is MISSING:
        return dataclasses.field(metadata={_INFO: info})
    return dataclasses.field(default=default, metadata={_INFO: info})


def section(kind: type[Any], *, doc: str) -> Any:
    """A field that is a table of its own; where all its settings have defaults, it may be left out."""
    required = any(one.required for one in fields_of(kind))
    if required:
        return dataclasses.field(metadata={_INFO: Info(doc)})
    return dataclasses.field(default_factory=kind, metadata={_INFO: Info(doc)})


def free_table(*, doc: str) -> Any:
    """A field that is a table with any keys (`dict[str, object]`), for parts that other packages bring."""
    return dataclasses.field(default_factory=dict, metadata={_INFO: Info(doc)})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a schema, resolved. `element` is set for tuples; of `X | None` the kind is X."""

    name: str
    kind: Any
    element: Any
    info: Info
    required: bool
    default: object

    @property
    def table(self) -> type[Any] | None:
        """The dataclass of a table or of an array of tables."""
        found = self.kind if self.element is None else self.element
        return found if dataclasses.is_dataclass(found) and isinstance(found, type) else None


def fields_of(schema: type[Any]) -> Iterator[Field]:
    """The fields of a schema, with their types resolved."""
    hints = typing.get_type_hints(schema)
    for one in dataclasses.fields(schema):
        if not one.init:
            continue
        kind, element = hints[one.name], None
        if isinstance(kind, types.UnionType):
            (kind,) = [member for member in typing.get_args(kind) if member is not types.NoneType]
        if typing.get_origin(kind) is dict:
            kind = dict
        if typing.get_origin(kind) is tuple:
            element, kind = typing.get_args(kind)[0], tuple
        required = one.default is MISSING and one.default_factory is MISSING
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        yield Field(one.name, kind, element, one.metadata.get(_INFO, Info("")), required, default)


class Checked(typing.Protocol):
    """A schema that looks at several of its settings together."""

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """Name of a field (or a path below, with dots), what is wrong with it, and a hint."""
        ...
