"""What strangers and providers hand to the accounts of another service; must never catch what it looks for."""

import json
import socket
import time
from copy import deepcopy
from functools import cache
from http.client import HTTPException
from random import Random
from typing import Any

from gateway.cloud.profile import accounts_fetch
from gateway.cloud.profile.accounts_keys import Keys, read_keys
from gateway.cloud.profile.accounts_token import Account, AccountRefused, Terms, judge, key_for, read_token
from gateway.errors import InputError
from simulators.openid.keys import SigningKey, jws, key_set, text64
from tests.kit.accounts import CLIENT, ISSUER, NONCE, NOW_S, SUBJECT, claims, signing_key

TERMS = Terms(ISSUER, CLIENT, ("brand-app",))
_MORE: list[dict[str, Any]] = [
    {},
    {"aud": [CLIENT, "brand-app"], "azp": "brand-app"},
    {"nbf": NOW_S, "exp": NOW_S + 60.5, "name": "Jan \u00e9", "groups": ["a", {"b": None}]},
]


@cache
def signers() -> tuple[SigningKey, ...]:
    """A key of each kind."""
    return signing_key("k1"), signing_key("r1", "RS256"), signing_key("e1", "EdDSA")


@cache
def shown() -> Keys:
    """What their provider shows."""
    return read_keys(key_set(signers()))


def remade(data: bytes, rng: Random) -> bytes:
    """One value of one of the lines of JSON is another one, or gone, or there twice."""
    lines = [json.loads(line) for line in data.split(b"\n")]
    table = rng.choice(lines)
    while (inner := [one for one in _inside(table) if isinstance(one, dict | list)]) and rng.random() < 0.5:
        table = rng.choice(inner)
    names = list(table) if isinstance(table, dict) else list(range(len(table)))
    if names and (name := rng.choice(names)) in {"iat", "exp", "nbf"}:
        table[name] = rng.choice((*_VALUES, NOW_S - 29.5, NOW_S + 29, NOW_S + 86_000, NOW_S - 400))
    elif names and rng.random() < 0.2:
        del table[name]
    elif names:
        table[name] = deepcopy(rng.choice((*_VALUES, *(value for line in lines for value in _inside(line)))))
    text = "\n".join(json.dumps(line) for line in lines)
    if rng.random() < 0.1:
        text = text.replace("{", rng.choice(('{"sub": "x", ', '{"alg": "none", ', '{"exp": NaN, ')), 2)
    return text.encode()


_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 0.5, 1e300, 2**53, 2**63, 10**400),
    *("", "a", "é" * 300, "\0", "\ud800", "none", "HS256", "RS256", "ES256", "EdDSA", "JWT", "at+jwt", "verify"),
    *("k1", "r1", "brand-app", CLIENT, ISSUER),
    *([], {}, [[]], {"a": {"b": []}}, [None], [CLIENT], [CLIENT, "brand-app"], [CLIENT] * 40),
)


def _inside(table: Any) -> list[Any]:
    return list(table.values()) if isinstance(table, dict) else list(table)


def tokens() -> list[bytes]:
    """Whole tokens, one of each key and each form."""
    return [key.token(claims(**more)).encode() for key in signers() for more in _MORE]


def statements() -> list[bytes]:
    """Header and claims, a line each."""
    heads = [{"alg": key.algorithm, "kid": key.kid, "typ": "JWT"} for key in signers()]
    return [f"{json.dumps(head)}\n{json.dumps(claims(**more))}".encode() for head in heads for more in _MORE]


def token(data: bytes) -> None:
    """A token as it comes; whoever is proven is the one that the provider named."""
    _proven(data.decode("utf-8", "surrogateescape"))


def statement(data: bytes) -> None:
    """Header and claims of any kind, well signed with the key that the header names, or with the first."""
    head, _, body = data.partition(b"\n")
    key = next((one for one in signers() if one.kid.encode() in head), signers()[0])
    signed = f"{text64(head)}.{text64(body)}"
    account = _proven(f"{signed}.{text64(key.sign(signed.encode()))}")
    said = json.loads(body)
    assert account.subject == said["sub"]
    assert said["iss"] == ISSUER
    assert CLIENT in said["aud"]
    assert said["nonce"] == NONCE
    assert json.loads(head)["alg"] == key.algorithm


def key_sets() -> list[bytes]:
    """Sets of one and of many keys."""
    return [key_set(signers()), *(key_set([key]) for key in signers())]


def keys(data: bytes) -> None:
    """A key set; what is used of it verifies nothing that was not signed with it."""
    for key in read_keys(data).keys:
        thief = SigningKey("", key.algorithm, signing_key("thief", key.algorithm).private)
        stolen = read_token(jws({"alg": key.algorithm}, claims(), thief))
        try:
            judge(stolen, key, TERMS, NOW_S, NONCE)
        except AccountRefused:
            continue
        raise AssertionError("a key verifies what another signed")


def answers() -> list[bytes]:
    """What a provider's web server sends."""
    body = key_set(signers()[:1])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return [head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body), head + chunked, head + b"\r\n" + body]


def answer(data: bytes) -> None:
    """An answer over a socket; the errors that are refusals here are those that the fetch turns into its own."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            accounts_fetch.answer_of(ours, time.monotonic() + 5.0)
        except (OSError, HTTPException, ValueError):
            raise InputError("no answer") from None


def _proven(text: str) -> Account:
    try:
        unproven = read_token(text)
        return judge(unproven, key_for(unproven, shown()), TERMS, NOW_S, NONCE)
    except AccountRefused as refused:
        if SUBJECT in f"{refused!r}{refused.__cause__!r}":
            raise AssertionError("a refusal tells whose token it was") from None
        raise
