"""The keys of an OpenID provider, from a JSON Web Key Set (RFC 7517); must never take a secret for a public key.

The key says which algorithm it is for, a token only has to agree: so that a public key is never used as a secret of
HMAC, nor one curve's key by another's rules.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.errors import ConfigError, InputError
from gateway.limits import ACCOUNT_KEYS_MAX

try:
    from jwt import PyJWK, PyJWTError
except ImportError as error:  # pragma: no cover - of an installation without the extra
    raise ConfigError("accounts of another service need forecourt[cloud]: pip install 'forecourt[cloud]'") from error

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

RSA_BITS: Final = range(2_048, 8_192 + 1)
RSA_EXPONENT_MAX: Final = 1 << 32
KEY_ID_CHARACTERS_MAX: Final = 255
_KINDS: Final[Mapping[tuple[str, str | None], tuple[str, tuple[str, ...]]]] = {
    ("RSA", None): ("RS256", ("kty", "n", "e")),
    ("EC", "P-256"): ("ES256", ("kty", "crv", "x", "y")),
    ("OKP", "Ed25519"): ("EdDSA", ("kty", "crv", "x")),
}
ALGORITHMS: Final = tuple(algorithm for algorithm, _ in _KINDS.values())
"""The algorithms whose signatures are checked; all others are refused, first of all `none` and those of secrets."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, the one algorithm that it verifies (RFC 7518, RFC 8037), and its id."""

    key: PublicKey
    algorithm: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What can be used of a key set; `ignored` counts the rest: secrets, encryption keys, other curves, damage."""

    keys: tuple[Key, ...]
    ignored: int

    def named(self, kid: str | None) -> tuple[Key, ...]:
        """The keys of that id; all keys when a token names none."""
        return self.keys if kid is None else tuple(key for key in self.keys if key.kid == kid)


def read_keys(data: bytes) -> Keys:
    """The keys of a key set; raises InputError when it cannot be read or has no key that could be used."""
    try:
        listed = json.loads(data.decode("utf-8"))["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError('no key set: JSON of the form {"keys": [...]} is expected') from None
    if not isinstance(listed, list) or len(listed) > ACCOUNT_KEYS_MAX:
        raise InputError(f"no key set: at most {ACCOUNT_KEYS_MAX} keys are expected")
    found = [_key(one) for one in listed]
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise InputError(f"no key for {', '.join(ALGORITHMS)} among the {len(listed)} of this set")
    return Keys(keys, len(listed) - len(keys))


def _key(given: Any) -> Key | None:
    """One key; None when it cannot be used to verify."""
    if not isinstance(given, dict) or "d" in given:  # whoever publishes a private key has lost it
        return None
    kty, crv, kid = given.get("kty"), given.get("crv"), given.get("kid")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        return None
    if not isinstance(kid, str | None) or len(kid or "") > KEY_ID_CHARACTERS_MAX:
        return None
    algorithm, members = _KINDS.get((kty, crv), ("", ()))
    operations = given.get("key_ops", ["verify"])
    if not algorithm or given.get("alg", algorithm) != algorithm or given.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    key = _built({name: given.get(name) for name in members}, algorithm)
    return None if key is None else Key(key, algorithm, kid)


def _built(public: dict[str, Any], algorithm: str) -> PublicKey | None:
    if not all(isinstance(value, str) for value in public.values()):
        return None
    try:
        key = PyJWK(public, algorithm).key
    except (PyJWTError, ValueError, TypeError, OverflowError, UnsupportedAlgorithm):
        return None
    if isinstance(key, RSAPublicKey):
        return key if key.key_size in RSA_BITS and key.public_numbers().e < RSA_EXPONENT_MAX else None
    return key if isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey) else None
