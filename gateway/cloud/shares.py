"""How many rows each device has in the tables of the inbox; must never let one device fill the disk of all."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable

from gateway.limits import CLOUD_STREAMS_CACHED_MAX


class Shares:
    """Counts of rows by table and device, read once and kept. What is refused or forgotten is counted by its table."""

    def __init__(self, db: sqlite3.Connection, count: Callable[[str, int], None]) -> None:
        self._db, self._count = db, count
        self._rows: OrderedDict[tuple[str, str], int] = OrderedDict()

    def rows(self, table: str, device: str) -> int:
        """How many there are; `table` begins an index or key with the column device."""
        key = (table, device)
        if key not in self._rows:
            (found,) = self._db.execute(f"select count(*) from {table} where device = ?", (device,)).fetchone()
            self._rows[key] = int(found)
            if len(self._rows) > CLOUD_STREAMS_CACHED_MAX:
                self._rows.popitem(last=False)
        self._rows.move_to_end(key)
        return self._rows[key]

    def take(self, table: str, device: str, most: int, rows: int = 1) -> bool:
        """Whether there is room for `rows` more, which are then counted as there; a refusal is counted too."""
        if self.rows(table, device) + rows > most:
            self._count(f"{table}_over_bound", rows)
            return False
        self._rows[table, device] += rows
        return True

    def added(self, table: str, device: str, rows: int = 1) -> int:
        """How many there are, with `rows` that were just written."""
        known = (table, device) in self._rows
        found = self.rows(table, device)
        if known:
            self._rows[table, device] = found = found + rows
        return found

    def changed(self, table: str, device: str) -> None:
        """Rows were removed: they are counted anew when somebody asks."""
        self._rows.pop((table, device), None)

    def forget(self) -> None:
        """A transaction was undone: the tables are the truth."""
        self._rows.clear()
