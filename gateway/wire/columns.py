"""Events as columns, lossless to the bit; must never trust a count or an index that came from outside.

A decimal reading is an integer divided by a power of ten. Where that returns every bit, its differences are small
integers; otherwise the bytes of the values are sorted by their place, which compresses what noise allows.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from operator import mul, sub, truediv
from typing import Any, Final, NamedTuple

from forecourt.v1 import event_pb2

from gateway.errors import InputError
from gateway.limits import EXPONENT_MAX
from gateway.model import Event, Kind, Signal, Value, ValueType
from gateway.wire.dictionary import Types

POWERS: Final = tuple(10.0**exponent for exponent in range(EXPONENT_MAX + 1))
_ARRAY: Final = {ValueType.FLOAT: "f", ValueType.DOUBLE: "d", ValueType.INT: "q"}


class Decoded(NamedTuple):
    """Events of one shape: their numbers, times, and a column for each signal (one of bytes for records)."""

    shape: int
    seqs: Sequence[int]
    ts_us: Sequence[int]
    received_ms: Sequence[int]
    columns: Sequence[Sequence[Any]]

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """(seq, ts_us, received_ms, *values) of each event."""
        return zip(self.seqs, self.ts_us, self.received_ms, *self.columns, strict=False)


class ColumnEncoder:
    """Remembers how many decimals each signal had, so that one try is the rule. For one thread."""

    def __init__(self) -> None:
        self._exponents: dict[int, int] = {}

    def encode(self, events: Sequence[Event]) -> bytes:
        """A serialised Columns message; the events' values have passed `check`."""
        kinds, _, stamps, received, values = zip(*events, strict=True)
        head: Kind = kinds[0]
        groups: list[event_pb2.Group] = []
        shapes: list[int] = []
        if kinds.count(head) == len(kinds):
            groups.append(self._group(head.id, head.signals, values))
        else:
            by_shape: dict[int, tuple[tuple[Signal, ...], list[tuple[Value, ...]]]] = {}
            for kind, row in zip(kinds, values, strict=True):
                by_shape.setdefault(kind.id, (kind.signals, []))[1].append(row)
            groups = [self._group(shape, signals, rows) for shape, (signals, rows) in by_shape.items()]
            shapes = [kind.id for kind in kinds] if len(groups) > 1 else []
        times, arrivals = _integers_out(stamps), _integers_out(received)
        return event_pb2.Columns(ts_us=times, received_ms=arrivals, shapes=shapes, groups=groups).SerializeToString()

    def _group(self, shape: int, signals: Sequence[Signal], rows: Iterable[Sequence[Any]]) -> event_pb2.Group:
        columns = [self._column(*pair) for pair in zip(signals, zip(*rows, strict=True), strict=True)]
        return event_pb2.Group(shape=shape, columns=columns)

    def _column(self, signal: Signal, values: tuple[Any, ...]) -> event_pb2.Column:
        kind = signal.type
        if kind is ValueType.INT:
            return _integers_out(values)
        if kind is ValueType.BOOL:
            return event_pb2.Column(deltas=_deltas(list(map(int, values))))
        if kind is ValueType.STRING:
            words = {word: index for index, word in enumerate(dict.fromkeys(values))}
            return event_pb2.Column(words=words, deltas=_deltas([words[word] for word in values]))
        code = _ARRAY[kind]
        raw = array(code, values).tobytes()
        return self._decimal(signal.id, code, values, raw) or event_pb2.Column(
            planes=_to_planes(raw, array(code).itemsize)
        )

    def _decimal(self, number: int, code: str, values: tuple[float, ...], raw: bytes) -> event_pb2.Column | None:
        """The column as integers over a power of ten, if that returns every bit (of -0.0 too)."""
        known = self._exponents.get(number, 0)
        for exponent in (known, *range(known), *range(known + 1, EXPONENT_MAX + 1)):
            power = POWERS[exponent]
            try:
                scaled = list(map(round, map(mul, values, repeat(power))))
                if array(code, map(truediv, scaled, repeat(power))).tobytes() == raw:
                    column = event_pb2.Column(deltas=_deltas(scaled), exponent=exponent)
                    self._exponents[number] = exponent
                    return column
            except (ValueError, OverflowError):  # NaN, infinity, or beyond 64 bits
                return None
        return None


