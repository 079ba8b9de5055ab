"""Names of topics: what is made is read back, and nothing else is."""

import pytest

from gateway.errors import InputError
from gateway.model import Stream
from gateway.wire.topics import (
    CLOUD_STATE,
    UP_EVENTS_FILTER,
    UP_STATE_FILTER,
    Topics,
    UpTopic,
    check_device_id,
    parse_up,
)


def test_topics_are_those_of_the_contract() -> None:
    """The names that docs/wire.md gives, letter by letter."""
    topics = Topics("car-1")
    assert [topics.events(stream) for stream in Stream] == [
        "forecourt/v1/car-1/up/e/urgent",
        "forecourt/v1/car-1/up/e/live",
        "forecourt/v1/car-1/up/e/bulk",
        "forecourt/v1/car-1/up/e/control",
    ]
    assert [topics.state, topics.receipt, topics.command, topics.epoch] == [
        "forecourt/v1/car-1/up/state",
        "forecourt/v1/car-1/down/receipt",
        "forecourt/v1/car-1/down/cmd",
        "forecourt/v1/car-1/down/epoch",
    ]
    assert [CLOUD_STATE, UP_EVENTS_FILTER, UP_STATE_FILTER] == [
        "forecourt/v1/cloud/state",
        "forecourt/v1/+/up/e/+",
        "forecourt/v1/+/up/state",
    ]


@pytest.mark.parametrize("device", ["0", "aZ_-9", "x" * 64])
def test_what_a_device_publishes_on_is_read_back(device: str) -> None:
    """Every topic of a device's upward half tells its device and stream."""
    topics = Topics(device)
    for stream in Stream:
        assert parse_up(topics.events(stream)) == UpTopic(device, stream)
    assert parse_up(topics.state) == UpTopic(device, None)


@pytest.mark.parametrize(
    "device", ["", "x" * 65, "a/b", "+", "#", "$share", "é", "a b", "a\n", "a\0", "cloud", "\udc80"]
)
def test_what_cannot_name_a_device_is_refused(device: str) -> None:
    """No wildcard, no separator, no letter that looks like another, and not the cloud's own name."""
    with pytest.raises(InputError):
        check_device_id(device)
    with pytest.raises(InputError):
        Topics(device)
    with pytest.raises(InputError):
        parse_up(f"forecourt/v1/{device}/up/state")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "forecourt/v1/car/up",
        "forecourt/v1/car/up/e",
        "forecourt/v1/car/up/e/",
        "forecourt/v1/car/up/e/LIVE",
        "forecourt/v1/car/up/e/live/more",
        "forecourt/v1/car/up/state/",
        "forecourt/v1/car/down/receipt",
        "forecourt/v2/car/up/state",
        "/forecourt/v1/car/up/state",
        CLOUD_STATE,
    ],
)
def test_other_topics_are_not_read(topic: str) -> None:
    """A topic that no device publishes on is malformed input."""
    with pytest.raises(InputError):
        parse_up(topic)
