"""The socket the client library sees: options, whole reads, what an abort leaves behind, failures told by the read."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from gateway.link.framing import Frames
from gateway.link.plug import UNSENT_BYTES, Plug
from tests.kit import mqtt


@pytest.fixture
def pair() -> Iterator[tuple[Plug, socket.socket]]:
    """A plug on one end of a TCP connection, and the other end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setblocking(False)
    theirs.settimeout(5)
    plug = Plug(ours, Frames(10_000_000), lambda: 0.0)
    with theirs, contextlib.closing(ours):
        yield plug, theirs


def fill_kernel(plug: Plug) -> int:
    """Sends packets until the kernel takes no more; how many bytes it took."""
    packet, accepted = mqtt.publish("t", bytes(64_000), mid=1), 0
    with contextlib.suppress(BlockingIOError):
        while True:
            rest = packet
            while rest:
                sent = plug.send(rest)
                accepted, rest = accepted + sent, rest[sent:]
    return accepted


def read_all(theirs: socket.socket) -> int:
    """Reads to the end or the reset; how many bytes came."""
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while data := theirs.recv(65_536):
            received += len(data)
    return received


def test_options(pair: tuple[Plug, socket.socket]) -> None:
    """No Nagle delay, and the kernel keeps little unsent, so that urgent data does not queue behind megabytes."""
    plug, _ = pair
    ours = socket.socket(fileno=plug.fileno())
    try:
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert ours.getsockopt(socket.IPPROTO_TCP, 25) == UNSENT_BYTES
    finally:
        ours.detach()


def test_an_abort_throws_away_what_the_kernel_holds(pair: tuple[Plug, socket.socket]) -> None:
    """After a reset less arrives than the kernel had taken: withdrawn data does not leave behind the fence's back."""
    plug, theirs = pair
    accepted = fill_kernel(plug)
    plug.reset()
    assert 0 <= read_all(theirs) <= accepted - UNSENT_BYTES // 2


def test_an_orderly_close_delivers_what_the_kernel_holds(pair: tuple[Plug, socket.socket]) -> None:
    """The counterpart: without a reset everything that was taken arrives."""
    plug, theirs = pair
    accepted = fill_kernel(plug)
    plug.shut()
    assert read_all(theirs) == accepted


def test_publishes_are_counted_when_their_last_byte_is_taken(pair: tuple[Plug, socket.socket]) -> None:
    """`on_published` comes once for each PUBLISH, after its last byte, and for no other packet."""
    plug, _ = pair
    told: list[int] = []
    plug.on_published = lambda: told.append(1)
    packet = mqtt.publish("t", bytes(100), mid=1)
    assert plug.send(packet[:1] + packet[1:]) == len(packet)
    assert len(told) == 1
    plug.send(mqtt.puback(1))
    plug.send(mqtt.frame(mqtt.PINGREQ, 0, b""))
    assert len(told) == 1


def test_small_reads_come_from_memory(pair: tuple[Plug, socket.socket]) -> None:
    """One fill serves all of the small reads; the end of the stream comes after its last byte."""
    plug, theirs = pair
    stream = mqtt.connack() + mqtt.publish("t", b"payload", mid=1)
    theirs.sendall(stream)
    theirs.shutdown(socket.SHUT_WR)
    plug.fill()
    assert b"".join(plug.recv(1) for _ in range(len(stream))) == stream
    assert plug.recv(1) == b""
    assert plug.eof


def test_nothing_to_read_is_no_end(pair: tuple[Plug, socket.socket]) -> None:
    """Without data the plug is not readable, and a read says: later."""
    plug, _ = pair
    assert plug.fill() is False
    assert not plug.readable
    with pytest.raises(BlockingIOError):
        plug.recv(1)


def test_a_failed_write_lets_the_reason_be_read(pair: tuple[Plug, socket.socket]) -> None:
    """The peer said why and hung up: writing fails, the reason is read all the same, then comes the end."""
    plug, theirs = pair
    reason = mqtt.connack() + mqtt.disconnect(0x97)
    theirs.sendall(reason)
    theirs.close()
    packet = mqtt.publish("t", bytes(1_000), mid=1)
    while not plug.broken:
        assert plug.send(packet) == len(packet)
    plug.fill()
    assert plug.recv(100) in {reason, b""}, "Linux may drop what was not read when the reset came"
    assert plug.eof


async def test_a_closed_plug_can_be_reset_again() -> None:
    """Ending twice is no error."""
    ours, theirs = await asyncio.to_thread(socket.socketpair)
    plug = Plug(ours, Frames(1_000), lambda: 0.0)
    plug.finish()
    plug.reset()
    plug.shut()
    theirs.close()