def decode_columns(body: bytes, first_seq: int, count: int, types: Types) -> list[Decoded]:
    """The events of a serialised Columns message; raises InputError, or what protobuf raises on malformed bytes."""
    message = event_pb2.Columns.FromString(body)
    stamps, received = _integers_in(message.ts_us, count), _integers_in(message.received_ms, count)
    numbers = range(first_seq, first_seq + count)
    if not message.shapes:
        if len(message.groups) != 1:
            raise InputError("events without shapes need exactly one group")
        return [_decoded(message.groups[0], numbers, stamps, received, types)]
    if len(message.shapes) != count:
        raise InputError("as many shapes as events are needed")
    places: dict[int, list[int]] = {}
    for index, shape in enumerate(message.shapes):
        places.setdefault(shape, []).append(index)
    if sorted(places) != sorted(group.shape for group in message.groups):
        raise InputError("groups and shapes differ")
    out = []
    for group in message.groups:
        at = places[group.shape]
        out.append(_decoded(group, [numbers[i] for i in at], [stamps[i] for i in at], [received[i] for i in at], types))
    return out


def _decoded(
    group: event_pb2.Group, seqs: Sequence[int], stamps: Sequence[int], received: Sequence[int], types: Types
) -> Decoded:
    kinds = types.get(group.shape)
    if not kinds:
        raise InputError("a shape that the dictionary lacks, or one of records")
    if len(kinds) != len(group.columns):
        raise InputError("a group has other columns than its shape")
    columns = [_values(column, kind, len(seqs)) for column, kind in zip(group.columns, kinds, strict=True)]
    return Decoded(group.shape, seqs, stamps, received, columns)


def _deltas(values: Sequence[int]) -> list[int]:
    if values.count(values[0]) == len(values):
        return [values[0]]
    out = [values[0], *map(sub, values[1:], values)]
    while out[-1] == 0:
        out.pop()
    return out


def _integers_out(values: Sequence[int]) -> event_pb2.Column:
    try:
        return event_pb2.Column(deltas=_deltas(values))
    except ValueError:  # a difference beyond 64 bits
        return event_pb2.Column(planes=_to_planes(array("q", values).tobytes(), 8))


def _integers_in(column: event_pb2.Column, count: int) -> Sequence[int]:
    if column.planes:
        return _from_planes(column.planes, "q", count)
    if not 1 <= len(column.deltas) <= count:
        raise InputError("a column has no value, or more than events")
    out = list(accumulate(column.deltas))
    try:
        array("q", out)
    except OverflowError:
        raise InputError("a sum beyond 64 bits") from None
    return out + out[-1:] * (count - len(out))


def _values(column: event_pb2.Column, kind: ValueType, count: int) -> Sequence[Any]:
    if column.planes and kind in _ARRAY:
        return _from_planes(column.planes, _ARRAY[kind], count)
    numbers = _integers_in(column, count)
    if kind is ValueType.INT:
        return numbers
    if kind is ValueType.STRING:
        words = list(column.words)
        if min(numbers) < 0 or max(numbers) >= len(words):
            raise InputError("an index outside the words")
        return [words[index] for index in numbers]
    if kind is ValueType.BOOL:
        if min(numbers) < 0 or max(numbers) > 1:
            raise InputError("a truth value is 0 or 1")
        return list(map(bool, numbers))
    if column.exponent > EXPONENT_MAX:
        raise InputError("an exponent over the bound")
    values = list(map(truediv, numbers, repeat(POWERS[column.exponent])))
    return array("f", values).tolist() if kind is ValueType.FLOAT else values


def _to_planes(raw: bytes, width: int) -> bytes:
    return b"".join(raw[place::width] for place in range(width))


def _from_planes(planes: bytes, code: str, count: int) -> Sequence[Any]:
    width = array(code).itemsize
    if len(planes) != count * width:
        raise InputError("planes of another length than the events need")
    raw = bytearray(len(planes))
    for place in range(width):
        raw[place::width] = planes[place * count : (place + 1) * count]
    return array(code, bytes(raw)).tolist()
