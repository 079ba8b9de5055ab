"""Proves the stand-in provider over HTTP: both flows, their refusals, its verbs; its tokens open accounts."""

import asyncio
import base64
import hashlib
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.clock import ManualClock
from gateway.cloud.profile.accounts import Accounts
from gateway.errors import ConfigError, InputError, LinkError
from simulators.openid.device import sign_in
from simulators.openid.keys import text64
from simulators.openid.provider import DEVICE_GRANT, DEVICE_LIFE_S, LETTERS, OPEN_MAX, Denied, Provider, subject_of
from simulators.openid.serve import OpenIdOptions, do, serve_openid, sign_in_to
from tests.kit.openid import CLIENT, accounts_of, serving

BACK = "http://127.0.0.1:1/back"
VERIFIER = "v" * 43
CHALLENGE = text64(hashlib.sha256(VERIFIER.encode()).digest())
CODE_FLOW = {
    "client_id": CLIENT, "scope": "openid", "response_type": "code", "redirect_uri": BACK, "state": "s-1",
    "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
}  # fmt: skip


@pytest.fixture
def clock() -> ManualClock:
    """The time, for the provider and for who believes it."""
    return ManualClock()


@pytest.fixture
async def provider(clock: ManualClock) -> AsyncIterator[Provider]:
    """One that serves on loopback."""
    async with serving(clock) as one:
        yield one


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A browser without a memory."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as one:
        yield one


async def signed_in(provider: Provider, user: str = "jan", nonce: str = "") -> str:
    """The token of a device flow that `user` allows."""
    return await sign_in(provider.issuer, CLIENT, lambda code, _: provider.decide(code, user), nonce)


async def test_an_account_opens_by_a_code_on_the_screen(provider: Provider, clock: ManualClock) -> None:
    """Device flow from discovery to a handle: the same for the same person, another for another, no name in it."""
    accounts = accounts_of(provider, clock)
    handles = []
    for user in ("jan", "mia", "jan"):
        account = await accounts.verify(await signed_in(provider, user, f"nonce-{user}"), f"nonce-{user}")
        assert account.subject == subject_of(user)
        handles.append(accounts.handle(account))
    assert handles[0] == handles[2] != handles[1]
    assert accounts.counts == {"accepted": 3, "keys.fetched": 1}


