"""Proves the brokers of a desk: both carry messages of MQTT 5, on this machine only."""

import asyncio
import time

import aiomqtt
import pytest

from gateway.errors import ConfigError
from simulators.brokers import desk_broker


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
