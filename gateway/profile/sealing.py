"""Seals for profiles: to a key of the visit or the authority, or under a sign-in code; must never keep a plain byte.

HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. `info` names what a seal is for and
between whom, so that one of another visit does not open. Who sealed it is said by the signature around it.
A sign-in code has 40 secret bits behind scrypt (RFC 7914, N = 2^14, r = 8, p = 1: about 16 MB and 40 ms a try), which
is some thousand years of one core for whoever stole a staged profile.
"""

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.errors import InputError

KEY_BYTES: Final = 32
STAGE_ID_BYTES: Final = 8
HINT_CHARS: Final = 2
SECRET_CHARS: Final = 8
SEALED_BYTES_MAX: Final = 28_672
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that looks like a digit."""
_LOOKALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_NONCE_BYTES: Final = 12
_STAGED: Final = b"forecourt/v1/profile-stage\0"


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


class NotOpened(InputError):
    """A seal does not open: another key, another purpose, or altered."""


def context(what: str, device: str, subject: int, *more: bytes) -> bytes:
    """The `info` of a seal: what it holds, of which visit on which device."""
    head = f"forecourt/v1/profile-{what}\0{device}\0{subject:016x}".encode()
    return b"\0".join((head, *(one.hex().encode() for one in more)))


def seal(plain: bytes, public_key: bytes, info: bytes) -> bytes:
    """Sealed to an X25519 key of 32 bytes; InputError where that is none."""
    try:
        return _suite().encrypt(plain, X25519PublicKey.from_public_bytes(public_key), info)
    except ValueError as error:
        raise InputError("profiles are sealed to an X25519 key of 32 bytes") from error


def unseal(sealed: bytes, key: X25519PrivateKey, info: bytes) -> bytes:
    """What was sealed to this key for `info`; NotOpened otherwise."""
    if len(sealed) > SEALED_BYTES_MAX:
        raise NotOpened(f"a seal has at most {SEALED_BYTES_MAX} bytes")
    try:
        return _suite().decrypt(sealed, key, info)
    except (InvalidTag, ValueError) as error:
        raise NotOpened("a seal does not open") from error


def public_bytes(key: X25519PrivateKey) -> bytes:
    """The 32 bytes that others seal to."""
    return key.public_key().public_bytes_raw()


def new_code() -> str:
    """A sign-in code as people read it: `7K-3F9Q-ZX2M`, 10 bits to find it by and 40 that are secret."""
    chars = "".join(secrets.choice(ALPHABET) for _ in range(HINT_CHARS + SECRET_CHARS))
    return f"{chars[:2]}-{chars[2:6]}-{chars[6:]}"


def plain_code(code: str) -> str:
    """The code without dashes, in the one way of writing it; InputError where it is none."""
    found = code.upper().translate(_LOOKALIKES)
    if len(found) != HINT_CHARS + SECRET_CHARS or any(char not in ALPHABET for char in found):
        raise InputError("a sign-in code looks like 7K-3F9Q-ZX2M")
    return found


def hint_of(code: str) -> str:
    """The part of a code that finds it."""
    return plain_code(code)[:HINT_CHARS]


def stage(plain: bytes, code: str, stage_id: bytes) -> bytes:
    """Sealed under a code, for whoever knows it; slow by design, so not for the loop."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_stretched(code, stage_id)).encrypt(nonce, plain, _STAGED + stage_id)


def unstage(sealed: bytes, code: str, stage_id: bytes) -> bytes:
    """What was staged under this code; NotOpened otherwise. Slow by design, so not for the loop."""
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(_stretched(code, stage_id)).decrypt(nonce, rest, _STAGED + stage_id)
    except (InvalidTag, ValueError) as error:
        raise NotOpened("this code opens nothing here") from error


def _stretched(code: str, stage_id: bytes) -> bytes:
    if len(stage_id) != STAGE_ID_BYTES:
        raise NotOpened("a staged profile has an id of 8 bytes")
    salt = b"forecourt/v1/profile-code\0" + stage_id
    return Scrypt(salt=salt, length=KEY_BYTES, n=1 << 14, r=8, p=1).derive(plain_code(code).encode())
