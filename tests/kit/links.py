"""Connections for tests; must never hide how one ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from gateway.link import Connection, Endpoint, Message, Will


class Inbox:
    """Keeps what a connection brings; acknowledges at once unless told otherwise."""

    def __init__(self, ack: bool = True) -> None:
        self.messages: list[Message] = []
        self._ack, self._arrived = ack, asyncio.Event()

    def __call__(self, connection: Connection, message: Message) -> None:
        self.messages.append(message)
        if self._ack:
            connection.ack(message)
        self._arrived.set()

    async def count(self, wanted: int, timeout_s: float = 10.0) -> list[Message]:
        """Returns when at least `wanted` messages are here."""
        async with asyncio.timeout(timeout_s):
            while len(self.messages) < wanted:
                self._arrived.clear()
                await self._arrived.wait()
        return self.messages


@contextlib.asynccontextmanager
async def connected(
    endpoint: Endpoint,
    client_id: str = "device-1",
    *,
    on_message: Callable[[Connection, Message], None] | None = None,
    will: Will | None = None,
    receive_maximum: int = 256,
    window_max: int = 64,
) -> AsyncIterator[Connection]:
    """A connection that has been welcomed; aborted at the end of the block."""
    connection = Connection(
        endpoint,
        client_id,
        on_message=on_message or Inbox(),
        will=will,
        receive_maximum=receive_maximum,
        window_max=window_max,
    )
    try:
        async with asyncio.timeout(endpoint.connect_timeout_s):
            await connection.dial()
            await connection.greet()
        yield connection
    finally:
        connection.abort("the test is over")


async def ended(connection: Connection, timeout_s: float = 10.0) -> str:
    """Returns why the connection ended, as soon as it has."""
    async with asyncio.timeout(timeout_s):
        return await asyncio.shield(connection.closed)
