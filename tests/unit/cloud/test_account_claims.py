"""Proves which claims of a well signed token are refused, and which are taken at the border of what is allowed."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cloud.profile.accounts import AccountRefused, Refusal
from gateway.cloud.profile.accounts_keys import read_keys
from gateway.cloud.profile.accounts_seen import Seen
from gateway.cloud.profile.accounts_token import Terms, judge, read_token
from gateway.limits import ACCOUNT_LEEWAY_S, ACCOUNT_LIFE_MAX_S
from simulators.openid.keys import key_set, text64
from tests.kit.accounts import CLIENT, ISSUER, NONCE, NOW_S, OTHER, SUBJECT, Provider, claims, refused, signing_key

KEY = signing_key("k1")
LEEWAY_S, LIFE_S = int(ACCOUNT_LEEWAY_S), int(ACCOUNT_LIFE_MAX_S)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    """One with a client of the brand beside the audience."""
    return Provider(tmp_path, KEY, also=("brand-app",))


BAD_CLAIMS = [
    (Refusal.ISSUER, {"iss": "https://id.brand.example/"}),
    (Refusal.ISSUER, {"iss": "https://ID.brand.example"}),
    (Refusal.ISSUER, {"iss": None}),
    (Refusal.ISSUER, {"iss": [ISSUER]}),
    (Refusal.AUDIENCE, {"aud": "another-client"}),
    (Refusal.AUDIENCE, {"aud": ["brand-app"], "azp": CLIENT}),
    (Refusal.CLAIMS, {"aud": None}),
    (Refusal.CLAIMS, {"aud": []}),
    (Refusal.CLAIMS, {"aud": [CLIENT, 7]}),
    (Refusal.CLAIMS, {"aud": [CLIENT] * 17, "azp": CLIENT}),
    (Refusal.PARTY, {"aud": [CLIENT, "brand-app"]}),
    (Refusal.PARTY, {"aud": [CLIENT, "a-stranger"], "azp": CLIENT}),
    (Refusal.PARTY, {"azp": "a-stranger"}),
    (Refusal.PARTY, {"azp": [CLIENT]}),
    (Refusal.CLAIMS, {"exp": None}),
    (Refusal.CLAIMS, {"iat": None}),
    (Refusal.CLAIMS, {"exp": str(NOW_S + 300)}),
    (Refusal.CLAIMS, {"exp": True}),
    (Refusal.CLAIMS, {"exp": 10**400}),
    (Refusal.CLAIMS, {"iat": -1}),
    (Refusal.CLAIMS, {"nbf": "soon"}),
    (Refusal.EXPIRED, {"exp": NOW_S - LEEWAY_S}),
    (Refusal.NOT_YET, {"iat": NOW_S + LEEWAY_S + 1}),
    (Refusal.NOT_YET, {"nbf": NOW_S + LEEWAY_S + 1}),
    (Refusal.LIFE, {"exp": NOW_S + LIFE_S + 1}),
    (Refusal.NONCE, {"nonce": None}),
    (Refusal.NONCE, {"nonce": "of-another-sign-in"}),
    (Refusal.NONCE, {"nonce": 7}),
    (Refusal.NONCE, {"nonce": "\ud800"}),
    (Refusal.SUBJECT, {"sub": None}),
    (Refusal.SUBJECT, {"sub": ""}),
    (Refusal.SUBJECT, {"sub": "x" * 256}),
    (Refusal.SUBJECT, {"sub": "a\0b"}),
    (Refusal.SUBJECT, {"sub": "jän"}),
    (Refusal.SUBJECT, {"sub": 7}),
    (Refusal.KIND, {"events": {}}),
]


@pytest.mark.parametrize(("reason", "changed"), BAD_CLAIMS)
async def test_claims_that_are_refused(provider: Provider, reason: Refusal, changed: dict[str, Any]) -> None:
    """Each with a good signature: only what it says is wrong."""
    assert (
        await refused(provider, KEY.token({**claims(**changed), **{k: v for k, v in changed.items() if v}})) is reason
    )


GOOD_CLAIMS = [
    {"aud": [CLIENT, "brand-app"], "azp": CLIENT},
    {"aud": [CLIENT, "brand-app"], "azp": "brand-app"},
    {"azp": "brand-app"},
    {"exp": NOW_S - LEEWAY_S + 1},
    {"iat": NOW_S + LEEWAY_S, "nbf": NOW_S + LEEWAY_S},
    {"exp": NOW_S + LIFE_S},
    {"exp": NOW_S + 0.5, "iat": NOW_S - 0.5},
    {"name": "Jan", "email": "jan@mail.example"},
]


@pytest.mark.parametrize("changed", GOOD_CLAIMS)
async def test_claims_at_the_border_are_taken(provider: Provider, changed: dict[str, Any]) -> None:
    """The last second of the leeway and of a life, clients of the brand, and claims that nobody asked for."""
    assert (await provider.accounts.verify(KEY.token(claims(**changed)), NONCE)).subject == SUBJECT


async def test_a_token_opens_one_visit(provider: Provider) -> None:
    """It may be shown again in the visit that showed it first; in another it is worth nothing, also signed anew."""
    token = KEY.token(claims())
    for _ in range(2):
        await provider.accounts.verify(token, NONCE, visit=b"car-1 visit-1")
    for other in (token, f"{token.rpartition('.')[0]}.{second(token)}"):
        await provider.accounts.verify(other, NONCE)
        with pytest.raises(AccountRefused) as caught:
            await provider.accounts.verify(other, NONCE, visit=b"car-2 visit-9")
        assert caught.value.reason is Refusal.USED
    assert provider.accounts.counts["refused.used"] == 2
    await provider.accounts.verify(KEY.token(claims(exp=NOW_S + 299)), NONCE, visit=b"car-2 visit-9")


def second(token: str) -> str:
    """The other signature of ECDSA that holds for the same words: (r, n - s)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    return text64(raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big"))


async def test_a_refused_token_is_not_remembered(provider: Provider) -> None:
    """Who shows a bad copy first takes nothing away from whom it belongs to."""
    token = KEY.token(claims())
    for bad in (token[:-4] + "AAAA", KEY.token(claims(aud="another"))):
        await refused(provider, bad)
    await refused(provider, token, "another nonce")
    await provider.accounts.verify(token, NONCE, visit=b"mine")


def test_what_was_shown_is_remembered_in_bounds() -> None:
    """Expired tokens make room first, then the oldest; what is left goes on being told apart."""
    seen = Seen(tokens_max=32)
    assert all(seen.belongs(f"a.{number}.s", b"one", 100.0, 0.0) for number in range(16))
    assert all(seen.belongs(f"b.{number}.s", b"one", 500.0, 0.0) for number in range(16))
    assert seen.belongs("c.0.s", b"one", 500.0, 101.0)
    assert len(seen) == 17
    assert not any(seen.belongs(f"b.{number}.s", b"two", 500.0, 101.0) for number in range(16))
    assert all(seen.belongs(f"d.{number}.s", b"one", 500.0, 101.0) for number in range(1_000))
    assert len(seen) <= 32
    assert not seen.belongs("d.999.s", b"two", 500.0, 101.0)


async def test_a_judgement_stands_by_itself(provider: Provider) -> None:
    """Who calls it with the terms or the key of another provider is refused, though the signature holds."""
    (key,) = read_keys(key_set([KEY])).keys
    token = read_token(KEY.token(claims()))
    assert judge(token, key, Terms(ISSUER, CLIENT), NOW_S, NONCE).subject == SUBJECT
    with pytest.raises(AccountRefused) as caught:
        judge(token, key, Terms(OTHER, CLIENT), NOW_S, NONCE)
    assert caught.value.reason is Refusal.ISSUER
    with pytest.raises(AccountRefused) as caught:
        judge(token, replace(key, algorithm="RS256"), Terms(ISSUER, CLIENT), NOW_S, NONCE)
    assert caught.value.reason is Refusal.WRONG_KEY
