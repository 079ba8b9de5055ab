"""Codecs: every value returns to the bit, and what cannot be written is found before it harms its neighbours."""

import math
from typing import Any

import pytest
import zstandard
from forecourt.v1 import event_pb2, record_pb2

from gateway.limits import RECORD_BYTES_MAX, STRING_VALUE_BYTES_MAX
from gateway.model import Event, ValueType
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, Encoder
from gateway.wire.dictionary import Dictionary
from tests.kit.wires import EVERY_TYPE, WALL_US, event, expected, kind_of, read_back, trip

BOOL, INT, FLOAT, DOUBLE, STRING = EVERY_TYPE
CODECS = (IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD)
LEAST, MOST = -(2**63), 2**63 - 1


def columns_of(kind: ValueType, *values: Any) -> event_pb2.Column:
    """The column that values of one signal become."""
    dictionary = Dictionary()
    one = kind_of(dictionary, [kind])
    _, body = Encoder().encode([event(one, n, value) for n, value in enumerate(values)])
    group = event_pb2.Columns.FromString(zstandard.ZstdDecompressor().decompress(body)).groups[0]
    return group.columns[0]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (BOOL, [True, False, True, True]),
        (INT, [0, LEAST, MOST, -1, LEAST]),
        (INT, [MOST] * 3),
        (FLOAT, [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 1e-45, 3.4028234663852886e38]),
        (FLOAT, [361.3999939, 41.2573242, 0.1, 7]),
        (DOUBLE, [0.0, -0.0, math.nan, math.inf, 5e-324, 1.7976931348623157e308, 0.1 + 0.2]),
        (DOUBLE, [9.2e18, -9.2e18, 1e18]),
        (DOUBLE, [48.1234567, 48.1234568, -11.5]),
        (DOUBLE, [1e22, 5]),
        (STRING, ["", "P", "P", "é\0\n", "x" * STRING_VALUE_BYTES_MAX]),
    ],
)
def test_values_return_to_the_bit(codec: int, kind: ValueType, values: list[Any]) -> None:
    """Signs of zero, NaN, infinities, the smallest and largest of each type, and leaps between them."""
    dictionary = Dictionary()
    one = kind_of(dictionary, [kind])
    events = [event(one, n, value) for n, value in enumerate(values)]
    assert Encoder().check(one, [e.values for e in events]) == []
    used, body = Encoder(codec).encode(events)
    assert used == codec
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


