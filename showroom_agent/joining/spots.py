"""What a walk test reads: where somebody stood and when, and what hubs heard; must never guess a time.

Spots are a CSV `t_s,name,x_m,y_m`, a row for each arrival at a spot; a column `stand_s` may say how long one stood.
Sightings are a recording (CSV, see plan.readings), a file of forecourt.v1.SightingFrame with their lengths before them
(`forecourt hub replay --out`), or a site's log. `t_s` is on the clock of the sightings: seconds from the recording's
start, else seconds since 1970, which are those of a hub's wall clock for frames and of the site's for its log.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from forecourt.v1 import showroom_pb2
from google.protobuf.message import DecodeError, Message

from gateway.errors import ConfigError
from showroom_agent.plan import Reading, Site, load_readings
from showroom_agent.plan.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN

STAND_S = 15.0
SPOTS_MAX = 5_000
ENTRY_BYTES_MAX = 1 << 20
JOURNAL = b"FCSITE1\n"
_COLUMNS = ("t_s", "name", "x_m", "y_m")


@dataclass(frozen=True, slots=True)
class Spot:
    """Somebody with the tag stood at (x_m, y_m) from `begin_s` to `end_s`."""

    name: str
    x_m: float
    y_m: float
    begin_s: float
    end_s: float


def load_spots(path: Path, site: Site) -> list[Spot]:
    """In order of time; raises ConfigError that names the line. One stands until the next spot, 15 s at most."""
    rows: list[tuple[float, str, float, float, float]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path}: it lacks the columns {', '.join(missing)}; a row is 12.5,door,3.0,4.5")
            for number, row in enumerate(reader, 2):
                rows.append(_row(path, number, row, site))
                if len(rows) > SPOTS_MAX:
                    raise ConfigError(f"{path}: a walk has at most {SPOTS_MAX:,} spots")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    if not rows:
        raise ConfigError(f"{path}: there is no spot; note them with `forecourt site waypoint` as you walk")
    rows.sort()
    ends = [min(row[0] + row[4], after[0]) for row, after in pairwise(rows)] + [rows[-1][0] + rows[-1][4]]
    return [Spot(name, x, y, begin, end) for (begin, name, x, y, _), end in zip(rows, ends, strict=True)]


def _row(path: Path, number: int, row: dict[str, str], site: Site) -> tuple[float, str, float, float, float]:
    try:
        t_s, x_m, y_m = float(row["t_s"]), float(row["x_m"]), float(row["y_m"])
        stand_s = float(row.get("stand_s") or STAND_S)
    except (TypeError, ValueError):
        raise ConfigError(f"{path}, line {number}: t_s, x_m and y_m are numbers") from None
    left, bottom, right, top = site.extent
    if not (math.isfinite(t_s) and 0 < stand_s < 3_600):
        raise ConfigError(f"{path}, line {number}: a time that cannot be, or nobody stands so long")
    if not (left <= x_m <= right and bottom <= y_m <= top):
        raise ConfigError(f"{path}, line {number}: ({x_m:g}, {y_m:g}) lies outside the plan")
    return t_s, (row["name"] or f"spot {number - 1}")[:80], x_m, y_m, stand_s


def load_sightings(path: Path, site: Site) -> tuple[list[Reading], Counter[str]]:
    """Readings of any of the three forms in order of time, and what was left out and why; raises ConfigError."""
    try:
        with path.open("rb") as file:
            head = file.read(len(JOURNAL))
            if head == JOURNAL:
                return _of_frames(_journal(file, path), site)
            if head.isascii() and b"\0" not in head and b"," in head + file.read(256):
                return load_readings(path, site)
            file.seek(0)
            return _of_frames(_frames(file, path), site)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def _of_frames(
    frames: Iterator[tuple[float, showroom_pb2.SightingFrame]], site: Site
) -> tuple[list[Reading], Counter[str]]:
    found: list[Reading] = []
    left_out: Counter[str] = Counter()
    for t_s, frame in frames:
        hub = site.index.get(frame.hub)
        if hub is None:
            left_out["unknown_hub"] += len(frame.tags)
            continue
        for tag in frame.tags:
            if RSSI_DBM_MIN <= tag.mean_dbm <= RSSI_DBM_MAX:
                found.append(Reading(t_s, hub, tag.tag, float(tag.mean_dbm)))
            else:
                left_out["impossible_rssi"] += 1
    found.sort(key=lambda reading: reading.t_s)
    return found, left_out


def _frames(file: BinaryIO, path: Path) -> Iterator[tuple[float, showroom_pb2.SightingFrame]]:
    """Each with its length before it, as a varint."""
    while first := file.read(1):
        length, shift, byte = first[0] & 127, 7, first[0]
        while byte & 128 and shift < 35:
            more = file.read(1)
            if not more:
                return
            byte = more[0]
            length, shift = length | (byte & 127) << shift, shift + 7
        frame = showroom_pb2.SightingFrame()
        if not _read(frame, file, length, path):
            return
        yield frame.wall_us / 1e6, frame


def _journal(file: BinaryIO, path: Path) -> Iterator[tuple[float, showroom_pb2.SightingFrame]]:
    """Each entry with its length before it, four bytes, big endian; a tail that was cut is left out."""
    zero_s = 0.0
    while len(head := file.read(4)) == 4:
        entry = showroom_pb2.SiteEntry()
        if not _read(entry, file, int.from_bytes(head, "big"), path):
            return
        if entry.HasField("header"):
            zero_s = entry.header.wall_at_zero_us / 1e6
        elif entry.HasField("frame"):
            yield zero_s + entry.at_ms / 1_000, entry.frame


def _read(into: Message, file: BinaryIO, length: int, path: Path) -> bool:
    """Reads a message; False where the file ends within it: whoever wrote it may have been killed."""
    damaged = f"{path}: is damaged, or neither a recording, nor frames, nor a site's log"
    if length > ENTRY_BYTES_MAX:
        raise ConfigError(damaged)
    body = file.read(length)
    if len(body) < length:
        return False
    try:
        into.ParseFromString(body)
    except DecodeError:
        raise ConfigError(damaged) from None
    return True
