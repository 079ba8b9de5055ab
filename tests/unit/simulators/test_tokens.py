"""Proves that only a good token opens the databroker."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import ConfigError
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.tokens import TokenCheck, _packed, _text, issue

ED25519 = Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65_537, 2_048)


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Its public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def shown(token: str) -> list[tuple[str, str | bytes]]:
    """Metadata of a call with that token."""
    return [("user-agent", "x"), ("authorization", f"Bearer {token}")]


@pytest.mark.parametrize("key", [ED25519, RSA], ids=["EdDSA", "RS256"])
def test_a_good_token_brings_its_scopes(key: Ed25519PrivateKey | rsa.RSAPrivateKey) -> None:
    """Signed by the key that the databroker knows, for it, and not expired."""
    access = TokenCheck(pem(key)).access(shown(issue(key, "read:Vehicle.Speed")))
    access.read("Vehicle.Speed")
    with pytest.raises(Refused):
        access.provide("Vehicle.Speed")


def forged(claims: dict[str, object], head: dict[str, object] | None = None) -> str:
    """A token with these claims, signed by our key."""
    signed = f"{_packed(head or {'alg': 'EdDSA'})}.{_packed(claims)}"
    return f"{signed}.{_text(ED25519.sign(signed.encode('ascii')))}"


GOOD: dict[str, object] = {"aud": ["kuksa.val"], "scope": "read", "exp": 4_000_000_000}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        issue(Ed25519PrivateKey.generate(), "read"),
        issue(RSA, "read"),
        issue(ED25519, "read", valid_s=-1),
        issue(ED25519, "write"),
        forged({**GOOD, "aud": "other"}),
        forged({**GOOD, "exp": None}),
        forged({**GOOD, "exp": True}),
        forged({**GOOD, "scope": 7}),
        forged({**GOOD}, {"alg": "none"}),
        f"{_packed({'alg': 'none'})}.{_packed(GOOD)}.",
        f"{_text(b'[]')}.{_text(json.dumps(GOOD).encode())}.",
        "x" * 20_000,
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    """Unsigned, signed by somebody else, for somebody else, expired, malformed: the same answer."""
    with pytest.raises(Refused) as raised:
        TokenCheck(pem(ED25519)).access(shown(token))
    assert raised.value.why is Why.UNAUTHENTICATED


def test_the_forger_of_this_test_can_forge() -> None:
    """The refusals above are for the claims, not for the way they were signed."""
    TokenCheck(pem(ED25519)).access(shown(forged(GOOD))).read("Vehicle.Speed")


def test_no_token_and_no_key() -> None:
    """A call without a token, and a databroker without a usable key."""
    with pytest.raises(Refused):
        TokenCheck(pem(ED25519)).access([])
    with pytest.raises(ConfigError, match="no public key"):
        TokenCheck(b"nonsense")
    with pytest.raises(ConfigError, match="neither RSA nor Ed25519"):
        TokenCheck(pem(ec.generate_private_key(ec.SECP256R1())))
