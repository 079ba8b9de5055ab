"""What a body is made of is counted before it is built; must never take more memory than a bag of honest events."""

import pytest
import zstandard
from forecourt.v1 import event_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import BAG_DECODE_EVENTS_MAX, BAG_EVENTS_MAX, BODY_DECODE_BYTES_MAX, EVENT_VALUES_MAX
from gateway.model import ValueType
from gateway.wire.codec import COLUMNS_ZSTD, ROWS_ZSTD, decode
from gateway.wire.dictionary import Types
from gateway.wire.extent import ROWS, check_extent

ONE: Types = {1: (ValueType.INT,)}


def packed(body: bytes) -> bytes:
    """As a frame."""
    return zstandard.ZstdCompressor().compress(body)


def field(tag: int, content: bytes) -> bytes:
    """A length-delimited field."""
    size, out = len(content), bytearray([tag << 3 | 2])
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size]) + content


_HALF = BODY_DECODE_BYTES_MAX // 2 - 100
_FLOODS = {
    "rows": (ROWS_ZSTD, b"\x0a\x00" * _HALF),
    "values of a row": (ROWS_ZSTD, field(1, b"\x22\x00" * _HALF)),
    "values of many rows": (ROWS_ZSTD, field(1, b"\x22\x00" * 2_000) * 900),
    "deltas": (COLUMNS_ZSTD, field(1, field(1, b"\x02" * _HALF))),
    "deltas one by one": (COLUMNS_ZSTD, field(1, b"\x08\x02" * _HALF)),
    "words": (COLUMNS_ZSTD, field(1, b"\x22\x00" * _HALF)),
    "shapes": (COLUMNS_ZSTD, field(3, b"\x01" * 2 * _HALF)),
    "groups": (COLUMNS_ZSTD, b"\x22\x00" * _HALF),
    "columns": (COLUMNS_ZSTD, field(4, b"\x12\x00" * _HALF)),
    "unknown fields": (COLUMNS_ZSTD, b"\x78\x01" * _HALF),
}


@pytest.mark.parametrize("name", _FLOODS)
def test_what_a_body_is_made_of_is_counted_before_it_is_built(name: str) -> None:
    """A part of two bytes would become an object of sixty; refused by its count, not by its bytes."""
    codec, plain = _FLOODS[name]
    body = packed(plain)
    assert len(body) < 1_000
    with pytest.raises(TooLarge, match="values"):
        decode(codec, body, 1, BAG_DECODE_EVENTS_MAX, ONE)


@pytest.mark.parametrize(
    "end",
    [b"\x0a", b"\x0a\xff", b"\x0a\x7f\x00", b"\x0b", b"\x0d\x00", b"\x09\x00\x00", b"\x08", b"\x08" + b"\xff" * 11],
)
def test_a_large_body_that_ends_where_it_may_not(end: bytes) -> None:
    """Counting stumbles over nothing."""
    body = packed(field(9, bytes(600_000)) + end)
    for codec in (ROWS_ZSTD, COLUMNS_ZSTD):
        with pytest.raises(InputError):
            decode(codec, body, 1, 3, ONE)


def test_the_largest_bag_of_a_device_is_read() -> None:
    """500 events of 256 values, as rows of the longest numbers, with fields of a later version in each."""
    value = event_pb2.SignalValue(id=300, int=-(1 << 62))
    row = event_pb2.Row(ts_us=1 << 60, received_ms=1 << 40, shape=1, values=[value] * EVENT_VALUES_MAX)
    row.MergeFromString(b"\xa8\x06\x01\xad\x06\x01\x02\x03\x04\xa9\x06\x01\x02\x03\x04\x05\x06\x07\x08")
    plain = event_pb2.Rows(rows=[row] * BAG_EVENTS_MAX).SerializeToString()
    assert len(plain) > 1_500_000
    check_extent(plain, ROWS)
    wide: Types = {1: (ValueType.INT,) * EVENT_VALUES_MAX}
    found = decode(ROWS_ZSTD, packed(plain), 1, BAG_EVENTS_MAX, wide)
    assert len(found[0].columns) == EVENT_VALUES_MAX
