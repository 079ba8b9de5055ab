"""What MQTT 5 demands of a client from welcome to farewell, proven against a broker that lies, stalls and refuses.

Numbers are those of the normative statements in the OASIS standard, appendix B.
"""

import asyncio

import pytest

from gateway.errors import LinkBusy, LinkError, LinkRefused
from gateway.link import Connection, Message
from tests.kit import mqtt
from tests.kit.links import Inbox, connected, ended
from tests.kit.mqtt import CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBLISH, puback
from tests.kit.scripted import Peer, scripted

TOPIC = "forecourt/v1/device-1/up/e/live"


async def test_session_present_after_a_clean_start_is_a_lie() -> None:
    """MQTT-3.2.2-2, -4: the connection is refused with DISCONNECT 0x82 and nothing is published on it."""
    said: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.welcome(session_present=True)
        said.append((await peer.expect(DISCONNECT)).code)
        await peer.until_gone()
        assert [packet.kind for packet in peer.seen] == [CONNECT, DISCONNECT]

    async with scripted(script) as broker:
        with pytest.raises(LinkError, match="session is said to be present after a clean start"):
            async with connected(broker.endpoint()):
                pytest.fail("such a connection must not be used")
        async with asyncio.timeout(5):
            await broker.peers[0].gone.wait()
    assert said == [0x82]


async def test_a_present_session_may_be_asked_for() -> None:
    """Without clean start the same CONNACK is no lie."""

    async def script(peer: Peer) -> None:
        connect = await peer.welcome(session_present=True)
        assert not connect.clean_start
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(clean_start=False)) as connection:
        assert not connection.closed.done()


async def test_packets_in_pieces() -> None:
    """Every packet may arrive a byte at a time and two in one piece; nothing changes."""
    inbox = Inbox()

    async def script(peer: Peer) -> None:
        await peer.expect(CONNECT)
        await peer.send_in_pieces(mqtt.connack(receive_maximum=5, reason="welcome"))
        asked = await peer.expect(mqtt.SUBSCRIBE)
        await peer.send_in_pieces(mqtt.suback(asked.mid, 1))
        packet = await peer.expect(PUBLISH)
        messages = b"".join(mqtt.publish("down", b"%d" % number * 50, mid=number) for number in range(1, 6))
        await peer.send_in_pieces(messages + puback(packet.mid), 7)
        assert [(await peer.expect(PUBACK)).mid for _ in range(5)] == [1, 2, 3, 4, 5]
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(), on_message=inbox) as connection:
        await connection.subscribe("down")
        assert await connection.publish(TOPIC, bytes(100_000)) == 0
        messages = await inbox.count(5)
        assert [message.payload for message in messages] == [b"%d" % number * 50 for number in range(1, 6)]
        await connection.disconnect()


async def test_half_a_packet_then_the_end() -> None:
    """A connection that breaks inside a packet ends in an error; the half is not delivered."""
    inbox = Inbox()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(mqtt.publish("down", bytes(100), mid=1)[:50])

    async with scripted(script) as broker, connected(broker.endpoint(), on_message=inbox) as connection:
        assert "closed the connection without a word" in await ended(connection)
    assert inbox.messages == []


async def test_silence_after_connack() -> None:
    """A broker that falls silent is noticed within two keep-alives, after a ping that it did not answer."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.until_gone()
        assert [packet.kind for packet in peer.seen] == [CONNECT, PINGREQ]

    async with scripted(script) as broker, connected(broker.endpoint(keepalive_s=1)) as connection:
        began = asyncio.get_running_loop().time()
        assert "was silent for" in await ended(connection)
        assert 1.5 < asyncio.get_running_loop().time() - began < 2.0
        async with asyncio.timeout(5):
            await broker.peers[0].gone.wait()


async def test_answered_pings_keep_an_idle_connection() -> None:
    """As long as pings are answered, an idle connection lives beyond two keep-alives."""

    async def script(peer: Peer) -> None:
        await peer.welcome(server_keepalive=1)
        for _ in range(3):
            await peer.expect(PINGREQ)
            await peer.send(mqtt.PINGRESP_PACKET)
        await peer.send(mqtt.disconnect(0x8B))

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        assert "server shutting down (0x8B)" in await ended(connection)


async def test_silence_before_connack() -> None:
    """A broker that takes the connection and says nothing costs the connect time-out, no more."""

    async def script(peer: Peer) -> None:
        await peer.until_gone()

    async with scripted(script) as broker:
        with pytest.raises(TimeoutError):
            async with connected(broker.endpoint(connect_timeout_s=0.3)):
                pytest.fail("nobody said welcome")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(0x80, LinkError), (0x84, LinkRefused), (0x86, LinkRefused), (0x87, LinkRefused), (0x88, LinkBusy),
     (0x89, LinkBusy), (0x8A, LinkRefused), (0x97, LinkBusy), (0x9F, LinkBusy)],
)  # fmt: skip
async def test_refused_welcomes(code: int, kind: type[LinkError]) -> None:
    """A CONNACK of 0x80 or more is an error of its kind, with the code in the text."""

    async def script(peer: Peer) -> None:
        await peer.welcome(code)
        await peer.until_gone()

    async with scripted(script) as broker:
        with pytest.raises(kind, match=f"0x{code:02X}") as caught:
            async with connected(broker.endpoint()):
                pytest.fail("refused")
        assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("code", "kind"), [(0x00, LinkError), (0x8B, LinkError), (0x8E, LinkRefused), (0x97, LinkBusy), (0x95, LinkRefused)]
)
async def test_the_servers_farewell(code: int, kind: type[LinkError]) -> None:
    """A DISCONNECT of the server ends the connection with the error of its code; publishes under way learn it."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.expect(PUBLISH)
        await peer.send(mqtt.disconnect(code))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        with pytest.raises(kind):
            await connection.publish(TOPIC, b"x")
        assert (connection.end_code, type(connection.error)) == (code, kind)
        with pytest.raises(kind):
            connection.publish(TOPIC, b"y")


