"""What makes a cloud a profile authority, and its keys; must never be the key that signs."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class ProfileTerms:
    """`seal` opens what devices seal, `secret` names sign-in codes (32 bytes).

    `erasures` is the ledger of erasures, on another disk than backups of the database are taken from, or beside it.
    """

    seal: X25519PrivateKey
    secret: bytes
    erasures: Path

    @classmethod
    def of(cls, key: Ed25519PrivateKey, erasures: Path) -> "ProfileTerms":
        """Both keys derived from the cloud's own (HKDF-SHA256, RFC 5869), so that they are kept and moved with it."""
        return cls(X25519PrivateKey.from_private_bytes(_derived(key, b"seal")), _derived(key, b"codes"), erasures)


def _derived(key: Ed25519PrivateKey, what: bytes) -> bytes:
    info = b"forecourt/v1/profile-authority\0" + what
    return HKDF(SHA256(), 32, salt=None, info=info).derive(key.private_bytes_raw())
