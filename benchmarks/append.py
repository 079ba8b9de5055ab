"""Events made durable, sealed and numbered, beside raw SQLite and persist-queue; must never count what was not kept."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.edge import agent, kind_of, produce
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, at_least
from benchmarks.process import ROOT, command, party, tell
from benchmarks.rivals import environment
from benchmarks.stage import DEVICE
from gateway.identity.pki import make_dev_pki
from gateway.model import Stream

FREE_BYTES = 2 << 30
NOBODY = "mqtt://127.0.0.1:9"
Figures = dict[str, float]


async def keep(identity: str, folder: str, broker: str, count: int) -> None:
    """Appends without a link; then opens the store again and counts what it holds."""
    async with agent(identity, folder, broker) as one:
        kind = kind_of(one, Stream.BULK)
        begun_s = time.perf_counter()
        await produce(one, kind, count)
        took_s = time.perf_counter() - begun_s
    async with agent(identity, folder, broker) as one:
        pending = (await one.outbox.books()).pending
    tell(events_per_s=count / took_s, kept=pending)


@contextlib.asynccontextmanager
async def memory() -> AsyncIterator[Path | None]:
    """A folder in a tmpfs: /dev/shm, or one of our own where that is small and we are root; None where neither goes."""
    shared = Path("/dev/shm")
    if await asyncio.to_thread(_roomy, shared):
        with tempfile.TemporaryDirectory(prefix="forecourt-bench-", dir=shared) as name:
            yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="forecourt-bench-") as name:
        words = ["mount", "-t", "tmpfs", "-o", f"size={FREE_BYTES}", "none", name]
        mounted = os.geteuid() == 0 and (await asyncio.to_thread(subprocess.run, words, check=False)).returncode == 0
        try:
            yield Path(name) if mounted else None
        finally:
            if mounted:
                await asyncio.to_thread(subprocess.run, ["umount", name], check=True)


def _roomy(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > FREE_BYTES


async def _ours(folder: Path, identity: Path, count: int) -> float:
    await asyncio.to_thread(folder.mkdir)
    target = "benchmarks.append:keep"
    async with party(target, identity=str(identity), folder=str(folder), broker=NOBODY, count=count) as one:
        told = await one.told_all()
    if told["kept"] != count:
        raise NotWholeError(f"the store holds {told['kept']} of {count} events")
    return float(told["events_per_s"])


async def _rival(part: str, python: Path, folder: Path, count: int) -> float:
    await asyncio.to_thread(folder.mkdir)
    words = (str(python), str(ROOT / "benchmarks" / "rivals" / "queue.py"), part, str(count), str(folder))
    async with command(part, *words) as one:
        return float((await one.told_all())["rows_per_s"])


async def measure(run: Run) -> Figures:
    """Ours, raw SQLite and persist-queue on the disk, then in memory."""
    rivals = await asyncio.to_thread(environment.python) if run.scale == 1.0 else None
    pki = await asyncio.to_thread(make_dev_pki, run.folder / "pki", [DEVICE])
    # The last bulk events wait half a second for company; enough come before them that this does not count for much.
    count, fewer = run.count(1_000_000, 400_000), run.count(300_000, 100_000)
    found: Figures = {}
    async with memory() as tmpfs:
        for place, base in (("disk", run.folder), ("tmpfs", tmpfs)):
            if base is None:
                continue
            found[f"ours_{place}"] = await _ours(base / "ours", pki.device(DEVICE), count)
            found[f"raw_{place}"] = await _rival("raw", Path(sys.executable), base / "raw", fewer)
            if rivals is not None:
                less = run.count(5_000, 2_000)
                found[f"queue_{place}"] = await _rival("persistqueue", rivals, base / "queue", less)
    return found


def rows(samples: Samples) -> list[Row]:
    """Goals differ by place: on the disk a commit costs, in memory the codec does."""
    found = []
    for place, goal in (("disk", 1.0), ("tmpfs", 0.5)):
        if samples.has(f"ours_{place}"):
            what = f"append_many, durable and sealed, {place}"
            found.append(at_least(what, samples, f"ours_{place}", f"raw_{place}", goal, "events/s", "executemany FULL"))
    if samples.has("queue_disk"):
        what = "append_many, durable and sealed, disk"
        found.append(at_least(what, samples, "ours_disk", "queue_disk", 25, "events/s", "persist-queue"))
    if samples.has("queue_tmpfs"):
        ratio = samples.ratio("ours_tmpfs", "queue_tmpfs")
        beside = f"persist-queue {samples.mid('queue_tmpfs'):,.0f}"
        what = "append_many, durable and sealed, tmpfs"
        found.append(Row(what, f"{samples.mid('ours_tmpfs'):,.0f} events/s", "", beside, f"{ratio:.2f}"))
    return found


ENTRY = Entry(
    "append", "append_many in hundreds with many open, durable and sealed",
    "60 appends of 100 events are open; raw: commits of 100 rows; persist-queue: one by one", measure, rows,
)  # fmt: skip
