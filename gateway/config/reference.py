"""Writes the reference of all settings from their declarations; must never say what a declaration does not."""

import enum
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.config.convert import words_of
from gateway.config.fields import Field, fields_of

_TYPES = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    datetime: "date and time",
}


def reference(schemas: Mapping[str, type[Any]]) -> str:
    """Markdown: a chapter for each role, a table for each section, which is told once."""
    lines: list[str] = []
    told: dict[type[Any], str] = {}
    for role, schema in schemas.items():
        lines += [f'## `role = "{role}"`', "", first_line(schema), ""]
        for field in fields_of(schema):
            lines += _section(field, field.name, role, told)
    return "\n".join(lines).rstrip() + "\n"


def first_line(schema: type[Any]) -> str:
    """What a schema says of itself."""
    return (schema.__doc__ or "").strip().partition("\n")[0]


def _section(field: Field, name: str, role: str, told: dict[type[Any], str]) -> Iterator[str]:
    table = field.table
    if field.kind is dict:
        yield from (f"### `[{name}]`", "", field.info.doc.capitalize() + ".", "")
    if table is None:
        return
    many = field.element is not None
    yield f"### `{'[[' if many else '['}{name}{']]' if many else ']'}`"
    yield ""
    if table in told:
        yield f'As for `role = "{told[table]}"`.'
        yield ""
        return
    told[table] = role
    yield first_line(table)
    yield ""
    inner = list(fields_of(table))
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for one in inner:
        if one.table is None:
            yield f"| `{one.name}` | {_type(one)} | {_default(one)} | {one.info.doc} |"
    yield ""
    for one in inner:
        yield from _section(one, f"{name}.{one.name}", role, told)


def _type(field: Field) -> str:
    kind = field.kind if field.element is None else field.element
    text = _TYPES.get(kind, "")
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        text = ", ".join(f'`"{word}"`' for word in words_of(kind))
    if field.element is not None:
        text = f"list of {text}"
    return text + (f", {field.info.span}" if field.info.span else "")


def _default(field: Field) -> str:
    if field.required:
        return "**required**"
    value = field.default
    if isinstance(value, enum.Enum):
        value = value.name.lower()
    if value is None:
        return "none"
    return f"`{json.dumps(str(value) if isinstance(value, Path) else value)}`"
