"""Tokens: what is printed is what is read, and a slip of a finger is told as such."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, InputError
from showroom_agent.joining import Token, parse_token

TOKEN = Token("showroom.local", 8_884, bytes(range(16)), bytes(range(16, 32)))


@given(
    st.from_regex(r"[a-z0-9.:-]{1,64}", fullmatch=True),
    st.integers(1, 65_535),
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
)
def test_a_token_is_read_as_it_was_made(host: str, port: int, pin: bytes, secret: bytes) -> None:
    """Also in small letters, with blanks, and without dashes."""
    token = Token(host, port, pin, secret)
    assert parse_token(token.text()) == token
    assert parse_token(f" {token.text().lower().replace('-', ' ')}\n") == token


def test_every_single_slip_is_found() -> None:
    """Each letter replaced by its neighbour in the alphabet, and each left out, is no token."""
    letters, alphabet = TOKEN.text(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for place, letter in enumerate(letters):
        if letter == "-":
            continue
        other = alphabet[(alphabet.index(letter) + 1) % 32]
        for slip in (letters[:place] + other + letters[place + 1 :], letters[:place] + letters[place + 1 :]):
            try:
                found = parse_token(slip)
            except InputError:
                continue
            assert found == TOKEN, "bits that pad the last letter say nothing"


@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda data: base64.b32encode(data).decode())))
def test_anything_else_is_refused(text: str) -> None:
    """Never another error than the one that says what to do."""
    with pytest.raises(InputError, match="token"):
        parse_token(text)


def test_another_version_says_so() -> None:
    """Its check fits, its version does not."""
    data = bytes([2]) + bytes(40)
    text = base64.b32encode(data + hashlib.sha256(data).digest()[:2]).decode()
    with pytest.raises(InputError, match="another version"):
        parse_token(text)


def test_the_secret_is_in_no_representation_and_not_in_the_name() -> None:
    """What may be logged tells nothing."""
    assert TOKEN.secret.hex() not in repr(TOKEN) + TOKEN.invitation + TOKEN.key.hex()
    assert str(TOKEN.secret) not in repr(TOKEN)


@pytest.mark.parametrize("host", ["", "a b", "x" * 65, "a\n"])
def test_a_host_that_cannot_be_carried_is_refused(host: str) -> None:
    """Before anybody prints it."""
    with pytest.raises(ConfigError, match="host"):
        Token(host, 1, bytes(16), bytes(16)).text()
