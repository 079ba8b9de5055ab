"""The keyring: keys outlive a restart, and forgotten keys are nowhere in the file."""

from pathlib import Path

import pytest

from gateway.consent import Keyring, KeyringFull
from gateway.consent.slots import FILE_BYTES, NAME
from gateway.errors import InputError, StoreError
from gateway.limits import KEY_SLOTS, KEY_SLOTS_RESERVED
from gateway.model import AeadKey
from tests.unit.consent.keys import same, secret_of


class Turned:
    """A stand-in for a hardware key: what it wraps only it can unwrap."""

    def wrap(self, key: bytes) -> bytes:
        return b"turned" + bytes(byte ^ 0xA5 for byte in key)

    def unwrap(self, wrapped: bytes) -> bytes:
        if not wrapped.startswith(b"turned"):
            raise InputError("not wrapped here")
        return bytes(byte ^ 0xA5 for byte in wrapped[6:])


def test_a_key_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """Once it was hardened."""
    ring = Keyring.open(tmp_path)
    assert ring.created
    key_id, key = ring.obtain(5, 2)
    ring.harden()
    again = Keyring.open(tmp_path)
    assert not again.created
    assert same(key, again.key(key_id))
    assert again.obtain(5, 2)[0] == key_id


def test_a_key_that_was_not_hardened_is_gone(tmp_path: Path) -> None:
    """No commit used it, so that nothing is lost with it."""
    key_id, _ = Keyring.open(tmp_path).obtain(5, 2)
    assert Keyring.open(tmp_path).key(key_id) is None


def test_ids_are_never_given_twice(tmp_path: Path) -> None:
    """Not after a key was destroyed, and not after the whole file was lost."""
    seen = set()
    for _ in range(3):
        ring = Keyring.open(tmp_path)
        for _ in range(20):
            key_id, _ = ring.obtain(5, 2)
            assert 0 < key_id < 1 << 63
            assert key_id not in seen
            seen.add(key_id)
            ring.harden()
            ring.destroy([key_id])
        (tmp_path / NAME).unlink()


def test_a_destroyed_key_is_nowhere(tmp_path: Path) -> None:
    """Neither in memory nor in the file; its neighbours stay, and its slot may serve again."""
    ring = Keyring.open(tmp_path)
    ids = [ring.obtain(subject, 2)[0] for subject in (5, 6, 7)]
    ring.harden()
    secret = secret_of(tmp_path, ids[1])
    assert secret in (tmp_path / NAME).read_bytes()
    assert ring.destroy([ids[1], 12345]) == 1
    assert ring.key(ids[1]) is None
    assert secret not in (tmp_path / NAME).read_bytes()
    again = Keyring.open(tmp_path)
    assert [again.key(key_id) is not None for key_id in ids] == [True, False, True]
    assert again.damaged == 0
    assert ring.obtain(6, 2)[0] != ids[1]
    assert (tmp_path / NAME).stat().st_size == FILE_BYTES


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Whoever reads the file reads what is buffered."""
    Keyring.open(tmp_path)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    """Of the store, so that callers need to know one error."""
    with pytest.raises(StoreError, match="keyring cannot be opened"):
        Keyring.open(tmp_path / "absent")


def test_a_hardware_key_wraps_what_lies_on_disk(tmp_path: Path) -> None:
    """With another wrapper the keys are worthless."""
    ring = Keyring.open(tmp_path, Turned())
    key_id, key = ring.obtain(5, 2)
    ring.harden()
    assert secret_of(tmp_path, key_id).startswith(b"turned")
    assert same(key, Keyring.open(tmp_path, Turned()).key(key_id))
    assert not same_or_none(key, Keyring.open(tmp_path).key(key_id))


def same_or_none(one: AeadKey, other: AeadKey | None) -> bool:
    """Whether a key was read that is the same."""
    return other is not None and same(one, other)


def test_the_ring_has_an_end_and_a_reserve(tmp_path: Path) -> None:
    """The last slots are for resealing in a withdrawal; a destroyed key makes room."""
    ring = Keyring.open(tmp_path)
    ids = [ring.obtain(subject, 2)[0] for subject in range(1, KEY_SLOTS - KEY_SLOTS_RESERVED + 1)]
    with pytest.raises(KeyringFull):
        ring.obtain(9_999, 2)
    for subject in range(20_000, 20_000 + KEY_SLOTS_RESERVED):
        ring.obtain(subject, 2, reserved=True)
    with pytest.raises(KeyringFull):
        ring.obtain(9_999, 2, reserved=True)
    ring.harden()
    ring.destroy(ids[:1])
    assert ring.obtain(9_999, 2, reserved=True)[0] not in ids
