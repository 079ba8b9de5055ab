"""Agent to effect at the cloud, beside the straight line and ThingsBoard's gateway; must never leave a promise out."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.edge import agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, at_least, at_most
from benchmarks.process import command, tell
from benchmarks.rivals import environment
from benchmarks.stage import stage
from gateway.model import Stream
from tests.kit.broker import mosquitto

WINDOWS = (10_000, 40_000)
Figures = dict[str, float]


async def flood(identity: str, folder: str, broker: str, window: int, count: int) -> None:
    """The edge: appends `count` events as fast as they become durable, and waits for every receipt."""
    async with agent(identity, folder, broker, window) as one, running(one):
        await one.uplink.link.wait_online()
        kind = kind_of(one, Stream.BULK)
        begun_s, cpu_s = time.time(), time.process_time()
        await produce(one, kind, count)
        drained = await one.drained(120)
        tell(begun_s=begun_s, edge_cpu_s=time.process_time() - cpu_s, drained=drained)


async def ours(folder: Path, window: int, count: int) -> Figures:
    """One run of ours; the figures' names end with the window."""
    async with stage(folder) as place, place.cloud(count) as far_end:
        await far_end.told("ready")
        async with place.agent("benchmarks.e2e:flood", window=window, count=count) as edge:
            ended_s = await far_end.told("ended_s")
            told = await edge.told_all()
        await far_end.go()
        cloud_cpu_s = await far_end.told("cpu_s")
        await far_end.told("closed")
        if not told["drained"]:
            raise NotWholeError("receipts are missing")
        await asyncio.to_thread(check, place.db, count)
    return {
        f"ours_{window}": count / (ended_s - told["begun_s"]),
        f"ours_cpu_{window}": told["edge_cpu_s"] / count * 10_000,
        f"ours_cloud_cpu_{window}": cloud_cpu_s / count * 10_000,
    }


async def line(folder: Path, count: int) -> Figures:
    """One run of the straight line."""
    await asyncio.to_thread(folder.mkdir)
    module = (sys.executable, "-m", "benchmarks.rivals.line")
    async with mosquitto() as broker:
        words = (str(broker.port), str(count), str(folder))
        async with command("line-cloud", *module, "cloud", *words) as cloud:
            await asyncio.sleep(1.0)  # it subscribes; its word for that is no JSON
            async with command("line-edge", *module, "edge", *words) as edge:
                near = await edge.told_all()
            far = await cloud.told_all()
    return _rival("line", near | far, count)


async def thingsboard(folder: Path, count: int) -> Figures:
    """One run of ThingsBoard's gateway."""
    await asyncio.to_thread(folder.mkdir)
    await asyncio.to_thread(environment.python)
    async with mosquitto() as broker:
        words = (sys.executable, "-m", "benchmarks.rivals.thingsboard", str(broker.port), str(count), str(folder))
        async with command("thingsboard", *words) as both:
            told = await both.told_all()
    told["edge_cpu_s"] = float(told["edge_cpu_s"])
    return _rival("tb", told, count)


def _rival(name: str, told: dict[str, Any], count: int) -> Figures:
    if not told["whole"]:
        raise NotWholeError(f"{name}: events are missing at the far end: {json.dumps(told)}")
    return {name: count / (told["ended"] - told["begun"]), f"{name}_cpu": told["edge_cpu_s"] / count * 10_000}


async def measure(run: Run) -> Figures:
    """Everybody once, in an order that turns with the rounds."""
    count = run.count(500_000, 200_000)
    sides: list[Callable[[], Coroutine[Any, Any, Figures]]] = [
        *(partial(ours, run.folder / f"ours-{window}", window, count) for window in WINDOWS),
        partial(line, run.folder / "line", run.count(200_000, 60_000)),
    ]
    if run.scale == 1.0:
        sides.append(partial(thingsboard, run.folder / "tb", run.count(40_000, 20_000)))
    turn = run.number % len(sides)
    found: Figures = {}
    for side in (*sides[turn:], *sides[:turn]):
        found |= await side()
    return found


def rows(samples: Samples) -> list[Row]:
    """The goals hold for the window of 10,000."""
    found = []
    for window in WINDOWS:
        what = f"agent to effect, window {window:,}"
        found.append(at_least(what, samples, f"ours_{window}", "line", 0.8, "events/s", "line"))
        if samples.has("tb"):
            found.append(at_least(what, samples, f"ours_{window}", "tb", 10, "events/s", "ThingsBoard"))
        cpu = f"edge CPU s / 10,000 events, window {window:,}"
        found.append(at_most(cpu, samples, f"ours_cpu_{window}", "line_cpu", 1, "s", "line"))
        if samples.has("tb_cpu"):
            found.append(at_most(cpu, samples, f"ours_cpu_{window}", "tb_cpu", 1 / 15, "s", "ThingsBoard"))
    return found


ENTRY = Entry(
    "e2e", "events of 12 fields from the agent to their effect at the cloud, over mosquitto",
    "unreceipted events: 10,000 and 40,000; line: 32 batches of 100; ThingsBoard: packs of 1,000", measure, rows,
)  # fmt: skip
