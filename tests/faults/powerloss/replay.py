"""Traces a store with strace and cuts the power after every system call; must never let a promise go unchecked."""

import asyncio
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import Stream
from gateway.wire.codec import decode
from tests.faults.powerloss.child import STORE_BYTES
from tests.faults.powerloss.disk import Disk
from tests.kit.gates import DerivedKeys
from tests.kit.outboxes import opened

ROOT = Path(__file__).resolve().parents[3]
CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,fallocate,rename,unlink,unlinkat,close"
_LINE = re.compile(r"(\d+)\s+(\w+)\((.*)\)\s+=\s+(-?\d+)")
_BEGUN = re.compile(r"(\d+)\s+(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Promise:
    """What the process had said by then."""

    epoch: int = 0
    acked: dict[int, int] = field(default_factory=dict)
    settled: dict[int, int] = field(default_factory=dict)


@dataclass
class Report:
    """What power losses did."""

    points: int = 0
    checked: int = 0
    rescued: int = 0
    with_promises: int = 0
    promised: int = 0
    found: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass
class Point:
    """A moment at which the power may go."""

    number: int
    files: list[tuple[str, bytes]]
    promise: Promise


def trace(folder: Path, rounds: int) -> Path:
    """Runs the child under strace; returns the trace."""
    output = folder / "trace"
    child = [sys.executable, "-m", "tests.faults.powerloss.child", str(folder / "store"), str(rounds)]
    command = ["strace", "-f", "-xx", "-s", "4200000", "-o", str(output), "-e", f"trace={CALLS}", *child]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=120)
    return output


def calls(output: Path) -> Iterator[tuple[str, str, int]]:
    """(name, arguments, result) of calls that succeeded, in the order in which they returned."""
    begun: dict[str, str] = {}
    with output.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if half := _BEGUN.match(line):
                begun[half[1]] = half[2]
                continue
            if rest := _RESUMED.match(line):
                line = f"{rest[1]} {begun.pop(rest[1])}{rest[2]}"
            if (whole := _LINE.match(line)) and int(whole[4]) >= 0:
                yield whole[2], whole[3], int(whole[4])


def texts(arguments: str) -> list[bytes]:
    """The strings among the arguments."""
    return [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]


def replay(output: Path, folder: Path, chosen: set[int] | None, rng: random.Random | None) -> Iterator[Point]:
    """The moments after each call that changes what a power loss would leave; those of `chosen`, or all."""
    disk, promise, number = Disk(str(folder / "store")), Promise(), 0
    for name, arguments, result in calls(output):
        if not _apply(disk, promise, name, arguments, result):
            continue
        number += 1
        if chosen is None or number in chosen:
            copy = Promise(promise.epoch, dict(promise.acked), dict(promise.settled))
            yield Point(number, [] if chosen is None else list(disk.image(rng)), copy)


def _apply(disk: Disk, promise: Promise, name: str, arguments: str, result: int) -> bool:
    if name == "openat":
        disk.open(result, texts(arguments)[0].decode(), truncates="O_TRUNC" in arguments)
        return False
    if name in {"rename", "unlink", "unlinkat"}:
        paths = [text.decode() for text in texts(arguments)]
        if name == "rename":
            disk.rename(*paths)
        else:
            disk.unlink(paths[0])
        return True
    fd = int(arguments.split(",", 1)[0])
    if name == "write" and fd == 1:
        _promised(promise, texts(arguments)[0].decode().split())
        return True
    if not disk.knows(fd):
        return False
    return _on_file(disk, fd, name, arguments)


def _on_file(disk: Disk, fd: int, name: str, arguments: str) -> bool:
    match name:
        case "close":
            disk.close(fd)
            return False
        case "pwrite64":
            disk.write(fd, texts(arguments)[0], int(arguments.rsplit(",", 1)[1]))
        case "write":
            disk.write(fd, texts(arguments)[0], None)
        case "ftruncate":
            disk.truncate(fd, int(arguments.split(",")[1]))
        case "fallocate":
            offset, length = arguments.split(",")[2:4]
            disk.allocate(fd, int(offset) + int(length))
        case "fsync" | "fdatasync":
            disk.sync(fd)
    return True


def _promised(promise: Promise, words: list[str]) -> None:
    match words:
        case ["OPEN", epoch]:
            promise.epoch = promise.epoch or int(epoch)
        case ["ACK", stream, number]:
            promise.acked[int(stream)] = int(number)
        case ["SETTLE", stream, number]:
            promise.settled[int(stream)] = int(number)


async def check(point: Point, folder: Path, report: Report) -> str | None:
    """What is broken at this point; None when every promise holds."""
    store_folder = folder / "image"
    shutil.rmtree(store_folder, ignore_errors=True)
    for name, content in point.files:
        path = store_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    promise = point.promise
    store, outbox = await opened(store_folder, DerivedKeys(), ManualClock(), bytes_max=STORE_BYTES)
    try:
        if promise.acked and (store.rescued or store.epoch != promise.epoch):
            return "not trusted after a power loss"
        books = await outbox.books_by_stream()
        for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
            if outbox.last[stream] < promise.acked.get(stream, 0) or not books[stream].balanced:
                return f"{stream.word}: {outbox.last[stream]} of {promise.acked.get(stream, 0)}"
            found: set[int] = set()
            after, more = 0, True
            while more:
                taken = await outbox.take(stream, after, None, 1 << 20)
                after, more = taken.scanned_to, taken.more
                for bag in taken.bags:
                    for group in decode(bag.codec, bag.body, bag.first_seq, bag.count, outbox.dictionary.types):
                        found.update(seq for seq, ts_us, *_ in group.rows() if seq == ts_us)
            first = max(promise.settled.get(stream, 0), outbox.floor[stream] if promise.settled.get(stream) else 0) + 1
            absent = set(range(first, promise.acked.get(stream, 0) + 1)) - found
            report.promised += len(range(first, promise.acked.get(stream, 0) + 1))
            report.found += len(range(first, promise.acked.get(stream, 0) + 1)) - len(absent)
            if absent:
                return f"{stream.word}: {len(absent)} accepted events are gone"
    finally:
        await store.aclose()
    return None


async def run(folder: Path, points: int, rounds: int = 8, seed: int = 1) -> Report:
    """Traces once, then cuts the power at `points` moments: half lose all that was not synced, half a part of it."""
    rng, report = random.Random(seed), Report()
    output = await asyncio.to_thread(trace, folder, rounds)
    promised = [bool(point.promise.acked) for point in replay(output, folder, None, None)]
    report.points, first = len(promised), promised.index(True) + 1
    for variant in (None, rng):
        chosen = set(rng.sample(range(first, report.points + 1), min(points * 4 // 10, report.points - first)))
        chosen |= set(rng.sample(range(1, first), min(points // 10, first - 1)))
        for point in replay(output, folder, chosen, variant):
            report.checked += 1
            report.with_promises += bool(point.promise.acked)
            try:
                wrong = await check(point, folder, report)
            except StoreError as error:
                wrong = repr(error)
            if wrong is not None:
                report.lost.append(
                    f"point {point.number}, {'nothing' if variant is None else 'some'} unsynced: {wrong}"
                )
    return report
