"""Proves that the proxy does what its toxics say, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.errors import ConfigError
from simulators.proxy import Proxy, proxy

DATA = bytes(range(256)) * 400
ENDED = (ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError)
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes, in whatever pieces it comes."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def line(seed: int = 1) -> AsyncIterator[Proxy]:
    """A proxy to a server that echoes."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxy("127.0.0.1", server.sockets[0].getsockname()[1], seed=seed) as one:
        yield one


@asynccontextmanager
async def connected(one: Proxy) -> AsyncIterator[Ends]:
    """A connection through it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def echoed(ends: Ends, data: bytes, limit_s: float = 5.0) -> float:
    """Seconds until the data was back, whole and in order."""
    reader, writer = ends
    begun = time.monotonic()
    writer.write(data)
    assert await asyncio.wait_for(reader.readexactly(len(data)), limit_s) == data
    return time.monotonic() - begun


async def test_without_toxics_it_is_a_wire() -> None:
    """Whole, in order, both ways; an end at one side is an end at the other."""
    async with line() as one:
        async with connected(one) as ends:
            await echoed(ends, DATA)
            ends[1].write_eof()
            assert await ends[0].read() == b""
        async with asyncio.timeout(5):
            await one.idle()
    assert (one.connects, one.refused, one.bytes_passed, one.open) == (1, 0, 2 * len(DATA), 0)


async def test_latency_delays_and_does_not_throttle() -> None:
    """Both ways count once each, however many pieces are on the way; jitter never changes their order."""
    async with line() as one, connected(one) as ends:
        one.toxics.latency_s, one.toxics.jitter_s, one.toxics.slice_bytes = 0.05, 0.04, 1_000
        took_s = await echoed(ends, DATA)
    assert 0.1 <= took_s < 1.5, "103 pieces one after the other would take 10 s"


async def test_a_slow_line_passes_so_much_a_second() -> None:
    """A fifth of a second for a fifth of its rate, in each direction, overlapping."""
    async with line() as one, connected(one) as ends:
        one.toxics.rate_bytes_s, one.toxics.slice_bytes = 200_000.0, 4_000
        took_s = await echoed(ends, DATA[:40_000])
    assert 0.2 <= took_s < 2.0


async def test_a_black_hole_holds_everything() -> None:
    """Nothing passes, not even an end; afterwards what was held arrives, and nothing is missing."""
    async with line() as one, connected(one) as ends:
        await echoed(ends, b"before")
        one.toxics.black_hole = True
        ends[1].write(b"during")
        async with connected(one) as second:
            second[1].write(b"hello")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second[0].readexactly(1), 0.1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(ends[0].readexactly(1), 0.05)
            one.heal()
            assert await asyncio.wait_for(ends[0].readexactly(6), 5) == b"during"
            assert await asyncio.wait_for(second[0].readexactly(5), 5) == b"hello"


async def test_a_cut_ends_and_refuses_until_it_heals() -> None:
    """Open connections are reset, new ones too; then all is well."""
    async with line() as one:
        async with connected(one) as ends:
            await echoed(ends, b"x")
            one.cut()
            with pytest.raises(ENDED):
                await ends[0].readexactly(1)
        with pytest.raises(ENDED):
            async with connected(one) as ends:
                await echoed(ends, b"y")
        assert one.refused == 1
        one.heal()
        async with connected(one) as ends:
            await echoed(ends, b"z")


async def test_a_reset_ends_what_is_open_and_nothing_else() -> None:
    """With RST, as a peer that has forgotten the connection; a new connection works at once."""
    async with line() as one:
        async with connected(one) as ends:
            await echoed(ends, b"x")
            one.reset()
            with pytest.raises(ConnectionResetError):
                await ends[0].read(1)
        async with connected(one) as ends:
            await echoed(ends, b"y")


async def test_nobody_behind_it_is_a_refusal() -> None:
    """The far end is away: the connection ends, and it is counted."""
    async with line() as other:
        port = other.port
    async with proxy("127.0.0.1", port) as one:
        with pytest.raises(ENDED):
            async with connected(one) as ends:
                await echoed(ends, b"x")
    assert (one.connects, one.refused) == (0, 1)


async def test_a_taken_port_is_named() -> None:
    """Before anything runs."""
    async with line() as one:
        with pytest.raises(ConfigError, match=str(one.port)):
            async with proxy("127.0.0.1", 1, listen_port=one.port):
                pass
