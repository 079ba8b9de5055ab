"""A broker that does what a test writes: refuse, stall, lie, cut packets in half; must never be fair by itself.

async def script(peer: Peer) -> None:      # one call for each connection
    await peer.welcome(receive_maximum=2)
    published = await peer.expect(PUBLISH)
    await peer.send(puback(published.mid, 0x87))

async with scripted(script) as broker:
    Connection(broker.endpoint(), …)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

from gateway.link import Endpoint
from tests.kit import mqtt
from tests.kit.mqtt import Packet

EXPECT_S = 10.0


class Peer:
    """One client's connection, from the broker's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self._reader, self._writer = reader, writer
        self.number = number
        self.seen: list[Packet] = []
        self.gone = asyncio.Event()

    async def read(self) -> Packet | None:
        """The next packet; None at the end of the connection."""
        try:
            head = await self._reader.readexactly(1)
            length, shift, size = 0, 0, 1
            while True:
                byte = (await self._reader.readexactly(1))[0]
                size += 1
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
            return None
        packet = mqtt.parse(head[0] >> 4, head[0] & 15, body, size + length)
        self.seen.append(packet)
        return packet

    async def expect(self, kind: int) -> Packet:
        """The next packet of this kind; others are read over (and kept in `seen`)."""
        async with asyncio.timeout(EXPECT_S):
            while True:
                packet = await self.read()
                assert packet is not None, f"the client left before a packet of type {kind}"
                if packet.kind == kind:
                    return packet

    async def until_gone(self) -> None:
        """Reads until the client is gone; everything is in `seen`."""
        async with asyncio.timeout(EXPECT_S):
            while await self.read() is not None:
                pass

    async def silence(self) -> None:
        """Reads nothing more and answers nothing, until the test ends."""
        await asyncio.Event().wait()

    async def welcome(self, code: int = 0, session_present: bool = False, **properties: object) -> Packet:
        """Reads CONNECT and answers CONNACK."""
        connect = await self.expect(mqtt.CONNECT)
        await self.send(mqtt.connack(code, session_present, **properties))
        return connect

    async def grant(self) -> Packet:
        """Reads SUBSCRIBE and grants QoS 1 for all."""
        asked = await self.expect(mqtt.SUBSCRIBE)
        await self.send(mqtt.suback(asked.mid, *[1] * len(asked.filters)))
        return asked

    async def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def send_in_pieces(self, data: bytes, size: int = 1) -> None:
        """Sends bytes in pieces that arrive apart: between two, the loop turns until the client has read."""
        for start in range(0, len(data), size):
            await self.send(data[start : start + size])
            await asyncio.sleep(0)

    def reset(self) -> None:
        """Ends the connection with a TCP reset."""
        self._writer.transport.abort()

    @property
    def publishes(self) -> list[Packet]:
        """Every PUBLISH so far."""
        return [packet for packet in self.seen if packet.kind == mqtt.PUBLISH]


@dataclass
class Scripted:
    """The running broker of one test."""

    port: int
    peers: list[Peer] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def endpoint(self, **terms: object) -> Endpoint:
        """The endpoint for a connection; `terms` replace those of Endpoint."""
        return replace(Endpoint("127.0.0.1", self.port), **terms)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def scripted(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[Scripted]:
    """A broker on 127.0.0.1 that runs `script` for each connection, then closes it; a failed script fails the test."""
    broker = Scripted(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, len(broker.peers))
        broker.peers.append(peer)
        try:
            await script(peer)
        except asyncio.CancelledError:
            pass
        except BaseException as failure:  # noqa: BLE001  it is raised again where the test sees it
            broker.failures.append(failure)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    crew: set[asyncio.Task[None]] = set()

    async with asyncio.TaskGroup() as tg:

        def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            crew.add(tg.create_task(serve(reader, writer), name="scripted-peer"))

        server = await asyncio.start_server(arrived, "127.0.0.1", 0)
        broker.port = server.sockets[0].getsockname()[1]
        failed: BaseException | None = None
        try:
            yield broker
        except BaseException as failure:  # noqa: BLE001  raised below, outside of the group
            failed = failure
        server.close()
        for task in crew:
            task.cancel()
    if failed is not None:
        raise failed
    if broker.failures:
        raise broker.failures[0]
