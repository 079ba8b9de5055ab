"""Drives as events in two forms, a change or a second each; must never change a reading but to its signal's type."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from gateway.model import Event, Kind, Purpose, Stream, Value, ValueType, purpose_set
from gateway.wire.dictionary import Dictionary
from simulators.drive.car import Reading, readings
from simulators.recording import read_recording

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RECORDED = ("omaha-15", "rav4-san-francisco", "twizy-rabat-1")
PACKAGED = "WLTC"
SUBJECT = 7
DRIVING = purpose_set([Purpose.DRIVING_BEHAVIOUR])
WALL_US = 1_788_000_000_000_000
LATE_MS = (0, 0, 0, 1, 1, 2)
"""How much later than dated a reading is received, drawn at random: honest noise in one of the two times."""

_PYTHON: dict[ValueType, Callable[[Any], Value]] = {
    ValueType.BOOL: bool,
    ValueType.INT: round,
    ValueType.FLOAT: float,
    ValueType.DOUBLE: float,
    ValueType.STRING: str,
}
_TYPES = {bool: ValueType.BOOL, int: ValueType.INT, float: ValueType.FLOAT, str: ValueType.STRING}
Form = Callable[["Drive", Dictionary], list[Event]]


class Drive:
    """Readings in order of time, and the value type of each signal."""

    def __init__(self, name: str, found: Sequence[Reading], types: Callable[[str, Value], ValueType]) -> None:
        self.name, self.readings = name, found
        self.types: dict[str, ValueType] = {}
        for reading in found:
            if reading.path not in self.types:
                self.types[reading.path] = types(reading.path, reading.value)


def recorded(name: str) -> Drive:
    """A recorded drive of the data beside the checkout, typed by VSS 6.0; raises InputError when it is not there."""
    data = SHARED_DATA
    tree = json.loads((data / "vss" / "vss-6.0.json").read_text("utf-8"))
    return Drive(name, read_recording(data / "vehicle" / f"{name}.csv").readings, lambda path, _: _vss(tree, path))


def packaged() -> Drive:
    """The derived drive that everybody has; coordinates are DOUBLE, as in VSS."""
    drive = Drive(PACKAGED, list(_changes(readings(1))), lambda _, value: _TYPES[type(value)])
    for path in drive.types:
        if "CurrentLocation" in path:
            drive.types[path] = ValueType.DOUBLE
    return drive


def _changes(found: Iterator[Reading]) -> Iterator[Reading]:
    latest: dict[str, Value] = {}
    for reading in found:
        if latest.get(reading.path) != reading.value:
            latest[reading.path] = reading.value
            yield reading


def _vss(tree: dict[str, Any], path: str) -> ValueType:
    children, word = tree, ""
    for part in path.split("."):
        node = children[part]
        children, word = node.get("children", {}), node.get("datatype", "")
    if "int" in word:
        return ValueType.INT
    names = {"boolean": ValueType.BOOL, "float": ValueType.FLOAT, "double": ValueType.DOUBLE}
    return names.get(word, ValueType.STRING)


def changes(drive: Drive, dictionary: Dictionary) -> list[Event]:
    """One event for each change of a signal."""
    rng, kinds = Random(1), {}
    for path, kind in drive.types.items():
        kinds[path] = dictionary.intern_kind(path, Stream.LIVE, DRIVING, [dictionary.intern_signal(path, kind)])
    return [_event(kinds[reading.path], reading.at_s, [reading.value], rng) for reading in drive.readings]


def seconds(drive: Drive, dictionary: Dictionary) -> list[Event]:
    """One event for each second, with all signals as they stand then."""
    rng, latest, second, events = Random(2), dict[str, Value](), 1, []
    signals = [dictionary.intern_signal(path, kind) for path, kind in drive.types.items()]
    kind = dictionary.intern_kind("second", Stream.LIVE, DRIVING, signals)
    for reading in drive.readings:
        while reading.at_s >= second:
            if len(latest) == len(signals):
                events.append(_event(kind, second, [latest[signal.path] for signal in signals], rng))
            second += 1
        latest[reading.path] = reading.value
    return events


def _event(kind: Kind, at_s: float, values: Sequence[Value], rng: Random) -> Event:
    cast = tuple(_PYTHON[signal.type](value) for signal, value in zip(kind.signals, values, strict=True))
    return Event(kind, SUBJECT, WALL_US + round(at_s * 1e6), 60_000 + round(at_s * 1e3) + rng.choice(LATE_MS), cast)
