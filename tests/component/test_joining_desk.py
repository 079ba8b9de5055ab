"""The desk where hubs join: what it answers to the clockless, to rubbish and to the silent, and to the verbs."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.root import main
from gateway.clock import BUILD_TIME_US, TRUST_UNTIL_US, ManualClock, SystemClock
from gateway.errors import ForecourtError, LinkError, LinkRefused, SignatureError
from gateway.identity import TrustedTime, tls_context
from gateway.identity.keystore import load
from gateway.link import Endpoint
from gateway.model import ClockQuality
from showroom_agent.joining import Address, JoinDesk, Place, parse_token, site_time, talk
from showroom_agent.joining.bounds import CONVERSATION_S, GUESTS_MAX
from tests.kit.broker import free_port, mosquitto
from tests.kit.joins import Site, now, site
from tests.kit.links import connected


@pytest.fixture
async def showroom(tmp_path: Path) -> AsyncIterator[Site]:
    """A site."""
    async with site(tmp_path / "site") as one:
        yield one


def woken(wall_us: int, quality: ClockQuality = ClockQuality.UNTRUSTED) -> ManualClock:
    """A hub without a battery for its clock, after it was switched on."""
    clock = ManualClock(wall_us)
    clock.trust = quality
    return clock


CLOCKS = {
    "right": now,
    "1970": lambda: woken(3_600_000_000),
    "far ahead": lambda: woken(TRUST_UNTIL_US + 1),
    "ahead, and believed": lambda: woken(BUILD_TIME_US + 15 * 365 * 86_400 * 1_000_000, ClockQuality.HOLDOVER),
}


async def test_a_hub_asks_the_site_for_the_time(showroom: Site, tmp_path: Path) -> None:
    """Signed by the site that it joined, and tied to its question; another site's time is not taken."""
    hub, clock = tmp_path / "hub", woken(0)
    await showroom.join(await showroom.invite(), hub)
    showroom.clock.advance(1_000)
    off_s = await asyncio.to_thread(site_time, hub, clock)
    assert off_s == pytest.approx(showroom.clock.wall_us() / 1e6, abs=1)
    trusted = await asyncio.to_thread(TrustedTime, hub / "trusted-time", clock)
    assert trusted.last_us() == showroom.clock.wall_us()
    other = await asyncio.to_thread(Place.make, tmp_path / "other", now(), Address("other", ("127.0.0.1",)))
    pinned = await asyncio.to_thread((other.folder / "cloud" / "signing.key").read_bytes)
    await asyncio.to_thread((showroom.place.folder / "cloud" / "signing.key").write_bytes, pinned)
    with pytest.raises(SignatureError, match="not signed"):
        await asyncio.to_thread(site_time, hub, clock)


RUBBISH = {
    "no JSON": b"{",
    "no object": b"[]",
    "deep": b"[" * 10_000,
    "nothing asked": b'{"v": 1}',
    "another version": b'{"v": 2, "do": "join"}',
    "numbers for texts": b'{"v": 1, "do": "join", "invitation": 1}',
    "a long nonce": json.dumps({"v": 1, "do": "time", "nonce": "x" * 33}).encode(),
    "no request": json.dumps(
        {"v": 1, "do": "renew", "device": "../../etc", "request": "", "nonce": "", "signature": ""}
    ).encode(),
    "a path": json.dumps(
        {
            "v": 1,
            "do": "join",
            "invitation": "../../x",
            "device": "",
            "request": "",
            "signing": "",
            "nonce": "",
            "proof": "",
        }
    ).encode(),
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH)
async def test_rubbish_is_refused_in_words(showroom: Site, data: bytes) -> None:
    """And counted; the desk serves on."""
    answer = await _said(showroom, talk.LENGTH.pack(len(data)) + data)
    assert answer is not None
    assert answer["ok"] is False
    assert len(answer["text"]) > 10
    assert "guess" not in answer
    assert showroom.desk.counters["refused"] == 1


async def test_a_message_that_lies_about_its_length_takes_no_room(showroom: Site) -> None:
    """It is broken off before a byte of it is read."""
    assert await _said(showroom, talk.LENGTH.pack(1 << 31)) is None
    assert showroom.desk.counters["broken_off"] == 1


async def test_many_who_say_nothing_are_turned_away(showroom: Site, tmp_path: Path) -> None:
    """One more than there are places is closed at once, and when they are gone a hub joins."""
    silent = [await asyncio.open_connection("127.0.0.1", showroom.desk.port) for _ in range(GUESTS_MAX)]
    token = await showroom.invite()
    with pytest.raises(LinkError, match="nobody answers"):
        await showroom.join(token, tmp_path / "hub", timeout_s=2)
    assert showroom.desk.counters["turned_away"] == 1
    for _, writer in silent:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(CONVERSATION_S):
        while not (tmp_path / "hub" / "identity").exists():  # each ask is answered or turned away at once
            with contextlib.suppress(LinkError):
                await showroom.join(token, tmp_path / "hub")
    assert (await asyncio.to_thread(load, tmp_path / "hub" / "identity")).device == "hub-07"


