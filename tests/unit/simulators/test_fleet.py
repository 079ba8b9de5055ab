"""Proves that a fleet keeps its members apart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import ConfigError, StoreError
from gateway.model import Books
from simulators.fleet import Factory, Fleet, Member


def books_of(appended: int, pending: int) -> Books:
    """Books of so many events, of which some wait."""
    return Books(appended, appended - pending, pending, 0, 0, 0, 0)


class Hand:
    """A member that does what a test says; `ends`: what its run raises once all run."""

    def __init__(self, *, ends: Exception | None = None, drains: bool = True) -> None:
        self._ends, self._drains = ends, drains
        self.seen: list[str] = []

    async def run(self) -> None:
        """See Member."""
        self.seen.append("run")
        if self._ends is not None:
            raise self._ends
        try:
            await asyncio.Event().wait()
        finally:
            self.seen.append("ended")

    def quiet(self) -> None:
        """See Member."""
        self.seen.append("quiet")

    async def drained(self, timeout_s: float) -> bool:
        """See Member."""
        self.seen.append("drained")
        return self._drains

    async def books(self) -> Books:
        """See Member."""
        return books_of(5, 0 if self._drains else 2)


def factory(hands: list[Hand | Exception]) -> Factory:
    """Opens these."""

    @asynccontextmanager
    async def make(number: int) -> AsyncIterator[Member]:
        hand = hands[number]
        if isinstance(hand, Exception):
            raise hand
        yield hand
        hand.seen.append("closed")

    return make


async def test_a_fleet_runs_drains_and_closes() -> None:
    """In this order for each member; the books are summed."""
    hands = [Hand(), Hand()]
    report = await Fleet(factory([*hands]), 2, starts_per_s=1_000).run(0.02)
    assert [hand.seen for hand in hands] == [["run", "quiet", "drained", "ended", "closed"]] * 2
    assert report.good
    assert report.total == books_of(10, 0)


async def test_a_member_that_fails_takes_nobody_along() -> None:
    """At its opening or while it runs; it is named, and the report is not good."""
    good = Hand()
    fleet = Fleet(factory([ConfigError("no key"), Hand(ends=StoreError("disk")), good]), 3, starts_per_s=1_000)
    report = await fleet.run(0.02)
    assert report.failures == {0: "ConfigError: no key", 1: "StoreError: disk"}
    assert list(report.books) == [2]
    assert good.seen[-1] == "closed"
    assert not report.good
    assert fleet.running == {}


async def test_a_member_that_does_not_drain_is_named() -> None:
    """Its books are told all the same."""
    report = await Fleet(factory([Hand(drains=False), Hand()]), 2, starts_per_s=1_000).run(0.0)
    assert (report.undrained, report.total.pending, report.good) == ([0], 2, False)


async def test_a_fleet_can_be_ended_at_any_time() -> None:
    """Also before its duration is over, and when it has none."""
    for duration_s in (None, 60.0):
        fleet = Fleet(factory([Hand()]), 1)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(fleet.run(duration_s))
            await fleet.started()
            fleet.end()
            report = await running
        assert report.good
