"""Authenticated encryption of a bag, bound to its place (AES-256-GCM); must never use a nonce twice or derive one.

A seal that opens proves three things: the bytes are whole, they stand where they were put, and the key still exists.
"""

import os
from dataclasses import dataclass
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import InputError
from gateway.model import AeadKey

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_PLACE = Struct(">QBQIQ").pack


class SealBroken(InputError):
    """The bytes were altered or moved, or the key is another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bag belongs: device, epoch, stream, its numbers, and the key that seals it."""

    device: str
    epoch: int
    stream: int
    first_seq: int
    count: int
    key_id: int

    def associated_data(self) -> bytes:
        """The place as bytes: fixed numbers, then the device."""
        return _PLACE(self.epoch, self.stream, self.first_seq, self.count, self.key_id) + self.device.encode()


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def aead(raw: bytes) -> AeadKey:
    """The cipher of a raw key of 32 bytes; raises ValueError for another length."""
    if len(raw) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return AESGCM(raw)


def seal(key: AeadKey, place: Place, plain: bytes) -> bytes:
    """Nonce, ciphertext and tag: 28 bytes more than `plain`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, place.associated_data())


def unseal(key: AeadKey, place: Place, sealed: bytes) -> bytes:
    """What was sealed; raises SealBroken."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise SealBroken("too short for a seal")
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.associated_data())
    except InvalidTag:
        raise SealBroken("the seal does not open") from None
