"""A store on a disk without a free byte; must never run on a disk that anybody needs."""

import asyncio
import contextlib
import os
import random
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import Appended, Books, SeqRange, Stream
from gateway.outbox import Outbox
from gateway.outbox.ranges import merged
from gateway.store import Store
from tests.kit.gates import AllowAll
from tests.kit.outboxes import USE, events, kind, opened

OPEN_MAX = 2_000
EVENT_STREAMS = (Stream.URGENT, Stream.LIVE, Stream.BULK)


@dataclass
class Report:
    """What a full disk did."""

    appends: int = 0
    kept: int = 0
    errors: int = 0
    reopened: int = 0
    unexplained: int = 0
    free_bytes: int = 0
    books: Books | None = None


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system in memory of that size; needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Takes every free byte of the disk."""
    with (folder / "filler").open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


async def run(disk: Path, appends: int, store_bytes: int = 1 << 20, size: int = 20, seed: int = 1) -> Report:
    """Appends on a disk that is full, with receipts for some, a withdrawal, clean stops and starts; then judges."""
    gate, clock, report, rng = AllowAll(), ManualClock(), Report(), random.Random(seed)
    arrived: dict[Stream, list[SeqRange]] = {stream: [] for stream in Stream}
    store, outbox = await opened(disk / "store", gate, clock, bytes_max=store_bytes)
    await asyncio.to_thread(fill, disk)
    rounds = 4
    for turn in range(rounds):
        await _append(outbox, appends // rounds, report, rng, size)
        await _deliver(outbox, arrived, share=0.5)
        await store.write(lambda _: None)
        while (await store.write(lambda db, one=outbox: one.erase_subject(db, 3, bags_max=50))).more:  # type: ignore[misc]
            pass
        clock.advance(61)
        await outbox.sweep()
        if turn < rounds - 1:
            await store.aclose()
            await asyncio.to_thread(fill, disk)
            store, outbox = await opened(disk / "store", gate, clock, bytes_max=store_bytes)
            report.reopened += 1
            await asyncio.to_thread(fill, disk)
    report.free_bytes = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    report.books = await outbox.books()
    report.unexplained = await unexplained(store, outbox, arrived)
    await store.aclose()
    return report


async def _append(outbox: Outbox, count: int, report: Report, rng: random.Random, size: int) -> None:
    kinds = [kind(outbox.dictionary, stream, purposes=USE) for stream in (Stream.LIVE, Stream.BULK, Stream.BULK)]
    kinds.append(kind(outbox.dictionary, Stream.BULK, purposes=USE, ttl_s=60))
    urgent = kind(outbox.dictionary, Stream.URGENT, purposes=USE)
    waiting: deque[asyncio.Future[Appended]] = deque()
    for number in range(count // size):
        one = urgent if number % 50 == 0 else kinds[number % len(kinds)]
        found = events(one, size, start=number, noise=rng, subject=1 + number % 3)
        waiting.append(outbox.append_many(found))
        report.appends += size
        if len(waiting) >= OPEN_MAX // size:
            await _settled(waiting.popleft(), report)
    while waiting:
        await _settled(waiting.popleft(), report)


async def _settled(future: "asyncio.Future[Appended]", report: Report) -> None:
    try:
        report.kept += (await future).kept
    except StoreError:
        report.errors += 1


async def _deliver(outbox: Outbox, arrived: dict[Stream, list[SeqRange]], share: float) -> None:
    """The cloud receives and receipts a part of each stream, and all of control."""
    for stream in Stream:
        after, more = outbox.floor[stream], True
        goal = outbox.last[stream] if stream == Stream.CONTROL else after + share * (outbox.last[stream] - after)
        while more and after < goal:
            taken = await outbox.take(stream, after, None, 64_000)
            arrived[stream] += [SeqRange(bag.first_seq, bag.last_seq) for bag in taken.bags]
            after, more = taken.scanned_to, taken.more
        outbox.release(stream)
        assert outbox.settle(stream, 0, merged(arrived[stream]))


async def unexplained(store: Store, outbox: Outbox, arrived: dict[Stream, list[SeqRange]]) -> int:
    """Numbers of 1..last that did not arrive, are not pending and have no gap; or that are two of it."""
    gaps = await store.read(lambda db: db.execute("select stream, first, last from gap").fetchall())
    wrong = 0
    for stream in EVENT_STREAMS:
        query = f"select first_seq, first_seq + count - 1 from bag_{stream.word}"
        pending = await store.read(lambda db, sql=query: db.execute(sql).fetchall())  # type: ignore[misc]
        told = [SeqRange(first, last) for one, first, last in gaps if one == stream]
        every = [*arrived[stream], *told, *(SeqRange(*row) for row in pending)]
        covered = sum(one.size for one in merged(every))
        wrong += outbox.last[stream] - covered + sum(one.size for one in every) - covered
    return wrong
