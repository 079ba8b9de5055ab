"""A device that takes commands, over several lives on one store; must never share a life between two tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.flow.commands import CommandRouter
from gateway.flow.journal import Stage
from gateway.flow.schema import schema
from gateway.store import Store
from gateway.wire.signing import sign

TOPIC = "forecourt/v1/device-1/down/cmd"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECOND_US = 1_000_000


class Answers:
    """A control stream that keeps what it is given, and can be told to fail."""

    def __init__(self) -> None:
        self.replies: list[control_pb2.CommandReply] = []
        self.failing = False
        self._came = asyncio.Event()

    async def append_control(self, record: control_pb2.ControlRecord) -> None:
        """Keeps a reply."""
        if self.failing:
            raise StoreError("the disk refuses")
        self.replies.append(record.reply)
        self._came.set()

    async def final(self, count: int = 1) -> list[control_pb2.CommandReply]:
        """Returns when so many final replies are there."""
        async with asyncio.timeout(10):
            while True:
                found = [reply for reply in self.replies if reply.stage >= Stage.DONE]
                if len(found) >= count:
                    return found
                self._came.clear()
                await self._came.wait()

    def stages(self, command: int) -> list[int]:
        """The stages that were told of a command, in order."""
        return [reply.stage for reply in self.replies if reply.command == command]


class World:
    """One device over several lives: its folder stays, everything else is made anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.ran: list[bytes] = []
        self.hold: asyncio.Event | None = None
        self.began = asyncio.Event()
        self._counter = 0

    @contextlib.asynccontextmanager
    async def life(
        self, answers: Answers, more: Callable[[CommandRouter], None] | None = None
    ) -> AsyncIterator[CommandRouter]:
        """A process: store and router from start to the end of the block, which is a kill for the router."""
        store = await Store.open(self.folder, clock=self.clock, bytes_max=1 << 20, migrations=[schema])
        try:
            router = CommandRouter(
                store, answers, self.clock, TOPIC, [Ed25519PrivateKey.generate().public_key(), KEY.public_key()]
            )
            router.register("test.echo", self.echo)
            router.register("test.safe", self.echo, safe=True)
            if more is not None:
                more(router)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(router.run())
                try:
                    yield router
                finally:
                    task.cancel()
        finally:
            await store.aclose()

    async def echo(self, body: bytes) -> bytes:
        """A handler that notes that it ran."""
        self.ran.append(body)
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        return b"echo " + body

    def command(self, number: int = 1, kind: str = "test.echo", body: bytes = b"x", **fields: int) -> bytes:
        """A signed command, valid for a minute."""
        now = self.clock.wall_us()
        self._counter += 1
        message = downlink_pb2.Command(
            id=number, kind=kind, issued_us=now, not_after_us=now + 60 * SECOND_US, counter=self._counter, body=body
        )
        for name, value in fields.items():
            setattr(message, name, value)
        return sign(KEY, TOPIC, message.SerializeToString())


async def give(router: CommandRouter, payload: bytes) -> None:
    """Offers a command and returns when the router is done with the message."""
    taken = asyncio.Event()
    router.offer(payload, taken.set)
    async with asyncio.timeout(10):
        await taken.wait()
