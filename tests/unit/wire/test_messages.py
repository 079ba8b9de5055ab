"""Receipts, commands, states and epochs: signed, bounded, and consistent or refused."""

from collections.abc import Callable
from typing import Any

import pytest
from forecourt.v1.control_pb2 import Range
from forecourt.v1.downlink_pb2 import CloudState, Command, ConsentEpoch, DeviceState, Receipt, StreamReceipt

from gateway.errors import InputError, SignatureError, TooLarge
from gateway.limits import COMMAND_BODY_BYTES_MAX, DOWNLINK_BYTES_MAX, RECEIPT_RANGES_MAX
from gateway.wire.messages import (
    pack,
    read_cloud_state,
    read_command,
    read_consent_epoch,
    read_receipt,
    read_state,
)
from gateway.wire.topics import CLOUD_STATE
from tests.kit.wires import CLOUD, CLOUD_KEY, DEVICE, DEVICE_KEY, TOPICS

Reader = Callable[..., Any]
READERS: list[tuple[Reader, str, Any]] = [
    (
        read_receipt,
        TOPICS.receipt,
        Receipt(cloud_boot=1, number=2, streams=[StreamReceipt(epoch=9, stream=2, floor=4)]),
    ),
    (read_cloud_state, CLOUD_STATE, CloudState(cloud_boot=1, online=True)),
    (
        read_command,
        TOPICS.command,
        Command(id=1, kind="events.resend", issued_us=1, not_after_us=2, counter=1, body=b"b"),
    ),
    (read_consent_epoch, TOPICS.epoch, ConsentEpoch(epoch=3)),
    (
        read_state,
        TOPICS.state,
        DeviceState(online=True, boot=1, connect=2, epoch=9, version="0.1.0", capabilities=["a"]),
    ),
]


@pytest.mark.parametrize(("read", "topic", "message"), READERS)
def test_what_is_packed_is_read(read: Reader, topic: str, message: Any) -> None:
    """Every field comes back, with the signature beside it."""
    found = read(topic, pack(topic, message, CLOUD_KEY), CLOUD)
    assert len(found.signature) == 64
    found.ClearField("signature")
    assert found == message


@pytest.mark.parametrize(("read", "topic", "message"), READERS)
def test_the_wrong_signature_is_refused(read: Reader, topic: str, message: Any) -> None:
    """None, another key's, another topic's: a forged receipt would empty shelves."""
    for payload in (
        message.SerializeToString(),
        pack(topic, message, DEVICE_KEY),
        pack(topic + "x", message, CLOUD_KEY),
        b"",
    ):
        with pytest.raises(SignatureError):
            read(topic, payload, CLOUD)


@pytest.mark.parametrize(("read", "topic", "message"), READERS)
def test_size_and_form_are_judged(read: Reader, topic: str, message: Any) -> None:
    """Too many bytes, or bytes that are no message, although they are signed."""
    with pytest.raises(TooLarge):
        read(topic, bytes(DOWNLINK_BYTES_MAX + 1), CLOUD)

    class Noise:
        def SerializeToString(self) -> bytes:  # noqa: N802
            return b"\x0a\xff"

    with pytest.raises(InputError):
        read(topic, pack(topic, Noise(), CLOUD_KEY), CLOUD)  # type: ignore[arg-type]


def receipt(*above: tuple[int, int], floor: int = 10, stream: int = 2) -> bytes:
    """A signed receipt of one stream."""
    ranges = [Range(first=first, last=last) for first, last in above]
    part = StreamReceipt(epoch=9, stream=stream, floor=floor, above=ranges)
    return pack(TOPICS.receipt, Receipt(streams=[part]), CLOUD_KEY)


def test_ranges_above_the_floor_rise() -> None:
    """At most 64, each after the one before, none reaching down to the floor."""
    read_receipt(TOPICS.receipt, receipt((11, 11), (12, 20), (2**63, 2**64 - 1)), CLOUD)
    read_receipt(TOPICS.receipt, receipt(*[(n, n) for n in range(12, 12 + 2 * RECEIPT_RANGES_MAX, 2)]), CLOUD)
    for bad in (
        receipt((10, 12)),
        receipt((5, 6)),
        receipt((12, 11)),
        receipt((12, 20), (20, 30)),
        receipt((20, 30), (12, 14)),
        receipt((0, 0), floor=0),
        receipt(*[(n, n) for n in range(12, 14 + 2 * RECEIPT_RANGES_MAX, 2)]),
        receipt(stream=0),
        receipt(stream=5),
    ):
        with pytest.raises(InputError):
            read_receipt(TOPICS.receipt, bad, CLOUD)


def test_a_command_has_a_kind_and_a_bounded_body() -> None:
    """What nobody could execute or keep is refused before it reaches the journal."""
    for bad in (Command(id=1), Command(kind="k" * 65), Command(kind="k", body=bytes(COMMAND_BODY_BYTES_MAX + 1))):
        with pytest.raises(InputError):
            read_command(TOPICS.command, pack(TOPICS.command, bad, CLOUD_KEY), CLOUD)
    longest = Command(kind="k" * 64, body=bytes(COMMAND_BODY_BYTES_MAX))
    assert read_command(TOPICS.command, pack(TOPICS.command, longest, CLOUD_KEY), CLOUD).kind == "k" * 64


def test_a_state_is_the_devices_own() -> None:
    """The cloud reads it with the device's key."""
    payload = pack(TOPICS.state, DeviceState(online=False, boot=5, connect=3), DEVICE_KEY)
    assert read_state(TOPICS.state, payload, DEVICE).connect == 3
