"""iBeacon and AltBeacon; must never read past what came.

Layouts: Apple, Proximity Beacon Specification R1 (2015), section 4.1; Radius Networks, AltBeacon Protocol Specification
v1.0.
"""

from showroom_agent.radio.advert import Advert
from showroom_agent.radio.value import Beacon

APPLE = 0x004C
_IBEACON = b"\x02\x15"
_ALTBEACON = b"\xbe\xac"
_IBEACON_BYTES, _ALTBEACON_BYTES = 23, 24


def ibeacon(advert: Advert) -> Beacon | None:
    """`ibeacon:{uuid}:{major}:{minor}`, the UUID as 32 hexadecimal digits."""
    data = advert.manufacturer.get(APPLE)
    if data is None or len(data) != _IBEACON_BYTES or data[:2] != _IBEACON:
        return None
    major, minor = int.from_bytes(data[18:20], "big"), int.from_bytes(data[20:22], "big")
    return Beacon(f"ibeacon:{data[2:18].hex()}:{major}:{minor}", _signed(data[22]))


def altbeacon(advert: Advert) -> Beacon | None:
    """`altbeacon:{id}`, 40 hexadecimal digits, of any manufacturer."""
    for data in advert.manufacturer.values():
        if len(data) == _ALTBEACON_BYTES and data[:2] == _ALTBEACON:
            return Beacon(f"altbeacon:{data[2:22].hex()}", _signed(data[22]))
    return None


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
