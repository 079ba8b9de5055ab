"""Eddystone UID, URL and TLM; must never read past what came.

Layouts: Google, Eddystone protocol specification (2015 to 2018): the frame type is the high half of the first byte.
Its level is that at no distance; at one metre it is 41 dB less, as the specification says.
"""

from showroom_agent.radio.advert import Advert
from showroom_agent.radio.value import Beacon

SERVICE = "0000feaa-0000-1000-8000-00805f9b34fb"
LOSS_TO_1_M_DB = 41
_SCHEMES = ("http://www.", "https://www.", "http://", "https://")
_ENDINGS = (".com", ".org", ".edu", ".net", ".info", ".biz", ".gov")
_URL_BYTES_MAX = 17


def eddystone(advert: Advert) -> Beacon | None:
    """`eddystone:{namespace}:{instance}`, `eddystone:{url}`, or for telemetry no key and its facts.

    An ephemeral id (EID) and encrypted telemetry tell nothing without their key: None.
    """
    data = advert.services.get(SERVICE)
    if not data:
        return None
    reader = _FRAMES.get(data[0])
    return reader(data) if reader is not None else None


def _uid(data: bytes) -> Beacon | None:
    if len(data) not in {18, 20}:
        return None
    return Beacon(f"eddystone:{data[2:12].hex()}:{data[12:18].hex()}", _at_1_m(data[1]))


def _url(data: bytes) -> Beacon | None:
    if not 4 <= len(data) <= 3 + _URL_BYTES_MAX or data[2] >= len(_SCHEMES):
        return None
    words = [_SCHEMES[data[2]]]
    for byte in data[3:]:
        if byte < 2 * len(_ENDINGS):
            words.append(_ENDINGS[byte % 7] + ("/" if byte < len(_ENDINGS) else ""))
        elif 0x20 < byte < 0x7F:
            words.append(chr(byte))
        else:
            return None
    return Beacon(f"eddystone:{''.join(words)}", _at_1_m(data[1]))


def _tlm(data: bytes) -> Beacon | None:
    if len(data) != 14 or data[1] != 0:
        return None
    facts = {"adverts": float(int.from_bytes(data[6:10], "big")), "uptime_s": int.from_bytes(data[10:14], "big") / 10}
    battery, heat = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big", signed=True)
    if battery:
        facts["battery_mv"] = float(battery)
    if heat != -0x8000:
        facts["temperature_c"] = heat / 256
    return Beacon("", None, facts)


def _at_1_m(byte: int) -> int:
    return (byte - 256 if byte > 127 else byte) - LOSS_TO_1_M_DB


_FRAMES = {0x00: _uid, 0x10: _url, 0x20: _tlm}
