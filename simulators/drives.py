"""Drives as files and as tables; must never write what cannot be read back."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import TextIO

from gateway.errors import InputError
from gateway.model import Value
from simulators.drive.car import Reading, readings, road
from simulators.drive.wltc import DURATION_S
from simulators.recording import HEADER, read_recording

PACKAGED = "WLTC Class 3b"


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive. `make` begins it anew; `problems`: rows of its file that could not be used, with their lines."""

    name: str
    make: Callable[[], Iterable[Reading]]
    length_s: float
    problems: Sequence[str] = ()
    bad_rows: int = 0


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """A signal of a drive at a glance; `low` and `high` are of numbers."""

    path: str
    count: int
    first: Value
    low: float | None
    high: float | None


def open_drive(recording: Path | None, seed: int) -> Drive:
    """A recording, or the packaged drive on the road of a seed. Reads files: not for the loop. Raises InputError."""
    if recording is None:
        route = road(seed)
        return Drive(PACKAGED, lambda: readings(seed, route=route), float(DURATION_S))
    found = read_recording(recording)
    return Drive(found.name, lambda: found.readings, found.length_s, found.problems, found.bad.total())


def summaries(drive: Iterable[Reading]) -> list[SignalSummary]:
    """Each signal, in order of its first reading."""
    values: dict[str, list[Value]] = {}
    for reading in drive:
        values.setdefault(reading.path, []).append(reading.value)
    found = []
    for path, its in values.items():
        numbers = [float(value) for value in its if isinstance(value, int | float) and not isinstance(value, bool)]
        low, high = (min(numbers), max(numbers)) if numbers else (None, None)
        found.append(SignalSummary(path, len(its), its[0], low, high))
    return found


def write_csv(drive: Drive, file: TextIO) -> None:
    """Writes it in the databroker's form: set the signal, then wait `delay` seconds."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for reading, after in pairwise(chain(drive.make(), [Reading(drive.length_s, "", 0)])):
        delay_s = max(0.0, round(after.at_s - reading.at_s, 6))
        writer.writerow(["current", reading.path, _cell(reading.value), f"{delay_s:.6f}".rstrip("0").rstrip(".")])


def save_csv(drive: Drive, path: Path) -> None:
    """The same into a file; raises InputError when it cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write_csv(drive, file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
