"""SIGTERM under load, of agent and cloud; must never send it before the process has begun its work."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.kills import quiet
from tests.faults.oracle import Verdict
from tests.faults.rig import World, world
from tests.kit.zygote import Child

STOP_S_MAX = 5.0
GIVE_UP_S = 20.0
LOAD_S = (0.2, 1.0)


async def stops(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many orderly ends: the agent each time, the cloud in every third, the broker away in every fifth.

    Each must exit with 0 within 5 s, whoever it talks to.
    """
    slowest, wrong, clouds = 0.0, [], 0
    async with world(folder, 1, seed) as one:
        device = one.devices[0]
        for done in range(size):
            child = await _started(one, device)
            await asyncio.sleep(one.rng.uniform(*LOAD_S))
            ends = {"agent": child}
            if done % 3 == 2 and one.cloud is not None:
                ends["cloud"], one.cloud, clouds = one.cloud, None, clouds + 1
            away = done % 5 == 3
            if away:
                await one.broker.kill()
            for name, (seconds, status) in zip(ends, await asyncio.gather(*map(_stop, ends.values())), strict=True):
                slowest = max(slowest, seconds)
                if status or seconds > STOP_S_MAX:
                    wrong.append(f"stop {done} of the {name}: status {status} after {seconds:.1f} s")
            if away:
                await one.broker.restart()
            if one.cloud is None:
                await one.start_cloud()
            progress(done + 1, size)
        verdict = await one.finish(device)
    verdict.notes += [f"{size} stops of the agent, {clouds} of the cloud, slowest {slowest:.2f} s", *wrong]
    verdict.unexplained += len(wrong)
    return verdict


async def _started(one: World, device: str) -> Child:
    """A life that has told that something was accepted."""
    log = one.log(device)
    before = await asyncio.to_thread(_told, log)
    child = await one.start_agent(device, "stop")
    async with asyncio.timeout(GIVE_UP_S):
        while await asyncio.to_thread(_told, log) == before:  # noqa: ASYNC110 - another process's file has no event
            await asyncio.sleep(0.005)
    return child


def _told(log: Path) -> int:
    return log.read_bytes().count(b"\na ") if log.exists() else 0


async def _stop(child: Child) -> tuple[float, int]:
    """Seconds until it is gone, and its status; killed where it does not go."""
    began = time.monotonic()
    child.terminate()
    while not await asyncio.to_thread(ended, child.pid):
        if time.monotonic() - began > GIVE_UP_S:
            await asyncio.to_thread(child.kill)
            return GIVE_UP_S, -signal.SIGKILL
        await asyncio.sleep(0.005)
    return time.monotonic() - began, await asyncio.to_thread(child.wait)


def ended(pid: int) -> bool:
    """Whether only its status is left: state Z of /proc/PID/stat, behind the name in brackets."""
    return Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"
