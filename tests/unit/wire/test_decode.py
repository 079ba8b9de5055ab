"""Malformed bodies and bombs: InputError, and memory stays within bounds."""

import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from forecourt.v1 import event_pb2, record_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import BAG_DECODE_EVENTS_MAX, BODY_DECODE_BYTES_MAX
from gateway.model import ValueType
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, decode
from gateway.wire.dictionary import Types

INT, FLOAT, STRING, RECORD, BOOL = 1, 2, 3, 4, 5
TYPES: Types = {
    INT: (ValueType.INT,),
    FLOAT: (ValueType.FLOAT,),
    STRING: (ValueType.STRING,),
    RECORD: (),
    BOOL: (ValueType.BOOL,),
}


def packed(message: event_pb2.Columns | event_pb2.Rows) -> bytes:
    """The message as a body."""
    return zstandard.ZstdCompressor().compress(message.SerializeToString())


def columns(
    *of: event_pb2.Column, shape: int = INT, ts: event_pb2.Column | None = None, shapes: tuple[int, ...] = ()
) -> event_pb2.Columns:
    """Columns of one group with plausible times."""
    times = event_pb2.Column(deltas=[5])
    group = event_pb2.Group(shape=shape, columns=of)
    return event_pb2.Columns(ts_us=ts or times, received_ms=times, groups=[group], shapes=shapes)


def refused(codec: int, body: bytes, count: int = 2) -> None:
    """Fails unless the body is refused as malformed input."""
    with pytest.raises(InputError):
        decode(codec, body, 1, count, TYPES)


@pytest.mark.parametrize(
    "message",
    [
        event_pb2.Columns(),
        event_pb2.Columns(ts_us=event_pb2.Column(deltas=[1]), received_ms=event_pb2.Column(deltas=[1])),
        columns(),
        columns(event_pb2.Column()),
        columns(event_pb2.Column(deltas=[1]), event_pb2.Column(deltas=[1])),
        columns(event_pb2.Column(deltas=[1, 2, 3])),
        columns(event_pb2.Column(deltas=[2**63 - 1, 1])),
        columns(event_pb2.Column(planes=b"x")),
        columns(event_pb2.Column(planes=bytes(24))),
        columns(event_pb2.Column(deltas=[1]), shape=9),
        columns(event_pb2.Column(deltas=[1]), shape=RECORD),
        columns(event_pb2.Column(deltas=[1]), ts=event_pb2.Column(planes=bytes(9))),
        columns(event_pb2.Column(deltas=[1]), ts=event_pb2.Column(deltas=[1, 1, 1])),
        columns(event_pb2.Column(deltas=[1]), shapes=(INT,)),
        columns(event_pb2.Column(deltas=[1]), shapes=(INT, FLOAT)),
        columns(event_pb2.Column(deltas=[1]), shapes=(INT, INT, INT)),
        columns(event_pb2.Column(deltas=[1], exponent=10), shape=FLOAT),
        columns(event_pb2.Column(deltas=[1], exponent=2**32 - 1), shape=FLOAT),
        columns(event_pb2.Column(deltas=[2**62] * 2), shape=STRING),
        columns(event_pb2.Column(deltas=[0, 1], words=["a"]), shape=STRING),
        columns(event_pb2.Column(deltas=[-1], words=["a"]), shape=STRING),
        columns(event_pb2.Column(deltas=[0]), shape=STRING),
        columns(event_pb2.Column(planes=bytes(16), words=["a"]), shape=STRING),
        columns(event_pb2.Column(deltas=[0], words=["x" * 4_097]), shape=STRING),
        columns(event_pb2.Column(deltas=[2]), shape=BOOL),
        columns(event_pb2.Column(deltas=[0, -1]), shape=BOOL),
    ],
)
def test_columns_that_contradict_themselves(message: event_pb2.Columns) -> None:
    """Counts, lengths, indices, shapes and sums are judged, one by one."""
    refused(COLUMNS_ZSTD, packed(message))


def test_two_groups_of_one_shape_are_refused() -> None:
    """Each shape has one group, so that no event is told twice."""
    message = columns(event_pb2.Column(deltas=[1]), shapes=(INT, INT))
    message.groups.append(message.groups[0])
    refused(COLUMNS_ZSTD, packed(message))


ROW_OF_INT = event_pb2.Row(shape=INT, values=[event_pb2.SignalValue(id=1, int=5)])
TRIP = record_pb2.Record(trip=record_pb2.Trip(id=1))


