"""How long an urgent append takes to be durable, and what the agent does to its loop; must never leave the link out."""

import asyncio
import time
from pathlib import Path

from benchmarks.edge import SUBJECT, agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, bound
from benchmarks.process import party, tell
from benchmarks.rivals.line import database
from benchmarks.stage import stage
from benchmarks.work import CYCLE, T0_MS, telemetry
from gateway.model import Event, Stream
from gateway.runtime import Agent

RATE_HZ = 500
BULK_HZ = 20_000
TICK_S = 0.001
BULK_SHARE_MIN = 0.95
Figures = dict[str, float]


async def stall_ms(seconds: float) -> float:
    """The longest that a sleep of a millisecond took longer than that."""
    loop = asyncio.get_running_loop()
    end_s, worst_s = loop.time() + seconds, 0.0
    while (begun_s := loop.time()) < end_s:
        await asyncio.sleep(TICK_S)
        worst_s = max(worst_s, loop.time() - begun_s - TICK_S)
    return worst_s * 1_000


async def idle(folder: str, seconds: float) -> None:
    """What the machine does to somebody who asks for little: an idle loop, then raw commits at the same rate."""
    stall = await stall_ms(seconds)
    took_ms = await asyncio.to_thread(raw_commits, Path(folder) / "raw.db", round(RATE_HZ * seconds))
    tell(stall_ms=stall, raw_p50=took_ms[len(took_ms) // 2], raw_p99=took_ms[int(len(took_ms) * 0.99)])


def raw_commits(path: Path, count: int) -> list[float]:
    """Milliseconds of each commit of one row with synchronous FULL, at the rate of the urgent events, sorted."""
    db = database(path, "create table o(id integer primary key, body blob)", "full")
    begun_s, took_ms = time.perf_counter(), []
    for i in range(count):
        time.sleep(max(0.0, begun_s + i / RATE_HZ - time.perf_counter()))
        from_s = time.perf_counter()
        db.execute("insert into o values(?, ?)", (i, bytes(200)))
        took_ms.append((time.perf_counter() - from_s) * 1_000)
    db.close()
    return sorted(took_ms)


async def load(identity: str, folder: str, broker: str, seconds: float, bulk: bool) -> None:
    """Urgent events one by one, each awaited for itself, alone or beside bulk events."""
    async with agent(identity, folder, broker, 40_000) as one, running(one) as group:
        await one.uplink.link.wait_online()
        took_ms: list[float] = []
        bulk_count = round(BULK_HZ * seconds) if bulk else 0
        begun_s = asyncio.get_running_loop().time()
        stall = group.create_task(stall_ms(seconds), name="stall")
        flood = group.create_task(_bulk(one, bulk_count), name="bulk")
        await _urgent(one, round(RATE_HZ * seconds), took_ms)
        bulk_s = await flood - begun_s
        drained = await one.drained(60)
        took_ms.sort()
        tell(
            p50=took_ms[len(took_ms) // 2], p99=took_ms[int(len(took_ms) * 0.99)], worst=took_ms[-1],
            stall=await stall, bulk_hz=bulk_count / bulk_s, drained=drained, count=len(took_ms),
        )  # fmt: skip


async def _bulk(one: Agent, count: int) -> float:
    return await produce(one, kind_of(one, Stream.BULK), count, rate_hz=BULK_HZ)


async def _urgent(one: Agent, count: int, took_ms: list[float]) -> None:
    """Appends on time, however long the ones before take."""
    kind, rows, loop = kind_of(one, Stream.URGENT), telemetry(), asyncio.get_running_loop()
    begun_s = loop.time()
    async with asyncio.TaskGroup() as group:
        for i in range(count):
            await asyncio.sleep(max(0.0, begun_s + i / RATE_HZ - loop.time()))
            event = Event(kind, SUBJECT, (T0_MS + i) * 1_000, one.received_ms(), rows[i % CYCLE])
            group.create_task(_one(one, event, took_ms), name="urgent")


async def _one(one: Agent, event: Event, took_ms: list[float]) -> None:
    begun_s = time.perf_counter()
    done = await one.append(event)
    took_ms.append((time.perf_counter() - begun_s) * 1_000)
    assert done.kept == 1, done


async def measure(run: Run) -> Figures:
    """An idle loop, urgent events alone, urgent events beside bulk."""
    seconds = (4.0 if run.quick else 10.0) * run.scale
    async with party("benchmarks.urgent:idle", folder=str(run.folder), seconds=seconds) as quiet:
        told = await quiet.told_all()
    found: Figures = {"idle_stall": told["stall_ms"], "raw_p50": told["raw_p50"], "raw_p99": told["raw_p99"]}
    for name, bulk in (("alone", False), ("beside", True)):
        async with stage(run.folder / name) as place, place.cloud(0) as far_end:
            await far_end.told("ready")
            async with place.agent("benchmarks.urgent:load", seconds=seconds, bulk=bulk) as edge:
                told = await edge.told_all()
            await far_end.go()
            await far_end.told("closed")
            if not told["drained"]:
                raise NotWholeError("receipts are missing")
            await asyncio.to_thread(check, place.db, told["count"], Stream.URGENT)
            if bulk:
                await asyncio.to_thread(check, place.db, round(BULK_HZ * seconds))
                found["bulk_hz"] = told["bulk_hz"]
        found |= {f"{name}_{key}": told[key] for key in ("p50", "p99", "worst", "stall")}
    return found


def rows(samples: Samples) -> list[Row]:
    """A disk takes its time, so the bound for urgent events alone has its share in it."""
    over = Samples([{"x": one["alone_p99"] - 2 * one["fdatasync_ms"]} for one in samples.rounds])
    spread = "p50 {:.2f}, worst {:.1f}"
    raw = f"raw SQLite p50 {samples.mid('raw_p50'):.2f}, p99 {samples.mid('raw_p99'):.2f}"
    alone, beside = (spread.format(samples.mid(f"{n}_p50"), samples.worst(f"{n}_worst")) for n in ("alone", "beside"))
    bulk_hz = samples.mid("bulk_hz")
    found = [
        Row(
            f"urgent append, {RATE_HZ}/s, p99", f"{samples.mid('alone_p99'):.2f} ms", "<= 5 ms + 2 x fdatasync",
            f"{alone}; {raw}", "", over.mid("x") <= 5,
        ),
        bound(f"the same beside {bulk_hz:,.0f} bulk events/s", samples.mid("beside_p99"), 10, "ms", beside=beside),
    ]  # fmt: skip
    if bulk_hz < BULK_HZ * BULK_SHARE_MIN:
        found.append(Row(f"bulk events/s reached, of {BULK_HZ:,}", f"{bulk_hz:,.0f}", ok=False))
    for name, what in (("alone", "urgent alone"), ("beside", "beside bulk")):
        ratio = samples.ratio(f"{name}_stall", "idle_stall")
        stall, idle_ms = samples.mid(f"{name}_stall"), samples.mid("idle_stall")
        ok = ratio <= 5 if name == "alone" else None
        goal = "<= 5 x" if name == "alone" else ""
        found.append(
            Row(f"loop stall, {what}", f"{stall:.1f} ms", goal, f"idle loop {idle_ms:.1f}", f"{ratio:.1f}", ok)
        )
    return found


ENTRY = Entry(
    "urgent", "urgent appends until durable, and the longest stall of the agent's loop, with broker and cloud",
    f"{RATE_HZ} urgent events/s, unreceipted 40,000", measure, rows,
)  # fmt: skip
