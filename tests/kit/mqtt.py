"""A second, small reading of MQTT 5, independent of the client library's; must never be used by the product."""

import struct
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14
_BYTE, _SHORT, _LONG, _TEXT, _PAIR, _VARINT = "byte", "short", "long", "text", "pair", "varint"
PROPERTIES = {
    0x01: ("payload_format", _BYTE),
    0x02: ("message_expiry", _LONG),
    0x03: ("content_type", _TEXT),
    0x08: ("response_topic", _TEXT),
    0x09: ("correlation", _TEXT),
    0x0B: ("subscription_id", _VARINT),
    0x11: ("session_expiry", _LONG),
    0x12: ("assigned_client_id", _TEXT),
    0x13: ("server_keepalive", _SHORT),
    0x1F: ("reason", _TEXT),
    0x21: ("receive_maximum", _SHORT),
    0x22: ("topic_alias_maximum", _SHORT),
    0x23: ("topic_alias", _SHORT),
    0x24: ("maximum_qos", _BYTE),
    0x25: ("retain_available", _BYTE),
    0x26: ("user", _PAIR),
    0x27: ("maximum_packet_size", _LONG),
}
_IDS = {name: number for number, (name, _) in PROPERTIES.items()}


@dataclass
class Packet:
    """One packet of a client, taken apart."""

    kind: int
    flags: int
    size: int
    mid: int = 0
    topic: str = ""
    payload: bytes = b""
    code: int = 0
    client_id: str = ""
    clean_start: bool = False
    keepalive: int = 0
    will: tuple[str, bytes, int, bool] | None = None
    filters: list[tuple[str, int]] = field(default_factory=list)
    properties: dict[str, object] = field(default_factory=dict)

    @property
    def qos(self) -> int:
        """QoS of a PUBLISH."""
        return self.flags >> 1 & 3

    @property
    def dup(self) -> bool:
        """DUP of a PUBLISH."""
        return bool(self.flags & 8)

    @property
    def retain(self) -> bool:
        """RETAIN of a PUBLISH."""
        return bool(self.flags & 1)


class Reader:
    """Takes values off the front of bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, count: int) -> bytes:
        part = self.data[self.position : self.position + count]
        assert len(part) == count, "a packet ends too early"
        self.position += count
        return part

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def text(self) -> bytes:
        return self.take(self.number(2))

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.number(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.position)

    def properties(self) -> dict[str, object]:
        inner, found = Reader(self.take(self.varint())), {}
        pairs: list[tuple[str, str]] = []
        while inner.position < len(inner.data):
            name, kind = PROPERTIES[inner.number(1)]
            if kind == _PAIR:
                pairs.append((inner.text().decode(), inner.text().decode()))
                continue
            assert name not in found, f"property {name} comes twice"
            found[name] = inner.value(kind)
        return found | ({"user": pairs} if pairs else {})

    def value(self, kind: str) -> object:
        if kind == _TEXT:
            return self.text().decode()
        if kind == _VARINT:
            return self.varint()
        return self.number({_BYTE: 1, _SHORT: 2, _LONG: 4}[kind])


def parse(kind: int, flags: int, body: bytes, size: int) -> Packet:
    """Takes a client's packet apart; AssertionError where it breaks the standard."""
    packet, reader = Packet(kind, flags, size), Reader(body)
    if kind == CONNECT:
        _connect(packet, reader)
    elif kind == PUBLISH:
        packet.topic = reader.text().decode()
        packet.mid = reader.number(2) if packet.qos else 0
        assert packet.mid or not packet.qos, "packet id 0"
        packet.properties, packet.payload = reader.properties(), reader.rest()
    elif kind == PUBACK:
        packet.mid = reader.number(2)
        packet.code = reader.number(1) if len(body) > 2 else 0
    elif kind == SUBSCRIBE:
        assert flags == 2, "SUBSCRIBE has flags 2"
        packet.mid, packet.properties = reader.number(2), reader.properties()
        while reader.position < len(body):
            packet.filters.append((reader.text().decode(), reader.number(1)))
    elif kind == DISCONNECT:
        packet.code = reader.number(1) if body else 0
    return packet


def _connect(packet: Packet, reader: Reader) -> None:
    assert reader.text() == b"MQTT"
    assert reader.number(1) == 5
    flags = reader.number(1)
    assert not flags & 1, "reserved flag of CONNECT"
    packet.clean_start = bool(flags & 2)
    packet.keepalive, packet.properties = reader.number(2), reader.properties()
    packet.client_id = reader.text().decode()
    if flags & 4:
        reader.properties()
        packet.will = (reader.text().decode(), reader.text(), flags >> 3 & 3, bool(flags & 32))


def varint(number: int) -> bytes:
    """A variable byte integer."""
    out = bytearray()
    while True:
        number, byte = number >> 7, number & 127
        out.append(byte | (128 if number else 0))
        if not number:
            return bytes(out)


def frame(kind: int, flags: int, body: bytes) -> bytes:
    """A packet with its fixed header."""
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def pack(properties: dict[str, object]) -> bytes:
    """Properties with their length."""
    out = b""
    for name, value in properties.items():
        kind = PROPERTIES[_IDS[name]][1]
        if kind == _TEXT:
            data = str(value).encode()
            out += bytes([_IDS[name]]) + struct.pack("!H", len(data)) + data
        else:
            assert isinstance(value, int)
            out += bytes([_IDS[name]]) + value.to_bytes({_BYTE: 1, _SHORT: 2, _LONG: 4}[kind], "big")
    return varint(len(out)) + out


def connack(code: int = 0, session_present: bool = False, **properties: object) -> bytes:
    """CONNACK."""
    return frame(CONNACK, 0, bytes([session_present, code]) + pack(properties))


def puback(mid: int, code: int = 0) -> bytes:
    """PUBACK, in its short form where the code is 0."""
    return frame(PUBACK, 0, struct.pack("!H", mid) + (bytes([code]) if code else b""))


def suback(mid: int, *codes: int) -> bytes:
    """SUBACK."""
    return frame(SUBACK, 0, struct.pack("!H", mid) + b"\0" + bytes(codes))


def publish(topic: str, payload: bytes, mid: int = 0, retain: bool = False, dup: bool = False) -> bytes:
    """PUBLISH at QoS 1 when there is a packet id, else at QoS 0."""
    name = topic.encode()
    head = struct.pack("!H", len(name)) + name + (struct.pack("!H", mid) if mid else b"")
    return frame(PUBLISH, (2 if mid else 0) | retain | dup << 3, head + b"\0" + payload)


def disconnect(code: int) -> bytes:
    """DISCONNECT."""
    return frame(DISCONNECT, 0, bytes([code, 0]))


PINGRESP_PACKET = frame(PINGRESP, 0, b"")
