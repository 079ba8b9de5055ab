"""What a folder holds decides how a store opens."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import StoreError, StoreTooNew
from gateway.limits import DOUBT_AGAIN_S
from gateway.store import Database, MigrationSet, Store
from gateway.store.file import inspect_only

BYTES = 1 << 20


async def opened(folder: Path, *sets: MigrationSet, bytes_max: int = BYTES) -> Store:
    """A store of that folder."""
    return await Store.open(folder, clock=ManualClock(), bytes_max=bytes_max, migrations=sets)


def steps(count: int, *, broken: bool = False) -> MigrationSet:
    """A set of so many steps, the last of which may fail half way."""
    made = MigrationSet("room")

    def step(number: int) -> None:
        @made(name=f"step_{number}")
        def one(db: Database) -> None:
            db.execute(f"create table t{number}(a integer)")
            if broken and number == count:
                raise RuntimeError("killed here")

    for number in range(1, count + 1):
        step(number)
    return made


def tables(folder: Path) -> set[str]:
    """Tables of ours in a store that is closed."""
    db = sqlite3.connect(folder / "store.db")
    try:
        return {name for (name,) in db.execute("select name from sqlite_master where name glob 't[0-9]'")}
    finally:
        db.close()


def sizes_in(folder: Path) -> dict[str, int]:
    """Bytes of each file."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


async def test_a_store_is_grown_to_its_budget_at_birth(tmp_path: Path) -> None:
    """The file has its full size from the start, and the log and the ballast have theirs."""
    store = await opened(tmp_path, bytes_max=2 << 20)
    sizes = sizes_in(tmp_path)
    assert 2 << 20 >= sizes["store.db"] >= (2 << 20) - 50_000
    assert sizes["store.db-wal"] > 500_000
    assert sizes["ballast"] > sizes["store.db-wal"]
    await store.aclose()
    assert (tmp_path / "ballast").exists()


async def test_a_larger_budget_grows_an_old_store(tmp_path: Path) -> None:
    """Opened with more, the file follows; opened with less, it stays."""
    await (await opened(tmp_path)).aclose()
    store = await opened(tmp_path, bytes_max=3 << 20)
    assert await store.read(store.budget.free_pages) > 700
    await store.aclose()
    assert (tmp_path / "store.db").stat().st_size > 2_500_000
    store = await opened(tmp_path, bytes_max=BYTES)
    assert await store.read(store.budget.free_pages) < 256
    await store.aclose()


async def test_the_epoch_stays_until_the_store_is_new(tmp_path: Path) -> None:
    """Reopening keeps the epoch; another folder has another."""
    epochs = []
    for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        store = await opened(folder)
        epochs.append(store.epoch)
        assert not store.rescued
        await store.aclose()
    assert epochs[0] == epochs[1] != epochs[2]
    assert all(0 < epoch < 1 << 63 for epoch in epochs)


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second open is refused while the first lasts."""
    store = await opened(tmp_path)
    with pytest.raises(StoreError, match="another process"):
        await opened(tmp_path)
    await store.aclose()
    await (await opened(tmp_path)).aclose()


async def test_a_step_and_its_record_are_one(tmp_path: Path) -> None:
    """A step that fails half way leaves nothing; the steps before it stay; the next open goes on."""
    with pytest.raises(RuntimeError, match="killed"):
        await opened(tmp_path, steps(2, broken=True))
    assert tables(tmp_path) == {"t1"}
    store = await opened(tmp_path, steps(3))
    assert not store.rescued
    await store.aclose()
    assert tables(tmp_path) == {"t1", "t2", "t3"}


async def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """Steps that this version does not know: StoreTooNew, and the file is as it was."""
    store = await opened(tmp_path, steps(3))
    await store.aclose()
    with pytest.raises(StoreTooNew, match="step_3"):
        await opened(tmp_path, steps(2))
    assert not (tmp_path / "damaged").exists()
    store = await opened(tmp_path, steps(3))
    assert not store.rescued
    await store.aclose()


async def test_a_record_of_steps_that_was_altered_is_damage(tmp_path: Path) -> None:
    """A flipped bit in a step's name is not taken for a newer version: the store is rescued."""
    await (await opened(tmp_path, steps(2))).aclose()
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute("update _sqlite_migrations set name = 'stfp_2' where name = 'step_2'")
    db.commit()
    db.close()
    store = await opened(tmp_path, steps(2))
    assert store.rescued
    assert (tmp_path / "damaged" / "store.db").exists()
    await store.aclose()


async def test_an_old_copy_of_a_store_gets_a_new_epoch(tmp_path: Path) -> None:
    """A file that lacks commits which its mark knows is not trusted with numbers."""
    store = await opened(tmp_path / "store", steps(1))
    first = store.epoch
    await store.aclose()
    shutil.copy(tmp_path / "store" / "store.db", tmp_path / "old.db")
    store = await opened(tmp_path / "store", steps(1))
    await store.write(lambda db: db.execute("insert into t1 values(1)"))
    await store.aclose()
    shutil.copy(tmp_path / "old.db", tmp_path / "store" / "store.db")
    store = await opened(tmp_path / "store", steps(1))
    assert store.rescued
    assert store.epoch != first
    await store.aclose()


