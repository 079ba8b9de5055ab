"""Seals: they open in their place with their key, and nowhere else."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import InputError
from gateway.wire.seal import NONCE_BYTES, TAG_BYTES, Place, SealBroken, aead, new_key, seal, unseal

PLACE = Place("car-1", 2**63 - 1, 2, 2**40, 500, 2**62)
KEY = aead(new_key())
PLAIN = b"a body" * 50


def test_what_was_sealed_opens() -> None:
    """28 bytes more than the plain text, none of which shows."""
    sealed = seal(KEY, PLACE, PLAIN)
    assert unseal(KEY, PLACE, sealed) == PLAIN
    assert len(sealed) == len(PLAIN) + NONCE_BYTES + TAG_BYTES
    assert b"a body" not in sealed
    assert unseal(KEY, PLACE, seal(KEY, PLACE, b"")) == b""


def test_no_nonce_comes_twice() -> None:
    """The same bag sealed again, as after a partial withdrawal, looks different."""
    assert len({seal(KEY, PLACE, PLAIN)[:NONCE_BYTES] for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "change",
    [
        {"device": "car-2"},
        {"epoch": 2**63 - 2},
        {"stream": 3},
        {"first_seq": 2**40 + 1},
        {"count": 499},
        {"key_id": 2**62 + 1},
    ],
)
def test_a_bag_does_not_open_elsewhere(change: dict[str, Any]) -> None:
    """Each part of its place is bound: a row that was moved or renumbered is noticed."""
    sealed = seal(KEY, PLACE, PLAIN)
    with pytest.raises(SealBroken):
        unseal(KEY, replace(PLACE, **change), sealed)


def test_a_damaged_bag_does_not_open() -> None:
    """Any changed byte, any cut, another key: SealBroken, which is malformed input."""
    sealed = seal(KEY, PLACE, PLAIN)
    for at in range(0, len(sealed), 7):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            unseal(KEY, PLACE, bytes(changed))
    for length in (0, 1, NONCE_BYTES, NONCE_BYTES + TAG_BYTES - 1, len(sealed) - 1):
        with pytest.raises(SealBroken):
            unseal(KEY, PLACE, sealed[:length])
    with pytest.raises(SealBroken):
        unseal(aead(new_key()), PLACE, sealed)
    assert issubclass(SealBroken, InputError)


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    """AES-256 and nothing weaker by accident."""
    with pytest.raises(ValueError, match="32 bytes"):
        aead(bytes(length))