async def test_acknowledgements_leave_in_order_of_arrival() -> None:
    """MQTT-4.6.0-2: handlers that finish out of order do not change the order of the PUBACKs; each leaves once."""
    inbox = Inbox(ack=False)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(b"".join(mqtt.publish("down", b"", mid=mid) for mid in (11, 5, 8, 2)))
        assert [(await peer.expect(PUBACK)).mid for _ in range(4)] == [11, 5, 8, 2]
        await peer.until_gone()
        assert sum(packet.kind == PUBACK for packet in peer.seen) == 4

    async with scripted(script) as broker, connected(broker.endpoint(), on_message=inbox) as connection:
        messages = await inbox.count(4)
        for number in (3, 1, 1, 0, 0, 2):
            connection.ack(messages[number])
        await connection.disconnect()


async def test_a_failing_handler_costs_nothing() -> None:
    """MQTT-4.5.0-2: a message whose handler raises is acknowledged and counted, and the next one is handled."""
    handled: list[bytes] = []
    acknowledged = asyncio.Event()

    def on_message(connection: Connection, message: Message) -> None:
        if message.payload == b"poison":
            raise ValueError("poison")
        handled.append(message.payload)
        connection.ack(message)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(mqtt.publish("down", b"poison", mid=1) + mqtt.publish("down", b"good", mid=2))
        assert [(await peer.expect(PUBACK)).mid for _ in range(2)] == [1, 2]
        acknowledged.set()
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(), on_message=on_message) as connection:
        await asyncio.wait_for(acknowledged.wait(), 5)
        assert (handled, connection.handler_failures) == ([b"good"], 1)


async def test_a_broker_that_sends_too_much_is_told_so() -> None:
    """MQTT-3.3.4-9: more unacknowledged messages than our Receive Maximum end the connection with 0x93."""
    said: asyncio.Queue[int] = asyncio.Queue()

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(b"".join(mqtt.publish("down", b"", mid=mid) for mid in (1, 2, 3)))
        said.put_nowait((await peer.expect(DISCONNECT)).code)

    async with (
        scripted(script) as broker,
        connected(broker.endpoint(), on_message=Inbox(ack=False), receive_maximum=2) as connection,
    ):
        assert "more messages at once" in await ended(connection)
        assert await asyncio.wait_for(said.get(), 5) == 0x93


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 100,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F]),  # a PUBLISH of 256 MB
        bytes([0x34, 9]) + b"\0\4down\0\1\0",  # QoS 2
        bytes([0x32, 2, 0xFF, 0xFF]),  # a topic that is longer than its packet
        bytes([0x32, 9]) + b"\0\3a\xff\xfe\0\1\0x",  # a topic that is no UTF-8
        bytes([0x40, 1, 0]),  # half a packet id
        bytes([0x90, 3, 0, 1, 9]),  # properties that are not there
        mqtt.connack(),
    ],
)
async def test_garbage(garbage: bytes) -> None:
    """Whatever a broker sends, the connection ends in a LinkError and never in anything else."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.expect(PUBLISH)
        await peer.send(garbage)
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        with pytest.raises(LinkError):
            await connection.publish(TOPIC, b"x")
        await ended(connection)
        assert isinstance(connection.error, LinkError)


async def test_a_refused_subscription() -> None:
    """A SUBACK of 0x80 or more raises LinkRefused with the filter in it; the connection lives on."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        asked = await peer.expect(mqtt.SUBSCRIBE)
        assert asked.filters == [("a/#", 1), ("b", 1)], "QoS 1 with retained messages, retain handling 0"
        await peer.send(mqtt.suback(asked.mid, 1, 0x87))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        with pytest.raises(LinkRefused, match=r"subscription b: not authorized \(0x87\)"):
            await connection.subscribe("a/#", "b")
        assert not connection.closed.done()


async def test_nothing_follows_a_farewell() -> None:
    """MQTT-3.14.4-1, -2: after DISCONNECT nothing is sent, publishes raise, the socket is closed."""

    async def script(peer: Peer) -> None:
        await peer.welcome(receive_maximum=1)
        await peer.until_gone()
        assert [packet.kind for packet in peer.seen] == [CONNECT, PUBLISH, DISCONNECT]
        assert peer.seen[-1].code == 0

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        first, second = connection.publish(TOPIC, b"x"), connection.publish(TOPIC, b"waits for a slot")
        await connection.disconnect()
        with pytest.raises(LinkError, match="closed by us"):
            connection.publish(TOPIC, b"z")
        for published in (first, second):
            with pytest.raises(LinkError):
                await published