@pytest.mark.parametrize("codec", CODECS)
def test_times_return_whatever_the_clock_says(codec: int) -> None:
    """1970, 2050 and jumps between the ends of 64 bits."""
    dictionary = Dictionary()
    one = kind_of(dictionary, [INT])
    stamps = [0, LEAST, MOST, WALL_US, -5, 2_524_608_000_000_000]
    events = [Event(one, 7, stamp, n * MOST // 5, (n,)) for n, stamp in enumerate(stamps)]
    used, body = Encoder(codec).encode(events)
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


@pytest.mark.parametrize("codec", CODECS)
def test_kinds_may_mix_in_a_bag(codec: int) -> None:
    """Events of several shapes keep their numbers; two kinds of one shape are one group."""
    dictionary = Dictionary()
    a, b = kind_of(dictionary, EVERY_TYPE), kind_of(dictionary, [DOUBLE, DOUBLE], "test.pair")
    events = [event(b, n, n / 8, -0.0) if n % 3 else event(a, n, True, n, n / 2, n / 4, "x") for n in range(50)]
    used, body = Encoder(codec).encode(events)
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


@pytest.mark.parametrize("codec", CODECS)
def test_records_travel_as_rows(codec: int) -> None:
    """An event without signals carries its record; columns have no place for it."""
    dictionary = Dictionary()
    one = dictionary.intern_kind("trip", kind_of(dictionary, [INT]).stream, 2)
    events = [trip(one, n, id=n + 1, phase=record_pb2.Trip.PHASE_ENDED, distance_m=n / 3) for n in range(3)]
    assert Encoder().check(one, [e.values for e in events]) == []
    used, body = Encoder(codec).encode(events)
    assert used == (IDENTITY if codec == IDENTITY else ROWS_ZSTD)
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


def test_columns_take_the_smallest_form_that_loses_nothing() -> None:
    """Decimals become integers with an exponent, a constant is one number, noise becomes planes, words an index."""
    assert columns_of(FLOAT, 38.73, 37.0, 37.5) == event_pb2.Column(deltas=[3873, -173, 50], exponent=2)
    assert columns_of(DOUBLE, 5.0, 5.0, 5.0) == event_pb2.Column(deltas=[5])
    assert columns_of(INT, 7, 9, 9, 9) == event_pb2.Column(deltas=[7, 2])
    assert columns_of(BOOL, True, True) == event_pb2.Column(deltas=[1])
    assert columns_of(STRING, "P", "D", "P") == event_pb2.Column(deltas=[0, 1, -1], words=["P", "D"])
    assert columns_of(FLOAT, 1.0, -2.0).planes == b""
    assert columns_of(FLOAT, -0.0, 1.0).planes == b"\x00\x00" * 2 + b"\x00\x80" + b"\x80\x3f"
    assert len(columns_of(DOUBLE, math.pi, math.e).planes) == 16
    assert columns_of(INT, LEAST, MOST).planes == b"\x00\xff" * 7 + b"\x80\x7f"


def test_the_exponent_of_a_signal_is_found_again() -> None:
    """More or fewer decimals than before cost a search, never a bit."""
    dictionary = Dictionary()
    one = kind_of(dictionary, [DOUBLE])
    encoder = Encoder()
    for scale in (1, 1_000, 10, 10_000_000, 1):
        events = [event(one, n, (n * 7 + 1) / scale) for n in range(20)]
        used, body = encoder.encode(events)
        assert read_back(used, body, 20, dictionary.types) == expected(events)


GOOD_ROW = (True, 5, 1.5, 2.5, "x")


@pytest.mark.parametrize(
    "row",
    [
        (1, 5, 1.5, 2.5, "x"),
        (True, True, 1.5, 2.5, "x"),
        (True, 5.0, 1.5, 2.5, "x"),
        (True, MOST + 1, 1.5, 2.5, "x"),
        (True, LEAST - 1, 1.5, 2.5, "x"),
        (True, 5, "1.5", 2.5, "x"),
        (True, 5, 1e39, 2.5, "x"),
        (True, 5, False, 2.5, "x"),
        (True, 5, 1.5, None, "x"),
        (True, 5, 1.5, 10**400, "x"),
        (True, 5, 1.5, 2.5, b"x"),
        (True, 5, 1.5, 2.5, "\ud800"),
        (True, 5, 1.5, 2.5, "x" * (STRING_VALUE_BYTES_MAX + 1)),
        (True, 5, 1.5, 2.5, "é" * (STRING_VALUE_BYTES_MAX // 2 + 1)),
        (True, 5, 1.5, 2.5),
        (True, 5, 1.5, 2.5, "x", 1),
        (),
        b"record",
        None,
        5,
    ],
)
def test_a_bad_row_is_found_among_good_ones(row: Any) -> None:
    """Wrong type, out of range, too long, wrong number: its index, and only that."""
    one = kind_of(Dictionary(), EVERY_TYPE)
    assert Encoder().check(one, [GOOD_ROW] * 3) == []
    assert Encoder().check(one, [GOOD_ROW, row, GOOD_ROW]) == [1]
    assert Encoder().check(one, [row]) == [0]
    assert Encoder().check(one, [row, GOOD_ROW, row]) == [0, 2]


def test_infinity_and_nan_are_values() -> None:
    """A float that was infinite before is no overflow; a neighbour that overflows is one."""
    one = kind_of(Dictionary(), [FLOAT])
    assert Encoder().check(one, [(math.inf,), (math.nan,), (-math.inf,), (5,)]) == []
    assert Encoder().check(one, [(math.inf,), (3.5e38,)]) == [1]


@pytest.mark.parametrize(
    ("stamp", "received"),
    [(MOST + 1, 0), (LEAST - 1, 0), (0.5, 0), (None, 0), (True, 0), (0, -1), (0, 1.0), (0, MOST + 1), ("0", 0)],
)
def test_a_bad_time_is_found_among_good_ones(stamp: Any, received: Any) -> None:
    """Times are 64-bit integers, and nothing was received before the boot."""
    one = kind_of(Dictionary(), [INT])
    assert Encoder().check(one, [(1,)] * 3, [LEAST, stamp, MOST], [0, received, MOST]) == [1]
    assert Encoder().check(one, [(1,), (2,)], [LEAST, MOST], [0, MOST]) == []


def test_a_bad_record_is_found() -> None:
    """Not bytes, not a Record, an empty one, one over the bound."""
    one = Dictionary().intern_kind("trip", kind_of(Dictionary(), [INT]).stream, 2)
    good = record_pb2.Record(trip=record_pb2.Trip(id=1)).SerializeToString()
    long = good + b"\xfa\x7f" + b"\xff\x7f" + bytes(RECORD_BYTES_MAX)
    bad: list[Any] = [(1.0,), "text", b"\xff", b"", long, None]
    assert Encoder().check(one, [good, *bad, good]) == [1, 2, 3, 4, 5, 6]


def test_no_rows_are_no_rows() -> None:
    """An empty append is nothing bad."""
    assert Encoder().check(kind_of(Dictionary(), [INT]), []) == []


def test_an_encoder_needs_a_codec_it_knows() -> None:
    """A setting that is wrong is told at once."""
    with pytest.raises(ValueError, match="codec"):
        Encoder(0)
