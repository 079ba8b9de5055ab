"""Proves which account tokens open a profile and that all others are refused, counted, and never repeated in words."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cloud.profile.accounts import Account, AccountRefused, Accounts, Refusal
from gateway.cloud.profile.accounts_metrics import show
from gateway.cloud.profile.accounts_settings import IssuerSettings
from gateway.errors import ConfigError, Retry
from gateway.health.http import Request
from gateway.health.page import Health
from gateway.limits import ACCOUNT_LEEWAY_S, ACCOUNT_LIFE_MAX_S, ACCOUNT_TOKEN_BYTES_MAX
from gateway.model import ClockQuality
from simulators.openid.keys import SigningKey, jws, text64
from tests.kit.accounts import (
    CLIENT,
    ISSUER,
    NONCE,
    OTHER,
    PATIENCE_S,
    SECRET,
    SUBJECT,
    Provider,
    claims,
    refused,
    signing_key,
)

KEY = signing_key("k1")
LEEWAY_S, LIFE_S = int(ACCOUNT_LEEWAY_S), int(ACCOUNT_LIFE_MAX_S)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    """One that shows a key of each kind."""
    return Provider(tmp_path, KEY, signing_key("r1", "RS256"), signing_key("e1", "EdDSA"), also=("brand-app",))


@pytest.mark.parametrize("kid", ["k1", "r1", "e1"])
async def test_each_kind_of_key_proves_an_account(provider: Provider, kid: str) -> None:
    """ES256, RS256 and EdDSA; the audience alone or as a list; what is counted is one acceptance each."""
    key = signing_key(kid, {"k1": "ES256", "r1": "RS256", "e1": "EdDSA"}[kid])
    account = await provider.accounts.verify(key.token(claims()), NONCE)
    assert account == Account(ISSUER, SUBJECT)
    assert SUBJECT not in repr(account)
    assert await provider.accounts.verify(key.token(claims(aud=[CLIENT])), None) == account
    assert provider.accounts.counts == {"accepted": 2, "keys.fetched": 1}


def forged(header: dict[str, Any], body: dict[str, Any], secret: bytes | None = None) -> str:
    """A token with a signature by HMAC, or with none."""
    signed = ".".join(text64(json.dumps(part).encode()) for part in (header, body))
    return f"{signed}.{'' if secret is None else text64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


async def test_a_token_without_a_signature_is_refused(provider: Provider) -> None:
    """`none` in any spelling, and a good header whose signature was cut off."""
    for name in ("none", "None", "NONE", "nOnE", ""):
        assert await refused(provider, forged({"alg": name, "kid": "k1"}, claims())) is Refusal.ALGORITHM
    assert await refused(provider, forged({"kid": "k1"}, claims())) is Refusal.ALGORITHM
    cut = KEY.token(claims()).rpartition(".")[0] + "."
    assert await refused(provider, cut) is Refusal.SIGNATURE
    assert "keys.fetched" in provider.accounts.counts


async def test_a_public_key_is_never_a_secret(provider: Provider) -> None:
    """Whoever signs with HS256 and the public key, as PEM, DER or JSON, is refused, whatever algorithm he claims."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    for kid, algorithm in (("k1", "ES256"), ("r1", "RS256"), ("e1", "EdDSA")):
        key = signing_key(kid, algorithm)
        public = key.private.public_key()
        known = [public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo) for form in (Encoding.PEM, Encoding.DER)]
        for secret in [*known, json.dumps(key.public()).encode(), key.public().get("n", "").encode()]:
            for name in ("HS256", "HS384", "HS512"):
                assert await refused(provider, forged({"alg": name, "kid": kid}, claims(), secret)) is Refusal.ALGORITHM
            assert (
                await refused(provider, forged({"alg": algorithm, "kid": kid}, claims(), secret)) is Refusal.SIGNATURE
            )


async def test_a_key_serves_its_own_algorithm_only(provider: Provider) -> None:
    """A token that names a key of another kind is refused before its signature is looked at."""
    for kid, algorithm in (("r1", "ES256"), ("k1", "RS256"), ("e1", "ES256"), ("k1", "EdDSA")):
        signer = signing_key("x", algorithm)
        assert await refused(provider, jws({"alg": algorithm, "kid": kid}, claims(), signer)) is Refusal.WRONG_KEY


async def test_a_token_cannot_bring_its_own_key(provider: Provider) -> None:
    """Keys in the header, and addresses of keys, are not looked at."""
    thief = SigningKey.make("k1")
    for own in ({"jwk": thief.public()}, {"jku": "https://thief.example/keys"}, {"x5u": "https://thief.example/x"}):
        token = jws({"alg": "ES256", "kid": "k1", **own}, claims(), thief)
        assert await refused(provider, token) is Refusal.SIGNATURE


