"""Whether a token proves an account (OpenID Connect Core 1.0, 3.1.3.7); must never say what stands in a token.

No clock, no network: key and time are given. Nothing of a token is looked at as true before its signature holds, but
for two names, by which the key is found: its issuer's and the key's.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeGuard

from gateway.cloud.profile.accounts_keys import ALGORITHMS, Key, Keys
from gateway.errors import ConfigError, InputError, Retry
from gateway.limits import ACCOUNT_LEEWAY_S, ACCOUNT_LIFE_MAX_S, ACCOUNT_TOKEN_BYTES_MAX

try:
    from jwt import PyJWS, PyJWTError
except ImportError as error:  # pragma: no cover - of an installation without the extra
    raise ConfigError("accounts of another service need forecourt[cloud]: pip install 'forecourt[cloud]'") from error

SUBJECT: Final = re.compile(r"[ -~]{1,255}")
AUDIENCES_MAX: Final = 16
TIME_MAX_S: Final = 1 << 53
_PARTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
_SIGNATURES: Final = PyJWS(algorithms=ALGORITHMS)


class Refusal(Enum):
    """Why a token opens nothing; counted as `refused.VALUE`. `says` tells what to do."""

    TOO_LARGE = "too_large", f"is over {ACCOUNT_TOKEN_BYTES_MAX:,} bytes: ask the provider for fewer claims"
    MALFORMED = "malformed", "is no signed JSON Web Token: hand over the ID token as the provider gave it"
    KIND = "kind", "is of another kind: hand over the ID token, not an access or logout token"
    ALGORITHM = "algorithm", f"is not signed with {', '.join(ALGORITHMS)}: set that at the provider"
    ISSUER = "issuer", "is of a provider that is not among the [[issuer]] of the settings"
    UNKNOWN_KEY = "unknown_key", "names a key that its provider does not show: sign in again in a minute"
    WRONG_KEY = "wrong_key", "names a key that is not for its algorithm, or not one key alone"
    SIGNATURE = "signature", "is not signed by its provider"
    CLAIMS = "claims", "lacks a claim, or has one of another type: iss, sub, aud, exp and iat are wanted"
    AUDIENCE = "audience", "is made for another client: sign in with the client id of the settings"
    PARTY = "party", "was given to a client that is not ours: name further clients of the brand in `also`"
    EXPIRED = "expired", "has expired: sign in again"
    NOT_YET = "not_yet", "is not valid yet: one of the clocks is wrong"
    LIFE = "life", f"lives longer than {ACCOUNT_LIFE_MAX_S:,.0f} s: shorten that at the provider"
    NONCE = "nonce", "belongs to another sign-in: sign in again"
    USED = "used", "has opened another visit: sign in again"
    SUBJECT = "subject", "has no usable subject: 1 to 255 printable ASCII characters are wanted"
    CLOCK = "clock", "cannot be judged: this machine does not know the time; set its clock"

    says: str

    def __new__(cls, value: str, says: str) -> "Refusal":
        """A member whose value is the word that is counted."""
        member = object.__new__(cls)
        member._value_, member.says = value, says
        return member


class AccountRefused(InputError):
    """A token opens nothing; `reason` says why, the message what to do. It tells nothing of the token."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"the account token {reason.says}")
        self.reason = reason
        self.retry = Retry.LATER if reason is Refusal.UNKNOWN_KEY else Retry.NEVER


@dataclass(frozen=True, slots=True)
class Account:
    """An account that was proven: its provider, and what the provider calls it. Neither is for logs or tables."""

    issuer: str
    subject: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Terms:
    """What tokens of one provider have to say: `issuer`, `audience`, and further clients of the brand."""

    issuer: str
    audience: str
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Unproven:
    """A token that was read and proves nothing yet."""

    text: str
    algorithm: str
    kid: str | None
    claims: dict[str, Any]


