"""The token of an invitation: where the site is, how it is recognised, and a secret; must never be logged or kept.

Text of the letters that a QR code packs densest (ISO/IEC 18004, alphanumeric) and that nobody mistakes when he types:
base 32 (RFC 4648) in groups of five. Its bytes are

    version (1) | secret (16) | pin (16) | port (2, big endian) | host (UTF-8) | check (2)

The pin is the first half of the SHA-256 of the desk's public key: who has no token cannot know the secret, and who has
no desk key cannot stand between. The check is the head of the SHA-256 of all before it: a slip of a finger is told as
such.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ConfigError, InputError
from showroom_agent.joining.bounds import HOST_BYTES_MAX, PIN_BYTES, SECRET_BYTES

VERSION = 1
_FIXED = 1 + SECRET_BYTES + PIN_BYTES + 2
_CHECK = 2
_GROUP = 5


@dataclass(frozen=True, slots=True)
class Token:
    """`pin`: of the desk's key. The secret stays out of representations."""

    host: str
    port: int
    pin: bytes
    secret: bytes = field(repr=False)

    def text(self) -> str:
        """What is printed, shown and typed."""
        host = self.host.encode()
        if not 0 < len(host) <= HOST_BYTES_MAX or not self.host.isprintable() or " " in self.host:
            raise ConfigError(f"{self.host[:80]!r} is no host that a token can carry: use a name or an address")
        data = bytes([VERSION]) + self.secret + self.pin + self.port.to_bytes(2, "big") + host
        letters = base64.b32encode(data + _check(data)).decode().rstrip("=")
        return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))

    @property
    def invitation(self) -> str:
        """The name of the invitation, which says nothing about the secret."""
        return _derived(self.secret, b"forecourt join id", 8).hex()

    @property
    def key(self) -> bytes:
        """What proves that one holds the token."""
        return _derived(self.secret, b"forecourt join key", 32)


def parse_token(text: str) -> Token:
    """What was typed or scanned; InputError says whether it is none, mistyped or of a newer version."""
    letters = "".join(text.split()).replace("-", "").upper()
    letters = letters.replace("0", "O").replace("1", "I").replace("8", "B")
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8)) if len(letters) < 256 else b""
    except (binascii.Error, ValueError):
        data = b""
    data, check = data[:-_CHECK], data[-_CHECK:]
    if len(data) <= _FIXED or check != _check(data):
        raise InputError("this is no token, or it was mistyped: take it again from `forecourt site invite`")
    if data[0] != VERSION:
        raise InputError("this token is of another version of Forecourt: install the site's version on the hub")
    secret, rest = data[1 : 1 + SECRET_BYTES], data[1 + SECRET_BYTES :]
    pin, port, host = rest[:PIN_BYTES], int.from_bytes(rest[PIN_BYTES : PIN_BYTES + 2], "big"), rest[PIN_BYTES + 2 :]
    try:
        name = host.decode()
    except UnicodeDecodeError as error:
        raise InputError("this token names no host that can be read: make another") from error
    if not name.isprintable() or len(host) > HOST_BYTES_MAX or not port:
        raise InputError("this token names no host that can be read: make another")
    return Token(name, port, pin, secret)


def pin_of(public_key: bytes) -> bytes:
    """How the desk's key (SubjectPublicKeyInfo, DER) is recognised."""
    return hashlib.sha256(public_key).digest()[:PIN_BYTES]


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECK]


def _derived(secret: bytes, purpose: bytes, length: int) -> bytes:
    """RFC 5869."""
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(secret)
