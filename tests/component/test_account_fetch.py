"""Proves that whatever answers in a provider's place is bounded in bytes and time, over real sockets and TLS."""

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.clock import ManualClock
from gateway.cloud.profile.accounts import KeysUnavailable
from gateway.cloud.profile.accounts_fetch import HEAD_BYTES_MAX, read_url
from gateway.cloud.profile.accounts_keys import read_keys
from gateway.errors import InputError, LinkError
from gateway.limits import ACCOUNT_KEYS_BYTES_MAX
from simulators.openid.keys import key_set
from tests.kit.accounts import signing_key
from tests.kit.answers import LENGTH, OK, answering, forever, once
from tests.kit.openid import CLIENT, accounts_of, serving

KEYS = key_set([signing_key("k1")])


@pytest.mark.parametrize(
    "data",
    [
        OK + LENGTH % len(KEYS) + KEYS,
        OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(KEYS), KEYS),
        OK + b"\r\n" + KEYS,
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH % len(KEYS) + KEYS,
    ],
)
async def test_keys_come_in_every_form_of_http(data: bytes) -> None:
    """With a length, in chunks, until the end of the connection, after a word of patience."""
    async with answering(once(data)) as url:
        assert read_keys(await asyncio.to_thread(read_url, url)).keys[0].kid == "k1"


async def test_a_connection_that_stays_open_costs_no_time() -> None:
    """A provider that ignores that we want it closed is done when its length is."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(OK + LENGTH % len(KEYS) + KEYS)
        await writer.drain()
        await gone.wait()

    gone = asyncio.Event()
    async with answering(answer) as url:
        assert await asyncio.to_thread(read_url, url, 20.0) == KEYS
        gone.set()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/keys\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}",
        OK + LENGTH % (ACCOUNT_KEYS_BYTES_MAX + 1) + b" " * (ACCOUNT_KEYS_BYTES_MAX + 1),
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ],
)
async def test_other_answers_are_none(data: bytes) -> None:
    """No HTTP, another address, an error, no content, too many headers, too many bytes."""
    async with answering(once(data)) as url:
        with pytest.raises(LinkError, match="localhost does not show its keys"):
            await asyncio.to_thread(read_url, url)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (OK + b"\r\n", b" " * 65_536),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000),
        (OK, b"X: " + b"y" * 60_000 + b"\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000),
    ],
)
async def test_an_answer_without_an_end_is_cut(first: bytes, again: bytes) -> None:
    """In its body, its chunks, its headers, before it: after a bound of bytes, however fast they come."""
    async with answering(forever(first, again, 0.0)) as url:
        with pytest.raises(LinkError, match="does not show its keys"):
            await asyncio.to_thread(read_url, url, 20.0)


@pytest.mark.parametrize(("first", "again"), [(b"", b""), (b"HTTP/1.1 200 OK\r\nX: ", b"y"), (OK + b"\r\n", b" ")])
async def test_a_slow_answer_is_given_up(first: bytes, again: bytes) -> None:
    """One deadline for all of it: silence and a byte now and then are the same."""
    async with answering(forever(first, again, 0.02)) as url:
        begun_s = time.monotonic()
        with pytest.raises(LinkError, match=r"localhost has not shown its keys within 0\.4 s"):
            await asyncio.to_thread(read_url, url, 0.4)
        assert time.monotonic() - begun_s >= 0.4


async def test_nobody_there_is_told_without_an_address_of_anybody() -> None:
    """A port where nothing listens: the name of the host and the kind of error, no more."""
    async with answering(once(b"")) as url:
        pass
    with pytest.raises(LinkError, match=r"localhost does not show its keys \(ConnectionRefusedError\)"):
        await asyncio.to_thread(read_url, url)


async def test_a_page_in_the_place_of_keys_is_no_key_set(caplog: pytest.LogCaptureFixture) -> None:
    """A portal that answers 200 with its own page leaves the accounts without keys, and is told once."""
    clock = ManualClock()
    async with serving(clock) as provider, answering(once(OK + b"\r\n<html>Sign in to this network</html>")) as url:
        provider.issuer = url.removesuffix("/keys?version=1")
        accounts = accounts_of(provider, clock)
        for _ in range(2):
            with pytest.raises(KeysUnavailable):
                await accounts.verify(provider.id_token("jan", CLIENT), None)
            clock.advance(60)
    told = [(record.levelname, record.getMessage()) for record in caplog.records if "keys" in record.getMessage()]
    assert told == [("WARNING", "keys_failed")]
    with pytest.raises(InputError, match="no key set"):
        read_keys(b"<html>")


def certificate(folder: Path, host: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate of `host` that vouches for itself: its file, and a context that serves with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    alternative = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
        .sign(key, SHA256())
    )
    file, secret = folder / f"{host}.pem", folder / f"{host}.key"
    file.write_bytes(built.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


async def test_https_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority of the system vouches for the name in the address; a stranger, another name, or no TLS is nobody."""
    data = OK + LENGTH % len(KEYS) + KEYS
    good, here = await asyncio.to_thread(certificate, tmp_path, "localhost")
    _, elsewhere = await asyncio.to_thread(certificate, tmp_path, "id.brand.example")
    async with answering(once(data), here) as url:
        with pytest.raises(LinkError, match=r"\(SSLCertVerificationError\)"):
            await asyncio.to_thread(read_url, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(good))
        assert await asyncio.to_thread(read_url, url) == KEYS
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "id.brand.example.pem"))
    async with answering(once(data), elsewhere) as url:
        with pytest.raises(LinkError, match=r"\(SSLCertVerificationError\)"):
            await asyncio.to_thread(read_url, url)
    async with answering(once(data)) as url:
        with pytest.raises(LinkError):
            await asyncio.to_thread(read_url, url.replace("http:", "https:"), 0.3)


def test_the_bounds_leave_room_for_real_providers() -> None:
    """Those of today show two to ten keys in a few thousand bytes."""
    shown = key_set([signing_key(f"r{number}", "RS256") for number in range(2)])
    assert len(shown) * 20 < ACCOUNT_KEYS_BYTES_MAX
    assert HEAD_BYTES_MAX >= 16_384
