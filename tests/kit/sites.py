"""A cloud in the test's own process that can be stopped and started, and its devices; must never outlive its block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud.audit import audit
from gateway.cloud.certify.player import Player
from gateway.cloud.inbox import Inbox
from gateway.cloud.schema import open_beside
from gateway.cloud.service import Cloud
from gateway.cloud.sinks import Sink
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.identity import Identity, load_cloud
from gateway.identity.pki import Pki
from gateway.link import Endpoint

CLOCK = SystemClock()


class Site:
    """A cloud that can be stopped and started on the same file."""

    def __init__(self, pki: Pki, endpoint: Endpoint, db: Path, sink: Callable[[], Sink] = SqliteSink) -> None:
        self._pki, self._endpoint, self.db, self._sink = pki, endpoint, db, sink
        self.cloud: Cloud
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Opens the inbox and waits until the cloud has subscribed."""
        identity = await asyncio.to_thread(load_cloud, self._pki.cloud)
        self._stack = contextlib.AsyncExitStack()
        inbox = await Inbox.open(self.db, identity.device_key, clock=CLOCK, sink=self._sink())
        self._stack.push_async_callback(inbox.aclose)
        self.cloud = Cloud(identity, self._endpoint, inbox, clock=CLOCK)
        await self._stack.enter_async_context(background(self.cloud.run()))
        await self.cloud.ready.wait()

    async def stop(self) -> None:
        """Says farewell and closes the file."""
        await self._stack.aclose()

    async def restart(self) -> None:
        """Both."""
        await self.stop()
        await self.start()


@contextlib.asynccontextmanager
async def background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs coroutines beside the block and cancels them at its end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def site(
    pki: Pki, endpoint: Endpoint, tmp_path: Path, sink: Callable[[], Sink] = SqliteSink
) -> AsyncIterator[Site]:
    """A started site."""
    made = Site(pki, endpoint, tmp_path / "cloud.db", sink)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def player(identity: Identity, endpoint: Endpoint) -> AsyncIterator[Player]:
    """A device on the broker, born."""
    made = Player(identity, endpoint, patience_s=10)
    async with background(made.run()):
        await made.begin()
        yield made


def rows(db: Path, device: str, epoch: int, stream: str) -> int:
    """Effects of a stream, counted row by row; a duplicate would fail at once."""
    with closing(open_beside(db)) as connection:
        for found in audit(connection, device):
            assert (found.duplicates, found.faithful) == (0, True)
            if (found.key.epoch, found.key.stream.word) == (epoch, stream):
                return found.effects
    return 0
