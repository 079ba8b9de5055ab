"""A disk that fails is said to fail, and what was kept before stays."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import Stream
from gateway.store import Store
from gateway.wire.codec import decode
from tests.faults import full_disk, io_errors
from tests.kit.gates import AllowAll, DerivedKeys
from tests.kit.outboxes import bench, events, kind, opened


async def stamps(folder: Path) -> list[int]:
    """Time stamps of what a store still holds."""
    store, outbox = await opened(folder, DerivedKeys(), ManualClock(), bytes_max=io_errors.BYTES)
    found: list[int] = []
    after, more = 0, True
    while more:
        taken = await outbox.take(Stream.LIVE, after, None, 1 << 20)
        after, more = taken.scanned_to, taken.more
        for bag in taken.bags:
            groups = decode(bag.codec, bag.body, bag.first_seq, bag.count, outbox.dictionary.types)
            found += [row[1] for group in groups for row in group.rows()]
    assert (await outbox.books()).balanced
    assert not store.rescued
    await store.aclose()
    return found


@pytest.mark.needs_strace
@pytest.mark.timeout(90)
async def test_a_sync_that_fails_for_a_while_fails_only_what_it_held(tmp_path: Path) -> None:
    """Three syncs in the middle fail: those appends fail, the store goes on, and what was kept is there."""
    said = await asyncio.to_thread(io_errors.traced, tmp_path / "s", 30, "fdatasync:error=EIO:when=15..17")
    kept = [int(words[1]) for words in said if words[0] == "KEPT"]
    failed = [int(words[1]) for words in said if words[0] == "FAILED"]
    assert failed
    assert kept[-1] == 30
    assert sorted(kept + failed) == list(range(1, 31))
    assert ["DEAD", "0"] in said
    assert await stamps(tmp_path / "s") == kept


@pytest.mark.needs_strace
@pytest.mark.timeout(90)
async def test_a_disk_that_syncs_no_more_ends_the_store(tmp_path: Path) -> None:
    """Every sync fails from some point on: nothing is promised any more, and the composer is told once."""
    said = await asyncio.to_thread(io_errors.traced, tmp_path / "s", 30, "fdatasync:error=EIO:when=15+")
    kept = [int(words[1]) for words in said if words[0] == "KEPT"]
    assert 0 < len(kept) < 30
    assert kept == list(range(1, len(kept) + 1))
    assert ["LAST", str(len(kept))] in said
    assert ["DEAD", "1"] in said
    found = await stamps(tmp_path / "s")
    assert found[: len(kept)] == kept


@pytest.mark.needs_strace
@pytest.mark.timeout(120)
async def test_a_write_that_fails_is_no_promise(tmp_path: Path) -> None:
    """A write into the log fails once: that append fails alone; one into the mark fails none. Both among five calls."""
    counts = set()
    for call in range(200, 205):
        folder = tmp_path / str(call)
        said = await asyncio.to_thread(io_errors.traced, folder, 60, f"pwrite64:error=EIO:when={call}")
        kept = [int(words[1]) for words in said if words[0] == "KEPT"]
        assert await stamps(folder) == kept
        assert ["DEAD", "0"] in said
        counts.add(len(kept))
    assert counts == {59, 60}


@pytest.mark.needs_root
@pytest.mark.timeout(60)
async def test_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    """Appends fail with StoreError, reads go on, and after the disk is well again the next open has everything."""

    def remount(folder: Path, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)

    gate = AllowAll()
    with full_disk.small_disk(tmp_path / "disk", 8 << 20) as disk:
        store, outbox = await opened(disk / "store", gate, ManualClock())
        live = kind(outbox.dictionary, Stream.LIVE)
        assert (await outbox.append_many(events(live, 10))).kept == 10
        await store.aclose()
        await asyncio.to_thread(remount, disk, "ro")
        with pytest.raises(StoreError):
            await Store.open(disk / "store", clock=ManualClock(), migrations=[])
        await asyncio.to_thread(remount, disk, "rw")
        async with bench(disk / "store", gate=gate) as one:
            assert (await one.outbox.books()).pending == 10
