"""Connections against real and scripted brokers: memory, late acknowledgements; and the kit's own broker controller."""

import asyncio

import pytest

from gateway.errors import LinkError
from gateway.link import Connection, Message
from tests.kit import mqtt
from tests.kit.broker import mosquitto
from tests.kit.links import Inbox, connected
from tests.kit.scripted import Peer, scripted

STATE = "forecourt/v1/device-1/up/state"


async def test_memory_is_bounded_by_the_callers_patience() -> None:
    """Who respects `writable` never has more than its bound and a packet in this process, whatever the broker does."""
    most = 0

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.silence()

    async def publish_for_ever(connection: Connection) -> None:
        nonlocal most
        while True:
            await connection.wait_writable()
            connection.publish("bulk", bytes(64_000))
            most = max(most, connection.buffered_bytes)

    async with scripted(script) as broker, connected(broker.endpoint(ack_timeout_s=0.5)) as connection:
        with pytest.raises(LinkError, match="did not acknowledge"):
            await publish_for_ever(connection)
        assert connection.buffered_bytes == 0
    assert 64_000 < most < 262_144 + 65_000


async def test_messages_of_a_lost_connection_cannot_be_acknowledged() -> None:
    """A late ack for a message of a connection that is over does nothing."""
    kept: list[tuple[Connection, Message]] = []
    arrived = asyncio.Event()

    def on_message(connection: Connection, message: Message) -> None:
        kept.append((connection, message))
        arrived.set()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(mqtt.publish("down", b"x", mid=1))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(), on_message=on_message) as connection:
        await asyncio.wait_for(arrived.wait(), 5)
        connection.abort("lost")
        kept[0][0].ack(kept[0][1])
        await asyncio.wait_for(broker.peers[0].gone.wait(), 5)
    assert [packet.kind for packet in broker.peers[0].seen] == [mqtt.CONNECT]


@pytest.mark.needs_mosquitto
async def test_the_broker_controller() -> None:
    """The kit's broker dies on command, comes back on its port and remembers nothing."""
    async with mosquitto() as broker:
        port = broker.port
        async with connected(broker.endpoint()) as first:
            await first.publish(STATE, b"x", retain=True)
        await broker.restart(wipe=True)
        assert broker.port == port
        inbox = Inbox()
        async with connected(broker.endpoint(), on_message=inbox) as second:
            await second.subscribe(STATE)
            await second.publish(STATE, b"marker")
            assert [message.payload for message in await inbox.count(1)] == [b"marker"]
