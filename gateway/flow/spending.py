"""Keeps what a day's budget has spent in the store; must never cost a commit of its own for a batch."""

import sqlite3

from gateway.flow.budget import Budget
from gateway.log import Log
from gateway.model import Stream
from gateway.store import Store

log = Log("flow")

_LINGER_S = 10.0


class Spending:
    """Writes with the first commit after some seconds; a crash may forget what was spent in between."""

    def __init__(self, store: Store, budget: Budget) -> None:
        self._store, self._budget = store, budget

    async def open(self) -> None:
        """Goes on with what an earlier process has spent; raises StoreError."""
        rows = await self._store.read(lambda db: db.execute("select stream, day, bytes from flow_spent").fetchall())
        day = max((row[1] for row in rows), default=0)
        self._budget.restore(day, {Stream(row[0]): row[2] for row in rows if row[1] == day})

    def note(self) -> None:
        """Something was spent."""
        if self._budget.counts_days:
            self._store.schedule(self, _LINGER_S)

    def run(self, db: sqlite3.Connection) -> None:
        """Part of a commit."""
        rows = [(stream, self._budget.day, spent) for stream, spent in self._budget.spent.items()]
        db.executemany("insert or replace into flow_spent values(?, ?, ?)", rows)

    def done(self, error: Exception | None) -> None:
        """A failure is noted; the next batch tries again."""
        if error is not None:
            log.warning("spending_not_kept", error=type(error).__name__)
