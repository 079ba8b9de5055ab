"""A withdrawal on a disk without room for one large commit: small commits, and no cut between them undoes it."""

import sqlite3
from pathlib import Path

import pytest
from forecourt.v1.control_pb2 import ControlRecord

from gateway.consent import Narrowing
from gateway.errors import StoreFull
from gateway.flow.revocation import SHRINK_BAGS, Revocation
from gateway.model import PurposeSet, Stream
from gateway.outbox import Outbox, Withdrawn
from tests.component.devices import ANALYTICS, DRIVING, GUEST, PROFILE, Device, device, filled, kind, markers, read_all
from tests.component.devices import marked as event

AT_ONCE = dict.fromkeys(Stream, 0.0)
D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE


class TightShelf:
    """An outbox whose disk takes only small commits, and which may die after some of them."""

    def __init__(self, outbox: Outbox, commits_max: int = 1_000) -> None:
        self._outbox, self._left = outbox, commits_max
        self.commits = 0

    def control_now(self, db: sqlite3.Connection, record: ControlRecord) -> int:
        """As it is."""
        return self._outbox.control_now(db, record)

    def withdraw_rows(
        self, db: sqlite3.Connection, subject: int, gone: PurposeSet, narrowing: Narrowing, bags_max: int = 1 << 62
    ) -> Withdrawn:
        """Only small parts, and only so many."""
        if bags_max > SHRINK_BAGS:
            raise StoreFull("no room for a large commit")
        if self.commits >= self._left:
            raise Cut
        self.commits += 1
        return self._outbox.withdraw_rows(db, subject, gone, narrowing, bags_max)


class Cut(Exception):
    """The power went."""


async def many_bags(guest: Device) -> None:
    """More bags than one small commit treats."""
    kinds = await filled(guest, 500)
    for number in range(2 * SHRINK_BAGS + 10):
        await guest.outbox.append(event(kinds[D if number % 2 else D | A | P], GUEST, 10_000 + number))
    assert kind(guest, D) is kinds[D]


async def test_small_commits_do_the_same(tmp_path: Path) -> None:
    """Every bag is treated, in several commits, and the withdrawal is done."""
    async with device(tmp_path, linger_s=AT_ONCE) as guest:
        await many_bags(guest)
        shelf = TightShelf(guest.outbox)
        revocation = Revocation(guest.store, shelf, guest.consent, guest.fence, guest.store.clock)
        done = await revocation.withdraw(GUEST, D)
        assert shelf.commits >= 3
        assert done.purged >= 500
        assert done.resealed >= 500
        left = await read_all(guest)
        assert len(markers(left, DRIVING)) == 10
        assert len(markers(left, ANALYTICS)) >= 1_000
        assert (await guest.outbox.books()).balanced


@pytest.mark.parametrize("commits", [0, 1, 2])
async def test_a_cut_between_small_commits_is_finished_at_the_start(tmp_path: Path, commits: int) -> None:
    """After the cut nothing of the purpose leaves, and the next start treats the rest."""
    async with device(tmp_path, linger_s=AT_ONCE) as guest:
        await many_bags(guest)
        shelf = TightShelf(guest.outbox, commits)
        revocation = Revocation(guest.store, shelf, guest.consent, guest.fence, guest.store.clock)
        with pytest.raises(Cut):
            await revocation.withdraw(GUEST, D)
    async with device(tmp_path) as guest:
        assert len(markers(await read_all(guest), DRIVING)) == 10
        assert await guest.revocation.finish_intents() == 1
        assert guest.consent.gate.granted(GUEST) == A | P
        left = await read_all(guest)
        assert len(markers(left, DRIVING)) == 10
        assert len(markers(left, ANALYTICS)) >= 1_000
        assert (await guest.outbox.books()).balanced