async def test_another_providers_key_does_not_count(tmp_path: Path, provider: Provider) -> None:
    """With two providers, each signs for its own accounts only, even under the other's key id."""
    (tmp_path / "other").mkdir()
    theirs = SigningKey.make("k1")
    other = Provider(tmp_path / "other", theirs, issuer=OTHER)
    both = Accounts([provider.settings, other.settings], SECRET, provider.clock, PATIENCE_S)
    assert await both.verify(theirs.token(claims(iss=OTHER)), NONCE) == Account(OTHER, SUBJECT)
    assert await both.verify(KEY.token(claims()), NONCE) == Account(ISSUER, SUBJECT)
    for token in (theirs.token(claims()), KEY.token(claims(iss=OTHER))):
        with pytest.raises(AccountRefused) as caught:
            await both.verify(token, NONCE)
        assert caught.value.reason is Refusal.SIGNATURE
    assert both.counts == {"accepted": 2, "refused.signature": 2, "keys.fetched": 2}


async def test_a_nonce_of_bytes_is_base64url(provider: Provider) -> None:
    """Bytes are compared as text without padding; an empty nonce is never satisfied; None asks for none."""
    token = KEY.token(claims(nonce=base64.urlsafe_b64encode(bytes(20)).decode().rstrip("=")))
    await provider.accounts.verify(token, bytes(20))
    assert await refused(provider, token, bytes(21)) is Refusal.NONCE
    assert await refused(provider, KEY.token(claims(nonce="")), b"") is Refusal.NONCE
    await provider.accounts.verify(KEY.token(claims(nonce=None)), None)


HEADERS = [
    (Refusal.KIND, {"typ": "at+jwt"}),
    (Refusal.KIND, {"typ": "logout+jwt"}),
    (Refusal.KIND, {"typ": 7}),
    (Refusal.KIND, {"crit": ["exp"], "exp": 1}),
    (Refusal.KIND, {"crit": []}),
    (Refusal.KIND, {"b64": False}),
    (Refusal.MALFORMED, {"kid": 7}),
    (Refusal.MALFORMED, {"kid": {"$ne": ""}}),
    (Refusal.ALGORITHM, {"alg": ["ES256"]}),
    (Refusal.ALGORITHM, {"alg": "es256"}),
    (Refusal.ALGORITHM, {"alg": "ES384"}),
    (Refusal.UNKNOWN_KEY, {"kid": "k2"}),
    (Refusal.UNKNOWN_KEY, {"kid": "../k1"}),
]


@pytest.mark.parametrize(("reason", "changed"), HEADERS)
async def test_headers_that_are_refused(provider: Provider, reason: Refusal, changed: dict[str, Any]) -> None:
    """Other kinds of tokens, extensions that have to be understood, keys that nobody shows."""
    assert await refused(provider, jws({"alg": "ES256", "kid": "k1", **changed}, claims(), KEY)) is reason


async def test_a_token_may_name_no_key_where_one_fits(provider: Provider) -> None:
    """Without a key id, the only key of the algorithm is meant; of two, none is."""
    token = jws({"alg": "ES256"}, claims(), KEY)
    await provider.accounts.verify(token, NONCE)
    provider.show(KEY, signing_key("k2"))
    provider.accounts = Accounts([provider.settings], SECRET, provider.clock, PATIENCE_S)
    assert await refused(provider, token) is Refusal.WRONG_KEY
    await provider.accounts.verify(KEY.token(claims()), NONCE)


def damaged() -> Iterator[tuple[str, Refusal]]:
    """Tokens that are none, and whole ones with a flaw of form."""
    good = KEY.token(claims())
    head, body, signature = good.split(".")
    yield "", Refusal.MALFORMED
    yield "a.b", Refusal.MALFORMED
    yield good + ".", Refusal.MALFORMED
    yield good + "\n", Refusal.MALFORMED
    yield f"Bearer {good}", Refusal.MALFORMED
    yield f"{head}=.{body}.{signature}", Refusal.MALFORMED
    yield f"{head}.{body}.é", Refusal.MALFORMED
    yield f"{head}.{text64(b'[]')}.{signature}", Refusal.MALFORMED
    yield f"{head}.{text64(b'[' * 3_000)}.{signature}", Refusal.MALFORMED
    yield f"{head}.{text64(b'9' * 5_000)}.{signature}", Refusal.MALFORMED
    yield f"{head}.{body}.{signature[:-2]}", Refusal.SIGNATURE
    yield f"{head}.{text64(json.dumps(claims(sub='another')).encode())}.{signature}", Refusal.SIGNATURE
    for flaw in (
        b'{"sub":"a","sub":"b"}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b"\xff\xfe{}",
        b"{}\0",
        "{}".encode("utf-16"),
    ):
        yield jws({"alg": "ES256", "kid": "k1"}, flaw, KEY), Refusal.MALFORMED
    yield KEY.token(claims(padding="x" * ACCOUNT_TOKEN_BYTES_MAX)), Refusal.TOO_LARGE


async def test_what_is_no_token_is_refused(provider: Provider) -> None:
    """Damage of every layer, depth, numbers without an end, and too many bytes."""
    for token, reason in damaged():
        assert await refused(provider, token) is reason, token[:40]


