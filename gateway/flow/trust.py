"""Signed messages from a cloud that may have several pinned keys; must never return one that no key signed."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.errors import SignatureError

T = TypeVar("T")


def read_signed(
    read: Callable[[str, bytes, Ed25519PublicKey], T], topic: str, payload: bytes, keys: Sequence[Ed25519PublicKey]
) -> T:
    """The message that `read` finds under the first key that signed it; raises InputError or SignatureError."""
    for key in keys:
        try:
            return read(topic, payload, key)
        except SignatureError:
            continue
    raise SignatureError("signed by none of the pinned keys")
