"""The gap watch: which numbers are not there, and whether they may still come; must never call a loss a delay.

Of every stream, effects and told gaps together are 1 up to its head. What is missing there is a hole. A hole may still
be filled while the device keeps the number; a birth tells the oldest number that it keeps.
"""

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import one_moment, unsigned
from gateway.cloud.streams import StreamKey
from gateway.model import GapReason, SeqRange, Stream


class HoleState(StrEnum):
    """What may become of a hole."""

    OPEN = "open"
    """The device may still have it: late, or on its way."""
    UNTOLD = "untold"
    """The device does not keep it, but has control records on the way that may say why."""
    UNEXPLAINED = "unexplained"
    """The device does not keep it and told no gap: it is lost, and should not be."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that are neither effects nor gaps."""

    numbers: SeqRange
    state: HoleState


@dataclass(frozen=True, slots=True)
class StreamGaps:
    """One stream's holes and told gaps. `head` is the last number known to be given."""

    key: StreamKey
    head: int
    held: int
    told: dict[str, int]
    holes: tuple[Hole, ...]

    def missing(self, *states: HoleState) -> int:
        """How many numbers are in holes of these states (all, when none is named)."""
        return sum(hole.numbers.size for hole in self.holes if not states or hole.state in states)


def watch(db: sqlite3.Connection, device: str | None = None) -> list[StreamGaps]:
    """The gap watch over all streams, or those of one device."""
    with one_moment(db):
        return _watch(db, device)


def _watch(db: sqlite3.Connection, device: str | None) -> list[StreamGaps]:
    where, parameters = ("where s.device = ?", (device,)) if device is not None else ("", ())
    rows = db.execute(
        "select s.device, s.epoch, s.stream, s.floor, s.above, s.head, s.kept, d.epoch from stream s"
        f" left join device d on d.device = s.device {where} order by s.device, s.epoch, s.stream",
        parameters,
    ).fetchall()
    current = {(row[0], row[7]) for row in rows}
    untold = {
        (row[0], row[1]) for row in rows if row[2] == Stream.CONTROL and (row[0], row[1]) in current and row[3] < row[5]
    }
    return [_judge(db, row, untold) for row in rows]


def _judge(
    db: sqlite3.Connection, row: tuple[str, int, int, int, str, int, int, int | None], untold: set[tuple[str, int]]
) -> StreamGaps:
    device, epoch, stream, floor, above, head, kept, now = row
    key = StreamKey(device, unsigned(epoch), Stream(stream))
    numbers = Numbers(floor, json.loads(above))
    over = now is not None and now != epoch
    gone_below = head + 1 if over else kept
    without_reason = HoleState.UNTOLD if (device, now) in untold else HoleState.UNEXPLAINED
    holes: list[Hole] = []
    for first, last in numbers.missing(1, head):
        if first < gone_below:
            holes.append(Hole(SeqRange(first, min(last, gone_below - 1)), without_reason))
        if last >= gone_below:
            holes.append(Hole(SeqRange(max(first, gone_below), last), HoleState.OPEN))
    told = db.execute(
        "select reason, sum(last - first + 1) from gap where device = ? and epoch = ? and stream = ? group by reason",
        (device, epoch, stream),
    )
    return StreamGaps(key, head, numbers.count, {reason_word(code): n for code, n in told}, tuple(holes))


def reason_word(code: int) -> str:
    """A gap's reason in words; a number that this version does not know stays one."""
    return GapReason(code).name.lower() if code in _REASONS else f"reason {code}"


_REASONS = frozenset(GapReason)
