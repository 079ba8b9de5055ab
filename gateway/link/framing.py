"""Judges what a broker sends before the client library sees it; must never keep a payload.

The library trusts the broker: it would allocate 256 MB for a length somebody made up, keep QoS 2 messages nobody asked
for, and take a second CONNACK. This guard reads fixed headers only.
"""

from gateway.errors import InputError

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 11, 13, 14
_WELCOME = {CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT}
_LENGTH_BYTES_MAX = 4
_PUBACK_CODES = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
_STAND_IN = 0x83
"""Implementation specific error: what the library is given instead of a code that PUBACK does not have."""


class Frames:
    """Follows the packets of one connection through any cuts of the stream; InputError when one must not come."""

    def __init__(self, packet_bytes_max: int) -> None:
        self._max = packet_bytes_max
        self._header = bytearray()
        self._left = 0
        self._kind = 0
        self._puback = bytearray()
        self._greeted = False
        self.packets = 0
        self.odd_codes: dict[int, int] = {}

    @property
    def between(self) -> bool:
        """Whether the stream stands between two packets."""
        return not self._header and not self._left

    def feed(self, data: bytes) -> bytes:
        """Takes the next bytes of the stream and returns what the library may see of them.

        Raises InputError for a packet that must not come. The true reason codes of PUBACKs that the library could not
        read are in `odd_codes` by packet id.
        """
        position, end = 0, len(data)
        while position < end:
            if self._left:
                step = min(self._left, end - position)
                if self._kind == PUBACK:
                    data = self._read_puback(data, position, step)
                position += step
                self._left -= step
                self.packets += not self._left
                continue
            self._take(data[position])
            position += 1
        return data

    def _read_puback(self, data: bytes, position: int, step: int) -> bytes:
        """Looks at the next bytes of a PUBACK: packet id, then the reason code if there is one."""
        for place in range(position, position + min(step, 3 - len(self._puback))):
            self._puback.append(data[place])
            if len(self._puback) == 3 and data[place] not in _PUBACK_CODES:
                self.odd_codes[int.from_bytes(self._puback[:2], "big")] = data[place]
                data = data[:place] + bytes([_STAND_IN]) + data[place + 1 :]
        return data

    def _take(self, byte: int) -> None:
        self._header.append(byte)
        if len(self._header) == 1:
            self._judge(byte >> 4, byte & 15)
            return
        if byte & 128:
            if len(self._header) > _LENGTH_BYTES_MAX:
                raise InputError("a packet's length has more than four bytes")
            return
        self._left = sum((part & 127) << 7 * place for place, part in enumerate(self._header[1:]))
        total = self._left + len(self._header)
        if total > self._max:
            raise InputError(f"a packet of {total} bytes, {self._max} are allowed")
        self._header.clear()
        self.packets += not self._left

    def _judge(self, kind: int, flags: int) -> None:
        if kind not in _WELCOME:
            raise InputError(f"a packet of type {kind}, which a broker does not send to us")
        if (kind == CONNACK) is self._greeted:
            raise InputError("a second CONNACK" if self._greeted else "something else before CONNACK")
        self._greeted = True
        self._kind = kind
        self._puback.clear()
        if kind != PUBLISH and flags:
            raise InputError(f"reserved flags {flags:#x} in a packet of type {kind}")
        if kind == PUBLISH and flags >> 1 & 3 > 1:
            raise InputError("a PUBLISH of QoS 2 or 3, where QoS 1 was asked for")
