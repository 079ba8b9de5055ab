"""The work that everybody in a comparison does: the same events, made the same way; must never favour one side."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

VIN = "WVWZZZ1KZAW000123"
T0_MS = 1_790_000_000_000
CYCLE = 1_000


class Telemetry(NamedTuple):
    """One event: with the VIN, its number and its time it has twelve fields."""

    latitude: float
    longitude: float
    speed_kmh: float
    odometer_m: int
    charge_pct: float
    outside_dc: int
    rpm: int
    gear: int
    flags: int


def telemetry() -> list[Telemetry]:
    """A cycle of plausible values; event i has those at i % CYCLE."""
    rows = []
    for i in range(CYCLE):
        speed = round(60 + 40 * math.sin(i / 50), 2)
        rows.append(
            Telemetry(
                round(48.1 + i * 1e-5, 7), round(11.5 + i * 1.3e-5, 7), speed, 1_000_000 + i * 17,
                round(80 - i * 0.01, 2), 215 + i % 7, round(900 + speed * 28), 1 + i % 6, i % 16,
            )
        )  # fmt: skip
    return rows


def _field(name: str, number: int, kind: int) -> descriptor_pb2.FieldDescriptorProto:
    return descriptor_pb2.FieldDescriptorProto(name=name, number=number, type=kind, label=1)  # type: ignore[arg-type]


def messages() -> tuple[type[Message], type[Message]]:
    """The straight line's Event and Batch: plain protobuf rows, as most would write them."""
    t = descriptor_pb2.FieldDescriptorProto
    kinds = [
        ("vin", t.TYPE_STRING), ("seq", t.TYPE_UINT64), ("ts_ms", t.TYPE_UINT64), ("latitude", t.TYPE_DOUBLE),
        ("longitude", t.TYPE_DOUBLE), ("speed_kmh", t.TYPE_FLOAT), ("odometer_m", t.TYPE_UINT32),
        ("charge_pct", t.TYPE_FLOAT), ("outside_dc", t.TYPE_SINT32), ("rpm", t.TYPE_UINT32), ("gear", t.TYPE_UINT32),
        ("flags", t.TYPE_UINT32),
    ]  # fmt: skip
    event = descriptor_pb2.DescriptorProto(name="Event")
    event.field.extend(_field(name, i, kind) for i, (name, kind) in enumerate(kinds, 1))
    batch = descriptor_pb2.DescriptorProto(name="Batch")
    batch.field.add(name="events", number=3, type=t.TYPE_MESSAGE, label=t.LABEL_REPEATED, type_name=".line.Event")
    file = descriptor_pb2.FileDescriptorProto(name="line.proto", package="line", syntax="proto3")
    file.message_type.extend([event, batch])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    get = message_factory.GetMessageClass
    return get(pool.FindMessageTypeByName("line.Event")), get(pool.FindMessageTypeByName("line.Batch"))


def framed(events: list[bytes]) -> Iterator[bytes]:
    """The parts of a Batch of events that are encoded already: tag, length, event."""
    for event in events:
        size = len(event)
        yield b"\x1a" + (bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7)))
        yield event
