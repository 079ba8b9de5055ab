"""An hour of a vehicle in bytes and messages, on the line and on the flash; must never leave receipts out."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

from benchmarks.edge import SUBJECT, agent, kind_of, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples
from benchmarks.process import party, tell
from benchmarks.stage import stage
from benchmarks.work import CYCLE, T0_MS, telemetry
from gateway.model import Event, Stream
from gateway.runtime import Agent
from simulators.proxy import proxy

RATE_HZ = 10
WARM_EVENTS = 50
HOUR_S = 3_600
ROW_BYTES = 200
Figures = dict[str, float]


def written_bytes() -> int:
    """What this process has caused to be written to storage."""
    with open("/proc/self/io", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))


async def drive(identity: str, folder: str, broker: str, seconds: float, each_s: float, stream: int) -> None:
    """Ten events a second, those of `each_s` seconds at once as a sampler takes them; tells when the bytes count."""
    async with agent(identity, folder, broker) as one, running(one):
        await one.uplink.link.wait_online()
        group = max(1, round(RATE_HZ * each_s))
        # What happens once (keys, dictionary, the first checkpoint) is not scaled to an hour.
        sent = await _append(one, Stream(stream), 0, WARM_EVENTS, group)
        await one.drained(30)
        loop, status = asyncio.get_running_loop(), one.uplink.status()
        before, batches, receipts, begun_s = written_bytes(), status.batches, status.receipts, loop.time()
        tell(begun=True)
        sent = await _append(one, Stream(stream), sent, round(RATE_HZ * seconds), group)
        drained = await one.drained(30)
        status = one.uplink.status()
        tell(
            took_s=loop.time() - begun_s, written=written_bytes() - before, batches=status.batches - batches,
            receipts=status.receipts - receipts, drained=drained, sent=sent, counted=sent - WARM_EVENTS,
        )  # fmt: skip


async def _append(one: Agent, stream: Stream, first: int, count: int, group: int) -> int:
    """Appends on time, however long the ones before take; the number of the next event."""
    kind, rows, loop = kind_of(one, stream), telemetry(), asyncio.get_running_loop()
    begun_s, waiting = loop.time(), []
    for begin in range(first, first + count, group):
        await asyncio.sleep(max(0.0, begun_s + (begin - first) / RATE_HZ - loop.time()))
        now_ms = one.received_ms()
        events = [
            Event(kind, SUBJECT, (T0_MS + i) * 1_000, now_ms, rows[i % CYCLE]) for i in range(begin, begin + group)
        ]
        waiting.append(one.append_many(events))
    done = await asyncio.gather(*waiting)
    assert sum(appended.kept for appended in done) == count, done
    return first + count


async def single(folder: str, count: int) -> None:
    """One commit in raw SQLite for each event, which also deletes the one that was delivered a second ago."""
    db = sqlite3.connect(Path(folder) / "single.db", isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=full")
    db.execute("create table o(id integer primary key, body blob)")
    before = written_bytes()
    for i in range(count):
        db.execute("begin immediate")
        db.execute("insert into o values(?, ?)", (i, os.urandom(ROW_BYTES)))
        db.execute("delete from o where id <= ?", (i - RATE_HZ,))
        db.execute("commit")
    db.close()
    tell(written=written_bytes() - before)


async def _ours(run: Run, name: str, seconds: float, each_s: float, stream: Stream) -> Figures:
    async with stage(run.folder / name, secure=True) as place, place.cloud(0) as far_end:
        await far_end.told("ready")
        async with proxy("127.0.0.1", place.broker.port) as line:
            args: dict[str, Any] = {"seconds": seconds, "each_s": each_s, "stream": int(stream)}
            url = f"mqtts://127.0.0.1:{line.port}"
            async with place.agent("benchmarks.volume:drive", broker=url, **args) as edge:
                await edge.told("begun")
                before = line.bytes_passed
                told = await edge.told_all()
                passed = line.bytes_passed - before
        await far_end.go()
        await far_end.told("closed")
        if not told["drained"]:
            raise NotWholeError("receipts are missing")
        await asyncio.to_thread(check, place.db, told["sent"], stream)
    hour = HOUR_S / told["took_s"]
    return {
        f"{name}_line": passed * hour, f"{name}_flash": told["written"] * hour,
        f"{name}_messages": (told["batches"] + told["receipts"]) * hour, f"{name}_per_event": passed / told["counted"],
    }  # fmt: skip


async def measure(run: Run) -> Figures:
    """As a sampler takes them (all of a second at once), and one each 100 ms; live and bulk."""
    seconds = 15.0 if run.quick else 60.0
    sides = (("sampled", 1.0, Stream.LIVE), ("single", 0.1, Stream.LIVE), ("bulk", 0.1, Stream.BULK))
    found: Figures = {}
    for figures in await asyncio.gather(*(_ours(run, name, seconds, each_s, to) for name, each_s, to in sides)):
        found |= figures
    async with party("benchmarks.volume:single", folder=str(run.folder), count=round(RATE_HZ * seconds)) as raw:
        found["raw_flash"] = (await raw.told("written")) * HOUR_S / seconds
    return found


def rows(samples: Samples) -> list[Row]:
    """The flash goal is for events as a sampler takes them."""
    found = []
    texts = {"sampled": "live, taken each second", "single": "live, one each 100 ms", "bulk": "bulk, one each 100 ms"}
    for name, text in texts.items():
        shown = f"{samples.mid(f'{name}_line') / 1e6:.2f} MB, {samples.mid(f'{name}_messages'):,.0f} messages"
        beside = f"{samples.mid(f'{name}_per_event'):.0f} B an event"
        found.append(Row(f"line per vehicle-hour, TLS, both ways, {text}", shown, "", beside))
        ratio = samples.ratio(f"{name}_flash", "raw_flash")
        beside = f"a commit an event {samples.mid('raw_flash') / 1e6:.0f} MB"
        goal, ok = ("<= 1/5 x", ratio <= 0.2) if name == "sampled" else ("", None)
        flash = f"{samples.mid(f'{name}_flash') / 1e6:.0f} MB"
        found.append(Row(f"flash per vehicle-hour, {text}", flash, goal, beside, f"{ratio:.2f}", ok))
    return found


ENTRY = Entry(
    "volume", "bytes and messages per vehicle-hour at 10 events/s, over TLS 1.3 with client certificates",
    "not full", measure, rows, disk=False,
)  # fmt: skip
