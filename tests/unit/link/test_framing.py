"""The guard before the client library: any cuts of a good stream pass, what must not come does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.link.framing import Frames
from tests.kit import mqtt

GOOD = [
    mqtt.connack(receive_maximum=7),
    mqtt.puback(1),
    mqtt.publish("a", b"x" * 300, mid=3),
    mqtt.suback(2, 1),
    mqtt.PINGRESP_PACKET,
    mqtt.publish("b", b"", mid=0),
    mqtt.disconnect(0x8B),
]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_cuts_do_not_matter(sizes: list[int]) -> None:
    """Packets are counted alike whether the stream comes whole or in pieces of any size."""
    stream, frames, position, turn = b"".join(GOOD), Frames(10_000), 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        frames.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert frames.packets == len(GOOD)
    assert frames.between


def test_half_a_packet_is_no_packet() -> None:
    """A packet without its last byte is not counted."""
    frames = Frames(10_000)
    frames.feed(GOOD[0][:-1])
    assert (frames.packets, frames.between) == (0, False)


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (mqtt.puback(1), "before CONNACK"),
        (mqtt.connack() + mqtt.connack(), "second CONNACK"),
        (mqtt.connack() + bytes([0x10, 0]), "type 1"),
        (mqtt.connack() + bytes([0xF0, 0]), "type 15"),
        (mqtt.connack() + bytes([0x34, 0]), "QoS 2"),
        (mqtt.connack() + bytes([0x36, 0]), "QoS 2 or 3"),
        (mqtt.connack() + bytes([0x41, 0]), "reserved flags"),
        (mqtt.connack() + bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF]), "more than four"),
        (mqtt.connack() + bytes([0x30, 0xFF, 0xFF, 0xFF, 0x7F]), "1000 are allowed"),
        (b"HTTP/1.1 400 Bad Request\r\n", "before CONNACK"),
    ],
)
def test_what_must_not_come(stream: bytes, why: str) -> None:
    """A length of 256 MB is refused after its header of five bytes, and so is everything a broker never sends."""
    with pytest.raises(InputError, match=why):
        Frames(1_000).feed(stream)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    """Any bytes are either taken or refused with InputError."""
    frames = Frames(1_000)
    try:
        frames.feed(data)
    except InputError:
        return
    assert frames.packets >= 0


@given(st.integers(1, 7), st.sampled_from([0, 0x10, 0x87, 0x95, 0x55, 0xFF]))
def test_reason_codes_that_puback_does_not_have(size: int, code: int) -> None:
    """A code the library cannot read is replaced in the stream by one it can, and kept, however the stream is cut."""
    head = mqtt.connack() + mqtt.publish("down", bytes([1, 2, code]), mid=5)
    stream, frames = head + mqtt.puback(0x1234, code), Frames(1_000)
    seen = b"".join(frames.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    known = code in {0, 0x10, 0x87}
    assert seen == head + mqtt.puback(0x1234, code if known else 0x83)
    assert frames.odd_codes == ({} if known else {0x1234: code})
