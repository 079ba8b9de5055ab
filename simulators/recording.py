"""Recorded drives in the databroker's CSV form (`field,signal,value,delay`); must never stop at a bad row.

A row says: set the signal to the value, then wait `delay` seconds. Bad rows are counted and named with their line.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import InputError
from gateway.model import Value
from simulators.drive.car import Reading

TEXT_MAX = 4_096
PATH_MAX = 512
PROBLEMS_NAMED_MAX = 20
DELAY_MAX_S = 86_400.0
HEADER = ["field", "signal", "value", "delay"]
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+")
_INTEGER = re.compile(r"[+-]?\d{1,19}")


@dataclass(slots=True)
class Recording:
    """A drive that was read: readings in order of time, how long it is, and what could not be used."""

    name: str
    readings: list[Reading]
    length_s: float
    rows: int
    bad: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The signals, in order of their first reading."""
        return list(dict.fromkeys(reading.path for reading in self.readings))

    def samples(self, path: str, most: int = 1_000) -> list[Value]:
        """The first values of a signal."""
        return [reading.value for reading in self.readings if reading.path == path][:most]


def read_recording(path: Path) -> Recording:
    """Reads a file; raises InputError when it cannot be read or has no usable row at all."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            recording = parse(path.name, file)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not recording.readings:
        shown = "; ".join(recording.problems[:3]) or "it is empty"
        raise InputError(f"{path}: no row of the form {','.join(HEADER)} in it ({shown})")
    return recording


def parse(name: str, lines: Iterable[str]) -> Recording:
    """Reads lines; a header is optional, blank lines are nothing."""
    found = Recording(name, [], 0.0, 0)
    at_s = 0.0
    reader = csv.reader(_bounded(lines), strict=False)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            _bad(found, reader.line_num, "not_csv")
            continue
        if not cells or [cell.strip() for cell in cells] == HEADER:
            continue
        found.rows += 1
        read = _row(cells)
        if isinstance(read, str):
            _bad(found, reader.line_num, read)
            continue
        signal, value, delay_s = read
        found.readings.append(Reading(round(at_s, 6), signal, value))
        at_s += delay_s
    found.length_s = at_s
    return found


def value_of(text: str) -> Value | None:
    """A cell as a value: truth, whole number, number or word; None for what is no finite number though it looks so."""
    low = text.strip().lower()
    if low in {"true", "false"}:
        return low == "true"
    if _INTEGER.fullmatch(low):
        return int(low)
    try:
        number = float(low)
    except ValueError:
        return text.strip()
    return number if math.isfinite(number) else None


def _row(cells: list[str]) -> tuple[str, Value, float] | str:
    """Signal, value and delay of a row, or the word for what is wrong with it."""
    if len(cells) < 4 or any(cell.strip() for cell in cells[4:]):
        return "columns"
    kind, signal, text, delay = (cell.strip() for cell in cells[:4])
    if kind not in {"current", "target"}:
        return "field"
    if len(signal) > PATH_MAX or not _PATH.fullmatch(signal):
        return "signal"
    if len(text) > TEXT_MAX:
        return "too_long"
    value = value_of(text)
    if value is None or text == "":
        return "value"
    try:
        delay_s = float(delay or "0")
    except ValueError:
        return "delay"
    return (signal, value, delay_s) if 0 <= delay_s <= DELAY_MAX_S else "delay"


def _bad(found: Recording, line: int, why: str) -> None:
    found.bad[why] += 1
    if len(found.problems) < PROBLEMS_NAMED_MAX:
        found.problems.append(f"line {line}: {why}")


def _bounded(lines: Iterable[str]) -> Iterator[str]:
    """No line longer than a row can be; NUL, which csv refuses, is a bad cell."""
    for line in lines:
        yield line[: 2 * TEXT_MAX].replace("\0", "\ufffd")