@pytest.mark.parametrize("codec", [IDENTITY, ROWS_ZSTD])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [ROW_OF_INT],
        [ROW_OF_INT] * 3,
        [ROW_OF_INT, event_pb2.Row(shape=INT)],
        [ROW_OF_INT, event_pb2.Row(shape=9, values=[event_pb2.SignalValue(id=1, int=5)])],
        [ROW_OF_INT, event_pb2.Row(shape=INT, values=[event_pb2.SignalValue(id=1, float=5)])],
        [ROW_OF_INT, event_pb2.Row(shape=INT, values=[event_pb2.SignalValue(id=1)])],
        [ROW_OF_INT, event_pb2.Row(shape=INT, values=[event_pb2.SignalValue(id=1, int=5)] * 2)],
        [ROW_OF_INT, event_pb2.Row(shape=INT, values=[event_pb2.SignalValue(id=1, int=5)], record=TRIP)],
        [ROW_OF_INT, event_pb2.Row(shape=RECORD)],
        [ROW_OF_INT, event_pb2.Row(shape=RECORD, values=[event_pb2.SignalValue(id=1, int=5)], record=TRIP)],
        [ROW_OF_INT, event_pb2.Row(shape=STRING, values=[event_pb2.SignalValue(id=1, string="x" * 4_097)])],
    ],
)
def test_rows_that_contradict_themselves(codec: int, rows: list[event_pb2.Row]) -> None:
    """Too few, too many, another shape, another type, a record where values belong."""
    body = event_pb2.Rows(rows=rows)
    refused(codec, body.SerializeToString() if codec == IDENTITY else packed(body))


@pytest.mark.parametrize("codec", [IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD, 0, 4, -1, 2**31])
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff" * 50, b"\x28\xb5\x2f\xfd", zstandard.compress(b"\xff\xff\xff")])
def test_what_is_no_body_is_refused(codec: int, body: bytes) -> None:
    """Noise, a frame that ends early, a frame of noise, a codec of another time."""
    refused(codec, body)


def test_a_frame_with_something_behind_it_is_refused() -> None:
    """A body is one frame: what follows would be read by some and not by others."""
    good = packed(columns(event_pb2.Column(deltas=[1])))
    assert decode(COLUMNS_ZSTD, good, 1, 2, TYPES)[0].columns == [[1, 1]]
    refused(COLUMNS_ZSTD, good + b"\0")
    refused(COLUMNS_ZSTD, good + good)


@pytest.mark.parametrize("count", [0, -1, BAG_DECODE_EVENTS_MAX + 1, 20_000_000])
def test_the_number_of_events_is_bounded(count: int) -> None:
    """Trailing zeros are left out, so that 14 bytes could stand for 20 million events."""
    body = packed(columns(event_pb2.Column(deltas=[1])))
    assert len(decode(COLUMNS_ZSTD, body, 1, BAG_DECODE_EVENTS_MAX, TYPES)[0].seqs) == BAG_DECODE_EVENTS_MAX
    with pytest.raises(TooLarge):
        decode(COLUMNS_ZSTD, body, 1, count, TYPES)


def without_size(plain: bytes) -> bytes:
    """A frame that does not say how long its content is."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(plain)


def lying(size: int) -> bytes:
    """A frame of a few bytes that claims `size` bytes of content."""
    head = b"\x28\xb5\x2f\xfd\xe0" + size.to_bytes(8, "little")
    return head + b"\x01\x00\x00"


ZEROS = bytes(100_000_000)
WIDE = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1, write_content_size=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: zstandard.compress(ZEROS),
        lambda: without_size(ZEROS),
        lambda: lying(2**40),
        lambda: lying(2**63),
        lambda: lying(BODY_DECODE_BYTES_MAX),
        lambda: zstandard.ZstdCompressor(compression_params=WIDE).compress(ZEROS),
    ],
    ids=["honest", "silent", "lying", "absurd", "lying within the bound", "wide window"],
)
@pytest.mark.parametrize("codec", [ROWS_ZSTD, COLUMNS_ZSTD])
def test_a_bomb_does_not_go_off(codec: int, make: Callable[[], bytes]) -> None:
    """Whatever a frame says of its size or does not say: InputError, and no more memory than a body may have."""
    body = make()
    assert len(body) < 20_000
    tracemalloc.start()
    try:
        refused(codec, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * BODY_DECODE_BYTES_MAX


def test_a_word_does_not_become_a_flood() -> None:
    """A text is sent once and may stand for every event of every column: bounded by what it unpacks to."""
    word = event_pb2.Column(deltas=[0], words=["x" * 4_000])
    wide: Types = {1: (ValueType.STRING,) * 256}
    body = packed(columns(*[word] * 256))
    assert len(body) < 1_000
    assert len(decode(COLUMNS_ZSTD, body, 1, 3, wide)[0].columns) == 256
    with pytest.raises(TooLarge):
        decode(COLUMNS_ZSTD, body, 1, BAG_DECODE_EVENTS_MAX, wide)


def test_a_few_bytes_do_not_ask_for_a_million_values() -> None:
    """A delta may stand for every event: wide shapes and large bags together are bounded before they are unpacked."""
    wide: Types = {1: (ValueType.INT,) * 256}
    body = packed(columns(*[event_pb2.Column(deltas=[5])] * 256))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decode(COLUMNS_ZSTD, body, 1, BAG_DECODE_EVENTS_MAX, wide)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    assert len(decode(COLUMNS_ZSTD, body, 1, 500, wide)[0].columns) == 256
