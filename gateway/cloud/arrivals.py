"""When numbers were admitted, and in which batch; must never tell of more numbers than were."""

import sqlite3
from collections.abc import Sequence

from gateway.cloud.numbers import Numbers
from gateway.cloud.shares import Shares
from gateway.cloud.streams import StreamKey
from gateway.limits import CLOUD_ARRIVALS_MAX
from gateway.model import SeqRange

MANY = -1
"""Stands for the batch of a range that came in several."""


class Arrivals:
    """The table of admitted ranges, in the caller's transaction. Old ranges of a device that has many are joined."""

    def __init__(self, db: sqlite3.Connection, shares: Shares) -> None:
        self._db, self._shares = db, shares
        self._join_at: dict[str, int] = {}

    def note(self, key: StreamKey, ranges: Sequence[SeqRange], now_us: int, batch: int) -> None:
        """These numbers were admitted in a batch."""
        if not ranges:
            return
        self._db.executemany(
            "insert into admitted values (?, ?, ?, ?, ?, ?, ?)",
            [(*key.row, first, last, now_us, batch & _INT_63) for first, last in ranges],
        )
        count = self._shares.added("admitted", key.device, len(ranges))
        if count > self._join_at.get(key.device, CLOUD_ARRIVALS_MAX):
            self._join(key.device, count)

    def forget(self) -> None:
        """A transaction was undone: the table is the truth."""
        self._join_at.clear()

    def _join(self, device: str, count: int) -> None:
        """The older half loses its times and batches where one range follows another; where none does, it stays so."""
        rows = self._db.execute(
            "select rowid, epoch, stream, first, last, at_us from admitted where device = ? order by rowid limit ?",
            (device, min(count - CLOUD_ARRIVALS_MAX // 2, CLOUD_ARRIVALS_MAX)),
        ).fetchall()
        places: dict[tuple[int, int], Numbers] = {}
        for _, epoch, stream, first, last, _ in rows:
            places.setdefault((epoch, stream), Numbers(-1)).add(first, last)
        self._db.execute("delete from admitted where device = ? and rowid <= ?", (device, rows[-1][0]))
        joined = [
            (device, epoch, stream, first, last, rows[-1][5], MANY)
            for (epoch, stream), numbers in places.items()
            for first, last in numbers.above
        ]
        self._db.executemany("insert into admitted values (?, ?, ?, ?, ?, ?, ?)", joined)
        self._shares.changed("admitted", device)
        if len(self._join_at) >= _DEVICES_MAX:
            self._join_at.clear()
        self._join_at[device] = max(CLOUD_ARRIVALS_MAX, len(joined) + CLOUD_ARRIVALS_MAX)


_INT_63 = (1 << 63) - 1
_DEVICES_MAX = 4_096
