"""What a receipt takes off the shelf; must never settle a bag that is not covered whole, or a number never given."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import PurposeSet, SeqRange, Stream
from gateway.outbox import left
from gateway.outbox.core import Change, Core, change, cost
from gateway.outbox.ranges import merged
from gateway.outbox.schema import COLUMNS, PENDING, SETTLED, Row, checked, proven, table


@dataclass(frozen=True, slots=True)
class Settle:
    """A receipt for one stream: every number up to `floor`, and `above`."""

    stream: Stream
    floor: int
    above: tuple[SeqRange, ...]

    def honest(self, last: int) -> bool:
        """Whether it names only numbers that were given."""
        return 0 <= self.floor <= last and all(0 < one.first <= one.last <= last for one in self.above)


def settle(core: Core, db: sqlite3.Connection, receipts: Sequence[Settle]) -> None:
    """Settles bags that are covered whole by the receipts; on the writer thread."""
    wanted: dict[Stream, list[SeqRange]] = {}
    for receipt in receipts:
        ranges = wanted.setdefault(receipt.stream, [])
        ranges += receipt.above
        if receipt.floor > 0:
            ranges.append(SeqRange(1, receipt.floor))
    gone: Counter[tuple[int, Stream, PurposeSet]] = Counter()
    with change(core, db) as one:
        for stream, ranges in wanted.items():
            for part in merged(ranges):
                _settle_range(one, stream, part, gone)
    if gone:
        left.note(db, core.epoch, core.clock.wall_us(), gone)


def _settle_range(
    one: Change, stream: Stream, part: SeqRange, left_of: Counter[tuple[int, Stream, PurposeSet]]
) -> None:
    """`left_of` counts the events about somebody."""
    head = one.heads[stream]
    first = max(part.first, head.floor + 1)
    if first > part.last:
        return
    where = f"state = {PENDING} and first_seq between ? and ? and first_seq + count - 1 <= ?"
    bounds = (first, part.last, part.last)
    if one.core.retain:
        found = one.db.execute(f"select {COLUMNS} from {table(stream)} where {where}", bounds).fetchall()
        rows = [checked(stream, proven(stream, Row(*values))._replace(state=SETTLED)) for values in found]
        one.db.executemany(
            f"update {table(stream)} set state = {SETTLED}, row_check = ? where first_seq = ?",
            [(row.row_check, row.first_seq) for row in rows],
        )
        head.kept_bytes += sum(cost(len(row.sealed)) for row in rows)
        head.settled += sum(row.events for row in rows)
        gone = [row.first_seq for row in rows]
        about = [(row.subject, row.purposes, row.events) for row in rows]
    else:
        query = (
            f"delete from {table(stream)} where {where} returning first_seq, count, length(sealed), subject, purposes"
        )
        deleted = one.db.execute(query, bounds).fetchall()
        head.settled += one.took(stream, [row[:3] for row in deleted])
        gone = [row[0] for row in deleted]
        about = [(subject, purposes, count) for _, count, _, subject, purposes in deleted]
    for subject, purposes, count in about:
        if subject:
            left_of[subject, stream, purposes] += count
    one.core.flights.release(stream, gone)
