"""SQLite's file format (sqlite.org/fileformat2.html), read with tolerance; must never trust a length or a pointer."""

from collections.abc import Iterator, Mapping
from struct import unpack
from typing import TypeAlias

from gateway.limits import PAGE_BYTES

Cell: TypeAlias = "int | float | str | bytes | None"
Record: TypeAlias = tuple[Cell, ...]
_USABLE = PAGE_BYTES
_LOCAL_MAX = _USABLE - 35
_LOCAL_MIN = (_USABLE - 12) * 32 // 255 - 23
_LEAF, _INTERIOR = 0x0D, 0x05
_PAYLOAD_MAX = 64 << 20
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_WAL_MAGIC = (0x377F0682, 0x377F0683)


class Image:
    """The pages of a database with its write-ahead log laid over them."""

    def __init__(self, db: bytes, wal: bytes) -> None:
        self._db = memoryview(db)
        self._over = _overlay(wal)
        self.count = max([len(db) // PAGE_BYTES, *self._over])

    def page(self, number: int) -> memoryview | None:
        """Page `number` from 1, or None outside the file."""
        over = self._over.get(number)
        if over is not None:
            return over
        start = (number - 1) * PAGE_BYTES
        page = self._db[start : start + PAGE_BYTES] if number > 0 else memoryview(b"")
        return page if len(page) == PAGE_BYTES else None

    def leaf_rows(self, number: int) -> Iterator[tuple[int, Record]]:
        """(rowid, values) of a leaf of a table; a cell that makes no sense is left out."""
        page = self.page(number)
        if page is None:
            return
        start = 100 if number == 1 else 0
        if page[start] != _LEAF:
            return
        for offset in _cells(page, start, 8):
            try:
                yield self._cell(page, offset)
            except (IndexError, ValueError, UnicodeDecodeError):
                continue

    def children(self, number: int) -> list[int] | None:
        """Pages below an interior page, [] for a leaf, None for anything else."""
        page = self.page(number)
        if page is None:
            return None
        start = 100 if number == 1 else 0
        if page[start] == _LEAF:
            return []
        if page[start] != _INTERIOR:
            return None
        found = [int.from_bytes(page[offset : offset + 4], "big") for offset in _cells(page, start, 12)]
        return [*found, int.from_bytes(page[start + 8 : start + 12], "big")]

    def _cell(self, page: memoryview, offset: int) -> tuple[int, Record]:
        size, offset = _varint(page, offset)
        rowid, offset = _varint(page, offset)
        if size > _PAYLOAD_MAX:
            raise ValueError("payload")
        if size <= _LOCAL_MAX:
            payload = bytes(page[offset : offset + size])
        else:
            local = _LOCAL_MIN + (size - _LOCAL_MIN) % (_USABLE - 4)
            local = local if local <= _LOCAL_MAX else _LOCAL_MIN
            chain = int.from_bytes(page[offset + local : offset + local + 4], "big")
            payload = bytes(page[offset : offset + local]) + self._chain(chain, size - local)
        if len(payload) != size:
            raise ValueError("payload")
        return rowid - (1 << 64 if rowid >> 63 else 0), _record(payload)

    def _chain(self, number: int, size: int) -> bytes:
        parts = []
        while size > 0:
            page = self.page(number)
            if page is None:
                raise ValueError("chain")
            take = min(size, _USABLE - 4)
            parts.append(bytes(page[4 : 4 + take]))
            size -= take
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _overlay(wal: bytes) -> Mapping[int, memoryview]:
    """The pages of the commits in a WAL, by the salts of its header; what they hold is judged by whoever reads it."""
    if len(wal) < 32 or int.from_bytes(wal[:4], "big") not in _WAL_MAGIC:
        return {}
    view, salts = memoryview(wal), wal[16:24]
    pages: dict[int, memoryview] = {}
    waiting: dict[int, memoryview] = {}
    for start in range(32, len(wal) - PAGE_BYTES - 23, PAGE_BYTES + 24):
        number, commit = unpack(">II", view[start : start + 8])
        if view[start + 8 : start + 16] != salts:
            continue
        waiting[number] = view[start + 24 : start + 24 + PAGE_BYTES]
        if commit:
            pages.update(waiting)
            waiting.clear()
    return pages


def _cells(page: memoryview, start: int, head: int) -> list[int]:
    count = min(int.from_bytes(page[start + 3 : start + 5], "big"), (PAGE_BYTES - head - start) // 2)
    base = start + head
    found = unpack(f">{count}H", page[base : base + 2 * count])
    return [offset for offset in found if base <= offset < PAGE_BYTES - 3]


def _varint(data: memoryview | bytes, offset: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[offset + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + index + 1
    return value << 8 | data[offset + 8], offset + 9


def _record(payload: bytes) -> Record:
    head, offset = _varint(payload, 0)
    types, at = [], head
    while offset < head:
        kind, offset = _varint(payload, offset)
        types.append(kind)
    values: list[Cell] = []
    for kind in types:
        value, at = _value(payload, at, kind)
        values.append(value)
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Cell, int]:
    if kind >= 12:
        end = at + (kind - 12) // 2
        raw = payload[at:end]
        if len(raw) != end - at:
            raise ValueError("value")
        return (raw if kind % 2 == 0 else raw.decode()), end
    if kind == 7:
        if at + 8 > len(payload):
            raise ValueError("value")
        return float(unpack(">d", payload[at : at + 8])[0]), at + 8
    if kind in {8, 9}:
        return kind - 8, at
    if kind > 9:
        raise ValueError("type")
    end = at + _INTEGER_BYTES[kind]
    if end > len(payload):
        raise ValueError("value")
    return (int.from_bytes(payload[at:end], "big", signed=True) if kind else None), end
