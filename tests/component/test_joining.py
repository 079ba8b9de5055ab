"""Hubs join a site over real TLS: who gets in, with whatever clock, and who does not."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.root import main
from gateway.clock import BUILD_TIME_US, TRUST_UNTIL_US, ManualClock
from gateway.errors import LinkRefused, SignatureError
from gateway.identity import Applicant, TrustedTime
from gateway.identity.keystore import load
from gateway.model import ClockQuality
from showroom_agent.joining import Address, Place, renew, talk
from showroom_agent.joining.bounds import FAILURES_MAX, PROOFS_MAX
from showroom_agent.joining.hub_side import ask, due
from tests.kit.joins import Site, now, site


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


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
async def test_a_hub_joins_in_seconds_whatever_its_clock_shows(
    showroom: Site, tmp_path: Path, clock: Callable[[], ManualClock]
) -> None:
    """It has an identity that loads, settings that are right, the site's tags, and the site's time as trusted."""
    hub, began_s, own = tmp_path / "hub", time.monotonic(), clock()
    await asyncio.to_thread((showroom.folder / "tags.toml").write_text, '[[tag]]\nid = "car-3"\nbeacon = "x"\n')
    found = await showroom.join(await showroom.invite(), hub, own)
    assert time.monotonic() - began_s < 20
    assert (found.device, found.broker) == ("hub-07", "mqtts://127.0.0.1:8883")
    assert found.off_s == pytest.approx((showroom.clock.wall_us() - own.wall_us()) / 1e6, abs=1)
    identity = await asyncio.to_thread(load, hub / "identity")
    assert identity.device == "hub-07"
    theirs = await asyncio.to_thread(showroom.place.issuer.signing_key, "hub-07")
    assert theirs is not None
    theirs.verify(identity.key.sign(b"x"), b"x")
    site_key = await asyncio.to_thread(showroom.place.issuer.site_key)
    identity.cloud_keys[0].verify(site_key.sign(b"y"), b"y")
    assert "car-3" in await asyncio.to_thread((hub / "tags.toml").read_text)
    assert (hub / "tags.toml").stat().st_mode & 0o077 == 0, "tags have secrets"
    assert 'id = "hub-07"' in await asyncio.to_thread((hub / "hub.toml").read_text)
    trusted = await asyncio.to_thread(TrustedTime, hub / "trusted-time", own)
    assert trusted.last_us() == showroom.clock.wall_us()


async def test_what_joining_writes_are_settings_that_a_hub_runs_with(showroom: Site, tmp_path: Path) -> None:
    """`forecourt check` finds no mistake in them."""
    await showroom.join(await showroom.invite(), tmp_path / "hub")
    done = await asyncio.to_thread(CliRunner().invoke, main, ["check", str(tmp_path / "hub" / "hub.toml")])
    assert done.exit_code == 0, done.output


async def test_a_token_is_for_one_hub_once(showroom: Site, tmp_path: Path) -> None:
    """Another machine with the same token is refused; the same, which was cut off, is given the same again."""
    token = await showroom.invite()
    draft = tmp_path / "hub" / "identity.new"
    applicant = await asyncio.to_thread(Applicant, draft)
    signing = applicant.signing_pem
    await showroom.join(token, tmp_path / "hub")
    with pytest.raises(LinkRefused, match="used already"):
        await showroom.join(token, tmp_path / "thief")
    assert not (tmp_path / "thief" / "identity").exists()
    (tmp_path / "hub" / "identity").rename(draft)  # as if the answer had not arrived
    assert (await showroom.join(token, tmp_path / "hub")).device == "hub-07"
    assert (await asyncio.to_thread(Applicant, tmp_path / "hub" / "identity")).signing_pem == signing


async def test_two_at_once_with_one_token_are_not_both_let_in(showroom: Site, tmp_path: Path) -> None:
    """Whoever is first."""
    token = await showroom.invite()
    calls = (showroom.join(token, tmp_path / str(one)) for one in range(4))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(isinstance(one, LinkRefused) for one in found) == [False, True, True, True]


async def test_a_token_ends(showroom: Site, tmp_path: Path) -> None:
    """By its time, and by being withdrawn."""
    late = await showroom.invite("hub-01", for_s=60)
    showroom.clock.advance(61)
    with pytest.raises(LinkRefused, match="expired"):
        await showroom.join(late, tmp_path / "a")
    gone = await showroom.invite("hub-02")
    assert await asyncio.to_thread(showroom.place.invitations.withdraw, "hub-02") == 1
    with pytest.raises(LinkRefused, match="no such invitation"):
        await showroom.join(gone, tmp_path / "b")
    showroom.clock.advance(2 * 86_400)
    await showroom.invite("hub-03")
    assert len(await asyncio.to_thread(lambda: list(showroom.place.invitations.all()))) == 1, "old ones are forgotten"


async def test_guessing_is_bounded(showroom: Site, tmp_path: Path) -> None:
    """A few wrong proofs end an invitation, and whoever names many that are not there is not listened to."""
    token = await showroom.invite()

    def wrong() -> dict[str, Any]:
        applicant = Applicant(tmp_path / "guesser")
        said = {"v": 1, "do": "join", "invitation": token.invitation, "device": "", "nonce": "0" * 32}
        said |= {"request": applicant.request().decode(), "signing": applicant.signing_pem.decode(), "proof": "0" * 64}
        return ask(token.host, token.port, token.pin, said, 5)

    for _ in range(PROOFS_MAX):
        with pytest.raises(LinkRefused, match="proof does not fit"):
            await asyncio.to_thread(wrong)
    with pytest.raises(LinkRefused, match="too many wrong proofs"):
        await showroom.join(token, tmp_path / "hub")
    for _ in range(FAILURES_MAX - PROOFS_MAX):
        with pytest.raises(LinkRefused, match="no such invitation"):
            await showroom.join(replace(token, secret=secrets.token_bytes(16)), tmp_path / "guesser")
    with pytest.raises(LinkRefused, match="wait a minute"):
        await showroom.join(await showroom.invite("hub-08"), tmp_path / "hub")
    assert showroom.desk.counters["locked_out"] == 1


async def test_who_stands_between_learns_nothing_and_enrols_nobody(showroom: Site, tmp_path: Path) -> None:
    """Another desk, with its own key, at the site's address: the hub says not a byte to it."""
    other = await asyncio.to_thread(Place.make, tmp_path / "other", now(), Address("other", ("127.0.0.1",)))
    heard, tls = asyncio.get_running_loop().create_future(), await asyncio.to_thread(other.tls)

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(tls)
        try:
            heard.set_result(await reader.read(1))
        except ConnectionResetError:
            heard.set_result(b"")
        writer.close()

    server = await asyncio.start_server(between, "127.0.0.1", 0)
    async with server:
        token = await showroom.invite()
        rerouted = replace(token, port=server.sockets[0].getsockname()[1])
        with pytest.raises(SignatureError, match="another desk"):
            await showroom.join(rerouted, tmp_path / "hub")
        assert await heard == b""
    assert not (tmp_path / "hub" / "identity").exists()


