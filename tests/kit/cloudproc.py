"""A cloud in a process of its own that tells each commit, so that it can be killed; must never outlive its block.

`python -m tests.kit.cloudproc FOLDER URL DB RECEIPT_INTERVAL_S` prints `ready`, then `admitted N` for each message.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud.inbox import Inbox
from gateway.cloud.outcome import Outcome
from gateway.cloud.service import Cloud
from gateway.identity import load_cloud
from gateway.link import Endpoint


class CloudProcess:
    """The tests' side of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """The next thing it tells."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def until(self, text: str) -> None:
        """Reads on until it tells this."""
        async with asyncio.timeout(15):
            while (told := await self.line()) != text:
                assert told, f"the cloud ended before it told {text!r}"

    async def kill(self) -> None:
        """SIGKILL, as a power cut that spares the disk."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@contextlib.asynccontextmanager
async def cloud_process(
    folder: Path, url: str, db: Path, receipt_interval_s: float = 0.05
) -> AsyncIterator[CloudProcess]:
    """A cloud that is ready; killed at the end of the block."""
    words = [sys.executable, "-m", "tests.kit.cloudproc", str(folder), url, str(db), str(receipt_interval_s)]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=dict(os.environ))
    made = CloudProcess(process)
    try:
        await made.until("ready")
        yield made
    finally:
        await made.kill()


async def _serve(folder: Path, url: str, db: Path, receipt_interval_s: float) -> None:
    clock, identity = SystemClock(), await asyncio.to_thread(load_cloud, folder)
    inbox = await Inbox.open(db, identity.device_key, clock=clock)

    def tell(outcome: Outcome) -> None:
        print(f"admitted {outcome.new}", flush=True)

    cloud = Cloud(
        identity, Endpoint.parse(url), inbox, clock=clock, receipt_interval_s=receipt_interval_s, on_outcome=tell
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(cloud.run(), name="cloud")
        await cloud.ready.wait()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
