"""What MQTT 5 demands of a client that publishes, proven against a broker that lies, stalls and refuses.

Numbers are those of the normative statements in the OASIS standard, appendix B.
"""

import asyncio
from collections import Counter

import pytest

from gateway.errors import LinkError, TooLarge
from tests.kit import mqtt
from tests.kit.links import connected, ended
from tests.kit.mqtt import PINGREQ, PUBACK, PUBLISH, puback
from tests.kit.scripted import Peer, scripted

TOPIC = "forecourt/v1/device-1/up/e/live"


async def test_connect_carries_what_the_standard_wants() -> None:
    """CONNECT is version 5 with clean start, our keep-alive, Receive Maximum and Maximum Packet Size."""

    async def script(peer: Peer) -> None:
        connect = await peer.welcome()
        assert (connect.client_id, connect.clean_start, connect.keepalive) == ("device-1", True, 20)
        assert connect.properties == {"receive_maximum": 7, "maximum_packet_size": 1_066_560}
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(), receive_maximum=7):
        pass


async def test_publish_is_not_sent_twice_on_a_connection() -> None:
    """MQTT-4.4.0-1: a withheld PUBACK brings no second PUBLISH, but the end of the connection in time."""
    seen: list[Peer] = []

    async def script(peer: Peer) -> None:
        seen.append(peer)
        await peer.welcome()
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint(ack_timeout_s=0.4)) as connection:
        published = connection.publish(TOPIC, b"x")
        assert "did not acknowledge within 0.4 s" in await ended(connection)
        with pytest.raises(LinkError, match="did not acknowledge"):
            await published
        async with asyncio.timeout(5):
            await seen[0].gone.wait()
    assert [(packet.topic, packet.payload, packet.dup, packet.qos) for packet in seen[0].publishes] == [
        (TOPIC, b"x", False, 1)
    ]


async def test_a_new_connection_remembers_no_packet() -> None:
    """After a loss the next connection starts clean: what is to be sent again, the outbox says, in new packets."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        if peer.number == 0:
            await peer.expect(PUBLISH)
            peer.reset()
            return
        await peer.until_gone()
        assert [(packet.payload, packet.mid, packet.dup) for packet in peer.publishes] == [(b"again", 1, False)]

    async with scripted(script) as broker:
        async with connected(broker.endpoint()) as first:
            with pytest.raises(LinkError):
                await first.publish(TOPIC, b"x")
        async with connected(broker.endpoint()) as second:
            second.publish(TOPIC, b"again")
            await second.disconnect()


@pytest.mark.parametrize("code", [0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
async def test_a_refusal_is_final_and_reported_as_it_is(code: int) -> None:
    """MQTT-4.4.0-2: a PUBACK of 0x80 or more ends the packet; 0x10 (nobody listens) is told apart from success."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        published = await peer.expect(PUBLISH)
        await peer.send(puback(published.mid, code))
        await peer.until_gone()
        assert len(peer.publishes) == 1

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        assert await connection.publish(TOPIC, b"x") == code
        assert connection.in_flight == 0
        await connection.disconnect()


async def test_an_unlisted_reason_code_is_reported_too() -> None:
    """0x95 is not listed for PUBACK, but some brokers say it of large messages: the batch must be split, not looped."""

    async def script(peer: Peer) -> None:
        await peer.welcome()
        published = await peer.expect(PUBLISH)
        await peer.send(puback(published.mid, 0x95))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        assert await connection.publish(TOPIC, b"x") == 0x95
        assert not connection.closed.done()


