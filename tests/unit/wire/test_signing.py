"""Signatures: where they stand, what they cover, and that nothing else passes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2, event_pb2

from gateway.errors import SignatureError
from gateway.wire.signing import SIGNATURE_BYTES, sign, verify
from tests.kit.wires import CLOUD, DEVICE, DEVICE_KEY

TOPIC = "forecourt/v1/car/up/state"
MESSAGE = downlink_pb2.DeviceState(online=True, boot=9, version="0.1.0").SerializeToString()
SIGNED = (event_pb2.EventBatch, *(getattr(downlink_pb2, n) for n in ("Receipt", "CloudState", "Command")))


def test_the_signature_is_the_last_field_and_covers_the_topic() -> None:
    """66 bytes at the end: tag, length, and Ed25519 over topic, a zero byte and all bytes before."""
    payload = sign(DEVICE_KEY, TOPIC, MESSAGE)
    verify(DEVICE, TOPIC, payload)
    assert payload[:-SIGNATURE_BYTES] == MESSAGE
    assert payload[-66:-64] == b"\x7a\x40"
    DEVICE.verify(payload[-64:], TOPIC.encode() + b"\0" + MESSAGE)
    assert downlink_pb2.DeviceState.FromString(payload).signature == payload[-64:]


def test_every_signed_message_keeps_field_15_for_it() -> None:
    """The rule holds for each message that travels alone: bytes, field 15, and no field with a larger number."""
    messages = [*SIGNED, downlink_pb2.ConsentEpoch, downlink_pb2.DeviceState]
    for message in messages:
        fields = message.DESCRIPTOR.fields
        assert max(fields, key=lambda field: field.number).name == "signature"
        assert message.DESCRIPTOR.fields_by_name["signature"].number == 15
    assert "signature" not in control_pb2.ControlRecord.DESCRIPTOR.fields_by_name


def test_any_changed_byte_is_noticed() -> None:
    """Each byte of message and signature counts, and so do topic and key."""
    payload = sign(DEVICE_KEY, TOPIC, MESSAGE)
    for at in range(len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 0x10
        with pytest.raises(SignatureError):
            verify(DEVICE, TOPIC, bytes(changed))
    for topic in (TOPIC[:-1], TOPIC + "/", "forecourt/v1/cat/up/state"):
        with pytest.raises(SignatureError):
            verify(DEVICE, topic, payload)
    with pytest.raises(SignatureError):
        verify(CLOUD, TOPIC, payload)


@pytest.mark.parametrize("payload", [b"", b"\x7a\x40", b"\x7a\x40" + bytes(64), MESSAGE, bytes(66), bytes(1_000)])
def test_what_is_not_signed_is_refused(payload: bytes) -> None:
    """Nothing, too little, zeros: an error of its own, never another one."""
    with pytest.raises(SignatureError):
        verify(DEVICE, TOPIC, payload)


def test_a_field_behind_the_signature_is_not_covered_and_so_refused() -> None:
    """Nobody can add to a signed message: the signature must be what ends it."""
    payload = sign(DEVICE_KEY, TOPIC, MESSAGE)
    with pytest.raises(SignatureError):
        verify(DEVICE, TOPIC, payload + downlink_pb2.DeviceState(connect=5).SerializeToString())
    twice = sign(Ed25519PrivateKey.generate(), TOPIC, payload)
    with pytest.raises(SignatureError):
        verify(DEVICE, TOPIC, twice)
