"""Ed25519 signatures as the last field of a message; must never look into the message before its signature is checked.

The signature is field 15 of every signed message and always its last 66 bytes: tag 0x7a, length 0x40, 64 bytes. It
covers the topic, a zero byte and all bytes before it, so that a message cannot be moved to another topic.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import SignatureError

SIGNATURE_HEAD: Final = b"\x7a\x40"
SIGNATURE_BYTES: Final = 66


def sign(key: Ed25519PrivateKey, topic: str, message: bytes) -> bytes:
    """`message`, serialised without a signature, with the signature for `topic` appended."""
    return message + SIGNATURE_HEAD + key.sign(topic.encode() + b"\0" + message)


def verify(key: Ed25519PublicKey, topic: str, payload: bytes) -> None:
    """Raises SignatureError unless `payload` ends with the signature of `key` for `topic`."""
    if payload[-SIGNATURE_BYTES:-64] != SIGNATURE_HEAD:
        raise SignatureError("the message ends without a signature")
    try:
        key.verify(payload[-64:], topic.encode("utf-8", "surrogatepass") + b"\0" + payload[:-SIGNATURE_BYTES])
    except InvalidSignature:
        raise SignatureError("the signature does not fit message, topic and key") from None
