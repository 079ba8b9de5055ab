"""Waits for a door; must never take a socket that nobody serves yet for an open one."""

import asyncio
from pathlib import Path

from gateway.door import ask
from gateway.errors import InputError, LinkError


async def opened(path: Path, limit_s: float = 15.0) -> None:
    """Returns when the door at `path` answers; it is made by a task or process that tells nothing else."""
    async with asyncio.timeout(limit_s):
        while True:
            try:
                await asyncio.to_thread(ask, path, "is anybody there")
            except InputError:
                return
            except LinkError:
                await asyncio.sleep(0.01)
