"""What an OpenID provider knows and decides, without a socket; must never be mistaken for one that protects anybody.

Discovery (OpenID Connect Discovery 1.0), the authorization code flow with PKCE (RFC 6749, RFC 7636) and the device flow
(RFC 8628). Nobody has a password here: whoever is at the page chooses who he is.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from gateway.clock import Clock
from simulators.openid.keys import SigningKey, text64

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
CODE_LIFE_S: Final = 60.0
DEVICE_LIFE_S: Final = 600.0
SLOWER_S: Final = 5.0
OPEN_MAX: Final = 1_000
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that a code is no word, and no digits that look like letters (RFC 8628, 6.1)."""


class Denied(Exception):
    """An error of OAuth 2.0, by its name."""

    def __init__(self, error: str, says: str = "") -> None:
        super().__init__(says or error)
        self.error = error


@dataclass(slots=True)
class Asked:
    """A sign-in that waits for a user, or for its client to fetch the token."""

    client: str
    nonce: str
    ends_s: float
    redirect: str = ""
    challenge: str = ""
    user_code: str = ""
    interval_s: float = 0.0
    polled_s: float | None = None
    user: str | None = None
    denied: bool = False


@dataclass(kw_only=True)
class Provider:
    """One provider. `issuer` is its name and address. Users and clients are those listed; times are of `clock`."""

    clock: Clock
    issuer: str = ""
    users: Sequence[str] = ("jan",)
    clients: Sequence[str] = ("forecourt",)
    life_s: int = 300
    interval_s: float = 5.0
    algorithm: str = "ES256"
    keys: list[SigningKey] = field(default_factory=list)
    away: bool = False
    issued: int = 0
    _codes: dict[str, Asked] = field(default_factory=dict)
    _devices: dict[str, Asked] = field(default_factory=dict)
    _made: int = 0

    def rotate(self, algorithm: str = "") -> SigningKey:
        """Signs with a new key from now on; the old ones stay in sight. RSA takes up to a second: not for the loop."""
        self._made += 1
        self.algorithm = algorithm or self.algorithm
        key = SigningKey.make(f"key-{self._made}-{secrets.token_hex(4)}", self.algorithm)
        self.keys.append(key)
        return key

    def forget(self) -> None:
        """Shows only the key that signs now, as after a theft."""
        del self.keys[:-1]

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "device_authorization_endpoint": f"{self.issuer}/device_authorization",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", DEVICE_GRANT],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self.keys}),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "scopes_supported": ["openid"],
        }

    def asked_for_code(self, given: Mapping[str, str]) -> Asked:
        """A request at the authorization endpoint that may be shown to a user; raises Denied."""
        client, redirect = self._client(given), given.get("redirect_uri", "")
        parts = urlsplit(redirect)
        if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "::1", "localhost"} or parts.fragment:
            raise Denied("invalid_request", "redirect_uri has to be http on this machine (RFC 8252, 7.3)")
        challenge = given.get("code_challenge", "")
        if given.get("response_type") != "code":
            raise Denied("unsupported_response_type", "response_type has to be code")
        if given.get("code_challenge_method") != "S256" or len(challenge) != 43:
            raise Denied("invalid_request", "code_challenge with code_challenge_method=S256 is wanted (RFC 7636)")
        ends_s = self.clock.boottime_s() + CODE_LIFE_S
        return Asked(client, given.get("nonce", "")[:255], ends_s, redirect, challenge)

    def allow_code(self, asked: Asked, user: str, state: str) -> str:
        """The address that the user's browser goes to next, with a code for the client; raises Denied."""
        asked.user, code = self._user(user), secrets.token_urlsafe(24)
        self._keep(self._codes, code, asked)
        joint = "&" if urlsplit(asked.redirect).query else "?"
        return asked.redirect + joint + urlencode({"code": code, "state": state, "iss": self.issuer})

    def begin_device(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Codes for a head unit: one it keeps, one it shows; raises Denied. A `nonce` is put into the token."""
        client, ends_s = self._client(given), self.clock.boottime_s() + DEVICE_LIFE_S
        letters = "".join(secrets.choice(LETTERS) for _ in range(8))
        user_code, device_code = f"{letters[:4]}-{letters[4:]}", secrets.token_urlsafe(32)
        asked = Asked(client, given.get("nonce", "")[:255], ends_s, user_code=user_code, interval_s=self.interval_s)
        self._keep(self._devices, device_code, asked)
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": f"{self.issuer}/device",
            "verification_uri_complete": f"{self.issuer}/device?{urlencode({'user_code': user_code})}",
            "expires_in": int(DEVICE_LIFE_S),
            "interval": self.interval_s,
        }

    def decide(self, user_code: str, user: str | None) -> None:
        """A user allows the sign-in that shows this code, or with None refuses it; raises Denied for no such code."""
        typed = "".join(letter for letter in user_code.upper() if letter in LETTERS)
        for asked in self._devices.values():
            open_yet = asked.user is None and not asked.denied and asked.ends_s > self.clock.boottime_s()
            if open_yet and hmac.compare_digest(asked.user_code.replace("-", ""), typed):
                asked.user, asked.denied = (None, True) if user is None else (self._user(user), False)
                return
        raise Denied("invalid_request", "no sign-in shows this code now")

    def token(self, given: Mapping[str, str]) -> dict[str, Any]:
        """What the token endpoint answers; raises Denied."""
        client = self._client(given, scope=False)
        match given.get("grant_type"):
            case "authorization_code":
                asked = self._code(given)
            case grant if grant == DEVICE_GRANT:
                asked = self._device(given.get("device_code", ""))
            case _:
                raise Denied("unsupported_grant_type")
        if asked.client != client or asked.user is None:
            raise Denied("invalid_grant")
        self.issued += 1
        return {
            "access_token": secrets.token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": self.life_s,
            "scope": "openid",
            "id_token": self.id_token(asked.user, client, asked.nonce),
        }

    def id_token(self, user: str, client: str, nonce: str = "", **changed: Any) -> str:
        """A token about a user for a client; `changed` claims go before ours, for tests of who checks them."""
        now_s = self.clock.wall_us() // 1_000_000
        claims = {"iss": self.issuer, "sub": subject_of(user), "aud": client, "iat": now_s, "exp": now_s + self.life_s}
        return self.keys[-1].token({**claims, **({"nonce": nonce} if nonce else {}), **changed})

    def waiting(self) -> list[str]:
        """The codes on screens that nobody has decided about."""
        now_s = self.clock.boottime_s()
        waits = (one for one in self._devices.values() if one.user is None and not one.denied and one.ends_s > now_s)
        return [asked.user_code for asked in waits]

    def _code(self, given: Mapping[str, str]) -> Asked:
        """A code serves once, for the client that can show what its challenge was made of."""
        asked = self._codes.pop(given.get("code", ""), None)
        if asked is None or asked.ends_s <= self.clock.boottime_s() or given.get("redirect_uri") != asked.redirect:
            raise Denied("invalid_grant", "the code is unknown, used, expired, or for another redirect_uri")
        proof = text64(hashlib.sha256(given.get("code_verifier", "").encode("utf-8")).digest())
        if not hmac.compare_digest(proof, asked.challenge):
            raise Denied("invalid_grant", "code_verifier is not what code_challenge was made of")
        return asked

    def _device(self, code: str) -> Asked:
        """RFC 8628, 3.5: pending, too fast, refused, over, or decided; the token is given once."""
        asked, now_s = self._devices.get(code), self.clock.boottime_s()
        if asked is None:
            raise Denied("invalid_grant")
        if asked.ends_s <= now_s:
            raise Denied("expired_token")
        last_s, asked.polled_s = asked.polled_s, now_s
        if last_s is not None and now_s - last_s < asked.interval_s:
            asked.interval_s += SLOWER_S
            raise Denied("slow_down")
        if asked.user is None and not asked.denied:
            raise Denied("authorization_pending")
        del self._devices[code]
        if asked.denied:
            raise Denied("access_denied")
        return asked

    def _client(self, given: Mapping[str, str], scope: bool = True) -> str:
        client = given.get("client_id", "")
        if client not in self.clients:
            raise Denied("invalid_client", f"client_id is one of: {', '.join(self.clients)}")
        if scope and "openid" not in given.get("scope", "").split():
            raise Denied("invalid_scope", "scope has to hold openid")
        return client

    def _user(self, name: str) -> str:
        if name not in self.users:
            raise Denied("access_denied", f"there is only: {', '.join(self.users)}")
        return name

    def _keep(self, table: dict[str, Asked], code: str, asked: Asked) -> None:
        now_s = self.clock.boottime_s()
        for old in [one for one, waiting in table.items() if waiting.ends_s <= now_s]:
            del table[old]
        if len(table) >= OPEN_MAX:
            raise Denied("temporarily_unavailable", "too many sign-ins are open")
        table[code] = asked


def subject_of(user: str) -> str:
    """What the provider calls a user, always the same and no name (OpenID Connect Core, 8)."""
    return hashlib.sha256(f"forecourt sim openid {user}".encode()).hexdigest()[:20]
