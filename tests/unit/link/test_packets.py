"""Packets as values: sizes that agree with what goes out, names that MQTT allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LinkBusy, LinkError, LinkRefused
from gateway.link import reasons
from gateway.link.packets import packet_bytes, publish_properties, topic_bytes


@given(st.integers(0, 70_000), st.sampled_from(["a", "ä/b", "x" * 200]))
def test_size_of_a_publish(size: int, topic: str) -> None:
    """The size is that of the packet as the standard lays it out, whatever the length of its length."""
    properties = publish_properties(60, {"codec": "2"}, "application/x")
    assert properties is not None
    packed = properties.pack()
    rest = 2 + len(topic.encode()) + 2 + len(packed) + size
    length_bytes = 1 + (rest >= 128) + (rest >= 16_384) + (rest >= 2_097_152)
    assert packet_bytes(topic, bytes(size), properties) == 1 + length_bytes + rest


def test_properties_are_packed_once() -> None:
    """The same properties are the same object; none are none."""
    assert publish_properties(60, {"a": "b"}, "c") is publish_properties(60, {"a": "b"}, "c")
    assert publish_properties(None, None, None) is None
    assert publish_properties(None, {}, None) is None


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65_536, "\ud800"])
def test_names_that_mqtt_forbids(topic: str) -> None:
    """MQTT-3.3.2-2, MQTT-4.7.3-1 to -3: no wildcard, no NUL, no empty or over-long name."""
    with pytest.raises(InputError):
        topic_bytes(topic)


def test_reason_codes_make_errors() -> None:
    """Busy brokers make LinkBusy, refusals LinkRefused, the rest LinkError; the name and a hint are in the text."""
    assert type(reasons.error("x", 0x97)) is LinkBusy
    assert type(reasons.error("x", 0x8B)) is LinkError
    refused = reasons.error("the broker refuses", 0x87)
    assert type(refused) is LinkRefused
    assert str(refused) == (
        "the broker refuses: not authorized (0x87); does the broker's ACL allow this device its own topics?"
    )
    assert "unknown reason (0x55)" in str(reasons.error("x", 0x55))
