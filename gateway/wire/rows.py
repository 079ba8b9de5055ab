"""Events as rows that a person can read: for records, and for `--plain`; must never be needed for speed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from forecourt.v1 import event_pb2, record_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import STRING_VALUE_BYTES_MAX
from gateway.model import Event, Kind, ValueType
from gateway.wire.columns import Decoded
from gateway.wire.dictionary import NO_DRAFTS, Types

FIELDS: Final = {
    ValueType.BOOL: "bool",
    ValueType.INT: "int",
    ValueType.FLOAT: "float",
    ValueType.DOUBLE: "double",
    ValueType.STRING: "string",
}


def encode_rows(events: Sequence[Event], numbered: Mapping[Kind, Kind] = NO_DRAFTS) -> bytes:
    """A serialised Rows message; the events' values have passed `check`. `numbered`: what drafts among them became."""
    out = event_pb2.Rows()
    for asked, _, ts_us, received_ms, values in events:
        kind = numbered.get(asked, asked)
        row = out.rows.add(ts_us=ts_us, received_ms=received_ms, shape=kind.id)
        if isinstance(values, bytes):
            row.record.MergeFromString(values)
            row.record.SetInParent()
            continue
        for signal, value in zip(kind.signals, values, strict=True):
            row.values.add(id=signal.id, **{FIELDS[signal.type]: value})
    return out.SerializeToString()


def decode_rows(body: bytes, first_seq: int, count: int, types: Types) -> list[Decoded]:
    """The events of a serialised Rows message; raises InputError, or what protobuf raises on malformed bytes."""
    message = event_pb2.Rows.FromString(body)
    if len(message.rows) != count:
        raise InputError("as many rows as events are needed")
    found: dict[int, list[tuple[Any, ...]]] = {}
    for seq, row in enumerate(message.rows, first_seq):
        kinds = types.get(row.shape)
        if kinds is None:
            raise InputError("a shape that the dictionary lacks")
        found.setdefault(row.shape, []).append((seq, row.ts_us, row.received_ms, *_values(row, kinds)))
    out = []
    for shape, rows in found.items():
        seqs, stamps, received, *columns = zip(*rows, strict=True)
        out.append(Decoded(shape, seqs, stamps, received, columns))
    return out


def record(*, trip: record_pb2.Trip | None = None, link: record_pb2.IdentityLink | None = None) -> bytes:
    """The values of an event of a record kind: a serialised Record with its one field."""
    return record_pb2.Record(trip=trip, link=link).SerializeToString()


def _values(row: event_pb2.Row, kinds: Sequence[ValueType]) -> list[Any]:
    if not kinds:
        if row.values or not row.HasField("record"):
            raise InputError("a shape of records has a record and no values")
        return [row.record.SerializeToString()]
    if len(row.values) != len(kinds) or row.HasField("record"):
        raise InputError("a row has other values than its shape")
    out = []
    for value, kind in zip(row.values, kinds, strict=True):
        if value.WhichOneof("value") != FIELDS[kind]:
            raise InputError("a value has another type than its signal")
        read = getattr(value, FIELDS[kind])
        if kind is ValueType.STRING and len(read) > STRING_VALUE_BYTES_MAX:
            raise TooLarge(f"a text has at most {STRING_VALUE_BYTES_MAX} bytes")
        out.append(read)
    return out
