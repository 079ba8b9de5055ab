"""Parties of a comparison as processes that tell figures as lines of JSON; must never outlive its block."""

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 120.0
LINE_BYTES_MAX = 64 << 20


def tell(**figures: Any) -> None:
    """One line for whoever started this process; straight to the descriptor, so that a kill does not lose it."""
    os.write(1, (json.dumps(figures) + "\n").encode())


class Party:
    """A running process; made by `party` or `command`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, errors: Path) -> None:
        self.name, self.pid = name, process.pid
        self._process, self._errors = process, errors

    async def told(self, key: str, limit_s: float = LIMIT_S) -> Any:
        """The value of `key` in the first line that has it; lines before it are dropped. RuntimeError when it ends."""
        assert self._process.stdout is not None
        async with asyncio.timeout(limit_s):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{") and key in (found := json.loads(line)):
                    return found[key]
        raise RuntimeError(f"{self.name} ended without telling {key!r}: {self._errors.read_text('utf-8')[-800:]}")

    async def told_all(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Everything it tells until it ends; RuntimeError when it fails."""
        found: dict[str, Any] = {}
        assert self._process.stdout is not None
        async with asyncio.timeout(limit_s):
            while line := await self._process.stdout.readline():
                if line.startswith(b"{"):
                    found |= json.loads(line)
            if await self._process.wait():
                raise RuntimeError(f"{self.name} failed: {self._errors.read_text('utf-8')[-800:]}")
        return found

    async def go(self) -> None:
        """What waits in `gone()` at the other side goes on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.stdin.wait_closed()

    async def ended(self, limit_s: float = LIMIT_S) -> int:
        """Waits until it is gone by itself; its exit code."""
        async with asyncio.timeout(limit_s):
            return await self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    async def kill(self) -> None:
        """SIGKILL, and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def gone() -> None:
    """In a party: returns when whoever started it says go (closes our input), or is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


@contextlib.asynccontextmanager
async def command(name: str, *words: str) -> AsyncIterator[Party]:
    """Runs a command that tells figures."""
    with tempfile.NamedTemporaryFile(prefix=f"bench-{name}-") as errors:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors.fileno(),
            limit=LINE_BYTES_MAX,
        )  # fmt: skip
        one = Party(name, process, Path(errors.name))
        try:
            yield one
        finally:
            await one.kill()
            process._transport.close()  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def party(target: str, **args: Any) -> AsyncIterator[Party]:
    """Runs the coroutine function `module:function` of this package with JSON-able arguments in a process."""
    words = [sys.executable, "-m", "benchmarks.process", target, json.dumps(args)]
    async with command(target.rpartition(":")[2], *words) as one:
        yield one


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(":")
    asyncio.run(getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2])))
