"""JSON of which each content has exactly one form, so that it can be signed; must never accept a second form.

A subset of RFC 8785: objects, lists, texts, integers of at most 53 bits, true, false and null; no fractions. Names are
ASCII, so that sorting by code point and by UTF-16 are the same.
"""

import json
from typing import Any

from gateway.errors import InputError

INTEGER_MAX = (1 << 53) - 1
_DEPTH_MAX = 8


def canonical(content: Any) -> bytes:
    """The one form of `content`; raises InputError for what has none."""
    _check(content, 0)
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse(raw: bytes, bytes_max: int) -> Any:
    """The content of `raw`; raises InputError unless these bytes are its one form and no more than `bytes_max`."""
    if len(raw) > bytes_max:
        raise InputError(f"a record has at most {bytes_max} bytes")
    try:
        content = json.loads(raw, parse_float=_no_number, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError("not JSON of the kind that is signed") from error
    if canonical(content) != raw:
        raise InputError("not the canonical form")
    return content


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no integer")


def _check(content: Any, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise InputError("too deep")
    match content:
        case None | bool():
            return
        case int():
            if abs(content) > INTEGER_MAX:
                raise InputError("an integer of more than 53 bits")
        case str():
            if any("\ud800" <= letter <= "\udfff" for letter in content):
                raise InputError("half a character")
        case list():
            for item in content:
                _check(item, depth + 1)
        case dict():
            for name, item in content.items():
                if type(name) is not str or not name.isascii():
                    raise InputError("a name that is not ASCII")
                _check(item, depth + 1)
        case _:
            raise InputError(f"{type(content).__name__} has no canonical form")
