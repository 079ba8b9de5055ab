"""Damages stores in every way a disk can, and opens them again; must never pass over an event that was altered."""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import OpenBag, Stream
from gateway.outbox import Outbox
from gateway.store import Store
from gateway.wire.codec import decode
from tests.kit.gates import AllowAll
from tests.kit.outboxes import events, kind, opened, text_kind, texts

PAGE = 4_096
OPEN_S_MAX = 3.0
Rows = dict[tuple[object, ...], int]


@dataclass
class Report:
    """What became of damaged stores."""

    stores: int = 0
    rescued: int = 0
    altered: int = 0
    events: int = 0
    delivered: int = 0
    slowest_open_s: float = 0.0
    unbalanced: int = 0
    by_way: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


async def make(folder: Path, gate: AllowAll, rng: random.Random) -> set[tuple[object, ...]]:
    """A store with some thousand events of all streams, some of them settled; returns the rows that are pending."""
    clock = ManualClock()
    store, outbox = await opened(folder, gate, clock)
    dictionary = outbox.dictionary
    for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
        one = kind(dictionary, stream)
        for start in range(0, 1_500, 300):
            size = 300 if stream != Stream.URGENT else 7
            await outbox.append_many(events(one, size, start=start, noise=rng, subject=100 + start))
        await outbox.append_many(texts(text_kind(dictionary, stream), 5, noise=rng))
    outbox.settle(Stream.LIVE, 600)
    await store.write(lambda _: None)
    rows, _ = await drain(outbox)
    await store.aclose()
    return rows


async def drain(outbox: Outbox) -> tuple[set[tuple[object, ...]], int]:
    """Everything that the outbox would send, as comparable rows without numbers; and how many events."""
    found: set[tuple[object, ...]] = set()
    count = 0
    for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
        after, more = 0, True
        while more:
            taken = await outbox.take(stream, after, None, 1 << 20)
            after, more = taken.scanned_to, taken.more
            for bag in taken.bags:
                rows = list(read(outbox, bag))
                count += len(rows)
                found.update(rows)
    return found, count


def read(outbox: Outbox, bag: OpenBag) -> list[tuple[object, ...]]:
    """The events of a bag: what a receiver makes of it, without numbers."""
    types = outbox.dictionary.types
    groups = decode(bag.codec, bag.body, bag.first_seq, bag.count, types)
    paths = {shape.id: (shape.kind, tuple(shape.signals)) for shape in outbox.dictionary.shapes}
    return [
        (bag.stream, bag.subject, bag.purposes, *paths[group.shape], *row[1:])
        for group in groups
        for row in group.rows()
    ]


async def run(
    work: Path, count: int, seed: int = 1, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Report:
    """Damages `count` copies of a store, each in one way of WAYS in turn, and judges what comes out."""
    rng, gate, report = random.Random(seed), AllowAll(), Report()
    whole = await make(work / "whole", gate, rng)
    hot = await _with_wal(work, gate, rng)
    for number in range(count):
        way = WAYS[number % len(WAYS)]
        source, expected = hot if way in IN_WAL else (work / "whole", whole)
        folder = work / f"{number}"
        shutil.copytree(source, folder)
        way(folder, rng)
        report.stores += 1
        report.events += len(expected)
        try:
            await _judge(folder, gate, expected, report, way.__name__)
        except (StoreError, AssertionError) as error:
            report.failures.append(f"{number} {way.__name__}: {error!r}")
        shutil.rmtree(folder)
        progress(number + 1, count)
    return report


async def _judge(folder: Path, gate: AllowAll, expected: set[tuple[object, ...]], report: Report, way: str) -> None:
    """Opens a damaged store until it is sound (damage may show late), then compares what it would send."""
    why = ""
    for _ in range(3):
        began = time.monotonic()
        try:
            store, outbox = await opened(folder, gate, ManualClock())
        except StoreError as error:  # damage met while opening condemns the store: the next open rescues it
            why = repr(error)
            continue
        finally:
            report.slowest_open_s = max(report.slowest_open_s, time.monotonic() - began)
        try:
            while await outbox.check_damage():
                pass
            rows, count = await drain(outbox)
            books = await outbox.books()
            await _still_works(store, outbox)
        except StoreError as error:
            why = repr(error)
            await store.aclose()
            continue
        report.rescued += store.rescued
        report.altered += len(rows - expected) + count - len(rows)
        report.delivered += len(rows & expected)
        report.by_way[way] = report.by_way.get(way, 0) + len(rows & expected) / len(expected)
        report.unbalanced += not books.balanced
        await store.aclose()
        return
    raise AssertionError(f"damaged after two rescues: {why}")


async def _still_works(store: Store, outbox: Outbox) -> None:
    before = outbox.last[Stream.LIVE]
    await outbox.append_many(events(kind(outbox.dictionary, Stream.LIVE), 10))
    assert outbox.last[Stream.LIVE] == before + 10
    assert store.epoch == outbox.epoch


async def _with_wal(work: Path, gate: AllowAll, rng: random.Random) -> tuple[Path, set[tuple[object, ...]]]:
    """A store as a kill leaves it: its last commits are in the WAL alone."""
    await make(work / "open", gate, rng)
    store, outbox = await opened(work / "open", gate, ManualClock())
    for start in range(0, 900, 300):
        await outbox.append_many(events(kind(outbox.dictionary, Stream.BULK), 300, start=start, noise=rng))
    rows, _ = await drain(outbox)
    await asyncio.to_thread(shutil.copytree, work / "open", work / "hot")
    await store.aclose()
    return work / "hot", rows


# Ways of damage


def _patch(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def _flip(path: Path, offset: int, rng: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << rng.randrange(8)]))


