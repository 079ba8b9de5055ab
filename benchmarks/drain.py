"""A long backlog on its way to the cloud, and urgent events that overtake it; must never count a drain with a hole."""

import asyncio
import time

from benchmarks import e2e
from benchmarks.edge import SUBJECT, agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, at_least, bound
from benchmarks.process import tell
from benchmarks.stage import stage
from benchmarks.work import CYCLE, T0_MS, telemetry
from gateway.model import Event, Stream
from gateway.runtime import Agent

WINDOW = 10_000
EVERY_S = 0.05
Figures = dict[str, float]


async def late(identity: str, folder: str, broker: str, count: int) -> None:
    """Collects `count` events without a link, then drains them while an urgent event comes every 50 ms."""
    async with agent(identity, folder, broker, WINDOW) as one:
        await produce(one, kind_of(one, Stream.BULK), count)
        urgent: dict[int, float] = {}
        async with running(one) as group:
            await one.uplink.link.wait_online()
            begun_s = time.time()
            marks = group.create_task(_marks(one, urgent), name="marks")
            receipt = asyncio.Event()
            one.uplink.on_receipt.append(receipt.set)
            while one.outbox.floor[Stream.BULK] < count:
                receipt.clear()
                await receipt.wait()
            marks.cancel()
            drained = await one.drained(60)
        tell(begun_s=begun_s, urgent=list(urgent.items()), drained=drained)


async def _marks(one: Agent, at_s: dict[int, float]) -> None:
    kind, rows = kind_of(one, Stream.URGENT), telemetry()
    while True:
        i = len(at_s)
        ts_us = (T0_MS + i) * 1_000
        at_s[ts_us] = time.time()
        one.append(Event(kind, SUBJECT, ts_us, one.received_ms(), rows[i % CYCLE]))
        await asyncio.sleep(EVERY_S)


async def measure(run: Run) -> Figures:
    """The steady rate, then the drain."""
    count = run.count(1_000_000, 200_000)
    steady = await e2e.ours(run.folder / "steady", WINDOW, run.count(300_000, 100_000))
    async with stage(run.folder / "drain") as place, place.cloud(count) as far_end:
        await far_end.told("ready")
        async with place.agent("benchmarks.drain:late", count=count) as edge:
            ended_s = await far_end.told("ended_s")
            told = await edge.told_all()
        await far_end.go()
        effects = dict(await far_end.told("urgent"))
        await far_end.told("closed")
        if not told["drained"]:
            raise NotWholeError("receipts are missing")
        await asyncio.to_thread(check, place.db, count)
        await asyncio.to_thread(check, place.db, len(told["urgent"]), Stream.URGENT)
    took_ms = sorted((effects[ts_us] - at_s) * 1_000 for ts_us, at_s in told["urgent"])
    return {
        "steady": steady[f"ours_{WINDOW}"],
        "drain": count / (ended_s - told["begun_s"]),
        "urgent_p50": took_ms[len(took_ms) // 2],
        "urgent_worst": took_ms[-1],
        "urgent_events": len(took_ms),
        "backlog": count,
    }


def rows(samples: Samples) -> list[Row]:
    """The rate counts from online to the last effect."""
    what = f"drain of {samples.mid('backlog'):,.0f} events"
    beside = f"p50 {samples.mid('urgent_p50'):.0f}, of {samples.mid('urgent_events'):.0f} events a round"
    return [
        at_least(what, samples, "drain", "steady", 1, "events/s", "steady rate"),
        bound("urgent to effect meanwhile, worst", samples.worst("urgent_worst"), 250, "ms", beside=beside),
    ]


ENTRY = Entry(
    "drain", "a backlog drains while urgent events come", f"unreceipted {WINDOW:,}; urgent has 1,000 above it", measure,
    rows,
)  # fmt: skip
