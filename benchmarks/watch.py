"""What a process uses of the machine, measured from inside; must never import more than it needs for that."""

import asyncio
import time

SETTLE_S = 3.0


def resident_mb() -> float:
    """Resident memory of this process."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1_024


async def watch(seconds: float) -> dict[str, float]:
    """Share of a core over some seconds, after the first have passed."""
    await asyncio.sleep(SETTLE_S)
    begun_s, cpu_s = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    share = (time.process_time() - cpu_s) / (time.monotonic() - begun_s) * 100
    return {"cpu": share, "rss": resident_mb()}
