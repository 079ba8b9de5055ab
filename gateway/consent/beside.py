"""The keys of a folder, read beside a running agent; must never write, wipe or make a slot."""

from pathlib import Path

from gateway.consent.keyring import PlainWrapper
from gateway.consent.slots import FREE, NAME, SLOT_BYTES, Slot
from gateway.errors import InputError, StoreError
from gateway.model import AeadKey
from gateway.wire.seal import aead


def keys_of(folder: Path) -> dict[int, AeadKey]:
    """Data keys by id, as they are at this moment; raises StoreError when the keyring cannot be read by this user.

    Keys that hardware wraps are left out: only the agent can unwrap them.
    """
    try:
        raw = (folder / NAME).read_bytes()
    except OSError as error:
        raise StoreError(f"the keyring of {folder} cannot be read: {error.strerror}") from error
    wrapper, found = PlainWrapper(), {}
    for start in range(SLOT_BYTES, len(raw), SLOT_BYTES):
        content = raw[start : start + SLOT_BYTES]
        slot = None if content == FREE or len(content) < SLOT_BYTES else Slot.unpack(content)
        if slot is None:
            continue
        try:
            found[slot.key_id] = aead(wrapper.unwrap(slot.wrapped))
        except (InputError, ValueError):
            continue
    return found
