"""The look at what lay on the disk at the start, a little at a time; must never end because one look failed."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.errors import ForecourtError
from gateway.log import Log

log = Log("runtime")
PAUSE_S = 0.25
AGAIN_S = 60.0


async def look_over(check: Callable[[], Awaitable[bool]], pause_s: float = PAUSE_S, again_s: float = AGAIN_S) -> None:
    """Calls `check` until it says that nothing is left; a failure passes (a full disk) or ends the agent elsewhere."""
    left = True
    while left:
        try:
            left = await check()
        except ForecourtError as error:
            log.warning("damage_check_failed", error=type(error).__name__)
            await asyncio.sleep(again_s)
        await asyncio.sleep(pause_s)
