"""A device that was killed with a million events on its disk: how soon it publishes; must never open a clean store."""

import asyncio
import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

from benchmarks.edge import agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, bound
from benchmarks.process import tell
from benchmarks.stage import stage
from gateway.model import Stream

WINDOW = 10_000
STORE = "store.db"
Figures = dict[str, float]


async def fill(identity: str, folder: str, broker: str, count: int) -> None:
    """Collects events and dies by SIGKILL in the middle of the next append."""
    async with agent(identity, folder, broker) as one:
        kind = kind_of(one, Stream.BULK)
        await produce(one, kind, count)
        tell(filled=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def reopen(identity: str, folder: str, broker: str, started_s: float) -> None:
    """Opens, and tells when the first batch was published; then drains."""
    begun_s = time.time()
    async with agent(identity, folder, broker, WINDOW) as one:
        opened_s = time.time()
        async with running(one):
            while not one.uplink.status().batches:  # noqa: ASYNC110 - the uplink has no hook for a publish
                await asyncio.sleep(0.001)
            published_s = time.time()
            drained = await one.drained(90)
    tell(
        open_s=opened_s - begun_s, publish_s=published_s - begun_s, process_s=published_s - started_s, drained=drained,
        rescued=one.store.rescued,
    )  # fmt: skip


def raw_open_s(folder: Path) -> float:
    """What SQLite alone takes for the same files: recovery of the log, then one row of the largest table."""
    begun_s = time.perf_counter()
    db = sqlite3.connect(folder / STORE)
    tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
    for name in tables:
        db.execute(f"select * from {name} limit 1").fetchone()
    db.close()
    return time.perf_counter() - begun_s


async def measure(run: Run) -> Figures:
    """Fill, kill, copy for SQLite alone, open."""
    count = run.count(1_000_000, 200_000)
    async with stage(run.folder / "opening") as place, place.cloud(count) as far_end:
        await far_end.told("ready")
        async with place.agent("benchmarks.opening:fill", count=count) as edge:
            await edge.told("filled")
            await edge.ended()
        copy = run.folder / "copy"
        await asyncio.to_thread(shutil.copytree, place.store, copy)
        raw_s = await asyncio.to_thread(raw_open_s, copy)
        async with place.agent("benchmarks.opening:reopen", started_s=time.time()) as edge:
            told = await edge.told_all()
        await far_end.go()
        await far_end.told("closed")
        if not told["drained"] or told["rescued"]:
            raise NotWholeError(f"drained {told['drained']}, rescued {told['rescued']}")
        await asyncio.to_thread(check, place.db, count)
    return {"events": count, "raw_s": raw_s, **{key: told[key] for key in ("open_s", "publish_s", "process_s")}}


def rows(samples: Samples) -> list[Row]:
    """The bound is for opening; the start of the interpreter is told too."""
    what = f"open to first publish, {samples.mid('events'):,.0f} events after kill -9"
    beside = f"raw SQLite {samples.mid('raw_s'):.3f}; open alone {samples.mid('open_s'):.2f}"
    return [
        bound(what, samples.mid("publish_s"), 2, "s", beside=beside),
        Row("the same from the start of the process", f"{samples.mid('process_s'):.2f} s"),
    ]


ENTRY = Entry(
    "opening", "open to first publish after kill -9, beside raw SQLite on the same files", f"unreceipted {WINDOW:,}",
    measure, rows, disk=False,
)  # fmt: skip
