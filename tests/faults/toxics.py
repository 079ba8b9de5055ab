"""A network that is ill on both sides of the broker; must never end a run while a toxic is still at work."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from gateway.cloud.schema import open_beside
from simulators.proxy import Proxy, proxy
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict
from tests.faults.rig import World, world

PROGRESS_S_MAX = 30.0
HOLD_S = (0.1, 1.5)
HEAL_SHARE = 0.6
STORE_BYTES = 32 << 20
"""So much that outages of seconds evict little under a flood."""
POLL_S = 0.02


def _cut(line: Proxy, _: Random) -> None:
    line.cut()


def _black_hole(line: Proxy, _: Random) -> None:
    line.toxics.black_hole = True


def _late(line: Proxy, rng: Random) -> None:
    line.toxics.latency_s = rng.uniform(0.02, 0.4)
    line.toxics.jitter_s = line.toxics.latency_s * rng.random()


def _slow(line: Proxy, rng: Random) -> None:
    line.toxics.rate_bytes_s = rng.uniform(5_000, 200_000)


def _reset(line: Proxy, _: Random) -> None:
    line.reset()


def _slices(line: Proxy, rng: Random) -> None:
    line.toxics.slice_bytes = rng.choice((1, 7, 100, 1_000))


TOXICS: dict[str, Callable[[Proxy, Random], None]] = {
    "cut": _cut,
    "black hole": _black_hole,
    "latency": _late,
    "slow": _slow,
    "reset": _reset,
    "slices": _slices,
}


async def toxics(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many toxics, in random order and mixture, between agent and broker and between cloud and broker.

    A toxic stays until its line heals, so that several are at work at once. Each kind comes equally often. After the
    last one both lines heal, and events must take effect again within 30 s.
    """
    async with world(folder, 1, seed, start_cloud=False) as one:
        broker = one.broker
        async with proxy(broker.host, broker.port, seed=seed) as up, proxy(broker.host, broker.port, seed=seed) as down:
            one.agent_port, one.cloud_port, one.store_bytes = up.port, down.port, STORE_BYTES
            await one.start_cloud()
            child = await one.start_agent(one.devices[0])
            first_s = await _flowing(one, 0)
            worked: Counter[str] = Counter()
            for done, name in enumerate(_order(one.rng, size)):
                side, line = one.rng.choice((("agent", up), ("cloud", down)))
                TOXICS[name](line, one.rng)
                worked[f"{name} ({side})"] += 1
                await asyncio.sleep(one.rng.uniform(*HOLD_S))
                if one.rng.random() < HEAL_SHARE:
                    line.heal()
                progress(done + 1, size)
            up.heal()
            down.heal()
            seconds = await _flowing(one, await asyncio.to_thread(_effects, one.db))
            await asyncio.to_thread(child.kill)
            verdict = await one.finish(one.devices[0])
            await one.stop_cloud()
    verdict.notes.append(", ".join(f"{name} {count}" for name, count in sorted(worked.items())))
    verdict.notes.append(
        f"{up.connects + down.connects} connections, {up.refused + down.refused} refused; "
        f"first effects after {first_s:.1f} s, after the last toxic {_said(seconds)}"
    )
    verdict.unexplained += seconds > PROGRESS_S_MAX
    return verdict


def _said(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds <= PROGRESS_S_MAX else f"NONE IN {PROGRESS_S_MAX:.0f} s"


def _order(rng: Random, size: int) -> list[str]:
    names = [name for _ in range(-(-size // len(TOXICS))) for name in rng.sample(sorted(TOXICS), len(TOXICS))]
    return names[:size]


async def _flowing(one: World, before: int) -> float:
    """Seconds until there are more effects than `before`; a little over PROGRESS_S_MAX when there are none by then."""
    began = time.monotonic()
    while (took := time.monotonic() - began) <= PROGRESS_S_MAX:
        if await asyncio.to_thread(_effects, one.db) > before:
            break
        await asyncio.sleep(POLL_S)
    return took


def _effects(path: Path) -> int:
    """The number of the newest effect."""
    if not path.exists():
        return 0
    try:
        db = open_beside(path)
    except sqlite3.Error:
        return 0
    try:
        return int(db.execute("select coalesce(max(rowid), 0) from effect_row").fetchone()[0])
    except sqlite3.Error:  # the cloud is making its tables
        return 0
    finally:
        db.close()
