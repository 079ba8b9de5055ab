"""Campaigns against the disk, in their long form: damage, power, no room; must never count what it did not check."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.faults import damage, full_disk
from tests.faults.oracle import Verdict
from tests.faults.powerloss import replay

Progress = Callable[[int, int], None]
DISK_BYTES, STORE_BYTES = 4 << 20, 1 << 20
POINTS_A_TRACE = 250


async def damaged(folder: Path, size: int, seed: int, progress: Progress) -> Verdict:
    """So many stores, each damaged in one of ten ways: all open, nothing altered or doubled is sent."""
    report = await damage.run(folder, size, seed, progress)
    verdict = Verdict(accepted=report.events, effects=report.delivered, duplicates=report.altered)
    verdict.unbalanced, verdict.unexplained = report.unbalanced, len(report.failures)
    stores = {way: f"{share / (size / len(damage.WAYS)):.0%}" for way, share in report.by_way.items()}
    verdict.notes += [
        f"{report.rescued} of {report.stores} rescued, slowest open {report.slowest_open_s:.2f} s",
        "still readable and sent: " + ", ".join(f"{way} {share}" for way, share in stores.items()),
        *report.failures,
    ]
    if report.slowest_open_s > damage.OPEN_S_MAX:
        verdict.unexplained += 1
    return verdict


async def power_losses(folder: Path, size: int, seed: int, progress: Progress) -> Verdict:
    """So many cuts of the power, each after one system call, over traces of different length."""
    verdict, done, calls = Verdict(), 0, 0
    while done < size:
        part = min(POINTS_A_TRACE, size - done)
        with tempfile.TemporaryDirectory(dir=folder) as here:
            report = await replay.run(Path(here), part, rounds=8 + done // POINTS_A_TRACE, seed=seed + done)
        done += part
        calls += report.points
        verdict.accepted += report.promised
        verdict.effects += report.found
        verdict.lost += len(report.lost)
        verdict.notes += report.lost
        progress(done, size)
    verdict.notes.append(
        f"system calls traced: {calls:,}; each event counted once for every cut that it should survive"
    )
    return verdict


async def no_room(folder: Path, size: int, seed: int, progress: Progress) -> Verdict:
    """So many appends, one event each, on a disk without a free byte; needs root."""
    with full_disk.small_disk(folder / "disk", DISK_BYTES) as disk:
        report = await full_disk.run(disk, size, STORE_BYTES, size=1, seed=seed)
    progress(size, size)
    books = report.books
    assert books is not None
    verdict = Verdict(accepted=report.kept, effects=books.settled, unexplained=report.unexplained)
    verdict.explained = books.evicted + books.expired + books.purged
    verdict.unbalanced = not books.balanced
    verdict.lost = report.errors + report.free_bytes
    verdict.notes.append(
        f"errors {report.errors}, bytes free {report.free_bytes}, reopened {report.reopened} times, {books}"
    )
    return verdict
