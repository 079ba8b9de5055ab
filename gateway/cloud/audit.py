"""Counts what SqliteSink holds, row by row, against the numbers; must never trust a counter."""

import json
import sqlite3
from dataclasses import dataclass

from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import one_moment, signed, unsigned
from gateway.cloud.streams import StreamKey
from gateway.model import SeqRange, Stream

_ISLANDS = """
select min(seq), max(seq), count(*) from (
    select seq, seq - row_number() over (order by seq) as island from (
        select distinct seq from {table} where device = ? and epoch = ? {stream}))
group by island order by 1
"""


@dataclass(frozen=True, slots=True)
class StreamAudit:
    """What the rows of one stream come to.

    `effects` counts rows, `duplicates` those whose number another row has, `gaps` the numbers told as gaps, `both`
    numbers that are effect and gap, `missing` the numbers up to `head` that are neither. `faithful` says whether
    effects and gaps are exactly the numbers for which receipts are sent; an erasure takes rows and leaves the numbers.
    """

    key: StreamKey
    head: int
    effects: int
    duplicates: int
    gaps: int
    both: int
    missing: tuple[SeqRange, ...]
    faithful: bool


def audit(db: sqlite3.Connection, device: str | None = None) -> list[StreamAudit]:
    """Every stream, or those of one device; reads all their rows."""
    where, parameters = ("where device = ?", (device,)) if device is not None else ("", ())
    query = f"select device, epoch, stream, floor, above, head from stream {where} order by 1, 2, 3"
    with one_moment(db):
        return [_count(db, *row) for row in db.execute(query, parameters).fetchall()]


def _count(
    db: sqlite3.Connection, device: str, epoch: int, number: int, floor: int, above: str, head: int
) -> StreamAudit:
    key = StreamKey(device, unsigned(epoch), Stream(number))
    table, filtered = ("control", "") if key.stream is Stream.CONTROL else ("effect", "and stream = ?")
    place: tuple[str | int, ...] = (device, epoch) if key.stream is Stream.CONTROL else (device, epoch, number)
    rows = db.execute(f"select count(*) from {table} where device = ? and epoch = ? {filtered}", place).fetchone()[0]
    found = Numbers()
    for first, last, _ in db.execute(_ISLANDS.format(table=table, stream=filtered), place):
        found.add(first, last)
    distinct = found.count
    both = gaps = 0
    told = db.execute(
        "select first, last from gap where device = ? and epoch = ? and stream = ?", (device, signed(key.epoch), number)
    ).fetchall()
    effects = found.copy()
    for first, last in told:
        gaps += last - first + 1
        both += last - first + 1 - sum(part.size for part in effects.missing(first, last))
        found.add(first, last)
    return StreamAudit(
        key=key,
        head=head,
        effects=rows,
        duplicates=rows - distinct,
        gaps=gaps,
        both=both,
        missing=tuple(found.missing(1, head)),
        faithful=found == Numbers(floor, json.loads(above)),
    )
