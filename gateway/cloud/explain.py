"""What became of one number; must never guess where the tables do not say."""

import sqlite3
from dataclasses import dataclass

from gateway.cloud.arrivals import MANY
from gateway.cloud.gaps import HoleState, reason_word, watch
from gateway.cloud.schema import one_moment, signed
from gateway.cloud.streams import StreamKey
from gateway.errors import InputError
from gateway.model import GapReason, Stream

_BY_THE_CLOUD = {
    int(GapReason.MOVED): "its event came under another number, after damage to the device's store",
    int(GapReason.REPEATED): "its event had its effect before, under the number of an earlier epoch",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`state` is delivered, gap, open, untold, unexplained or unknown; `at_us` is the cloud's wall time of it."""

    state: str
    text: str
    at_us: int | None = None
    rows: int = 0


def parse_place(text: str) -> tuple[StreamKey, int | None]:
    """DEVICE/EPOCH/STREAM or DEVICE/EPOCH/STREAM/NUMBER; InputError says what is wrong."""
    parts = text.split("/")
    words = {stream.word: stream for stream in Stream}
    if len(parts) not in (3, 4) or parts[2] not in words or not all(p.isdigit() for p in (parts[1], *parts[3:])):
        raise InputError(f"{text!r} is not DEVICE/EPOCH/STREAM/NUMBER with a STREAM of {', '.join(words)}")
    return StreamKey(parts[0], int(parts[1]), words[parts[2]]), int(parts[3]) if len(parts) == 4 else None


def explain(db: sqlite3.Connection, key: StreamKey, number: int) -> Explanation:
    """What became of one number of a stream."""
    with one_moment(db):
        return _explain(db, key, number)


def _explain(db: sqlite3.Connection, key: StreamKey, number: int) -> Explanation:
    arrived = db.execute(
        "select at_us, batch, last from admitted where device = ? and epoch = ? and stream = ? and first <= ?"
        " order by first desc limit 1",
        (*key.row, number),
    ).fetchone()
    if arrived is not None and arrived[2] >= number:
        rows = effects(db, key, number)
        erased = "" if rows else "; the sink does not hold it, so it was erased or went to another sink"
        batch = "long ago" if arrived[1] == MANY else f"in batch {arrived[1]}"
        return Explanation("delivered", f"delivered {batch}{erased}", arrived[0], rows)
    told = db.execute(
        "select reason, at_us from gap where device = ? and epoch = ? and stream = ? and first <= ? and last >= ?",
        (*key.row, number, number),
    ).fetchone()
    if told is not None:
        text = _BY_THE_CLOUD.get(told[0], f"the device told that it will never come: {reason_word(told[0])}")
        return Explanation("gap", text, told[1])
    for gaps in watch(db, key.device):
        if gaps.key == key:
            for hole in gaps.holes:
                if hole.numbers.first <= number <= hole.numbers.last:
                    return Explanation(str(hole.state), _HOLES[hole.state])
            return Explanation("unknown", f"the last number that is known to be given is {gaps.head}")
    return Explanation("unknown", "nothing is known of this stream")


def effects(db: sqlite3.Connection, key: StreamKey, number: int | None = None) -> int:
    """How many rows SqliteSink holds of a stream, or of one number of it."""
    control = key.stream is Stream.CONTROL
    if not control and not db.execute("select 1 from sqlite_master where name = 'effect'").fetchone():
        return 0
    where = "device = ? and epoch = ?" + ("" if control else " and stream = ?")
    place: tuple[str | int, ...] = (key.device, signed(key.epoch)) if control else key.row
    if number is not None:
        where, place = f"{where} and seq = ?", (*place, number)
    table = "control" if control else "effect"
    return int(db.execute(f"select count(*) from {table} where {where}", place).fetchone()[0])


_HOLES = {
    HoleState.OPEN: "not here yet; the device may still keep it",
    HoleState.UNTOLD: "not here, and the device does not keep it; control records that may say why are on their way",
    HoleState.UNEXPLAINED: "lost: the device does not keep it and told no gap",
}
