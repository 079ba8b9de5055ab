"""JSON Web Tokens as KUKSA has them: who may read, provide or actuate what; must never accept an unsigned one.

A token is signed with RS256 or EdDSA, its audience is `kuksa.val`, its `scope` a list such as
`read:Vehicle.Speed provide:Vehicle.Cabin` (see Scopes).
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import ConfigError
from simulators.databroker.access import Access, Scopes
from simulators.databroker.refusals import Refused, Why

AUDIENCE: Final = "kuksa.val"
TOKEN_MAX: Final = 16_384
Metadata = Iterable[tuple[str, str | bytes]]


class TokenCheck:
    """Turns the token of a call into what its caller may do."""

    def __init__(self, public_key_pem: bytes, now: Callable[[], float] = time.time) -> None:
        """Raises ConfigError when that is no RSA or Ed25519 public key. `now`: seconds since 1970."""
        try:
            key = load_pem_public_key(public_key_pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ConfigError(f"the key for tokens is no public key in PEM form ({error})") from error
        if not isinstance(key, RSAPublicKey | Ed25519PublicKey):
            raise ConfigError("the key for tokens is neither RSA nor Ed25519")
        self._key, self._now = key, now

    @classmethod
    def read(cls, path: Path) -> "TokenCheck":
        """With the key in a file; raises ConfigError. Not for the loop."""
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}") from error

    def access(self, metadata: Metadata) -> Access:
        """What the caller with this metadata may do; raises Refused without a good token."""
        shown = next((value for key, value in metadata if key == "authorization"), None)
        if not isinstance(shown, str) or not shown.startswith("Bearer ") or len(shown) > TOKEN_MAX:
            raise Refused(Why.UNAUTHENTICATED, "no token was shown")
        claims = self._claims(shown.removeprefix("Bearer ").strip())
        audience, scope, expires_s = claims.get("aud"), claims.get("scope"), claims.get("exp")
        if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
            raise Refused(Why.UNAUTHENTICATED, f"the token is not for {AUDIENCE}")
        if not isinstance(scope, str) or isinstance(expires_s, bool) or not isinstance(expires_s, int | float):
            raise Refused(Why.UNAUTHENTICATED, "the token lacks scope or exp")
        if self._now() >= expires_s:
            raise Refused(Why.UNAUTHENTICATED, "the token has expired")
        return Scopes(scope.split(), expires_s, self._now)

    def _claims(self, token: str) -> dict[str, Any]:
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            self._verify(_parsed(head).get("alg"), signed.encode("ascii"), _unpacked(signature))
            return _parsed(body)
        except (ValueError, InvalidSignature, binascii.Error, RecursionError):
            raise Refused(Why.UNAUTHENTICATED, "the token is not one of ours") from None

    def _verify(self, algorithm: object, signed: bytes, signature: bytes) -> None:
        if isinstance(self._key, RSAPublicKey) and algorithm == "RS256":
            self._key.verify(signature, signed, PKCS1v15(), SHA256())
        elif isinstance(self._key, Ed25519PublicKey) and algorithm == "EdDSA":
            self._key.verify(signature, signed)
        else:
            raise ValueError("another algorithm than the key's")


def issue(key: RSAPrivateKey | Ed25519PrivateKey, scope: str, *, valid_s: float = 86_400.0, name: str = "desk") -> str:
    """A token with that scope, valid from now on for `valid_s` seconds."""
    algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "EdDSA"
    issued_s = int(time.time())
    claims = {"sub": name, "iss": "forecourt sim", "aud": [AUDIENCE], "iat": issued_s, "exp": int(issued_s + valid_s)}
    signed = f"{_packed({'alg': algorithm, 'typ': 'JWT'})}.{_packed({**claims, 'scope': scope})}"
    if isinstance(key, RSAPrivateKey):
        signature = key.sign(signed.encode("ascii"), PKCS1v15(), SHA256())
    else:
        signature = key.sign(signed.encode("ascii"))
    return f"{signed}.{_text(signature)}"


def desk_key(path: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    """The key in a file; where there is none, a new one is made, with its public half in FILE.pub.

    Raises ConfigError. Not for the loop.
    """
    try:
        if path.exists():
            found = load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(found, RSAPrivateKey | Ed25519PrivateKey):
                raise ConfigError(f"{path}: neither an RSA nor an Ed25519 key")
            return found
        key = generate_private_key(65_537, 2_048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.with_name(path.name + ".pub").write_bytes(public)
        return key
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path}: no private key in PEM form without a password ({error})") from error


def _packed(value: dict[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode("utf-8"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _parsed(text: str) -> dict[str, Any]:
    value = json.loads(_unpacked(text))
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