def read_token(token: str) -> Unproven:
    """The parts of a token whose form is right; raises AccountRefused."""
    if len(token) > ACCOUNT_TOKEN_BYTES_MAX:
        raise AccountRefused(Refusal.TOO_LARGE)
    parts = _PARTS.fullmatch(token)
    if parts is None:
        raise AccountRefused(Refusal.MALFORMED)
    head, claims = _object(parts[1]), _object(parts[2])
    algorithm, kid, kind = head.get("alg"), head.get("kid"), head.get("typ", "JWT")
    if algorithm not in ALGORITHMS:
        raise AccountRefused(Refusal.ALGORITHM)
    if not isinstance(kind, str) or kind.upper() != "JWT" or "crit" in head or "b64" in head or "events" in claims:
        raise AccountRefused(Refusal.KIND)
    if not isinstance(kid, str | None):
        raise AccountRefused(Refusal.MALFORMED)
    return Unproven(token, algorithm, kid, claims)


def key_for(token: Unproven, keys: Keys) -> Key:
    """The one key that may have signed the token; raises AccountRefused."""
    named = keys.named(token.kid)
    if not named:
        raise AccountRefused(Refusal.UNKNOWN_KEY)
    fitting = [key for key in named if key.algorithm == token.algorithm]
    if len(fitting) != 1:
        raise AccountRefused(Refusal.WRONG_KEY)
    return fitting[0]


def judge(token: Unproven, key: Key, terms: Terms, now_s: float, nonce: bytes | str | None) -> Account:
    """The account that a token proves with `key` at `now_s` (seconds since 1970); raises AccountRefused.

    `nonce` is what the sign-in was begun with, bytes as base64url without padding; None asks for none.
    """
    if key.algorithm != token.algorithm:
        raise AccountRefused(Refusal.WRONG_KEY)
    try:
        _SIGNATURES.decode_complete(token.text, key.key, algorithms=[key.algorithm])
    except (PyJWTError, ValueError, TypeError):
        raise AccountRefused(Refusal.SIGNATURE) from None
    claims = token.claims
    if claims.get("iss") != terms.issuer:
        raise AccountRefused(Refusal.ISSUER)
    for refusal in (_audience(claims, terms), _times(claims, now_s), _nonce(claims, nonce)):
        if refusal is not None:
            raise AccountRefused(refusal)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise AccountRefused(Refusal.SUBJECT)
    return Account(terms.issuer, subject)


def _audience(claims: dict[str, Any], terms: Terms) -> Refusal | None:
    given, party = claims.get("aud"), claims.get("azp")
    audiences = given if isinstance(given, list) else [given]
    if not 1 <= len(audiences) <= AUDIENCES_MAX or not all(isinstance(one, str) for one in audiences):
        return Refusal.CLAIMS
    if terms.audience not in audiences:
        return Refusal.AUDIENCE
    ours = {terms.audience, *terms.also}
    if not ours.issuperset(audiences) or (party is None and len(audiences) > 1):
        return Refusal.PARTY
    return None if party is None or (isinstance(party, str) and party in ours) else Refusal.PARTY


def _times(claims: dict[str, Any], now_s: float) -> Refusal | None:
    expires_s, issued_s, begins_s = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (_is_time(expires_s) and _is_time(issued_s) and _is_time(begins_s)):
        return Refusal.CLAIMS
    if now_s >= expires_s + ACCOUNT_LEEWAY_S:
        return Refusal.EXPIRED
    if now_s < max(issued_s, begins_s) - ACCOUNT_LEEWAY_S:
        return Refusal.NOT_YET
    return Refusal.LIFE if expires_s - issued_s > ACCOUNT_LIFE_MAX_S else None


def _is_time(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < TIME_MAX_S


def _nonce(claims: dict[str, Any], wanted: bytes | str | None) -> Refusal | None:
    if wanted is None:
        return None
    given = claims.get("nonce")
    text = wanted if isinstance(wanted, str) else base64.urlsafe_b64encode(wanted).rstrip(b"=").decode("ascii")
    if not isinstance(given, str) or not text:
        return Refusal.NONCE
    same = hmac.compare_digest(given.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass"))
    return None if same else Refusal.NONCE


def _object(part: str) -> dict[str, Any]:
    """The JSON object of a part; a name that comes twice is not read either way."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, binascii.Error, RecursionError):
        raise AccountRefused(Refusal.MALFORMED) from None
    if not isinstance(value, dict):
        raise AccountRefused(Refusal.MALFORMED)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(text)
