"""Accounts of another service of the brand open a profile here; must never keep or tell which account it was.

`Accounts.verify` proves an account from the ID token of an OpenID provider. `Accounts.handle` makes of it the one name
that is kept: a keyed pseudonym, from which nobody without the secret comes back to the account (GDPR Art. 4(5)).
"""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.clock import Clock
from gateway.cloud.profile.accounts_fetch import SECRET_BYTES, secret_at
from gateway.cloud.profile.accounts_seen import Seen
from gateway.cloud.profile.accounts_settings import AccountsSettings, IssuerSettings
from gateway.cloud.profile.accounts_source import KeySource, KeysUnavailable
from gateway.cloud.profile.accounts_token import Account, AccountRefused, Refusal, Terms, judge, read_token
from gateway.config import load
from gateway.errors import ConfigError
from gateway.limits import ACCOUNT_KEYS_PATIENCE_S, ACCOUNT_LEEWAY_S
from gateway.log import Log
from gateway.model import ClockQuality

__all__ = ["HANDLE_BYTES", "Account", "AccountRefused", "Accounts", "KeysUnavailable", "Refusal"]

HANDLE_BYTES = 16
log = Log("accounts")


class Accounts:
    """Proves accounts of the providers in `issuers`, and names them by `secret` (32 bytes or more).

    One object belongs to one loop. Keys are fetched in threads, at the latest when a token asks for them, which waits
    for that no longer than `patience_s`.
    """

    def __init__(
        self,
        issuers: Sequence[IssuerSettings],
        secret: bytes,
        clock: Clock,
        patience_s: float = ACCOUNT_KEYS_PATIENCE_S,
    ) -> None:
        if len(secret) < SECRET_BYTES:
            raise ConfigError(f"the secret of the handles has at least {SECRET_BYTES} bytes")
        self._secret, self._clock = secret, clock
        self._terms = {one.issuer: Terms(one.issuer, one.audience, one.also) for one in issuers}
        self._sources = {one.issuer: KeySource.of(one, clock, patience_s) for one in issuers}
        self._counts: Counter[str] = Counter()
        self._seen = Seen()

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> "Accounts":
        """As the file of settings says (`role = "accounts"`); its secret is made where it is missing.

        Keys begin to be fetched. Raises ConfigError.
        """
        settings = await asyncio.to_thread(load, AccountsSettings, path)
        secret, made = await asyncio.to_thread(secret_at, settings.accounts.secret)
        if made:
            log.info("secret_made", path=str(settings.accounts.secret))
        accounts = cls(settings.issuer, secret, clock)
        for source in accounts._sources.values():
            source.begin()
        return accounts

    async def aclose(self) -> None:
        """Waits for keys that are being fetched."""
        for source in self._sources.values():
            await source.aclose()

    @property
    def counts(self) -> Mapping[str, int]:
        """`accepted`, `unavailable`, `refused.REASON`, `keys.fetched` and `keys.failed` since the start."""
        return sum((source.counts for source in self._sources.values()), self._counts.copy())

    async def verify(self, token: str, nonce: bytes | str | None, visit: bytes | None = None) -> Account:
        """The account that an ID token proves.

        `nonce` is what this sign-in was begun with (bytes: as base64url without padding), None where the flow carries
        none, as that of a device. `visit` names for whom the account is to open: a token serves the visit that showed
        it first, again and again, and no other; a restart forgets that. Without either, whoever holds a copy of the
        token may use it until it expires.

        Raises AccountRefused, which says why, and KeysUnavailable when that cannot be told now.
        """
        try:
            account = await self._proven(token, nonce, visit)
        except AccountRefused as refused:
            self._counts[f"refused.{refused.reason.value}"] += 1
            raise
        except KeysUnavailable:
            self._counts["unavailable"] += 1
            raise
        self._counts["accepted"] += 1
        return account

    def handle(self, account: Account) -> bytes:
        """The name of the account's profile: HMAC-SHA256 over issuer, NUL and subject, cut to 16 bytes (RFC 2104)."""
        told = f"{account.issuer}\0{account.subject}".encode("ascii")  # neither can hold a NUL, see settings and token
        return hmac.digest(self._secret, told, hashlib.sha256)[:HANDLE_BYTES]

    async def _proven(self, token: str, nonce: bytes | str | None, visit: bytes | None) -> Account:
        unproven = read_token(token)
        issuer = unproven.claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._terms:
            raise AccountRefused(Refusal.ISSUER)
        key = await self._sources[issuer].key_for(unproven)
        if self._clock.quality() is ClockQuality.UNTRUSTED:
            raise AccountRefused(Refusal.CLOCK)
        now_s = self._clock.wall_us() / 1_000_000
        account = judge(unproven, key, self._terms[issuer], now_s, nonce)
        ends_s = unproven.claims["exp"] + ACCOUNT_LEEWAY_S
        if visit is not None and not self._seen.belongs(token, visit, ends_s, now_s):
            raise AccountRefused(Refusal.USED)
        return account
