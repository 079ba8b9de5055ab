"""Damaged stores open again, save what can be read, and never send an altered event."""

import asyncio
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.model import Stream
from tests.faults import damage, full_disk
from tests.kit.gates import AllowAll
from tests.kit.outboxes import bench, events, kind, opened


@pytest.mark.timeout(120)
@pytest.mark.may_block  # the harness copies files between two opens
async def test_damaged_stores_are_rescued(tmp_path: Path) -> None:
    """Thirty stores, damaged in ten ways: all open, fast; nothing altered or doubled is sent; the books balance."""
    report = await damage.run(tmp_path, 30)
    assert report.failures == []
    assert report.stores == 30
    assert (report.altered, report.unbalanced) == (0, 0)
    assert report.rescued >= 15
    assert report.slowest_open_s <= damage.OPEN_S_MAX
    assert report.by_way["wreck_header"] == report.by_way["wreck_schema"] == 3.0
    assert report.by_way["flip_bits"] > 2.5


@pytest.mark.needs_root
@pytest.mark.timeout(60)
async def test_a_damaged_store_on_a_full_disk_opens_again(tmp_path: Path) -> None:
    """Without room for a second store the damaged one is read into memory first: its events are saved all the same."""

    def wreck(path: Path) -> None:
        with path.open("r+b") as file:
            file.write(bytes(100))

    gate = AllowAll()
    with full_disk.small_disk(tmp_path / "disk", 4 << 20) as disk:
        store, outbox = await opened(disk / "store", gate, ManualClock(), bytes_max=1 << 20)
        await outbox.append_many(events(kind(outbox.dictionary, Stream.LIVE), 700))
        await store.aclose()
        await asyncio.to_thread(full_disk.fill, disk)
        await asyncio.to_thread(wreck, disk / "store" / "store.db")
        async with bench(disk / "store", gate=gate, bytes_max=1 << 20) as one:
            assert one.store.rescued
            assert (await one.outbox.books_by_stream())[Stream.LIVE].pending == 700
            await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
        async with bench(disk / "store", gate=gate, bytes_max=1 << 20) as one:
            assert not one.store.rescued
            assert (await one.outbox.books_by_stream())[Stream.LIVE].pending == 710
