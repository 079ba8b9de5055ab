"""Seals: what is sealed opens with its key, its purpose and its visit, and with nothing else."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.errors import InputError
from gateway.profile.sealing import (
    NotOpened,
    context,
    hint_of,
    new_code,
    plain_code,
    public_bytes,
    seal,
    stage,
    unseal,
    unstage,
)

INFO = context("proof", "car-1", 42, b"key")


def test_a_seal_opens_only_for_its_key_purpose_and_visit() -> None:
    """Another key, another device, another visit, another purpose, or one bit: refused in the same words."""
    key = X25519PrivateKey.generate()
    sealed = seal(b"a seat", public_bytes(key), INFO)
    assert unseal(sealed, key, INFO) == b"a seat"
    assert b"a seat" not in sealed
    others = [
        context("edit", "car-1", 42, b"key"),
        context("proof", "car-2", 42, b"key"),
        context("proof", "car-1", 43, b"key"),
        context("proof", "car-1", 42, b"kez"),
    ]
    for info in others:
        with pytest.raises(NotOpened, match="does not open"):
            unseal(sealed, key, info)
    with pytest.raises(NotOpened):
        unseal(sealed, X25519PrivateKey.generate(), INFO)
    for at in range(0, len(sealed), 7):
        with pytest.raises(NotOpened):
            unseal(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], key, INFO)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47, 48, 100_000])
def test_noise_does_not_open(length: int) -> None:
    """Whatever its length."""
    with pytest.raises(NotOpened):
        unseal(os.urandom(length), X25519PrivateKey.generate(), INFO)


@pytest.mark.parametrize("key", [b"", b"x" * 31, b"x" * 33, bytes(32)])
def test_nothing_is_sealed_to_what_is_no_key(key: bytes) -> None:
    """A wrong length, and the point of small order that would give everybody the secret."""
    with pytest.raises(InputError):
        seal(b"a seat", key, INFO)


def test_a_code_is_read_as_people_write_it() -> None:
    """Small letters, no dashes, O for 0 and l for 1; what is no code is refused with how one looks."""
    assert plain_code("7k 3f9q zxom") == plain_code("7K-3F9Q-ZX0M") == "7K3F9QZX0M"
    assert plain_code("lI-0O00-0000") == "1100000000"
    assert hint_of("7K-3F9Q-ZX2M") == "7K"
    for wrong in ("", "7K-3F9Q", "7K-3F9Q-ZX2MM", "7K-3F9Q-ZX2U", "ÄÖ-3F9Q-ZX2M"):
        with pytest.raises(InputError, match="looks like"):
            plain_code(wrong)


def test_codes_are_never_the_same() -> None:
    """Ten thousand of them."""
    codes = {new_code() for _ in range(10_000)}
    assert len(codes) == 10_000
    assert all(len(code) == 12 and len(plain_code(code)) == 10 for code in codes)


def test_a_staged_profile_opens_with_its_code_only() -> None:
    """Another code, another place or a bit: it stays shut."""
    sealed = stage(b"a seat", "7K-3F9Q-ZX2M", b"12345678")
    assert b"a seat" not in sealed
    assert unstage(sealed, "7k3f9qzx2m", b"12345678") == b"a seat"
    for code, place in (("7K-3F9Q-ZX2N", b"12345678"), ("7K-3F9Q-ZX2M", b"12345679"), ("7K-3F9Q-ZX2M", b"1")):
        with pytest.raises(NotOpened):
            unstage(sealed, code, place)
    with pytest.raises(NotOpened):
        unstage(sealed[:-1] + b"\0", "7K-3F9Q-ZX2M", b"12345678")