async def test_the_last_bits_of_a_signature_have_one_spelling(provider: Provider) -> None:
    """A second spelling of the same bytes is refused, so that one token has one form."""
    token = KEY.token(claims())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(token[-1]) ^ 1]
    assert await refused(provider, token[:-1] + last) is Refusal.SIGNATURE


async def test_without_the_time_nothing_is_judged(provider: Provider) -> None:
    """A machine that does not know the time refuses, and says so; the same token is good when it knows."""
    provider.clock.trust = ClockQuality.UNTRUSTED
    assert await refused(provider, KEY.token(claims())) is Refusal.CLOCK
    provider.clock.trust = ClockQuality.HOLDOVER
    await provider.accounts.verify(KEY.token(claims()), NONCE)
    provider.clock.advance(300 + LEEWAY_S)
    assert await refused(provider, KEY.token(claims())) is Refusal.EXPIRED


async def test_refusals_say_what_to_do_and_when(provider: Provider) -> None:
    """Every reason has words of its own; an unknown key may be known later, the others never."""
    assert len({reason.says for reason in Refusal}) == len(Refusal)
    for reason in Refusal:
        assert AccountRefused(reason).retry is (Retry.LATER if reason is Refusal.UNKNOWN_KEY else Retry.NEVER)


async def test_nothing_of_an_account_is_logged(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a good nor a refused token leaves its subject, or itself, in the log."""
    caplog.set_level(logging.DEBUG)
    good, bad = KEY.token(claims()), SigningKey.make("k9").token(claims())
    await provider.accounts.verify(good, NONCE)
    await refused(provider, bad)
    told = " ".join(str(record.__dict__) for record in caplog.records)
    assert "keys_fetched" in told
    assert not any(secret in told for secret in (SUBJECT, good, bad, good.split(".")[1], SECRET.hex()))


async def test_a_handle_is_a_keyed_pseudonym(provider: Provider) -> None:
    """16 bytes of HMAC-SHA256, equal for the same account only, another with another secret, and never ambiguous."""
    mine = await provider.accounts.verify(KEY.token(claims()), NONCE)
    handle = provider.accounts.handle(mine)
    expected = hmac.new(SECRET, f"{ISSUER}\0{SUBJECT}".encode(), hashlib.sha256).digest()[:16]
    assert handle == expected
    others = [Account(ISSUER, "jan"), Account(OTHER, SUBJECT), Account(ISSUER + "j", "an"), Account(ISSUER, "")]
    assert len({handle, *(provider.accounts.handle(one) for one in others)}) == 5
    assert Accounts([provider.settings], bytes(32), provider.clock, PATIENCE_S).handle(mine) != handle
    with pytest.raises(ConfigError, match="at least 32 bytes"):
        Accounts([provider.settings], bytes(31), provider.clock)


def test_settings_of_one_provider_name_one_place() -> None:
    """Both places of keys, an issuer that is no address and no place, and addresses that others can write to."""

    def mistakes(**given: Any) -> list[str]:
        return [text for _, text, _ in IssuerSettings(issuer=ISSUER, audience=CLIENT, **given).mistakes()]

    assert mistakes(jwks_url="https://id.brand.example/keys?v=1") == []
    assert mistakes(jwks_url="http://127.0.0.1:8600/keys") == mistakes(jwks_url="http://[::1]:86/keys") == []
    assert mistakes(jwks_file=Path("keys.json")) == []
    assert mistakes() == []
    assert len(mistakes(jwks_url="https://a.example/", jwks_file=Path("k"))) == 1
    for issuer in ("brand-accounts", "http://id.brand.example"):
        assert len(list(IssuerSettings(issuer=issuer, audience=CLIENT).mistakes())) == 1
    for url in (
        "http://id.brand.example/keys", "ftp://127.0.0.1/keys", "https:///keys", "https://a:b@id.example/", "file:///k",
        "https://id.example:99999/", "https://id.example/#k", "https://id.example/a b", "http://127.0.0.1.evil.example/",
        "https://id.example/\r\nX: y", "https://[::1/keys",
    ):  # fmt: skip
        assert len(mistakes(jwks_url=url)) == 1, url


async def test_what_becomes_of_tokens_is_on_the_health_page(provider: Provider) -> None:
    """By its end alone: accepted, or the reason of the refusal; and how often keys were fetched."""
    health = Health(None)
    show(health, provider.accounts)
    await provider.accounts.verify(KEY.token(claims()), NONCE)
    await refused(provider, KEY.token(claims(aud="another")))
    page = (await health.answer(Request("GET", "/metrics"))).body
    assert 'forecourt_cloud_account_tokens_total{end="accepted"} 1' in page
    assert 'forecourt_cloud_account_tokens_total{end="audience"} 1' in page
    assert 'forecourt_cloud_account_keys_total{end="fetched"} 1' in page
    assert ISSUER not in page
    assert SUBJECT not in page
