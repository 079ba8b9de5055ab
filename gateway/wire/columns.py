"""Events as columns, lossless to the bit; must never trust a count or an index that came from outside.

A decimal reading is an integer divided by a power of ten. Where that returns every bit, its differences are small
integers; otherwise the bytes of the values are sorted by their place, which compresses what noise allows.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import mul, sub, truediv
from typing import Any, Final, NamedTuple, TypeVar

from forecourt.v1 import event_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import BAG_DECODE_VALUES_MAX, BODY_DECODE_BYTES_MAX, EXPONENT_MAX, STRING_VALUE_BYTES_MAX
from gateway.model import Event, Kind, Signal, Value, ValueType
from gateway.wire.dictionary import NO_DRAFTS, Types

T = TypeVar("T")
POWERS: Final = tuple(10.0**exponent for exponent in range(EXPONENT_MAX + 1))
_ROUND: Final = float.__round__  # a third cheaper than round() in a map
_TRUTH: Final = {0, 1}
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

    def encode(self, events: Sequence[Event], numbered: Mapping[Kind, Kind] = NO_DRAFTS) -> bytes:
        """A serialised Columns message; the events have passed `check`. `numbered`: what drafts among them became."""
        kinds, _, stamps, received, values = zip(*events, strict=True)
        out = event_pb2.Columns()
        _put_integers(out.ts_us, stamps)
        _put_integers(out.received_ms, received)
        head: Kind = kinds[0]
        if kinds.count(head) == len(kinds):
            head = numbered.get(head, head)
            self._group(out.groups.add(shape=head.id), head.signals, values)
            return out.SerializeToString()
        known = {kind: numbered.get(kind, kind) for kind in set(kinds)}
        kinds = tuple(map(known.__getitem__, kinds))
        by_shape: dict[int, tuple[tuple[Signal, ...], list[tuple[Value, ...]]]] = {}
        for kind, row in zip(kinds, values, strict=True):
            by_shape.setdefault(kind.id, (kind.signals, []))[1].append(row)
        if len(by_shape) > 1:
            out.shapes.extend([kind.id for kind in kinds])
        for shape, (signals, rows) in by_shape.items():
            self._group(out.groups.add(shape=shape), signals, rows)
        return out.SerializeToString()

    def _group(self, group: event_pb2.Group, signals: Sequence[Signal], rows: Iterable[Sequence[Any]]) -> None:
        add = group.columns.add
        for signal, values in zip(signals, zip(*rows, strict=True), strict=True):
            kind, column = signal.type, add()
            if kind is ValueType.INT:
                _put_integers(column, values)
            elif kind is ValueType.BOOL:
                column.deltas.extend(_deltas(list(map(int, values))))
            elif kind is ValueType.STRING:
                words = {word: index for index, word in enumerate(dict.fromkeys(values))}
                column.words.extend(words)
                column.deltas.extend(_deltas([words[word] for word in values]))
            else:
                self._put_decimals(column, signal.id, _ARRAY[kind], values)

    def _put_decimals(self, column: event_pb2.Column, number: int, code: str, values: Sequence[float]) -> None:
        """Integers over a power of ten where that returns every bit (of -0.0 too), planes otherwise."""
        raw = array(code, values).tobytes()
        known = self._exponents.get(number, 0)
        for exponent in (known, *range(known), *range(known + 1, EXPONENT_MAX + 1)):
            power = POWERS[exponent]
            try:
                scaled = list(map(_ROUND, map(mul, values, repeat(power))))
                if array(code, list(map(truediv, scaled, repeat(power)))).tobytes() == raw:
                    column.deltas.extend(_deltas(scaled))
                    column.exponent = exponent
                    self._exponents[number] = exponent
                    return
            except (ValueError, OverflowError):  # NaN, infinity, or beyond 64 bits
                break
        column.ClearField("deltas")
        column.planes = _to_planes(raw, array(code).itemsize)


def decode_columns(body: bytes, first_seq: int, count: int, types: Types) -> list[Decoded]:
    """The events of a serialised Columns message; raises InputError, or what protobuf raises on malformed bytes."""
    message = event_pb2.Columns.FromString(body)
    stamps, received = _integers_in(message.ts_us, count), _integers_in(message.received_ms, count)
    numbers = range(first_seq, first_seq + count)
    if not message.shapes:
        if len(message.groups) != 1:
            raise InputError("events without shapes need exactly one group")
        _check_size(count * len(message.groups[0].columns))
        return _bounded([_decoded(message.groups[0], numbers, stamps, received, types)])
    if len(message.shapes) != count:
        raise InputError("as many shapes as events are needed")
    places: dict[int, list[int]] = {}
    for index, shape in enumerate(message.shapes):
        places.setdefault(shape, []).append(index)
    if sorted(places) != sorted(group.shape for group in message.groups):
        raise InputError("groups and shapes differ")
    _check_size(sum(len(places[group.shape]) * len(group.columns) for group in message.groups))
    out = []
    for group in message.groups:
        at = places[group.shape]
        out.append(_decoded(group, [numbers[i] for i in at], [stamps[i] for i in at], [received[i] for i in at], types))
    return _bounded(out)


def _check_size(values: int) -> None:
    """A delta may stand for every event: a few hundred bytes could ask for a million values."""
    if values > BAG_DECODE_VALUES_MAX:
        raise TooLarge(f"a bag has at most {BAG_DECODE_VALUES_MAX} values")


def _decoded(
    group: event_pb2.Group, seqs: Sequence[int], stamps: Sequence[int], received: Sequence[int], types: Types
) -> Decoded:
    kinds = types.get(group.shape)
    if not kinds:  # those of records have no columns
        raise InputError("a shape that the dictionary lacks, or one of records")
    if len(kinds) != len(group.columns):
        raise InputError("a group has other columns than its shape")
    columns = [_values(column, kind, len(seqs)) for column, kind in zip(group.columns, kinds, strict=True)]
    return Decoded(group.shape, seqs, stamps, received, columns)


def _bounded(groups: list[Decoded]) -> list[Decoded]:
    """Refuses text that repeats beyond what a body may be: a word is sent once and may stand for every event."""
    text = 0
    for group in groups:
        for column in group.columns:
            if type(column[0]) is str:
                text += sum(map(len, column))
    if text > BODY_DECODE_BYTES_MAX:
        raise TooLarge("the text of a bag is over the bound of a body")
    return groups


def _deltas(values: Sequence[int]) -> list[int]:
    if values.count(values[0]) == len(values):
        return [values[0]]
    out = [values[0], *map(sub, values[1:], values)]
    while out[-1] == 0:
        out.pop()
    return out


def _put_integers(column: event_pb2.Column, values: Sequence[int]) -> None:
    try:
        column.deltas.extend(_deltas(values))
    except ValueError:  # a difference beyond 64 bits
        column.ClearField("deltas")
        column.planes = _to_planes(array("q", values).tobytes(), 8)


def _sums(column: event_pb2.Column, count: int) -> list[int]:
    """The running sums of a column, not yet repeated up to `count`; never empty."""
    if not 1 <= len(column.deltas) <= count:
        raise InputError("a column has no value, or more than events")
    deltas = column.deltas[:]
    return list(accumulate(deltas)) if len(deltas) > 1 else deltas


def _integers_in(column: event_pb2.Column, count: int) -> list[int]:
    if column.planes:
        return _from_planes(column.planes, "q", count)
    sums = _sums(column, count)
    try:
        array("q", sums)  # the cheapest look at all of them
    except OverflowError:
        raise InputError("a sum beyond 64 bits") from None
    return _repeated(sums, count)


def _repeated(values: list[T], count: int) -> list[T]:
    """`values` with the last one again up to `count`: the encoder leaves out zeros at the end."""
    return values + values[-1:] * (count - len(values)) if len(values) < count else values


def _values(column: event_pb2.Column, kind: ValueType, count: int) -> Sequence[Any]:
    if kind is ValueType.INT:
        return _integers_in(column, count)
    if column.planes and kind in _ARRAY:
        return _from_planes(column.planes, _ARRAY[kind], count)
    sums = _sums(column, count)
    if kind is ValueType.STRING:
        return _repeated(_words(column.words[:], sums), count)
    if kind is ValueType.BOOL:
        if not set(sums) <= _TRUTH:
            raise InputError("a truth value is 0 or 1")
        return _repeated(list(map(bool, sums)), count)
    if column.exponent > EXPONENT_MAX:
        raise InputError("an exponent over the bound")
    values = list(map(truediv, sums, repeat(POWERS[column.exponent])))
    return _repeated(array("f", values).tolist() if kind is ValueType.FLOAT else values, count)


def _words(words: list[str], indices: list[int]) -> list[str]:
    if min(indices) < 0 or max(indices) >= len(words):
        raise InputError("an index outside the words")
    if max(map(len, words)) > STRING_VALUE_BYTES_MAX:
        raise TooLarge(f"a word has at most {STRING_VALUE_BYTES_MAX} bytes")
    return [words[index] for index in indices]


def _to_planes(raw: bytes, width: int) -> bytes:
    return b"".join(raw[place::width] for place in range(width))


def _from_planes(planes: bytes, code: str, count: int) -> list[Any]:
    width = array(code).itemsize
    if len(planes) != count * width:
        raise InputError("planes of another length than the events need")
    raw = bytearray(len(planes))
    for place in range(width):
        raw[place::width] = planes[place * count : (place + 1) * count]
    return array(code, bytes(raw)).tolist()
