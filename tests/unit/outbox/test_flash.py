"""How little a commit writes, and when receipts are written."""

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import Closed
from gateway.limits import PAGE_BYTES, SETTLE_LINGER_S
from gateway.model import SeqRange, Stream
from gateway.store import Store
from gateway.store.migrate import _digest, _recorded
from tests.kit.gates import AllowAll
from tests.kit.outboxes import Bench, bench, events, kind

FRAME_BYTES = PAGE_BYTES + 24


def frames(one: Bench) -> int:
    """Pages in the write-ahead log since it was begun anew: those that carry its salts."""
    raw = (one.store.folder / "store.db-wal").read_bytes()
    places = range(32, len(raw) - FRAME_BYTES + 1, FRAME_BYTES)
    return next((rank for rank, at in enumerate(places) if raw[at + 8 : at + 16] != raw[16:24]), len(places))


async def tally(store: Store) -> dict[int, tuple[int, ...]]:
    """The rows of the tally as they are durable."""
    return {row[0]: row[1:] for row in await store.read(lambda db: db.execute("select * from tally").fetchall())}


async def test_an_append_and_a_receipt_write_two_pages(tmp_path: Path) -> None:
    """A small append writes the page of its bag and that of the counts; a receipt that rides adds none."""
    async with bench(tmp_path, bytes_max=16 << 20) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        await one.outbox.append_many(events(live, 2))
        before = await asyncio.to_thread(frames, one)
        for number in range(2, 12, 2):
            assert one.outbox.settle(Stream.LIVE, number)
            await one.outbox.append_many(events(live, 2, start=number))
        assert await asyncio.to_thread(frames, one) - before == 2 * 5
        assert (await one.outbox.books()).pending == 2


async def test_a_receipt_rides_on_the_next_commit(tmp_path: Path) -> None:
    """It is not written by itself at once, and is durable with whatever is committed next."""
    assert SETTLE_LINGER_S >= 5
    async with bench(tmp_path) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        await one.outbox.append_many(events(live, 10))
        commits = (await tally(one.store))[0][0]
        assert one.outbox.settle(Stream.LIVE, 4)
        assert one.outbox.settle(Stream.LIVE, 0, [SeqRange(1, 10)])
        await one.outbox.append_many(events(live, 5, start=10))
        counts = await tally(one.store)
        assert counts[0][0] == commits + 1
        assert counts[Stream.LIVE][:3] == (15, 10, 10)
        assert one.outbox.floor[Stream.LIVE] == 10


async def test_a_flush_writes_receipts_at_once(tmp_path: Path) -> None:
    """Flushing, and asking for the books, does not wait for the linger; without receipts it commits nothing."""
    async with bench(tmp_path) as one:
        live = kind(one.outbox.dictionary, Stream.LIVE)
        await one.outbox.append_many(events(live, 10))
        for number in (4, 10):
            one.outbox.settle(Stream.LIVE, number)
            commits = (await tally(one.store))[0][0]
            if number == 4:
                assert (await one.outbox.books()).settled == 0
            else:
                await one.outbox.flush()
                assert one.outbox.floor[Stream.LIVE] == 10
            await one.outbox.flush()
            assert (await tally(one.store))[0][0] == commits + 1
        assert (await one.outbox.stats())[Stream.LIVE].books.settled == 10


async def test_what_was_received_just_now_can_be_sent_again(tmp_path: Path) -> None:
    """A request to send again finds bags whose receipt waits for a commit."""
    async with bench(tmp_path, retain=True) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
        one.outbox.settle(Stream.LIVE, 10)
        taken = await one.outbox.read_settled(Stream.LIVE, SeqRange(1, 10), 1 << 20)
        assert [bag.count for bag in taken.bags] == [10]


async def test_closing_writes_receipts(tmp_path: Path) -> None:
    """What waits when the store is closed is settled when it is opened again; flushing a closed store says so."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
        one.outbox.settle(Stream.LIVE, 10)
    async with bench(tmp_path, gate=gate) as one:
        assert one.outbox.floor[Stream.LIVE] == 10
    one.outbox.settle(Stream.LIVE, 10)
    with pytest.raises(Closed):
        await one.outbox.flush()


async def test_receipts_make_room_before_anything_is_evicted(tmp_path: Path) -> None:
    """A shelf that is full of bags whose receipts wait takes as much again, and loses nothing."""
    rng = random.Random(3)
    async with bench(tmp_path) as one:
        bulk = kind(one.outbox.dictionary, Stream.BULK)

        def some() -> list[tuple[float, float, float]]:
            return [(rng.random(), rng.random(), rng.random()) for _ in range(500)]

        async def put(start: int) -> None:
            made = [
                event._replace(values=values)
                for event, values in zip(events(bulk, 500, start=start), some(), strict=True)
            ]
            assert (await one.outbox.append_many(made)).kept == 500

        count = 0
        while not one.outbox.counters["evicted_bags"]:
            await put(count)
            count += 500
        evicted, half = (await one.outbox.books()).evicted, 0
        one.outbox.settle(Stream.BULK, count)
        while half < (count - evicted) // 2:
            await put(count + half)
            half += 500
        assert (await one.outbox.books()).evicted == evicted


async def test_a_store_of_before_the_tally_is_taken_over(tmp_path: Path) -> None:
    """Heads and count of commits move; the store is the same, its books balance, its numbers go on."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
        one.outbox.settle(Stream.LIVE, 4)
        folder, epoch = one.store.folder, one.store.epoch
    before = await asyncio.to_thread(_undo_tally, folder / "store.db")
    async with bench(tmp_path, gate=gate) as one:
        assert (one.store.epoch, one.store.rescued) == (epoch, False)
        assert await one.store.read(lambda db: db.execute("select * from head order by stream").fetchall()) == before
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 1))
        assert one.outbox.last[Stream.LIVE] == 11
        assert (await one.outbox.books()).balanced


def _undo_tally(path: Path) -> list[tuple[int, ...]]:
    """Leaves the store as the steps before `tally` and `tallied` left it; the heads."""
    db = sqlite3.connect(path, isolation_level=None)
    columns = "last, floor, settled, evicted, expired, purged, quarantined, bytes, kept_bytes, head_check"
    epoch, aside, commits, check = db.execute(
        "select epoch, aside, n1, tally_check from store_state, tally where tally.id = 0"
    ).fetchone()
    rows = db.execute("select * from head order by stream").fetchall()
    db.execute("drop view head")
    db.execute("drop table tally")
    db.execute("drop table store_state")
    db.execute(
        "create table store_state(id integer primary key check (id = 1), epoch integer not null,"
        " commits integer not null, state_check integer not null, steps_check integer not null, aside text not null)"
    )
    made = ", ".join(f"{name} integer not null" for name in columns.split(", "))
    db.execute(f"create table head(stream integer primary key, {made})")
    db.executemany("insert into head values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.execute("delete from _sqlite_migrations where name in ('tally', 'tallied')")
    state = (epoch, commits, check, _digest(db, _recorded(db)), aside)
    db.execute("insert into store_state values(1, ?, ?, ?, ?, ?)", state)
    db.close()
    return rows
