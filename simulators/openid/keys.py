"""Keys and signatures of the stand-in, from RFC 7515, 7517 and 7518; must never share code with who checks them."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import ConfigError

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
ALGORITHMS = ("RS256", "ES256", "EdDSA")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the id and the algorithm under which its public half is shown."""

    kid: str
    algorithm: str
    private: PrivateKey

    @classmethod
    def make(cls, kid: str, algorithm: str = "ES256", rsa_bits: int = 2_048) -> "SigningKey":
        """A new one for one of ALGORITHMS; raises ConfigError for another. RSA takes up to a second."""
        match algorithm:
            case "RS256":
                return cls(kid, algorithm, rsa.generate_private_key(65_537, rsa_bits))
            case "ES256":
                return cls(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
            case "EdDSA":
                return cls(kid, algorithm, Ed25519PrivateKey.generate())
        raise ConfigError(f"{algorithm} is not one of {', '.join(ALGORITHMS)}")

    def public(self) -> dict[str, str]:
        """Its public half as a JSON Web Key."""
        named = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if isinstance(self.private, Ed25519PrivateKey):
            raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {**named, "kty": "OKP", "crv": "Ed25519", "x": text64(raw)}
        if isinstance(self.private, rsa.RSAPrivateKey):
            modulus = self.private.public_key().public_numbers()
            return {**named, "kty": "RSA", "n": _number(modulus.n), "e": _number(modulus.e)}
        point = self.private.public_key().public_numbers()
        x, y = (text64(part.to_bytes(32, "big")) for part in (point.x, point.y))
        return {**named, "kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, data: bytes) -> bytes:
        """The signature as a token carries it."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(data)
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, claims: Mapping[str, Any]) -> str:
        """The claims, signed."""
        return jws({"alg": self.algorithm, "kid": self.kid, "typ": "JWT"}, claims, self)


def jws(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, key: SigningKey) -> str:
    """A compact token of any header and claims (or bytes in their place), signed with `key`."""
    body = claims if isinstance(claims, bytes) else _json(claims)
    signed = f"{text64(_json(header))}.{text64(body)}"
    return f"{signed}.{text64(key.sign(signed.encode('ascii')))}"


def key_set(keys: Iterable[SigningKey]) -> bytes:
    """The JSON Web Key Set of their public halves."""
    return _json({"keys": [key.public() for key in keys]})


def text64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _number(value: int) -> str:
    return text64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("utf-8")
