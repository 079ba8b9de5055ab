"""Signed messages other than batches: size, signature and form are checked in this order; must never skip one."""

from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1 import downlink_pb2
from google.protobuf.message import DecodeError, Message

from gateway.errors import InputError, TooLarge
from gateway.limits import COMMAND_BODY_BYTES_MAX, DOWNLINK_BYTES_MAX, RECEIPT_RANGES_MAX
from gateway.model import Stream
from gateway.wire.signing import sign, verify

M = TypeVar("M", bound=Message)
_STREAMS = frozenset(int(stream) for stream in Stream)


def pack(topic: str, message: Message, key: Ed25519PrivateKey) -> bytes:
    """The payload of a message (whose own signature field is empty) for `topic`."""
    return sign(key, topic, message.SerializeToString())


def read_receipt(topic: str, payload: bytes, key: Ed25519PublicKey) -> downlink_pb2.Receipt:
    """A receipt whose ranges rise and stand above their floor; raises InputError or SignatureError."""
    receipt = _read(downlink_pb2.Receipt, topic, payload, key)
    for stream in receipt.streams:
        if stream.stream not in _STREAMS or len(stream.above) > RECEIPT_RANGES_MAX:
            raise InputError("a receipt for an unknown stream, or with too many ranges")
        at = stream.floor
        for part in stream.above:
            if not at < part.first <= part.last:
                raise InputError("the ranges of a receipt do not rise")
            at = part.last
    return receipt


def read_cloud_state(topic: str, payload: bytes, key: Ed25519PublicKey) -> downlink_pb2.CloudState:
    """What the cloud says of itself; raises InputError or SignatureError."""
    return _read(downlink_pb2.CloudState, topic, payload, key)


def read_command(topic: str, payload: bytes, key: Ed25519PublicKey) -> downlink_pb2.Command:
    """A command within its bounds, not yet judged; raises InputError or SignatureError."""
    command = _read(downlink_pb2.Command, topic, payload, key)
    if not command.kind or len(command.kind) > 64 or len(command.body) > COMMAND_BODY_BYTES_MAX:
        raise InputError("a command without a kind, or with a body over the bound")
    return command


def read_consent_epoch(topic: str, payload: bytes, key: Ed25519PublicKey) -> downlink_pb2.ConsentEpoch:
    """The consent epoch; raises InputError or SignatureError."""
    return _read(downlink_pb2.ConsentEpoch, topic, payload, key)


def read_state(topic: str, payload: bytes, key: Ed25519PublicKey) -> downlink_pb2.DeviceState:
    """What a device says of itself; raises InputError or SignatureError."""
    return _read(downlink_pb2.DeviceState, topic, payload, key)


def _read(kind: type[M], topic: str, payload: bytes, key: Ed25519PublicKey) -> M:
    if len(payload) > DOWNLINK_BYTES_MAX:
        raise TooLarge(f"a message of this kind has at most {DOWNLINK_BYTES_MAX} bytes")
    verify(key, topic, payload)
    try:
        return kind.FromString(payload)
    except DecodeError:
        raise InputError(f"the payload is not a {kind.DESCRIPTOR.name}") from None