async def test_rooms_salvage_once(tmp_path: Path) -> None:
    """After a rescue each room may read the old rows, in one transaction with the record that it did."""
    store = await opened(tmp_path, steps(1))
    await store.write(lambda db: db.executemany("insert into t1 values(?)", [(n,) for n in range(5)]))
    await store.aclose()
    path = tmp_path / "store.db"
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    for expected in ([0, 1, 2, 3, 4], None):
        store = await opened(tmp_path, steps(1))
        found = await store.salvage(
            "room",
            lambda damaged, _: sorted(values[0] for _, values in damaged.rows("t1", 1)),  # type: ignore[type-var]
        )
        assert found == expected
        await store.aclose()


async def test_a_rescue_that_was_killed_is_done_again(tmp_path: Path) -> None:
    """A kill after the damaged files were moved, before the new store was made, loses nothing of them."""
    store = await opened(tmp_path, steps(1))
    await store.write(lambda db: db.execute("insert into t1 values(7)"))
    await store.aclose()
    (tmp_path / "damaged").mkdir()
    for name in ("store.db", "store.mark"):
        shutil.move(tmp_path / name, tmp_path / "damaged" / name)
    (tmp_path / "damaged" / "pending").touch()
    store = await opened(tmp_path, steps(1))
    assert store.rescued
    assert await store.salvage("room", lambda damaged, _: [values for _, values in damaged.rows("t1", 1)]) == [(7,)]
    await store.aclose()
    assert not (tmp_path / "damaged" / "pending").exists()


async def test_a_condemned_store_is_rescued_by_the_next_open(tmp_path: Path) -> None:
    """Damage that shows while running stops the store for good and tells whoever composed it."""
    store = await opened(tmp_path, steps(1))
    told: list[Exception] = []
    store.on_fatal.append(told.append)
    await store.condemn("a test says so")
    with pytest.raises(StoreError, match="a test says so"):
        await store.write(lambda db: db.execute("insert into t1 values(1)"))
    assert len(told) == 1
    await store.aclose()
    store = await opened(tmp_path, steps(1))
    assert store.rescued
    await store.aclose()


async def test_a_room_that_this_version_lacks_is_too_new(tmp_path: Path) -> None:
    """What it keeps may say what must not be done: a version that knows nothing of it does not go on."""
    other = MigrationSet("garden")

    @other()
    def one(db: Database) -> None:
        db.execute("create table t9(a integer)")

    store = await opened(tmp_path, steps(1), other)
    await store.aclose()
    with pytest.raises(StoreTooNew, match="garden"):
        await opened(tmp_path, steps(1))
    store = await opened(tmp_path, steps(1), other)
    assert not store.rescued
    await store.aclose()


async def test_a_look_from_beside_cannot_write(tmp_path: Path) -> None:
    """The read-only connection reads while the store is open, and refuses to write."""
    with pytest.raises(StoreError, match="no store"):
        await asyncio.to_thread(inspect_only, tmp_path)
    store = await opened(tmp_path, steps(1))
    await store.write(lambda db: db.execute("insert into t1 values(1)"))

    def look() -> list[tuple[int]]:
        db = inspect_only(tmp_path)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("insert into t1 values(2)")
        rows = db.execute("select a from t1").fetchall()
        db.close()
        return rows

    assert await asyncio.to_thread(look) == [(1,)]
    await store.aclose()


async def test_a_store_is_doubted_once_in_a_boot_and_again_after_hours(tmp_path: Path) -> None:
    """The first doubt makes a new epoch at the next open; a cloud that is wrong for ever does not stop a device."""
    epochs, heeded = [], []
    for boot, passed_s in ((1, 10.0), (1, DOUBT_AGAIN_S), (2, 20.0), (2, DOUBT_AGAIN_S + 20.0)):
        clock = ManualClock(boot_id=boot)
        clock.advance(passed_s)
        store = await Store.open(tmp_path, clock=clock, bytes_max=BYTES)
        epochs.append(store.epoch)
        heeded.append(await store.doubt())
        await store.aclose()
    store = await opened(tmp_path)
    epochs.append(store.epoch)
    await store.aclose()
    assert heeded == [True, False, True, True]
    assert epochs[0] != epochs[1] == epochs[2] != epochs[3] != epochs[4]


@pytest.mark.parametrize("word", [b"", b"1", b"1 ", b"\xff\xff", b"1 -5"])
async def test_a_note_of_doubt_that_cannot_be_read_hinders_nothing(tmp_path: Path, word: bytes) -> None:
    """Torn by a power cut, it does not stand in the way of the next doubt for ever."""
    store = await Store.open(tmp_path, clock=ManualClock(boot_id=1), bytes_max=BYTES)
    await asyncio.to_thread((tmp_path / "doubted").write_bytes, word)
    assert await store.doubt()
    await store.aclose()
