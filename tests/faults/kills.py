"""Kills -9 at random points: of the agent, of the cloud, of the broker; must never choose only harmless moments."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.faults.oracle import Verdict
from tests.faults.rig import World, world

Progress = Callable[[int, int], None]
MODES = ("plain", "withdraw", "evict")
LIVES = 25
YOUNG_S, OLD_S = 0.35, 0.25
TOLD_S_MAX = 60.0
LATE = "withdraw-late"
SAID = {"evict": b"\nevicted\n", LATE: b"\nw late\n"}


def quiet(_: int, __: int) -> None:
    """No progress display."""


async def agent_kills(folder: Path, kills: int, seed: int, progress: Progress = quiet) -> Verdict:
    """Kills the agent at random points, also while it opens, commits, settles, evicts and withdraws.

    Each device lives at most 25 lives, one mode a device. The first is killed while its store is made. In the mode
    `evict` the cloud is away for most of them, so that a small store overflows.
    """
    verdict, done = Verdict(), 0
    of_each = max(1, min(LIVES, -(-kills // len(MODES))))
    async with world(folder, -(-kills // of_each), seed) as one:
        for index, device in enumerate(one.devices):
            mode = MODES[index % len(MODES)]
            lives = min(of_each, kills - done)
            for life in range(lives):
                if mode == "evict" and one.cloud is not None and life < 0.8 * lives:
                    await one.stop_cloud()
                elif one.cloud is None and life >= 0.8 * lives:
                    await one.start_cloud()
                until = _until_told(mode, life, lives)
                now = LATE if until == SAID[LATE] else mode
                await _one_life(one, device, now, first=life == 0, until=until)
                done += 1
                progress(done, kills)
            if one.cloud is None:
                await one.start_cloud()
            verdict.add(await one.finish(device, small=mode == "evict", erasures=mode == "withdraw"))
    return verdict


def _until_told(mode: str, life: int, lives: int) -> bytes:
    """What one life of a device waits for before its kill, so that a slow machine meets every fault too."""
    if mode == "evict" and life < 0.8 * lives <= life + 1:
        return SAID[mode]
    return SAID[LATE] if mode == "withdraw" and life == lives - 1 else b""


async def _one_life(one: World, device: str, mode: str, *, first: bool, until: bytes) -> None:
    child = await one.start_agent(device, mode, small=mode == "evict")
    # A store is made in some tens of milliseconds, an old one opened in fewer; either may be cut.
    await asyncio.sleep(one.rng.uniform(0.0, YOUNG_S if first else OLD_S) + (0.0 if one.rng.random() < 0.2 else 0.05))
    if until:
        await _until(lambda: until in one.log(device).read_bytes(), TOLD_S_MAX)
    await asyncio.to_thread(child.kill)


async def cloud_kills(folder: Path, kills: int, seed: int, progress: Progress = quiet) -> Verdict:
    """Kills the cloud under load; half of the kills come right behind a commit, before its receipt can go."""
    async with world(folder, 1, seed) as one:
        device = one.devices[0]
        child = await one.start_agent(device)
        for done in range(kills):
            before = _commits(one.db)
            if done % 2:
                await _until(lambda old=before: _commits(one.db) != old)  # type: ignore[misc]
            else:
                await asyncio.sleep(one.rng.uniform(0.02, 0.4))
            await one.stop_cloud()
            await one.start_cloud()
            progress(done + 1, kills)
        await asyncio.to_thread(child.kill)
        return await one.finish(device)


async def broker_kills(folder: Path, kills: int, wipes: int, seed: int, progress: Progress = quiet) -> Verdict:
    """Kills the broker under load; `wipes` of the times everything it held is gone."""
    async with world(folder, 1, seed) as one:
        device = one.devices[0]
        child = await one.start_agent(device)
        for done in range(kills):
            await asyncio.sleep(one.rng.uniform(0.1, 0.6))
            await one.broker.kill()
            await asyncio.sleep(one.rng.uniform(0.0, 0.2))
            await one.broker.restart(wipe=done * wipes // kills != (done + 1) * wipes // kills)
            progress(done + 1, kills)
        await asyncio.to_thread(child.kill)
        return await one.finish(device)


def _commits(db: Path) -> tuple[int, int]:
    """Changes when the cloud commits: size and time of its log."""
    try:
        found = db.with_name(db.name + "-wal").stat()
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


async def _until(happened: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Looks every millisecond: there is nothing to wait for in another process's file."""
    async with asyncio.timeout(limit_s):
        while not await asyncio.to_thread(happened):  # noqa: ASYNC110 - another process's file has no event
            await asyncio.sleep(0.001)
