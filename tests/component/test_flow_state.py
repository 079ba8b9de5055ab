"""Proves what flow keeps over restarts: connect numbers and what a day has spent; on a real store."""

import asyncio
import shutil
from pathlib import Path

import pytest
from forecourt.v1 import downlink_pb2

from gateway.clock import ManualClock
from gateway.cloud.fleet import Seen, goes_on_from_a_copy
from gateway.flow.budget import Budget, BudgetSettings
from gateway.flow.presence import Presence
from gateway.flow.schema import schema
from gateway.flow.spending import Spending
from gateway.limits import BIRTHS_KEPT_MAX
from gateway.model import Stream
from gateway.store import Store


async def opened(folder: Path) -> Store:
    """A store with flow's tables."""
    return await Store.open(folder, clock=ManualClock(), bytes_max=1 << 20, migrations=[schema])


def presence(store: Store) -> Presence:
    """One whose messages are not signed."""
    return Presence(
        store,
        boot=5,
        version="1",
        capabilities=lambda: ["a.b"],
        pack=lambda state: state.SerializeToString(),
    )


@pytest.mark.parametrize("connects", [0, 1, 5])
async def test_no_two_connections_have_the_same_number(tmp_path: Path, connects: int) -> None:
    """Over restarts the numbers rise, however many connections there were."""
    seen: list[int] = []
    for _ in range(4):
        store = await opened(tmp_path)
        one = presence(store)
        await one.open()
        for _ in range(connects):
            one.next()
            seen.append(one.connect)
        await store.aclose()
    assert seen == sorted(set(seen))
    assert len(seen) == 4 * connects


async def test_a_number_is_ahead_on_disk_before_it_is_used(tmp_path: Path) -> None:
    """A process that dies right after its first connect, before any further commit, leaves its number used."""
    store = await opened(tmp_path)
    one = presence(store)
    await one.open()
    kept = await store.read(lambda db: db.execute("select value from flow_state where name = 'connect'").fetchone()[0])
    one.next()
    assert one.connect <= kept
    await store.aclose()


def said(one: Presence) -> downlink_pb2.DeviceState:
    """The next birth."""
    return downlink_pb2.DeviceState.FromString(one.birth(dict.fromkeys(Stream, 0), dict.fromkeys(Stream, 0)))


async def test_a_birth_names_those_before_it_until_one_is_answered(tmp_path: Path) -> None:
    """Over restarts, and no name comes twice; what was answered is the oldest that is told."""
    names: list[int] = []
    told: list[int] = []
    for answer in (False, True, False, False):
        store = await opened(tmp_path)
        one = presence(store)
        await one.open()
        for _ in range(2):
            state = said(one)
            told = list(state.births)
            assert not names or names[-1] in told
            names.append(state.birth)
        assert not one.answered(names[-2]), "only the last birth is that of this connection"
        if answer:
            assert one.answered(names[-1])
        await store.aclose()
    assert len(set(names)) == 8
    assert told[0] == names[3], "the one that was answered"


async def test_the_birth_that_was_answered_is_remembered_through_any_number_of_others(tmp_path: Path) -> None:
    """A cloud that is away for long, while the broker is there, does not take the store for an old copy afterwards."""
    store = await opened(tmp_path)
    one = presence(store)
    await one.open()
    heard = said(one).birth
    assert one.answered(heard)
    for _ in range(2 * BIRTHS_KEPT_MAX):
        state = said(one)
        await store.write(lambda _: None)
        assert len(state.births) <= BIRTHS_KEPT_MAX
        assert not goes_on_from_a_copy(state, Seen(True, state.epoch, state.boot, 0, heard))
    await store.aclose()
    store = await opened(tmp_path)
    one = presence(store)
    await one.open()
    assert heard in said(one).births
    await store.aclose()


async def test_a_copy_does_not_remember_what_was_said_since(tmp_path: Path) -> None:
    """The cloud, which heard the last birth, does not find it among those that the copy tells."""
    store = await opened(tmp_path / "car")
    one = presence(store)
    await one.open()
    assert one.answered(said(one).birth)
    await store.aclose()
    await asyncio.to_thread(shutil.copytree, tmp_path / "car", tmp_path / "copy")
    found = []
    for folder in ("car", "copy"):
        store = await opened(tmp_path / folder)
        one = presence(store)
        await one.open()
        found.append(said(one))
        await store.aclose()
    true, copied = found
    known = Seen(True, true.epoch, true.boot, 0, true.birth)
    assert true.birth not in copied.births
    assert goes_on_from_a_copy(copied, known)
    assert not goes_on_from_a_copy(true, known)


async def test_birth_and_farewell(tmp_path: Path) -> None:
    """A birth says what was given and what is kept; the farewell speaks for the same connection and says no more."""
    store = await opened(tmp_path)
    one = presence(store)
    await one.open()
    one.next()
    last, floor = dict.fromkeys(Stream, 0), dict.fromkeys(Stream, 0)
    last[Stream.LIVE], floor[Stream.LIVE] = 90, 40
    last[Stream.BULK], floor[Stream.BULK] = 7, 7
    birth = downlink_pb2.DeviceState.FromString(one.birth(last, floor))
    will = downlink_pb2.DeviceState.FromString(one.farewell())
    await store.aclose()
    assert (birth.online, birth.boot, birth.epoch, list(birth.capabilities)) == (True, 5, store.epoch, ["a.b"])
    heads = {head.stream: (head.floor, head.above[0].first, head.above[0].last) for head in birth.heads}
    assert heads[Stream.LIVE] == (90, 41, 90)
    assert heads[Stream.BULK] == (7, 8, 8)
    assert (will.online, will.boot, will.connect, will.epoch) == (False, birth.boot, birth.connect, birth.epoch)
    assert not will.heads


async def test_what_was_spent_survives_a_restart(tmp_path: Path) -> None:
    """A restart goes on with the day's bytes; without a daily budget nothing is written."""
    settings = BudgetSettings(daily_bytes={Stream.BULK: 1_000})
    store = await opened(tmp_path)
    budget = Budget(settings)
    spending = Spending(store, budget)
    await spending.open()
    budget.date(3 * 86_400_000_000, trusted=True)
    budget.spend(Stream.BULK, False, 700, 0.0)
    spending.note()
    Spending(store, Budget()).note()
    await store.aclose()
    store = await opened(tmp_path)
    budget = Budget(settings)
    await Spending(store, budget).open()
    await store.aclose()
    assert (budget.day, budget.left(Stream.BULK)) == (3, 300)
