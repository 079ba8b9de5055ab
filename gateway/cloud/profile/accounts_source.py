"""Keeps the keys of one provider: fetched in a thread, cached, seldom; must never let a stranger decide how often."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable

from gateway.clock import Clock
from gateway.cloud.profile.accounts_fetch import read_file, read_url
from gateway.cloud.profile.accounts_keys import Key, Keys, read_keys
from gateway.cloud.profile.accounts_settings import IssuerSettings, unsafe
from gateway.cloud.profile.accounts_token import AccountRefused, Refusal, Unproven, key_for
from gateway.errors import ForecourtError, InputError, LinkError, Retry
from gateway.limits import (
    ACCOUNT_KEYS_AGAIN_S,
    ACCOUNT_KEYS_AGE_MAX_S,
    ACCOUNT_KEYS_FRESH_S,
    ACCOUNT_KEYS_RETRY_S,
)
from gateway.log import Log

log = Log("accounts")


class KeysUnavailable(LinkError):
    """A provider shows no keys now, and those it showed are too old or none; the token may be good."""

    retry = Retry.LATER


def discovered(issuer: str) -> str:
    """Where a provider says that its keys are (OpenID Connect Discovery 1.0, 4); raises ForecourtError. Blocks."""
    try:
        told = json.loads(read_url(f"{issuer.rstrip('/')}/.well-known/openid-configuration").decode("utf-8"))
        named, keys = told["issuer"], told["jwks_uri"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("no discovery document with issuer and jwks_uri") from None
    if named != issuer:
        raise InputError("the discovery document is that of another issuer")
    if not isinstance(keys, str) or unsafe(keys):
        raise InputError("jwks_uri of the discovery document is not https")
    return keys


class KeySource:
    """Finds the key of a token. Keys that are known serve at once; they are renewed beside that, when they have aged.

    A key that is not known makes the set be fetched again, at most once in ACCOUNT_KEYS_AGAIN_S; who comes meanwhile
    waits for the same fetch, `patience_s` at most: a slow provider holds nobody up. While the provider is away its keys
    go on working for ACCOUNT_KEYS_AGE_MAX_S.
    """

    def __init__(self, issuer: str, read: Callable[[], bytes], fresh_s: float, clock: Clock, patience_s: float) -> None:
        """`read` blocks, and raises ForecourtError; it is called in a thread. Keys older than `fresh_s` are renewed."""
        self._issuer, self._read, self._fresh_s, self._clock = issuer, read, fresh_s, clock
        self._patience_s = patience_s
        self._keys: Keys | None = None
        self._read_at_s = 0.0
        self._begun_at_s: float | None = None
        self._fetching: asyncio.Future[Keys | ForecourtError] | None = None
        self._failed = False
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(cls, settings: IssuerSettings, clock: Clock, patience_s: float) -> "KeySource":
        """Where the settings say. A file is looked at again after a minute, a provider after an hour."""
        issuer, url = settings.issuer, settings.jwks_url
        if (path := settings.jwks_file) is not None:
            return cls(issuer, lambda: read_file(path), ACCOUNT_KEYS_AGAIN_S, clock, patience_s)
        return cls(issuer, lambda: read_url(url or discovered(issuer)), ACCOUNT_KEYS_FRESH_S, clock, patience_s)

    async def key_for(self, token: Unproven) -> Key:
        """The key that may have signed the token; raises AccountRefused and KeysUnavailable."""
        try:
            key = key_for(token, self._usable())
        except AccountRefused as refused:
            if refused.reason is not Refusal.UNKNOWN_KEY or not await self._fetched():
                raise
        except KeysUnavailable:
            if not await self._fetched():
                raise
        else:
            if self._age_s() > self._fresh_s:
                self.begin()
            return key
        return key_for(token, self._usable())

    async def aclose(self) -> None:
        """Waits for a fetch that is under way."""
        if self._fetching is not None:
            await asyncio.wait([self._fetching])

    def _usable(self) -> Keys:
        if self._keys is None or self._age_s() > ACCOUNT_KEYS_AGE_MAX_S:
            raise KeysUnavailable(f"{self._issuer} shows no keys now: try again later")
        return self._keys

    def _age_s(self) -> float:
        return self._clock.boottime_s() - self._read_at_s

    async def _fetched(self) -> bool:
        """Whether a fetch has come to its end since the call."""
        if (fetching := self.begin()) is None:
            return False
        ended, _ = await asyncio.wait([fetching], timeout=self._patience_s)
        return bool(ended)

    def begin(self) -> asyncio.Future[Keys | ForecourtError] | None:
        """The fetch that is under way, or a new one; None when it is too early for another."""
        if self._fetching is not None:
            return self._fetching
        now_s = self._clock.boottime_s()
        again_s = ACCOUNT_KEYS_RETRY_S if self._keys is None else ACCOUNT_KEYS_AGAIN_S
        if self._begun_at_s is not None and now_s - self._begun_at_s < again_s:
            return None
        self._begun_at_s = now_s
        self._fetching = asyncio.get_running_loop().run_in_executor(None, self._fetch)
        self._fetching.add_done_callback(self._take)  # before any who waits for it goes on
        return self._fetching

    def _fetch(self) -> Keys | ForecourtError:
        """In a thread."""
        try:
            return read_keys(self._read())
        except ForecourtError as error:
            return error

    def _take(self, fetched: asyncio.Future[Keys | ForecourtError]) -> None:
        self._fetching = None
        if fetched.cancelled():
            return
        found = fetched.result()
        if isinstance(found, Keys):
            self._keys, self._read_at_s = found, self._begun_at_s or 0.0
            self.counts["keys.fetched"] += 1
            if self._failed or self.counts["keys.fetched"] == 1:
                log.info("keys_fetched", issuer=self._issuer, keys=len(found.keys), ignored=found.ignored)
            self._failed = False
            return
        self.counts["keys.failed"] += 1
        tell = log.debug if self._failed else log.warning
        tell("keys_failed", issuer=self._issuer, why=str(found), kept=self._keys is not None)
        self._failed = True
