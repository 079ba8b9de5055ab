"""Many agents in one process; must never let one that fails take the others with it.

What an agent is, a factory says: a context manager per number, which opens a Member.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.log import Log
from gateway.model import Books

STARTS_PER_S: Final = 20.0
DRAIN_S: Final = 60.0

_log = Log("fleet")


class Member(Protocol):
    """One agent of a fleet, open."""

    async def run(self) -> None:
        """Collects and sends until it is cancelled."""
        ...

    def quiet(self) -> None:
        """Collects nothing more; what it holds is still sent."""
        ...

    async def drained(self, timeout_s: float) -> bool:
        """Waits until everything it holds has arrived; False when that takes longer."""
        ...

    async def books(self) -> Books:
        """What became of its events."""
        ...


Factory = Callable[[int], AbstractAsyncContextManager[Member]]


@dataclass(slots=True)
class FleetReport:
    """How a fleet ended. `failures` by the member's number; `undrained`: members that still held events."""

    count: int
    books: dict[int, Books] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    undrained: list[int] = field(default_factory=list)

    @property
    def total(self) -> Books:
        """The books of all members that told theirs."""
        names = Books.__dataclass_fields__
        return Books(*(sum(getattr(books, name) for books in self.books.values()) for name in names))

    @property
    def good(self) -> bool:
        """Whether every member ran, balances and has sent everything."""
        whole = len(self.books) == self.count and not self.failures and not self.undrained
        return whole and all(books.balanced for books in self.books.values())


class Fleet:
    """`count` members, started one after the other; `running` are those that are open now."""

    def __init__(
        self, make: Factory, count: int, *, starts_per_s: float = STARTS_PER_S, drain_s: float = DRAIN_S
    ) -> None:
        self._make, self._count = make, count
        self._starts_per_s, self._drain_s = starts_per_s, drain_s
        self._over = asyncio.Event()
        self._changed = asyncio.Event()
        self.running: dict[int, Member] = {}
        self.report = FleetReport(count)

    async def run(self, duration_s: float | None = None) -> FleetReport:
        """Runs all for `duration_s` after the last start, or until `end`; then each drains and closes."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._live(number), name=f"fleet-{number}")
            if duration_s is not None:
                await self.started()
                group.create_task(self._end_after(duration_s), name="fleet-clock")
        return self.report

    def end(self) -> None:
        """Every member collects nothing more, drains and closes."""
        self._over.set()

    async def started(self) -> None:
        """Until every member runs or has failed."""
        while len(self.running) + len(self.report.failures) + len(self.report.books) < self._count:
            self._changed.clear()
            await self._changed.wait()

    async def _end_after(self, duration_s: float) -> None:
        try:
            async with asyncio.timeout(duration_s):
                await self._over.wait()
        except TimeoutError:
            self.end()

    async def _live(self, number: int) -> None:
        try:
            await asyncio.sleep(number / self._starts_per_s)
            async with self._make(number) as member, asyncio.TaskGroup() as group:
                running = group.create_task(member.run(), name=f"fleet-{number}-run")
                self.running[number] = member
                self._changed.set()
                await self._over.wait()
                member.quiet()
                if not await member.drained(self._drain_s):
                    self.report.undrained.append(number)
                self.report.books[number] = await member.books()
                running.cancel()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            self.report.failures[number] = _words(error)
            _log.error("fleet_member_failed", number=number, error=self.report.failures[number])
        finally:
            self.running.pop(number, None)
            self._changed.set()


def _words(error: BaseException) -> str:
    """The first error in words, however deep in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
