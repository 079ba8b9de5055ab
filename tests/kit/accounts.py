"""Accounts for tests: keys that are made once, claims that are good, a provider's file of keys."""

import traceback
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.cloud.profile.accounts import AccountRefused, Accounts, Refusal
from gateway.cloud.profile.accounts_settings import IssuerSettings
from simulators.openid.keys import SigningKey, key_set

ISSUER = "https://id.brand.example"
OTHER = "https://id.other.example"
CLIENT = "forecourt-cloud"
SUBJECT = "jan.canary@mail.example"
SECRET = bytes(range(32))
NOW_S = BUILD_TIME_US // 1_000_000
PATIENCE_S = 20.0
"""On a busy machine a fetch takes long; what is to be seen is that it ends."""
NONCE = "nonce-of-this-sign-in"


def signing_key(kid: str, algorithm: str = "ES256", rsa_bits: int = 2_048) -> SigningKey:
    """The same key for the same words."""
    return _made(kid, algorithm, rsa_bits)


_made = cache(SigningKey.make)


def claims(**changed: Any) -> dict[str, Any]:
    """Claims of a good token, with some of them changed; None takes one out."""
    good = {"iss": ISSUER, "sub": SUBJECT, "aud": CLIENT, "iat": NOW_S, "exp": NOW_S + 300, "nonce": NONCE}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


class Provider:
    """A provider whose keys are in a file, and accounts that take its word."""

    def __init__(self, folder: Path, *keys: SigningKey, issuer: str = ISSUER, also: tuple[str, ...] = ()) -> None:
        self.file, self.clock = folder / "keys.json", ManualClock()
        self.show(*keys)
        self.settings = IssuerSettings(issuer=issuer, audience=CLIENT, also=also, jwks_file=self.file)
        self.accounts = Accounts([self.settings], SECRET, self.clock, PATIENCE_S)

    def show(self, *keys: SigningKey) -> None:
        """Puts these keys into the file."""
        self.file.write_bytes(key_set(keys))


async def refused(provider: Provider, token: str, nonce: bytes | str | None = NONCE) -> Refusal:
    """Why the token is refused, which is counted once and tells nothing of the token."""
    before = sum(provider.accounts.counts.values())
    with pytest.raises(AccountRefused) as caught:
        await provider.accounts.verify(token, nonce)
    reason = caught.value.reason
    assert provider.accounts.counts[f"refused.{reason.value}"] >= 1
    assert sum(count for name, count in provider.accounts.counts.items() if "keys" not in name) <= before + 1
    told = "".join(traceback.format_exception(caught.value))
    assert SUBJECT not in told
    assert not any(part and part in told for part in token.split(".") if len(part) > 8)
    return reason