async def test_a_desk_with_the_key_but_without_the_invitation_is_not_believed(showroom: Site, tmp_path: Path) -> None:
    """Whoever stole the desk's key still has to prove that he made the token."""
    thief = await asyncio.to_thread(Place.make, tmp_path / "thief", now(), Address("thief", ("127.0.0.1",)))
    for name in ("join.key", "join.crt"):
        stolen = await asyncio.to_thread((showroom.place.folder / "join" / name).read_bytes)
        await asyncio.to_thread((thief.folder / "join" / name).write_bytes, stolen)
    tls = await asyncio.to_thread(thief.tls)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(tls)
        said = talk.unpacked(await reader.readexactly(talk.length_of(await reader.readexactly(4), 1 << 20)))
        enrol = thief.issuer.enrol
        issued = await asyncio.to_thread(enrol, "hub-07", said["request"].encode(), said["signing"].encode())
        found = {"ok": True, "device": "hub-07", "certificate": issued.certificate.decode(), "ca": issued.ca.decode()}
        found |= {"pinned": issued.pinned.decode(), "broker": "mqtts://thief:1", "time_us": 0, "proof": said["proof"]}
        writer.write(talk.packed(found, 1 << 20))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        token = replace(await showroom.invite(), port=server.sockets[0].getsockname()[1])
        with pytest.raises(SignatureError, match="has not proved"):
            await showroom.join(token, tmp_path / "hub")
    assert not (tmp_path / "hub" / "identity").exists()


async def test_a_second_hub_with_one_id_needs_to_replace_the_first(showroom: Site, tmp_path: Path) -> None:
    """Then the first is shut out: it is not renewed, and the site does not know its key."""
    await showroom.join(await showroom.invite(), tmp_path / "first")
    with pytest.raises(LinkRefused, match="enrolled already"):
        await showroom.join(await showroom.invite(), tmp_path / "second")
    assert (await asyncio.to_thread(renew, tmp_path / "first", now())).device == "hub-07"
    await showroom.join(await showroom.invite(replaces=True), tmp_path / "second")
    with pytest.raises(LinkRefused, match="revoked"):
        await asyncio.to_thread(renew, tmp_path / "first", now())
    assert (await asyncio.to_thread(renew, tmp_path / "second", now())).device == "hub-07"


async def test_a_hub_that_is_revoked_is_out(showroom: Site, tmp_path: Path) -> None:
    """It cannot renew; it can be invited again."""
    await showroom.join(await showroom.invite(), tmp_path / "hub")
    assert await asyncio.to_thread(showroom.place.issuer.revoke, "hub-07") == 1
    assert await asyncio.to_thread(showroom.place.issuer.signing_key, "hub-07") is None
    with pytest.raises(LinkRefused, match="revoked"):
        await asyncio.to_thread(renew, tmp_path / "hub", now())
    await showroom.join(await showroom.invite(), tmp_path / "hub")
    assert (await asyncio.to_thread(renew, tmp_path / "hub", now())).device == "hub-07"


async def test_a_certificate_is_renewed_before_it_ends(showroom: Site, tmp_path: Path) -> None:
    """With the same keys, a later end, and the site's tags as they are now."""
    hub = tmp_path / "hub"
    first = await showroom.join(await showroom.invite(), hub)
    assert not await asyncio.to_thread(due, hub, showroom.clock)
    showroom.clock.advance(280 * 86_400)
    assert await asyncio.to_thread(due, hub, showroom.clock)
    await asyncio.to_thread((showroom.folder / "tags.toml").write_text, "# new\n")
    found = await asyncio.to_thread(renew, hub, showroom.clock)
    assert (found.until - first.until).days == 280
    assert not await asyncio.to_thread(due, hub, showroom.clock)
    assert await asyncio.to_thread((hub / "tags.toml").read_text) == "# new\n"
    assert (await asyncio.to_thread(load, hub / "identity")).device == "hub-07"
