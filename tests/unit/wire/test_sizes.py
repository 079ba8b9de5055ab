"""Real drives in bags of 100: every bit returns, and columns take a quarter of what rows take."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.model import Event, Kind, Stream, Value, ValueType
from gateway.wire.codec import COLUMNS_ZSTD, Encoder
from gateway.wire.dictionary import Dictionary
from gateway.wire.rows import encode_rows
from simulators.recording import Recording, read_recording
from tests.kit.wires import DRIVING, WALL_US, expected, read_back

DRIVES = ["omaha-15", "rav4-san-francisco", "twizy-rabat-1"]
BAG = 100
LATE_MS = (0, 0, 0, 1, 1, 2)
PYTHON: dict[ValueType, Callable[[Any], Value]] = {
    ValueType.BOOL: bool,
    ValueType.INT: round,
    ValueType.FLOAT: float,
    ValueType.DOUBLE: float,
    ValueType.STRING: str,
}


Form = Callable[[Recording, Dictionary, "Types"], list[Event]]


class Types:
    """The value types of the catalogue."""

    def __init__(self, catalogue: Path) -> None:
        self._tree = json.loads(catalogue.read_text("utf-8"))

    def __getitem__(self, path: str) -> ValueType:
        children, word = self._tree, ""
        for part in path.split("."):
            node = children[part]
            children, word = node.get("children", {}), node.get("datatype", "")
        if "int" in word:
            return ValueType.INT
        names = {"boolean": ValueType.BOOL, "float": ValueType.FLOAT, "double": ValueType.DOUBLE}
        return names.get(word, ValueType.STRING)


def event_of(kind: Kind, at_s: float, values: Sequence[Value], rng: Random) -> Event:
    """An event at that second of the drive, received a little later."""
    cast = tuple(PYTHON[signal.type](value) for signal, value in zip(kind.signals, values, strict=True))
    return Event(kind, 7, WALL_US + round(at_s * 1e6), 60_000 + round(at_s * 1e3) + rng.choice(LATE_MS), cast)


def changes(recording: Recording, dictionary: Dictionary, types: Types) -> list[Event]:
    """One event for each change of a signal."""
    rng, kinds = Random(1), {}
    for path in recording.paths:
        signal = dictionary.intern_signal(path, types[path])
        kinds[path] = dictionary.intern_kind(path, Stream.LIVE, DRIVING, [signal])
    return [event_of(kinds[reading.path], reading.at_s, [reading.value], rng) for reading in recording.readings]


def seconds(recording: Recording, dictionary: Dictionary, types: Types) -> list[Event]:
    """One event for each second, with all signals as they stand then."""
    rng, latest, second, events = Random(2), dict[str, Value](), 1, []
    signals = [dictionary.intern_signal(path, types[path]) for path in recording.paths]
    kind = dictionary.intern_kind("second", Stream.LIVE, DRIVING, signals)
    for reading in recording.readings:
        while reading.at_s >= second:
            if len(latest) == len(signals):
                events.append(event_of(kind, second, [latest[signal.path] for signal in signals], rng))
            second += 1
        latest[reading.path] = reading.value
    return events


@pytest.mark.shared_data
@pytest.mark.parametrize("name", DRIVES)
@pytest.mark.parametrize(("form", "most"), [(changes, 0.25), (seconds, 0.30)])
def test_columns_are_a_quarter_of_rows(shared_data: Path, name: str, form: Form, most: float) -> None:
    """Bodies of columns beside the same events as uncompressed rows of protobuf, and both say the same to the bit."""
    dictionary, encoder = Dictionary(), Encoder()
    recording = read_recording(shared_data / "vehicle" / f"{name}.csv")
    events = form(recording, dictionary, Types(shared_data / "vss" / "vss-6.0.json"))
    assert len(events) > 50
    columns = rows = 0
    for start in range(0, len(events), BAG):
        bag = events[start : start + BAG]
        codec, body = encoder.encode(bag)
        assert codec == COLUMNS_ZSTD
        assert read_back(codec, body, len(bag), dictionary.types) == expected(bag)
        columns, rows = columns + len(body), rows + len(encode_rows(bag))
    assert columns <= most * rows