async def test_nobody_joins_a_site_that_does_not_know_the_time(showroom: Site, tmp_path: Path) -> None:
    """Its certificates would be dated wrongly."""
    showroom.clock.trust = ClockQuality.UNTRUSTED
    with pytest.raises(LinkRefused, match="clock"):
        await showroom.join(await showroom.invite(), tmp_path / "hub")


@pytest.mark.needs_mosquitto
async def test_a_hub_with_its_clock_at_1970_speaks_at_the_sites_broker_until_it_is_revoked(tmp_path: Path) -> None:
    """With the broker's certificate of the site, the hub's own, and the list of those that count no more."""
    port = free_port()
    async with site(tmp_path / "site", port, await asyncio.to_thread(SystemClock)) as showroom:
        clock = woken(0)
        found = await showroom.join(await showroom.invite(), tmp_path / "hub", clock)
        await showroom.join(await showroom.invite("hub-08"), tmp_path / "other", clock)

        def context(folder: str) -> ssl.SSLContext:
            trusted = TrustedTime(tmp_path / folder / "trusted-time", clock)
            return tls_context(load(tmp_path / folder / "identity").tls, clock, last_trusted_us=trusted.last_us)

        first, second = await asyncio.to_thread(context, "hub"), await asyncio.to_thread(context, "other")
        crl = showroom.place.folder / "ca.crl"
        async with mosquitto(port, tls=showroom.place.issuer.pki, crlfile=crl) as broker:
            async with connected(Endpoint.parse(found.broker, first), "hub-07") as connection:
                await connection.publish("forecourt/v1/hub-07/up/s", b"x")
            await asyncio.to_thread(showroom.place.issuer.revoke, "hub-07")
            await broker.restart()
            with pytest.raises(ForecourtError):
                async with connected(Endpoint.parse(found.broker, first), "hub-07"):
                    pass
            async with connected(Endpoint.parse(found.broker, second), "hub-08"):
                pass


async def test_by_the_verbs(tmp_path: Path) -> None:
    """pki, invite, join, hubs, renew, revoke: as the guide says it, and each mistake ends with what to do."""
    home, hub = str(tmp_path / "site"), str(tmp_path / "hub")

    async def run(*words: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(CliRunner().invoke, main, list(words))
        return done.exit_code, done.stdout, done.output

    code, _, said = await run("site", "invite", "hub-07", "--site", home)
    assert (code, "forecourt site pki" in said) == (2, True)
    code, _, said = await run("site", "pki", "--site", home, "--host", "127.0.0.1")
    assert code == 0, said
    clock = await asyncio.to_thread(SystemClock)
    place = await asyncio.to_thread(Place, Path(home), clock)
    async with await asyncio.to_thread(JoinDesk, place, clock, "127.0.0.1", 0) as desk:
        port = str(desk.port)
        assert (await run("site", "pki", "--site", home, "--host", "127.0.0.1", "--join-port", port))[0] == 0
        code, out, said = await run("site", "invite", "hub-07", "--site", home)
        assert code == 0, said
        token = out.strip().splitlines()[-1]
        assert parse_token(token).port == desk.port
        assert "█" in said, "a picture that a phone reads"
        code, _, said = await run("hub", "join", token, "--folder", hub, "--keep-clock")
        assert (code, "hub-07 has joined in" in said) == (0, True), said
        assert (await run("hub", "join", token, "--folder", hub, "--keep-clock"))[0] == 2
        assert (await run("site", "invite", "hub-07", "--site", home))[0] == 1
        assert "hub-07" in (await run("site", "hubs", "--site", home))[1]
        assert "not due" in (await run("hub", "renew", "--folder", hub, "--keep-clock"))[1]
        assert "renewed until" in (await run("hub", "renew", "--now", "--folder", hub, "--keep-clock"))[1]
        assert "2 certificates revoked" in (await run("site", "revoke", "hub-07", "--site", home))[1]
    code, _, said = await run("hub", "join", token, "--folder", hub, "--keep-clock", "--wait", "0")
    assert (code, "does `forecourt site join-desk` run?" in said) == (2, True)


async def _said(showroom: Site, data: bytes) -> dict[str, Any] | None:
    """What the desk answers to raw bytes; None when it hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", showroom.desk.port, ssl=context)
    writer.write(data)
    found = await reader.read()
    writer.close()
    return talk.unpacked(found[talk.LENGTH.size :]) if found else None
