"""A TCP proxy with the usual toxics of a network; must never change the order or the content of what it lets through.

Toxics work on both directions of every connection: `cut` (connections are closed and refused), `black_hole` (everything
vanishes, connections stay), latency with jitter, a rate, slices; `reset` aborts what is open now.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

CHUNK = 65_536


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
        self.connects = self.refused = self.bytes_passed = self.bytes_lost = 0
        self._host, self._target = host, port
        self._rng = Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """The line is cut: what is open ends, and nothing can be opened."""
        self.toxics.cut = True
        self.reset()

    def heal(self) -> None:
        """The network is well again; connections that a black hole held go on."""
        self.toxics = Toxics()

    def reset(self) -> None:
        """Aborts every open connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.toxics.cut:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._target)
        except OSError:
            self.refused += 1
            writer.transport.abort()
            return
        self.connects += 1
        self._writers |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer), name="proxy-up")
                group.create_task(self._pump(far_reader, writer), name="proxy-down")
        except* OSError:
            pass
        finally:
            self._writers -= {writer, far_writer}
            for end in (writer, far_writer):
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            if self.toxics.black_hole:
                self.bytes_lost += len(data)
                continue
            for part in self._slices(data):
                if (wait_s := self._delay(len(part))) > 0:
                    await asyncio.sleep(wait_s)
                writer.write(part)
                await writer.drain()
            self.bytes_passed += len(data)
        if writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()

    def _slices(self, data: bytes) -> list[bytes]:
        size = self.toxics.slice_bytes or len(data)
        return [data[start : start + size] for start in range(0, len(data), size)]

    def _delay(self, size: int) -> float:
        toxics = self.toxics
        wait_s = toxics.latency_s + self._rng.uniform(-1, 1) * toxics.jitter_s
        if toxics.rate_bytes_s:
            wait_s += size / toxics.rate_bytes_s
        return max(0.0, wait_s)


@contextlib.asynccontextmanager
async def proxy(host: str, port: int, *, listen_port: int = 0, seed: int = 1) -> AsyncIterator[Proxy]:
    """A proxy to host:port that runs while the block does; its own port is `.port`."""
    one = Proxy(host, port, seed)
    server = await asyncio.start_server(one.serve, "127.0.0.1", listen_port)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.reset()
        await server.wait_closed()
