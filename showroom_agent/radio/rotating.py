"""Forecourt's own tag, whose id changes with time; must never let an old id name a tag.

An id is the first 8 bytes of HMAC-SHA-256 (RFC 2104) with the tag's key over the number of the time slot, so a stranger
cannot follow a tag, and a recording of it is worth nothing a slot later.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from showroom_agent.radio.advert import Advert

SERVICE = "f0c0c0a7-7a67-4f72-8b5e-666f72656375"
SLOT_S = 60.0
ID_BYTES = 8
VERSION = 1
KEY_BYTES_MIN = 16
_CONTEXT = b"forecourt/v1/tag\x00"
_OLD_SLOTS = 30


def rotating_id(key: bytes, slot: int) -> bytes:
    """What a tag sends in a slot, the number of whole `SLOT_S` since 1970 UTC."""
    return hmac.digest(key, _CONTEXT + slot.to_bytes(8, "big"), hashlib.sha256)[:ID_BYTES]


def rotating_advert(key: bytes, wall_s: float) -> dict[str, bytes]:
    """Service data that a tag sends at a time: version, then the id."""
    return {SERVICE: bytes([VERSION]) + rotating_id(key, int(wall_s // SLOT_S))}


@dataclass(frozen=True, slots=True)
class Named:
    """Whose id it is. `late`: it is of an old slot, so somebody plays a recording or the clock of one side is wrong."""

    tag: str
    late: bool


class RotatingTags:
    """Which tag an id is of, now: the slot of the clock and its neighbours; older ones are told as late."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Keys by tag, each of at least 16 bytes."""
        self._keys = dict(keys)
        self._slot: int | None = None
        self._now: dict[bytes, str] = {}
        self._old: dict[bytes, str] = {}

    def name(self, advert: Advert, wall_s: float) -> Named | None:
        """None for what is no such tag, or nobody's."""
        data = advert.services.get(SERVICE)
        if data is None or len(data) != 1 + ID_BYTES or data[0] != VERSION or not self._keys:
            return None
        self._turn(int(max(wall_s, 0) // SLOT_S))
        own = data[1:]
        if tag := self._now.get(own):
            return Named(tag, late=False)
        if tag := self._old.get(own):
            return Named(tag, late=True)
        return None

    def _turn(self, slot: int) -> None:
        if slot == self._slot:
            return
        self._slot = slot
        self._now = self._ids(range(max(slot - 1, 0), slot + 2))
        self._old = self._ids(range(max(slot - 1 - _OLD_SLOTS, 0), max(slot - 1, 0)))

    def _ids(self, slots: range) -> dict[bytes, str]:
        return {rotating_id(key, slot): tag for slot in slots for tag, key in self._keys.items()}
