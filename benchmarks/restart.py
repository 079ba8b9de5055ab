"""A hanging cloud is killed while a whole window waits for receipts, and comes again; must never begin with none."""

import asyncio
import time

from benchmarks.edge import GROUP, agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, bound
from benchmarks.process import gone, tell
from benchmarks.stage import stage
from gateway.model import Stream
from gateway.runtime import Agent

WINDOW = 10_000
AHEAD = 3 * WINDOW
STILL_S = 0.5
Figures = dict[str, float]


async def steady(identity: str, folder: str, broker: str) -> None:
    """Keeps some windows ahead of the receipts until told to go; tells `full` whenever the window stands still."""
    async with agent(identity, folder, broker, WINDOW) as one, running(one) as group:
        watching = group.create_task(_watch(one), name="watch")
        stop = group.create_task(gone(), name="gone")
        kind, count = kind_of(one, Stream.BULK), 0
        while not stop.done():
            if count - one.uplink.status().streams[Stream.BULK].floor < AHEAD:
                await produce(one, kind, WINDOW, first=count)
                count += WINDOW
            else:
                await asyncio.sleep(0.005)
        watching.cancel()
        tell(drained=await one.drained(60), count=count)


async def _watch(one: Agent) -> None:
    loop = asyncio.get_running_loop()
    floor, since_s, told = -1, loop.time(), False
    while True:
        status = one.uplink.status()
        if status.streams[Stream.BULK].floor != floor:
            floor, since_s, told = status.streams[Stream.BULK].floor, loop.time(), False
        elif not told and loop.time() - since_s > STILL_S and status.unreceipted >= WINDOW - 2 * GROUP * 5:
            tell(full=status.unreceipted)
            told = True
        await asyncio.sleep(0.02)


async def measure(run: Run) -> Figures:
    """Kills and restarts in a row; seconds from the new cloud's subscription to its first new effect."""
    times = 2 if run.quick else 6
    took_s: list[float] = []
    async with stage(run.folder / "restart") as place, place.agent("benchmarks.restart:steady") as edge:
        for _ in range(times):
            async with place.cloud(0) as far_end:
                await far_end.told("first_s")
                await asyncio.sleep(0.3)
                far_end.freeze()  # a cloud that is gone is noticed, and nothing more is sent
                await edge.told("full")
                await far_end.kill()
            async with place.cloud(0) as far_end:
                await far_end.told("ready")
                ready_s = time.time()
                took_s.append(max(0.0, await far_end.told("first_s") - ready_s))
                await far_end.go()
                await far_end.told("closed")
        async with place.cloud(0) as far_end:
            await far_end.told("ready")
            await edge.go()
            told = await edge.told_all()
            await far_end.go()
            await far_end.told("closed")
        if not told["drained"]:
            raise NotWholeError("receipts are missing")
        await asyncio.to_thread(check, place.db, told["count"])
    return {"worst_s": max(took_s), "median_s": sorted(took_s)[len(took_s) // 2], "restarts": len(took_s)}


def rows(samples: Samples) -> list[Row]:
    """The worst of all rounds."""
    beside = f"median {samples.mid('median_s'):.2f}, {sum(samples.all('restarts')):.0f} restarts"
    what = "cloud hung and killed with a full window: flowing again, worst"
    return [bound(what, samples.worst("worst_s"), 1, "s", beside=beside)]


ENTRY = Entry(
    "restart", "seconds from a restarted cloud's subscription to its first new effect", f"unreceipted {WINDOW:,}, full",
    measure, rows, disk=False,
)  # fmt: skip
