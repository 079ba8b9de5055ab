"""Random names of the connections of a store, by which the cloud tells an old copy; must never forget one unheard."""

import secrets
import sqlite3

from gateway.limits import BIRTHS_KEPT_MAX
from gateway.log import Log
from gateway.store import Store

log = Log("flow")


class Births:
    """Each birth has a random name, on disk before it is used; a store remembers the last heard one and all since.

    A copy of a store that is put in its place does not remember the births that the cloud heard in between. Numbers of
    connections cannot tell: a copy that is offline counts on and catches up. The list is read on the writer thread too;
    it is changed by single operations only.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: list[int] = []

    async def open(self) -> None:
        """Reads the names that may have been used, and keeps one ready; raises StoreError."""

        def begin(db: sqlite3.Connection) -> list[int]:
            db.execute("insert into flow_birth(name) values(?)", (_name(),))
            return [name for (name,) in db.execute("select name from flow_birth order by id")]

        self._names = await self._store.write(begin)

    def take(self) -> tuple[int, list[int]]:
        """The name of the birth that is about to be said, and those remembered from before it."""
        name, before = self._names[-1], self._names[:-1]
        self._names.append(_name())
        self._store.schedule(self)
        return name, before if len(before) <= BIRTHS_KEPT_MAX else [before[0], *before[1 - BIRTHS_KEPT_MAX :]]

    def is_last(self, name: int) -> bool:
        """Whether a birth is the one that was said last."""
        return name in self._names[-2:-1]

    def heard(self, name: int) -> bool:
        """The cloud has answered a birth: if it is the last, what came before it is not asked for. Whether it is."""
        if not self.is_last(name):
            return False
        if len(self._names) > 2:
            del self._names[:-2]
            self._store.schedule(self, _LINGER_S, rides=True)
        return True

    def run(self, db: sqlite3.Connection) -> None:
        """Part of a commit: the names as they are, the one for the next birth last, the one that was heard first."""
        del self._names[1:-BIRTHS_KEPT_MAX]
        db.execute("delete from flow_birth")
        db.executemany("insert into flow_birth(name) values(?)", [(name,) for name in self._names])

    def done(self, error: Exception | None) -> None:
        """Without the commit the next process may begin a new epoch for nothing; no event is lost."""
        if error is not None:
            log.warning("births_not_kept", error=type(error).__name__)


_LINGER_S = 60.0


def _name() -> int:
    return secrets.randbits(62) | 1
