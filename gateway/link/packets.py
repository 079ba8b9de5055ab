"""What the link puts on and takes off the wire, as values; must never touch a socket.

Also the packed properties of a PUBLISH: the library builds them anew for each packet at several times the cost of the
rest, although a stream's are always the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.errors import InputError

_TOPIC_BYTES_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Message:
    """A PUBLISH of the broker's. `mid` is its packet id, 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained and at QoS 1, when the connection ends without a farewell."""

    topic: str
    payload: bytes


class Packed(Properties):
    """Properties of a PUBLISH that are packed once."""

    def __init__(self, expiry_s: int | None, user: tuple[tuple[str, str], ...], content_type: str | None) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry_s is not None:
            self.MessageExpiryInterval = expiry_s
        if content_type is not None:
            self.ContentType = content_type
        if user:
            self.UserProperty = list(user)
        object.__setattr__(self, "packed", super().pack())  # type: ignore[no-untyped-call]

    def pack(self) -> Any:
        """The bytes, with their length before them."""
        return object.__getattribute__(self, "packed")


@lru_cache(maxsize=128)
def _cached(expiry_s: int | None, user: tuple[tuple[str, str], ...], content_type: str | None) -> Packed:
    return Packed(expiry_s, user, content_type)


def publish_properties(expiry_s: int | None, user: Mapping[str, str] | None, content_type: str | None) -> Packed | None:
    """The properties of a PUBLISH; None when there are none."""
    if expiry_s is None and not user and content_type is None:
        return None
    return _cached(expiry_s, tuple(user.items()) if user else (), content_type)


@lru_cache(maxsize=1024)
def topic_bytes(topic: str) -> int:
    """Length of a topic name as UTF-8; InputError where MQTT 5 (4.7.3) allows no such name."""
    try:
        size = len(topic.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InputError("a topic name is not Unicode text") from error
    if not 0 < size <= _TOPIC_BYTES_MAX or any(sign in topic for sign in "+#\0"):
        raise InputError("a topic name is empty, too long, or has a wildcard or NUL in it")
    return size


def packet_bytes(topic: str, payload: bytes, properties: Packed | None) -> int:
    """Size of the whole PUBLISH packet at QoS 1."""
    rest = 2 + topic_bytes(topic) + 2 + (1 if properties is None else len(properties.pack())) + len(payload)
    return 1 + (1 if rest < 1 << 7 else 2 if rest < 1 << 14 else 3 if rest < 1 << 21 else 4) + rest


def connect_properties(receive_maximum: int, packet_bytes_max: int) -> Properties:
    """What we ask of the broker in CONNECT."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = receive_maximum
    properties.MaximumPacketSize = packet_bytes_max
    return properties
