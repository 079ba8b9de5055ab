"""A TCP proxy with the usual toxics of a network; must never change the order or the content of what it lets through.

Toxics work on both directions of every connection:

    cut         what is open is reset, and nothing can be opened
    black_hole  nothing passes, not even an end; connections stay, and go on when it is over, as TCP's would
    latency_s, jitter_s   each piece arrives that much later, pieces overlap on the way
    rate_bytes_s          a slow line
    slice_bytes           pieces of that size at most, so that packets arrive in halves

`reset` ends what is open now, with a reset as of a peer that has forgotten the connection.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.errors import ConfigError

CHUNK: Final = 65_536
PIECES_MAX: Final = 256
POLL_S: Final = 0.01
CLOSE_S: Final = 5.0
HOST: Final = "127.0.0.1"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Toxics:
    """What is wrong with the network now. Seconds, bytes per second, bytes; all may be changed at any time."""

    cut: bool = False
    black_hole: bool = False
    latency_s: float = 0.0
    jitter_s: float = 0.0
    rate_bytes_s: float | None = None
    slice_bytes: int | None = None


class Proxy:
    """Listens on 127.0.0.1 and forwards to one address; made by `proxy`."""

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.toxics = Toxics()
        self.port = 0
        self.connects = self.refused = self.bytes_passed = 0
        self._host, self._target = host, port
        self._rng = Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving = 0
        self._idle = asyncio.Event()

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """The line is cut: what is open ends, and nothing can be opened."""
        self.toxics.cut = True
        self.reset()

    def heal(self) -> None:
        """The network is well again; connections that a black hole held go on."""
        self.toxics = Toxics()

    def reset(self) -> None:
        """Resets every open connection at both ends."""
        for writer in list(self._writers):
            _reset(writer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._serving += 1
        self._idle.clear()
        try:
            await self._serve(reader, writer)
        finally:
            self._serving -= 1
            if not self._serving:
                self._idle.set()

    async def idle(self) -> None:
        """Until no connection is open."""
        if self._serving:
            await self._idle.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._through_the_hole()
            if self.toxics.cut:
                raise ConnectionError("the line is cut")
            far_reader, far_writer = await asyncio.open_connection(self._host, self._target)
        except OSError:
            self.refused += 1
            _reset(writer)
            return
        self.connects += 1
        self._writers |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                for source, sink in ((reader, far_writer), (far_reader, writer)):
                    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_MAX)
                    group.create_task(self._take(source, pieces), name="proxy-take")
                    group.create_task(self._give(pieces, sink), name="proxy-give")
        except* OSError:
            for end in (writer, far_writer):  # one end broke: the other learns it the same way
                _reset(end)
        finally:
            self._writers -= {writer, far_writer}
            for end in (writer, far_writer):
                end.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, pieces: "asyncio.Queue[tuple[float, bytes]]") -> None:
        """Cuts what comes into pieces, each with the time at which it arrives; an empty one is the end."""
        loop = asyncio.get_running_loop()
        due_s = 0.0
        while True:
            data = await reader.read(CHUNK)
            size = self.toxics.slice_bytes or CHUNK
            for start in range(0, max(len(data), 1), size):
                delay_s = self.toxics.latency_s + self._rng.uniform(-1, 1) * self.toxics.jitter_s
                due_s = max(due_s, loop.time() + delay_s)  # never before the piece ahead of it
                await pieces.put((due_s, data[start : start + size]))
            if not data:
                return

    async def _give(self, pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, piece = await pieces.get()
            if (early_s := due_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
            if self.toxics.rate_bytes_s:
                await asyncio.sleep(len(piece) / self.toxics.rate_bytes_s)
            await self._through_the_hole()
            if not piece:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
            self.bytes_passed += len(piece)

    async def _through_the_hole(self) -> None:
        while self.toxics.black_hole:  # noqa: ASYNC110 - toxics are plain values that anybody changes
            await asyncio.sleep(POLL_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy(host: str, port: int, *, listen_port: int = 0, seed: int = 1) -> AsyncIterator[Proxy]:
    """A proxy to host:port that runs while the block does; its own port is `.port`. Raises ConfigError."""
    one = Proxy(host, port, seed)
    try:
        server = await asyncio.start_server(one.serve, HOST, listen_port)
    except OSError as error:
        raise ConfigError(f"the proxy cannot listen on port {listen_port} ({error.strerror})") from error
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one.toxics = Toxics(cut=True)
        server.close()
        one.reset()
        await server.wait_closed()
        async with asyncio.timeout(CLOSE_S):
            await one.idle()