async def test_an_account_opens_by_the_code_flow(
    provider: Provider, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    """A browser gets a page, chooses who it is, comes back with a code; the client shows what its challenge was of."""
    async with session.get(f"{provider.issuer}/authorize", params=CODE_FLOW) as page:
        assert (page.status, ">jan</button>" in await page.text()) == (200, True)
    asked = session.post(f"{provider.issuer}/authorize", params=CODE_FLOW, data={"user": "mia"}, allow_redirects=False)
    async with asked as answer:
        back = urlsplit(answer.headers["Location"])
    assert (answer.status, back.netloc, back.path) == (303, "127.0.0.1:1", "/back")
    given = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert (given["state"], given["iss"]) == ("s-1", provider.issuer)
    form = {"grant_type": "authorization_code", "code": given["code"], "redirect_uri": BACK, "client_id": CLIENT}
    status, answered = await posted(session, f"{provider.issuer}/token", {**form, "code_verifier": VERIFIER})
    assert (status, answered["token_type"]) == (200, "Bearer")
    account = await accounts_of(provider, clock).verify(answered["id_token"], "n-1")
    assert account.subject == subject_of("mia")
    status, answered = await posted(session, f"{provider.issuer}/token", {**form, "code_verifier": VERIFIER})
    assert (status, answered["error"]) == (400, "invalid_grant"), "a code serves once"


async def posted(session: aiohttp.ClientSession, url: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer."""
    async with session.post(url, data=form) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "another"}, "invalid_client"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"redirect_uri": "http://thief.example/"}, "invalid_request"),
        ({"redirect_uri": "javascript:alert(1)"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none", "login_hint": "nobody"}, "access_denied"),
    ],
)
async def test_the_code_flow_is_refused(
    provider: Provider, session: aiohttp.ClientSession, changed: dict[str, str], error: str
) -> None:
    """Strange clients and addresses, no challenge, people whom it does not know: no code goes anywhere."""
    async with session.get(
        f"{provider.issuer}/authorize", params={**CODE_FLOW, **changed}, allow_redirects=False
    ) as answer:
        assert ("Location" in answer.headers, (await answer.json())["error"]) == (False, error)


async def test_a_code_is_for_whoever_began(
    provider: Provider, clock: ManualClock, session: aiohttp.ClientSession
) -> None:
    """Another verifier, client, address, or a minute later: the code is worth nothing."""
    provider.clients = (CLIENT, "second")
    good = {"grant_type": "authorization_code", "redirect_uri": BACK, "client_id": CLIENT, "code_verifier": VERIFIER}
    wrongs: list[dict[str, str]] = [
        {"code_verifier": "w" * 43}, {"redirect_uri": BACK + "2"}, {"client_id": "second"}, {"code": "another"}, {},
    ]  # fmt: skip
    for wrong in wrongs:
        params = {**CODE_FLOW, "prompt": "none", "login_hint": "jan"}
        async with session.get(f"{provider.issuer}/authorize", params=params, allow_redirects=False) as answer:
            code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        if not wrong:
            clock.advance(61)
        _, answered = await posted(session, f"{provider.issuer}/token", {**good, "code": code, **wrong})
        assert answered["error"] == "invalid_grant", wrong
    assert provider.issued == 0


async def test_a_device_is_told_to_wait(provider: Provider, clock: ManualClock, session: aiohttp.ClientSession) -> None:
    """RFC 8628, 3.5: pending, slow_down, refused, expired, and a token that is given once."""
    provider.interval_s = 5.0
    status, codes = await posted(
        session, f"{provider.issuer}/device_authorization", {"client_id": CLIENT, "scope": "openid"}
    )
    assert (status, codes["interval"], codes["expires_in"]) == (200, 5, 600)
    assert set(codes["user_code"]) <= set(LETTERS) | {"-"}
    form = {"grant_type": DEVICE_GRANT, "device_code": codes["device_code"], "client_id": CLIENT}

    async def error() -> str:
        return str((await posted(session, f"{provider.issuer}/token", form))[1].get("error", ""))

    assert await error() == "authorization_pending"
    assert await error() == "slow_down"
    clock.advance(9.9)
    assert await error() == "slow_down", "once too fast is five seconds more"
    clock.advance(16)
    page = {"user_code": codes["user_code"].lower().replace("-", " "), "user": "jan"}
    async with session.post(f"{provider.issuer}/device", data=page) as answer:
        assert "Signed in" in await answer.text()
    assert await error() == ""
    assert await error() == "invalid_grant"
    with pytest.raises(Denied, match="no sign-in shows this code"):
        provider.decide(codes["user_code"], "mia")


async def test_a_sign_in_is_refused_or_too_late(provider: Provider, clock: ManualClock) -> None:
    """Whoever types the code may refuse; after ten minutes nobody can allow it; a strange client is told so."""
    with pytest.raises(InputError, match="was refused"):
        await sign_in(provider.issuer, CLIENT, lambda code, _: provider.decide(code, None))

    def late(code: str, _: str) -> None:
        clock.advance(DEVICE_LIFE_S)
        assert provider.waiting() == []
        with pytest.raises(Denied):
            provider.decide(code, "jan")

    with pytest.raises(InputError, match="nobody typed"):
        await sign_in(provider.issuer, CLIENT, late)
    with pytest.raises(ConfigError, match="client_id is one of: forecourt"):
        await sign_in(provider.issuer, "another", lambda *_: None)
    provider.away = True
    with pytest.raises(LinkError, match="does not answer"):
        await sign_in(provider.issuer, CLIENT, lambda *_: None)


async def test_sign_ins_that_nobody_ends_are_bounded(provider: Provider, clock: ManualClock) -> None:
    """A thousand may be open; those that are over make room."""
    for _ in range(OPEN_MAX):
        provider.begin_device({"client_id": CLIENT, "scope": "openid"})
    with pytest.raises(Denied, match="too many"):
        provider.begin_device({"client_id": CLIENT, "scope": "openid"})
    clock.advance(DEVICE_LIFE_S)
    provider.begin_device({"client_id": CLIENT, "scope": "openid"})
    assert len(provider.waiting()) == 1


async def test_pages_show_what_was_typed_as_text(provider: Provider, session: aiohttp.ClientSession) -> None:
    """What stands in an address is no markup on the page."""
    async with session.get(f"{provider.issuer}/device", params={"user_code": '"><script>'}) as page:
        assert "<script>" not in await page.text()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_discovery_says_where_everything_is(provider: Provider, session: aiohttp.ClientSession) -> None:
    """Its addresses answer; its issuer is the one in tokens."""
    async with session.get(f"{provider.issuer}/.well-known/openid-configuration") as answer:
        about = await answer.json()
    assert about["issuer"] == provider.issuer
    async with session.get(about["jwks_uri"]) as answer:
        (shown,) = (await answer.json())["keys"]
    assert shown == provider.keys[0].public()
    assert "d" not in shown


async def test_the_verb_serves_and_a_head_unit_signs_in(tmp_path: Path) -> None:
    """It tells a file of settings that is good as it stands; typed lines act; the token is its owner's alone."""
    said: list[str] = []
    stop, told = asyncio.Event(), asyncio.Event()

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("type: "):
            told.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(serve_openid(OpenIdOptions(port=0, interval_s=0.05), say, stop))
        await told.wait()
        settings = tmp_path / "accounts.toml"
        await asyncio.to_thread(settings.write_text, said[1])
        issuer = said[0].split()[2]
        code: list[str] = []
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as pair:

            def show(text: str) -> None:
                code.append(text)
                if text.startswith("type "):
                    pair.create_task(typed(session, issuer, text.split()[1]))

            token = await sign_in_to(issuer, CLIENT, tmp_path / "guest.jwt", True, show)
        accounts = await Accounts.open(settings, ManualClock(wall_us=issued_us(token)))
        await accounts.verify(token, code[1].removeprefix("nonce "))
        stop.set()
    assert said[-1] == "1 tokens issued"
    assert (tmp_path / "guest.jwt").read_text("ascii").strip() == token
    for file in ("guest.jwt", "accounts.secret"):
        assert stat.S_IMODE((tmp_path / file).stat().st_mode) == 0o600
    checked = await asyncio.to_thread(CliRunner().invoke, main, ["check", str(settings)])
    assert checked.output == f"{settings}: good settings of the role accounts\n"


def issued_us(token: str) -> int:
    """When a token was made, in microseconds since 1970."""
    body = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(body + "=="))["iat"]) * 1_000_000


