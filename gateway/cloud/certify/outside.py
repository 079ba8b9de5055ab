"""Commands of the operator that certify runs: to count effects, to restart the subscriber; must never use a shell."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable

from gateway.errors import ConfigError


def counter(template: str) -> Callable[[str, int, str], Awaitable[int]]:
    """Asks for the number of effects of (device, epoch, stream): the last word that the filled command prints."""

    async def count(device: str, epoch: int, stream: str) -> int:
        filled = template.format(device=device, epoch=epoch, stream=stream)
        text = await _output(filled)
        try:
            return int(text.split()[-1])
        except (IndexError, ValueError):
            raise ConfigError(f"the query printed {text[:80]!r}, not a number: {filled}") from None

    return count


def runner(command: str) -> Callable[[], Awaitable[None]]:
    """Runs a command to its end."""

    async def restart() -> None:
        await _output(command)

    return restart


async def _output(command: str) -> str:
    process = await asyncio.create_subprocess_exec(*shlex.split(command), stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode("utf-8", "replace")
