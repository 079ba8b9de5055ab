"""How many parts a body has, counted before it is unpacked; must never build what it counts.

A part of two bytes becomes an object of sixty: a few hundred bytes of zstd could ask for a hundred megabytes.
"""

from collections.abc import Mapping
from typing import Final

from gateway.errors import InputError, TooLarge
from gateway.limits import BAG_DECODE_VALUES_MAX

_PACKED: Final[Mapping[int, object]] = {-1: None}
"""Stands for a field of packed varints."""
_COLUMN: Final[Mapping[int, object]] = {1: _PACKED}
ROWS: Final[Mapping[int, object]] = {1: {4: {}}}
"""What is counted of a Rows message: fields by number, with those of the messages in them."""
COLUMNS: Final[Mapping[int, object]] = {1: _COLUMN, 2: _COLUMN, 3: _PACKED, 4: {2: _COLUMN}}
"""The same of a Columns message."""
_SMALL_BYTES: Final = 2 * BAG_DECODE_VALUES_MAX
_GOES_ON: Final = bytes(range(128, 256))
_FIXED: Final = {1: 8, 5: 4}


def check_extent(body: bytes, tree: Mapping[int, object]) -> None:
    """Raises TooLarge for a body of more parts than a bag may have values, InputError where none can be counted.

    A part has two bytes at least, so that small bodies need no look.
    """
    if len(body) > _SMALL_BYTES:
        _walk(body, 0, len(body), tree, BAG_DECODE_VALUES_MAX)


def _walk(body: bytes, at: int, end: int, tree: Mapping[int, object], left: int) -> int:
    while at < end:
        left -= 1
        tag, at = _varint(body, at, end)
        form = tag & 7
        if form == 0:
            _, at = _varint(body, at, end)
        elif form == 2:
            size, at = _varint(body, at, end)
            inner = tree.get(tag >> 3)
            if at + size > end:
                raise InputError("a body that ends within a field")
            if inner is _PACKED:
                left -= len(body[at : at + size].translate(None, _GOES_ON))
            elif isinstance(inner, Mapping) and inner:
                left = _walk(body, at, at + size, inner, left)
            at += size
        elif form in _FIXED:
            at += _FIXED[form]
        else:
            raise InputError("a field of an unknown form")
        if left < 0:
            raise TooLarge(f"a bag has at most {BAG_DECODE_VALUES_MAX} values")
    if at > end:
        raise InputError("a body that ends within a field")
    return left


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            break
    raise InputError("a body that ends within a number")