async def typed(session: aiohttp.ClientSession, issuer: str, code: str) -> None:
    """Somebody types the code of a screen at the page."""
    async with session.post(f"{issuer}/device", data={"user_code": code, "user": "jan"}) as answer:
        assert answer.status == 200


async def test_typed_lines_act(provider: Provider) -> None:
    """Each word does what it says; what is no word is told what could be said."""
    codes = provider.begin_device({"client_id": CLIENT, "scope": "openid"})["user_code"]
    assert await do(provider, "show") == f"codes on screens: {codes}; 0 tokens issued"
    assert await do(provider, f"allow {codes}") == f"allow {codes}"
    with pytest.raises(Denied):
        await do(provider, f"deny {codes}")
    assert (await do(provider, "rotate EdDSA")).endswith("(EdDSA); 2 keys in sight")
    await do(provider, "forget")
    assert len(provider.keys) == 1
    for word, away in (("away", True), ("back", False)):
        await do(provider, word)
        assert provider.away is away
    for line in ("", "rotate HS256", "allow", "jump"):
        assert (await do(provider, line)).startswith("say one of: allow CODE")


def test_help_teaches() -> None:
    """Both verbs show a first use that can be copied."""
    for verb in ("openid", "sign-in"):
        told = CliRunner().invoke(main, ["sim", verb, "--help"])
        assert told.exit_code == 0
        assert "forecourt sim sign-in http://127.0.0.1:8600" in told.output
