"""Looks at keys from outside the keyring; must never make one."""

from pathlib import Path

from gateway.consent.slots import FREE, Slot, SlotFile
from gateway.model import AeadKey

NONCE = bytes(12)


def same(one: AeadKey | None, other: AeadKey | None) -> bool:
    """Whether what one key seals the other opens."""
    return bool(one and other) and one is not None and other is not None and (
        other.decrypt(NONCE, one.encrypt(NONCE, b"text", b""), b"") == b"text"
    )  # fmt: skip


def secret_of(folder: Path, key_id: int) -> bytes:
    """The bytes of a key as they lie in the file."""
    for slot in (Slot.unpack(raw) for raw in SlotFile(folder).read() if raw != FREE):
        if slot is not None and slot.key_id == key_id:
            return slot.wrapped
    raise AssertionError("no such key on disk")