async def test_the_quota_is_whole_after_cancelling_thousands() -> None:
    """MQTT-4.9.0-1 to -3: a slot belongs to the packet; 10,000 abandoned publishes leave the whole window behind."""
    release = asyncio.Event()
    most = Counter[str]()

    async def script(peer: Peer) -> None:
        await peer.welcome(receive_maximum=8)
        held = [await peer.expect(PUBLISH) for _ in range(8)]
        await release.wait()
        for packet in held:
            await peer.send(puback(packet.mid, 0x87 if packet.mid % 2 else 0))
        open_now = 0
        while (sent := await peer.read()) is not None:
            if sent.kind != PUBLISH:
                continue
            open_now += 1
            most["open"] = max(most["open"], open_now)
            if open_now == 8:  # the window is full again: answer all
                for mid in [held_now.mid for held_now in peer.publishes[-8:]]:
                    await peer.send(puback(mid))
                open_now = 0

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        assert connection.window == 8
        abandoned = [connection.publish(TOPIC, b"x") for _ in range(10_000)]
        for published in abandoned:
            published.cancel()
        await asyncio.sleep(0)
        assert connection.holds(abandoned[0]), "the packet is under way, whoever waits for it"
        release.set()
        wanted = [connection.publish(TOPIC, b"%d" % number) for number in range(64)]
        async with asyncio.timeout(10):
            assert {await published for published in wanted} == {0}
        assert (connection.in_flight, connection.buffered_bytes) == (0, 0)
        assert not connection.holds(abandoned[0])
        await connection.disconnect()
    publishes = broker.peers[0].publishes
    assert [packet.payload for packet in publishes[8:]] == [b"%d" % number for number in range(64)]
    assert most["open"] == 8


async def test_receive_maximum_is_never_exceeded() -> None:
    """MQTT-3.3.4-7: with a Receive Maximum of 3 a fourth packet waits for a PUBACK; order is kept."""

    async def script(peer: Peer) -> None:
        await peer.welcome(receive_maximum=3)
        for _ in range(3):
            await peer.expect(PUBLISH)
        await peer.send(mqtt.PINGRESP_PACKET)
        for number in range(17):
            await peer.send(puback(peer.publishes[number].mid))
            packet = await peer.expect(PUBLISH)
            assert len(peer.publishes) == number + 4, "one slot came back, one packet may follow"
            assert packet.payload == b"%d" % (number + 3)
        for packet in peer.publishes[17:]:
            await peer.send(puback(packet.mid))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        published = [connection.publish(TOPIC, b"%d" % number) for number in range(20)]
        assert not connection.writable
        assert [await one for one in published] == [0] * 20
        assert connection.writable


async def test_zero_quota_stops_nothing_else() -> None:
    """MQTT-4.9.0-3: with every slot taken, PINGREQ, PUBACK and SUBSCRIBE still go out."""

    async def script(peer: Peer) -> None:
        await peer.welcome(receive_maximum=1, server_keepalive=1)
        await peer.expect(PUBLISH)
        await peer.grant()
        await peer.send(mqtt.publish("down", b"y", mid=9))
        assert (await peer.expect(PUBACK)).mid == 9
        await peer.expect(PINGREQ)
        await peer.send(mqtt.PINGRESP_PACKET + puback(peer.publishes[0].mid))
        await peer.until_gone()

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        published = connection.publish(TOPIC, b"x")
        waiting = connection.publish(TOPIC, b"y")
        await connection.subscribe("down")
        assert await published == 0
        assert not waiting.done()


async def test_maximum_packet_size_is_obeyed() -> None:
    """MQTT-3.2.2-15: the largest packet that fits goes out, one byte more raises TooLarge and nothing is sent."""

    async def script(peer: Peer) -> None:
        await peer.welcome(maximum_packet_size=200)
        packet = await peer.expect(PUBLISH)
        assert packet.size == 200
        await peer.send(puback(packet.mid))
        await peer.until_gone()
        assert len(peer.publishes) == 1

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        room = 200 - 3 - 2 - len(TOPIC) - 2 - 1
        with pytest.raises(TooLarge, match="a packet of 201 bytes; the broker takes 200"):
            connection.publish(TOPIC, bytes(room + 1))
        assert connection.in_flight == 0
        assert await connection.publish(TOPIC, bytes(room)) == 0
        await connection.disconnect()


async def test_properties_of_a_publish() -> None:
    """Expiry, content type and user properties arrive; no topic alias and no subscription id is ever sent."""

    async def script(peer: Peer) -> None:
        await peer.welcome(topic_alias_maximum=10)
        packet = await peer.expect(PUBLISH)
        assert packet.properties == {
            "message_expiry": 60,
            "content_type": "application/x-forecourt",
            "user": [("codec", "columns")],
        }
        assert (packet.qos, packet.retain) == (1, True)
        await peer.send(puback(packet.mid))

    async with scripted(script) as broker, connected(broker.endpoint()) as connection:
        content = {"content_type": "application/x-forecourt", "properties": {"codec": "columns"}}
        await connection.publish(TOPIC, b"x", retain=True, expiry_s=60, **content)  # type: ignore[arg-type]
