"""Proves what stands in at a desk: both brokers carry a message, the proxy does what its toxics say."""

import asyncio
import time

import aiomqtt
import pytest

from gateway.errors import ConfigError
from simulators.brokers import desk_broker
from simulators.proxy import Proxy, proxy


@pytest.mark.needs_mosquitto
@pytest.mark.parametrize(("prefer", "name"), [("mosquitto", "mosquitto"), ("iotcore", "iotcore (rumqttd)")])
async def test_a_desk_broker_carries_messages(prefer: str, name: str) -> None:
    """MQTT 5, QoS 1, a payload of half a megabyte, loopback only, quickly there, gone at the end."""
    begun = time.monotonic()
    async with desk_broker(prefer=prefer) as broker:
        assert time.monotonic() - begun < 5
        assert (broker.name, broker.security) == (name, "none (desk broker)")
        payload = bytes(500_000)
        async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe("a/b", 1)
            await client.publish("a/b", payload, 1)
            message = await asyncio.wait_for(anext(aiter(client.messages)), 5)
        assert message.payload == payload
        with pytest.raises(ConfigError, match="taken"):
            async with desk_broker(port=broker.port, prefer=prefer):
                pass
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", broker.port)


async def test_an_unknown_broker_is_named() -> None:
    """The error says what there is."""
    with pytest.raises(ConfigError, match="auto, mosquitto or iotcore"):
        async with desk_broker(prefer="emqx"):
            pass


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes."""
    while data := await reader.read(1_000):
        writer.write(data)
    writer.close()


async def through(line: Proxy, data: bytes, limit_s: float = 2.0) -> bytes:
    """What comes back through the proxy on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.readexactly(len(data)), limit_s)
    finally:
        writer.transport.abort()


async def test_the_proxy_does_what_its_toxics_say() -> None:
    """Whole and in order under latency, rate and slices; nothing in a black hole; no connection when cut."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as line:
        data = bytes(range(256)) * 40
        assert await through(line, data) == data
        line.toxics.latency_s, line.toxics.jitter_s, line.toxics.slice_bytes = 0.01, 0.01, 3_000
        begun = time.monotonic()
        assert await through(line, data) == data
        assert time.monotonic() - begun > 0.03
        line.heal()
        line.toxics.black_hole = True
        with pytest.raises(TimeoutError):
            await through(line, data, 0.1)
        assert line.bytes_lost == len(data)
        line.heal()
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        line.cut()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError)):
            await through(line, data)
        line.heal()
        assert await through(line, data) == data
