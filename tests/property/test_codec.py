"""Any events return to the bit, in any codec; must never be run with values that hide a sign or a NaN."""

import struct
from collections.abc import Sequence
from typing import Any

from forecourt.v1 import record_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import Event, Kind, Stream, ValueType
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, Encoder, decode
from gateway.wire.dictionary import Dictionary
from gateway.wire.rows import record
from tests.kit.wires import DRIVING, expected, flat, kind_of, read_back, to_the_bit

INT64 = st.integers(-(2**63), 2**63 - 1)
DECIMALS = st.builds(lambda number, power: number / 10**power, st.integers(-(10**12), 10**12), st.integers(0, 9))


def binary32(value: float) -> float:
    """The nearest binary32, as a float that holds it exactly; infinite beyond."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf")


VALUES: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.BOOL: st.booleans(),
    ValueType.INT: INT64 | st.integers(-100, 100) | st.sampled_from([-(2**63), 2**63 - 1]),
    ValueType.FLOAT: st.floats(width=32) | DECIMALS.map(binary32) | st.integers(-1_000, 1_000) | st.just(-0.0),
    ValueType.DOUBLE: st.floats() | DECIMALS | st.integers(-(2**60), 2**60) | st.just(-0.0),
    ValueType.STRING: st.text(max_size=20) | st.sampled_from(["P", "D", ""]),
}
TYPES = st.lists(st.sampled_from(list(ValueType)), min_size=1, max_size=5)
TRIPS = st.builds(
    lambda number, phase, metres: record(trip=record_pb2.Trip(id=number, phase=phase, distance_m=metres)),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2),
    st.floats(),
)


def values_of(kind: Kind) -> st.SearchStrategy[tuple[Any, ...]]:
    """Values for one event; sometimes all columns stand still, as those of a parked car do."""
    return st.tuples(*[VALUES[signal.type] for signal in kind.signals])


@st.composite
def bags(draw: st.DrawFn) -> tuple[Dictionary, list[Event]]:
    """A dictionary and the events of a bag: one shape or several, with any times."""
    dictionary = Dictionary()
    kinds = [
        kind_of(dictionary, types, f"test.{n}") for n, types in enumerate(draw(st.lists(TYPES, min_size=1, max_size=3)))
    ]
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(kinds))
        values = draw(values_of(kind))
        repeat = draw(st.integers(1, 4))
        times = draw(st.tuples(INT64, st.integers(0, 2**63 - 1)))
        events += [Event(kind, 7, *times, values)] * repeat
    return dictionary, events


@settings(max_examples=200, deadline=None)
@given(bags(), st.sampled_from([IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD]))
def test_events_return_to_the_bit(bag: tuple[Dictionary, list[Event]], codec: int) -> None:
    """What passes the check comes back: each number once, its shape, its times and every bit of its values."""
    dictionary, events = bag
    encoder = Encoder(codec)
    for event in events:
        assert encoder.check(event.kind, [event.values], [event.ts_us], [event.received_ms]) == []
    used, body = encoder.encode(events)
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


@settings(max_examples=100, deadline=None)
@given(st.lists(bags(), min_size=2, max_size=4))
def test_an_encoder_may_be_used_again(some: list[tuple[Dictionary, list[Event]]]) -> None:
    """What an encoder remembers of one bag never changes a bit of the next."""
    encoder = Encoder()
    for dictionary, events in some:
        used, body = encoder.encode(events)
        assert read_back(used, body, len(events), dictionary.types) == expected(events)


@settings(max_examples=50, deadline=None)
@given(st.lists(TRIPS, min_size=1, max_size=9), st.sampled_from([IDENTITY, COLUMNS_ZSTD]))
def test_records_return(records: Sequence[bytes], codec: int) -> None:
    """Records come back as bytes that say the same."""
    dictionary = Dictionary()
    kind = dictionary.intern_kind("trip", Stream.LIVE, DRIVING)
    events = [Event(kind, 7, n, n, body) for n, body in enumerate(records)]
    used, body = Encoder(codec).encode(events)
    assert read_back(used, body, len(events), dictionary.types) == expected(events)


@settings(max_examples=100, deadline=None)
@given(bags(), st.data())
def test_stripping_a_column_is_writing_without_it(bag: tuple[Dictionary, list[Event]], data: st.DataObject) -> None:
    """A partial withdrawal decodes, drops and encodes: the rest is what had been written without those signals."""
    dictionary, events = bag
    picks = {
        kind: tuple(sorted(data.draw(st.sets(st.integers(0, len(kind.signals) - 1), min_size=1))))
        for kind in dict.fromkeys(event.kind for event in events)  # in an order that repeats
    }
    narrow = [
        Event(
            dictionary.narrowed(e.kind, picks[e.kind]),
            7,
            e.ts_us,
            e.received_ms,
            tuple(e.values[i] for i in picks[e.kind]),
        )
        for e in events
    ]
    used, body = Encoder().encode(events)
    shapes = {kind.id: kind for kind in picks}
    kept: dict[int, Event] = {}
    for group in decode(used, body, 1, len(events), dictionary.types):
        kind = shapes[group.shape]
        for seq, ts_us, received_ms, *values in group.rows():
            smaller = dictionary.narrowed(kind, picks[kind])
            kept[seq] = Event(smaller, 7, ts_us, received_ms, tuple(values[i] for i in picks[kind]))
    used, body = Encoder().encode([kept[seq] for seq in sorted(kept)])
    assert flat(decode(used, body, 1, len(events), dictionary.types), dictionary.types) == expected(narrow)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=32) | st.floats() | INT64 | st.booleans() | st.text(max_size=3) | st.none(), max_size=8)
)
def test_the_check_finds_what_cannot_return(values: list[Any]) -> None:
    """What the check lets pass as a FLOAT encodes and returns as binary32; what it refuses is no such number."""
    dictionary = Dictionary()
    kind = kind_of(dictionary, [ValueType.FLOAT])
    bad = set(Encoder().check(kind, [(value,) for value in values]))
    for index, value in enumerate(values):
        number = type(value) in {int, float}
        lost = number and abs(float(value)) != float("inf") and abs(binary32(value)) == float("inf")
        assert (index in bad) == (not number or lost)
    good = [Event(kind, 7, 0, 0, (value,)) for index, value in enumerate(values) if index not in bad]
    if good:
        used, body = Encoder().encode(good)
        assert read_back(used, body, len(good), dictionary.types) == expected(good)
        assert to_the_bit(good[0].values[0], ValueType.FLOAT)
