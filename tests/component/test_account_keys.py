"""Proves how keys of a provider are fetched: over HTTP, seldom, kept while it is away, bounded whatever it sends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.cloud.profile.accounts import AccountRefused, Accounts, KeysUnavailable, Refusal
from gateway.cloud.profile.accounts_settings import IssuerSettings
from gateway.limits import ACCOUNT_KEYS_AGAIN_S, ACCOUNT_KEYS_AGE_MAX_S, ACCOUNT_KEYS_FRESH_S, ACCOUNT_KEYS_RETRY_S
from gateway.log import fields_of
from simulators.openid import SigningKey, key_set
from simulators.openid.provider import Provider
from tests.kit.accounts import ISSUER, PATIENCE_S, SECRET, claims, signing_key
from tests.kit.answers import OK, answering
from tests.kit.openid import CLIENT, accounts_of, serving


@pytest.fixture
def clock() -> ManualClock:
    """The time, for the provider and for who believes it."""
    return ManualClock()


@pytest.fixture
async def provider(clock: ManualClock) -> AsyncIterator[Provider]:
    """One that serves on loopback."""
    async with serving(clock) as one:
        yield one


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_keys_change_while_it_runs(provider: Provider, clock: ManualClock, algorithm: str) -> None:
    """A new key is fetched when a token names it, once for all who wait; old ones serve until they are forgotten."""
    accounts = accounts_of(provider, clock)
    old = provider.id_token("jan", CLIENT)
    await accounts.verify(old, None)
    clock.advance(ACCOUNT_KEYS_AGAIN_S)
    await asyncio.to_thread(provider.rotate, algorithm)
    new = provider.id_token("jan", CLIENT)
    found = await asyncio.gather(*(accounts.verify(new, None) for _ in range(20)))
    assert len(set(found)) == 1
    assert accounts.counts == {"accepted": 21, "keys.fetched": 2}
    await accounts.verify(old, None)
    provider.forget()
    clock.advance(ACCOUNT_KEYS_FRESH_S + 1)
    await accounts.verify(provider.id_token("jan", CLIENT), None)  # which renews what has aged, beside it
    await accounts.aclose()
    with pytest.raises(AccountRefused) as caught:
        await accounts.verify(old, None)
    assert caught.value.reason is Refusal.UNKNOWN_KEY


async def test_strangers_do_not_decide_how_often_keys_are_fetched(provider: Provider, clock: ManualClock) -> None:
    """A hundred tokens with keys that nobody shows cost one fetch a minute."""
    accounts, thief = accounts_of(provider, clock), SigningKey.make("unknown")
    await accounts.verify(provider.id_token("jan", CLIENT), None)
    claims = {"iss": provider.issuer}
    for fetched in (1, 2, 3):
        for _ in range(100):
            with pytest.raises(AccountRefused, match="in a minute"):
                await accounts.verify(thief.token(claims), None)
            clock.advance((ACCOUNT_KEYS_AGAIN_S - 1) / 100)
        assert accounts.counts["keys.fetched"] == fetched
        clock.advance(1.5)
    assert accounts.counts["refused.unknown_key"] == 300


async def test_known_keys_go_on_while_the_provider_is_away(provider: Provider, clock: ManualClock) -> None:
    """For a day, at no cost to who signs in; after that nothing is believed until it is back."""
    accounts = accounts_of(provider, clock)
    await accounts.verify(provider.id_token("jan", CLIENT), None)
    provider.away = True
    while clock.boottime_s() + ACCOUNT_KEYS_FRESH_S <= ACCOUNT_KEYS_AGE_MAX_S:
        clock.advance(ACCOUNT_KEYS_FRESH_S)
        await accounts.verify(provider.id_token("jan", CLIENT), None)
        await accounts.aclose()
    assert accounts.counts == {"accepted": 25, "keys.fetched": 1, "keys.failed": 23}
    clock.advance(ACCOUNT_KEYS_AGAIN_S)
    with pytest.raises(KeysUnavailable, match="shows no keys now"):
        await accounts.verify(provider.id_token("jan", CLIENT), None)
    provider.away = False
    clock.advance(ACCOUNT_KEYS_AGAIN_S)
    await accounts.verify(provider.id_token("jan", CLIENT), None)


async def test_a_provider_that_comes_late_is_found(provider: Provider, clock: ManualClock) -> None:
    """Without any key yet, it is asked again after seconds, not after a minute."""
    accounts = accounts_of(provider, clock)
    provider.away = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await accounts.verify(provider.id_token("jan", CLIENT), None)
    assert accounts.counts == {"unavailable": 3, "keys.failed": 1}
    provider.away = False
    clock.advance(ACCOUNT_KEYS_RETRY_S)
    await accounts.verify(provider.id_token("jan", CLIENT), None)


async def test_a_provider_is_asked_where_its_keys_are(provider: Provider, clock: ManualClock) -> None:
    """By its discovery document, which has to be of that issuer; and again when a key is not known."""
    accounts = accounts_of(provider, clock, jwks_path="")
    await accounts.verify(provider.id_token("jan", CLIENT), None)
    provider.rotate()
    clock.advance(ACCOUNT_KEYS_AGAIN_S)
    await accounts.verify(provider.id_token("jan", CLIENT), None)
    assert accounts.counts == {"accepted": 2, "keys.fetched": 2}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"issuer": "https://id.other.example"}, "that of another issuer"),
        ({"jwks_uri": "http://id.brand.example/keys"}, "is not https"),
        ({"jwks_uri": 7}, "is not https"),
        ({"jwks_uri": None}, "no discovery document"),
    ],
)
async def test_a_discovery_document_is_checked(
    clock: ManualClock, caplog: pytest.LogCaptureFixture, changed: dict[str, Any], told: str
) -> None:
    """Of another issuer, with keys at an address that others can write to, or with none: no key is taken."""
    about: dict[str, Any] = {}

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\n" + json.dumps(about).encode())

    async with answering(answer) as url:
        issuer = url.partition("/keys")[0]
        about |= {"issuer": issuer, "jwks_uri": f"{issuer}/keys", **changed}
        if about["jwks_uri"] is None:
            del about["jwks_uri"]
        accounts = Accounts([IssuerSettings(issuer=issuer, audience=CLIENT)], SECRET, clock, PATIENCE_S)
        with pytest.raises(KeysUnavailable):
            await accounts.verify(signing_key("k1").token(claims(iss=issuer)), None)
    assert told in str([fields_of(record) for record in caplog.records])


async def test_a_slow_provider_holds_nobody_up(clock: ManualClock) -> None:
    """Who needs its keys is told to come again; the fetch goes on, and then they are there."""
    go_on, key = asyncio.Event(), signing_key("k1")

    async def answer(writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(OK + b"\r\n" + key_set([key]))

    async with answering(answer) as url:
        settings = IssuerSettings(issuer=ISSUER, audience=CLIENT, jwks_url=url)
        accounts, token = Accounts([settings], SECRET, clock, 0.05), key.token(claims(aud=CLIENT))
        with pytest.raises(KeysUnavailable):
            await accounts.verify(token, None)
        assert "keys.failed" not in accounts.counts
        go_on.set()
        await accounts.aclose()
        await accounts.verify(token, None)
    assert accounts.counts == {"unavailable": 1, "accepted": 1, "keys.fetched": 1}
