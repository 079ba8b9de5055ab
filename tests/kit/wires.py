"""Keys, kinds and events for tests of bytes; must never draw anything at random by itself."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import record_pb2

from gateway.model import Event, Kind, OpenBag, Purpose, Stream, Value, ValueType, purpose_set
from gateway.wire.codec import decode
from gateway.wire.columns import Decoded
from gateway.wire.dictionary import Dictionary, Types
from gateway.wire.rows import record
from gateway.wire.topics import Topics

DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CLOUD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
DEVICE, CLOUD = DEVICE_KEY.public_key(), CLOUD_KEY.public_key()
TOPICS = Topics("golden-car")
DRIVING = purpose_set([Purpose.DRIVING_BEHAVIOUR])
WALL_US = 1_788_000_000_000_000
EVERY_TYPE = tuple(ValueType)


def kind_of(
    dictionary: Dictionary, types: Sequence[ValueType], name: str = "test.mixed", stream: Stream = Stream.LIVE
) -> Kind:
    """A kind whose signals have these types."""
    signals = [dictionary.intern_signal(f"Vehicle.{name}.S{n}", kind, "") for n, kind in enumerate(types)]
    return dictionary.intern_kind(name, stream, DRIVING, signals)


def event(kind: Kind, index: int, *values: Value) -> Event:
    """An event of that kind, a tenth of a second after the one before."""
    return Event(kind, 7, WALL_US + 100_000 * index, 5_000 + 100 * index, values)


def trip(kind: Kind, index: int, **fields: Any) -> Event:
    """An event that carries a record."""
    return Event(kind, 7, WALL_US + index, 5_000 + index, record(trip=record_pb2.Trip(**fields)))


def bag(events: Sequence[Event], codec: int, body: bytes, first_seq: int = 1) -> OpenBag:
    """A bag as the outbox hands it out."""
    return OpenBag(events[0].kind.stream, first_seq, len(events), 7, DRIVING, 77, codec, body)


def to_the_bit(value: Any, kind: ValueType | None = None) -> Any:
    """A value in which -0.0 and 0.0 differ and NaN equals itself; FLOAT is rounded to binary32 first."""
    if kind is ValueType.FLOAT:
        return struct.pack("<f", value)
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


def expected(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """What must come back: shape, times, values to the bit, in the order of the numbers."""
    out = []
    for kind, _, ts_us, received_ms, values in events:
        if isinstance(values, bytes):
            out.append((kind.id, ts_us, received_ms, values))
            continue
        told = [
            to_the_bit(float(value) if signal.type in (ValueType.FLOAT, ValueType.DOUBLE) else value, signal.type)
            for signal, value in zip(kind.signals, values, strict=True)
        ]
        out.append((kind.id, ts_us, received_ms, *told))
    return out


def flat(groups: Iterable[Decoded], types: Types) -> list[tuple[Any, ...]]:
    """Decoded events in the form of `expected`; fails when a number is missing or comes twice."""
    found = {}
    for group in groups:
        kinds = types[group.shape]
        for seq, ts_us, received_ms, *values in group.rows():
            told = [to_the_bit(v, t) for v, t in zip(values, kinds, strict=True)] if kinds else values
            assert seq not in found
            found[seq] = (group.shape, ts_us, received_ms, *told)
    numbers = sorted(found)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return [found[number] for number in numbers]


def read_back(codec: int, body: bytes, count: int, types: Types) -> list[tuple[Any, ...]]:
    """Decodes a body in the form of `expected`."""
    return flat(decode(codec, body, 1, count, types), types)