def used_bytes(path: Path) -> int:
    """Bytes up to the last page that holds anything."""
    content = path.read_bytes().rstrip(b"\0")
    return -(-len(content) // PAGE) * PAGE


def flip_bits(folder: Path, rng: random.Random) -> None:
    """Ten bits anywhere in the used part."""
    path = folder / "store.db"
    for _ in range(10):
        _flip(path, rng.randrange(used_bytes(path)), rng)


def flip_page_heads(folder: Path, rng: random.Random) -> None:
    """Bits in the heads of pages, where trees are knit."""
    path = folder / "store.db"
    for _ in range(3):
        page = rng.randrange(1, used_bytes(path) // PAGE)
        _flip(path, page * PAGE + rng.randrange(12), rng)


def wreck_header(folder: Path, rng: random.Random) -> None:
    """The first hundred bytes are noise."""
    _patch(folder / "store.db", 0, rng.randbytes(100))


def wreck_schema(folder: Path, rng: random.Random) -> None:
    """The first page is noise."""
    _patch(folder / "store.db", 0, rng.randbytes(PAGE))


def zero_pages(folder: Path, rng: random.Random) -> None:
    """Some pages were never written."""
    path = folder / "store.db"
    for _ in range(5):
        _patch(path, rng.randrange(used_bytes(path) // PAGE) * PAGE, bytes(PAGE))


def truncate(folder: Path, rng: random.Random) -> None:
    """The file ends early."""
    path = folder / "store.db"
    size = rng.randrange(PAGE, used_bytes(path))
    with path.open("r+b") as file:
        file.truncate(size)


def empty(folder: Path, rng: random.Random) -> None:
    """The file is empty."""
    (folder / "store.db").write_bytes(b"")


def old_copy(folder: Path, rng: random.Random) -> None:
    """Commits that were promised are gone, without a trace in the file."""
    (folder / "store.db-wal").unlink()


def flip_in_wal(folder: Path, rng: random.Random) -> None:
    """Bits in the write-ahead log, where SQLite drops what follows without a word."""
    path = folder / "store.db-wal"
    for _ in range(3):
        _flip(path, rng.randrange(used_bytes(path) // 2), rng)


def noise_in_wal(folder: Path, rng: random.Random) -> None:
    """The write-ahead log is noise from somewhere on."""
    path = folder / "store.db-wal"
    start = rng.randrange(used_bytes(path))
    _patch(path, start, rng.randbytes(used_bytes(path) - start))


WAYS: list[Callable[[Path, random.Random], None]] = [
    flip_bits,
    flip_page_heads,
    wreck_header,
    wreck_schema,
    zero_pages,
    truncate,
    empty,
    old_copy,
    flip_in_wal,
    noise_in_wal,
]
IN_WAL = {old_copy, flip_in_wal, noise_in_wal}
