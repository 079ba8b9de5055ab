"""Batches as devices send them, and as they should not; must never sign with a key that it was not given."""

from collections.abc import Sequence
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, event_pb2
from zstandard import ZstdCompressor

from gateway.model import Purpose, SeqRange, Stream
from gateway.wire.signing import sign
from gateway.wire.topics import Topics

SPEED, DOOR, SHAPE, DIGEST = 1, 2, 1, 0x466F7265636F7572
NO_CODEC = 99
_BASE_US = 1_788_000_000_000_000
_BOMB_ROWS = 4_000_000


def dictionary() -> tuple[list[event_pb2.Signal], list[event_pb2.Shape]]:
    """Two signals and the shape of them."""
    return (
        [
            event_pb2.Signal(id=SPEED, path="Vehicle.Speed", type=event_pb2.VALUE_TYPE_FLOAT, unit="km/h"),
            event_pb2.Signal(id=DOOR, path="Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", type=event_pb2.VALUE_TYPE_BOOL),
        ],
        [event_pb2.Shape(id=SHAPE, kind="certify", signals=[SPEED, DOOR])],
    )


def rows(first: int, count: int) -> event_pb2.Rows:
    """Plausible rows, each of which tells its number."""
    return event_pb2.Rows(
        rows=[
            event_pb2.Row(
                ts_us=_BASE_US + 1_000 * seq,
                received_ms=seq,
                shape=SHAPE,
                values=[
                    event_pb2.SignalValue(id=SPEED, float=float(seq % 130)),
                    event_pb2.SignalValue(id=DOOR, bool=seq % 7 == 0),
                ],
            )
            for seq in range(first, first + count)
        ]
    )


def bag(first: int, count: int, codec: int = event_pb2.CODEC_IDENTITY) -> event_pb2.Bag:
    """A bag of readings in clear or in one of the compressed codecs; an unknown codec gets a body that says nothing."""
    made = event_pb2.Bag(first_seq=first, count=count, replayed=False)
    made.codec = codec  # type: ignore[assignment]  # an open enum: a codec of a later version passes
    if codec == event_pb2.CODEC_IDENTITY:
        made.rows.CopyFrom(rows(first, count))
    elif codec == event_pb2.CODEC_ROWS_ZSTD:
        made.body = ZstdCompressor().compress(rows(first, count).SerializeToString())
    elif codec == event_pb2.CODEC_COLUMNS_ZSTD:
        made.body = ZstdCompressor().compress(_columns(first, count).SerializeToString())
    else:
        made.body = b"of a later version"
    return made


def bomb(first: int) -> event_pb2.Bag:
    """A few kilobytes that decode to millions of rows."""
    made = event_pb2.Bag(first_seq=first, count=10, codec=event_pb2.CODEC_ROWS_ZSTD)
    made.body = ZstdCompressor().compress(b"\x0a\x00" * _BOMB_ROWS)
    return made


def gap(epoch: int, stream: Stream, numbers: SeqRange) -> control_pb2.ControlRecord:
    """The device tells that numbers expired."""
    return control_pb2.ControlRecord(
        at_us=_BASE_US,
        gap=control_pb2.Gap(
            epoch=epoch,
            stream=int(stream),
            ranges=[control_pb2.Range(first=numbers.first, last=numbers.last)],
            reason=control_pb2.GAP_REASON_EXPIRED,
        ),
    )


def control_bag(first: int, records: Sequence[control_pb2.ControlRecord]) -> event_pb2.Bag:
    """A bag of the control stream."""
    return event_pb2.Bag(
        first_seq=first,
        count=len(records),
        codec=event_pb2.CODEC_IDENTITY,
        control=control_pb2.ControlRecords(records=records),
    )


def batch(
    device: str,
    epoch: int,
    stream: Stream,
    bags: Sequence[event_pb2.Bag],
    *,
    digest: int = DIGEST,
    with_dictionary: bool = True,
) -> event_pb2.EventBatch:
    """A batch without its signature."""
    made = event_pb2.EventBatch(
        device=device,
        epoch=epoch,
        number=1,
        dictionary=digest,
        boots=[event_pb2.Boot(id=1, wall_at_boot_us=_BASE_US, quality=event_pb2.CLOCK_QUALITY_SYNCHRONISED)],
        consents=[event_pb2.ConsentReference(purposes=[int(Purpose.VEHICLE_OPERATION)])],  # type: ignore[list-item]
        bags=bags,
    )
    made.stream = int(stream)  # type: ignore[assignment]
    if with_dictionary:
        signals, shapes = dictionary()
        made.signals.extend(signals)
        made.shapes.extend(shapes)
    return made


def signed(key: Ed25519PrivateKey, made: event_pb2.EventBatch, stream: Stream, *, extra: bytes = b"") -> bytes:
    """The payload for the topic of the batch's own device and `stream`; `extra` goes before the signature."""
    return sign(key, Topics(made.device).events(stream), made.SerializeToString() + extra)


def unknown_field(number: int, content: bytes = b"of a later version") -> bytes:
    """A length-delimited field that no version knows yet."""
    tag, out = number << 3 | 2, bytearray()
    while tag > 0x7F:
        out.append(tag & 0x7F | 0x80)
        tag >>= 7
    out.append(tag)
    return bytes(out) + bytes([len(content)]) + content


def _columns(first: int, count: int) -> event_pb2.Columns:
    def steps(start: int, step: int) -> list[int]:
        return [start] + [step] * (count - 1)

    speeds = [seq % 130 for seq in range(first, first + count)]
    doors = [int(seq % 7 == 0) for seq in range(first, first + count)]
    return event_pb2.Columns(
        ts_us=event_pb2.Column(deltas=steps(_BASE_US + 1_000 * first, 1_000)),
        received_ms=event_pb2.Column(deltas=steps(first, 1)),
        groups=[
            event_pb2.Group(
                shape=SHAPE,
                columns=[event_pb2.Column(deltas=_differences(speeds)), event_pb2.Column(deltas=_differences(doors))],
            )
        ],
    )


def _differences(values: Sequence[int]) -> list[int]:
    return [values[0], *(right - left for left, right in pairwise(values))]
