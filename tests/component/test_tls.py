"""TLS between a device and a real broker: who is let in, who is not, and what an insider can do to others."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US, Clock, ManualClock, SystemClock
from gateway.errors import LinkError, LinkRefused
from gateway.identity import TlsFiles, load_cloud, tls_context
from gateway.identity import parties as names
from gateway.identity.keystore import load
from gateway.identity.pki import Authority, Pki, make_dev_pki
from gateway.link import Endpoint
from gateway.model import ClockQuality
from tests.kit.broker import mosquitto
from tests.kit.links import Inbox, connected

pytestmark = pytest.mark.needs_mosquitto

DEVICE, FOREIGN = "car-1", "car-2"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Authority, broker, cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [DEVICE, FOREIGN])


@pytest.fixture(scope="module")
def other_pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The same names under an authority that nobody trusts."""
    return make_dev_pki(tmp_path_factory.mktemp("other"), [DEVICE])


@pytest.fixture(scope="module")
def context(pki: Pki) -> Callable[..., ssl.SSLContext]:
    """Contexts are made before a test's loop runs, for they read files."""
    made = {name: tls_context(load(pki.device(name)).tls, SystemClock()) for name in (DEVICE, FOREIGN)}
    made["cloud"] = tls_context(load_cloud(pki.cloud).tls, SystemClock())
    return lambda name=DEVICE: made[name]


async def context_of(files: TlsFiles, clock: Clock | None = None, last_us: int = 0) -> ssl.SSLContext:
    """A client context, made in a thread, for it reads files."""
    return await asyncio.to_thread(lambda: tls_context(files, clock or SystemClock(), last_trusted_us=lambda: last_us))


def files_of(pki: Pki, device: str = DEVICE) -> TlsFiles:
    """The TLS files of a device."""
    home = pki.device(device)
    return TlsFiles(home / names.DEVICE_CERT, home / names.DEVICE_KEY, home / names.CA)


async def issued(pki: Pki, folder: Path, name: str, **terms: object) -> TlsFiles:
    """A further certificate of the authority, on other terms."""
    files = TlsFiles(folder / "x.crt", folder / "x.key", pki.ca_cert)

    def write() -> None:
        cert, key = Authority(pki, SystemClock()).issue(name, **terms)  # type: ignore[arg-type]
        folder.mkdir(exist_ok=True)
        files.cert.write_bytes(cert)
        files.key.write_bytes(key)

    await asyncio.to_thread(write)
    return files


async def refused(endpoint: Endpoint) -> LinkError:
    """The error of a connection that must not come to be, or must end before its welcome."""
    with pytest.raises(LinkError) as caught:
        async with connected(endpoint):
            pytest.fail("the connection was let in")
    return caught.value


async def test_a_device_is_let_in_as_itself(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """TLS 1.3, and the client id that the broker sees is the CN of the certificate, whatever the client says."""
    async with mosquitto(tls=pki, acl=True) as broker:
        async with connected(broker.endpoint(context()), "somebody-else") as connection:
            assert connection.security == "TLSv1.3"
            assert await connection.publish(f"forecourt/v1/{DEVICE}/up/state", b"x") in {0x00, 0x10}
            await connection.disconnect()
        await broker.logged(f"as {DEVICE} (p5, c1")
        assert "as somebody-else" not in broker.text


async def test_large_batches_over_tls(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """Megabytes go both ways over TLS: nothing waits in TLS buffers of which the selector knows nothing."""
    inbox, payload = Inbox(), bytes(range(256)) * 400
    topic = f"forecourt/v1/{DEVICE}/up/e/bulk"
    async with (
        mosquitto(tls=pki, acl=True) as broker,
        connected(broker.endpoint(context("cloud")), on_message=inbox) as cloud,
        connected(broker.endpoint(context())) as device,
    ):
        await cloud.subscribe("forecourt/v1/+/up/e/+")
        published = []
        for _ in range(100):
            await device.wait_writable()
            published.append(device.publish(topic, payload))
        assert {await one for one in published} == {0}
        messages = await inbox.count(100)
        assert {message.payload for message in messages} == {payload}


async def test_a_client_without_a_certificate_is_refused(pki: Pki) -> None:
    """mTLS: a client that only trusts the authority gets no welcome, and is told why."""
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.load_verify_locations(pki.ca_cert)
    async with mosquitto(tls=pki, acl=True) as broker:
        error = await refused(broker.endpoint(anonymous))
    assert isinstance(error, LinkRefused)
    assert "CERTIFICATE_REQUIRED" in str(error)
    assert "enrol the device again" in str(error)


async def test_a_certificate_of_another_authority_is_refused(pki: Pki, other_pki: Pki) -> None:
    """A device whose certificate the broker's authority did not sign gets no welcome."""
    forged = await context_of(replace(files_of(other_pki), ca=pki.ca_cert))
    async with mosquitto(tls=pki, acl=True) as broker:
        error = await refused(broker.endpoint(forged))
    assert isinstance(error, LinkRefused)
    assert "UNKNOWN_CA" in str(error)


async def test_a_broker_of_another_authority_is_refused(pki: Pki, other_pki: Pki) -> None:
    """The device does not speak with a broker that its own authority did not sign."""
    context = await context_of(files_of(pki))
    async with mosquitto(tls=other_pki, acl=True) as broker:
        error = await refused(broker.endpoint(context))
    assert isinstance(error, LinkRefused)
    assert "compare the CA in the identity folder" in str(error)


async def test_a_broker_of_another_name_is_refused(pki: Pki, tmp_path: Path) -> None:
    """The certificate must be for the host in the URL."""
    files = await issued(pki, tmp_path / "b", "broker", hosts=["elsewhere.example"])
    context = await context_of(files_of(pki))
    async with mosquitto(tls=pki, certfile=files.cert, keyfile=files.key) as broker:
        error = await refused(broker.endpoint(context))
    assert isinstance(error, LinkRefused)
    assert "mismatch" in str(error)


async def test_a_device_certificate_does_not_make_a_broker(pki: Pki) -> None:
    """A device cannot play the broker: its certificate is for clients only."""
    thief = files_of(pki, FOREIGN)
    context = await context_of(files_of(pki))
    async with mosquitto(tls=pki, certfile=thief.cert, keyfile=thief.key) as broker:
        error = await refused(broker.endpoint(context))
    assert isinstance(error, LinkRefused)
    assert "purpose" in str(error)


async def test_an_expired_broker_is_refused(pki: Pki, tmp_path: Path) -> None:
    """At a trusted clock dates count as they are."""
    start = datetime.now(UTC) - timedelta(days=10)
    files = await issued(pki, tmp_path / "b", "broker", hosts=["127.0.0.1"], not_before=start, life=timedelta(days=9))
    context = await context_of(files_of(pki))
    async with mosquitto(tls=pki, certfile=files.cert, keyfile=files.key) as broker:
        error = await refused(broker.endpoint(context))
    assert isinstance(error, LinkRefused)
    assert "expired" in str(error)


async def test_an_expired_device_is_refused(pki: Pki, tmp_path: Path) -> None:
    """The broker lets nobody in whose certificate has expired."""
    start = datetime.now(UTC) - timedelta(days=10)
    files = await issued(pki, tmp_path / "d", DEVICE, not_before=start, life=timedelta(days=9))
    async with mosquitto(tls=pki, acl=True) as broker:
        error = await refused(broker.endpoint(await context_of(files)))
    assert isinstance(error, LinkRefused)
    assert "EXPIRED" in str(error)


class ClockAt1970(ManualClock):
    """A clock that woke up without knowing the time."""

    def __init__(self) -> None:
        super().__init__(wall_us=0)
        self.trust = ClockQuality.UNTRUSTED


async def test_a_clock_at_1970_does_not_lock_the_device_out(pki: Pki) -> None:
    """At an untrusted clock the chain is verified and the dates are not compared with it."""
    context = await context_of(files_of(pki), ClockAt1970())
    async with mosquitto(tls=pki, acl=True) as broker, connected(broker.endpoint(context)) as connection:
        assert connection.security == "TLSv1.3"


async def test_a_clock_at_1970_opens_no_door(pki: Pki, other_pki: Pki) -> None:
    """At an untrusted clock a broker of another authority is refused all the same."""
    context = await context_of(files_of(pki), ClockAt1970())
    async with mosquitto(tls=other_pki, acl=True) as broker:
        assert isinstance(await refused(broker.endpoint(context)), LinkRefused)


async def test_what_had_expired_at_the_last_trusted_time_is_refused(pki: Pki, tmp_path: Path) -> None:
    """A certificate that ended before the build or before the last trusted time is refused at any clock."""
    build = datetime.fromtimestamp(BUILD_TIME_US / 1e6, UTC)
    start, hosts = build - timedelta(days=9), ["127.0.0.1"]
    old = await issued(pki, tmp_path / "o", "broker", hosts=hosts, not_before=start, life=timedelta(days=8))
    short = await issued(pki, tmp_path / "s", "broker", hosts=hosts, not_before=build, life=timedelta(days=3))
    files = files_of(pki)
    before = await context_of(files, ClockAt1970())
    after = await context_of(files, ClockAt1970(), BUILD_TIME_US + 4 * 86_400 * 1_000_000)
    async with mosquitto(tls=pki, certfile=old.cert, keyfile=old.key) as broker:
        error = await refused(broker.endpoint(before))
        assert isinstance(error, LinkRefused)
        assert "has expired on" in str(error)
    async with mosquitto(tls=pki, certfile=short.cert, keyfile=short.key) as broker:
        async with connected(broker.endpoint(before)):
            pass
        assert "has expired on" in str(await refused(broker.endpoint(after)))


async def test_nothing_older_than_tls_13(pki: Pki) -> None:
    """The device offers nothing older, and the broker takes nothing older."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    files = files_of(pki)
    old.load_verify_locations(files.ca)
    old.load_cert_chain(files.cert, files.key)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    ours = await context_of(files)
    async with mosquitto(tls=pki, acl=True) as broker:
        assert "PROTOCOL_VERSION" in str(await refused(broker.endpoint(old)))
    dated = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    dated.load_cert_chain(pki.broker_cert, pki.broker_key)
    dated.maximum_version = ssl.TLSVersion.TLSv1_2
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=dated)
    async with server:
        error = await refused(Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], ours))
    assert "TLS with mqtts://127.0.0.1" in str(error), "asyncio's server hangs up without an alert"


async def test_plain_and_tls_ports_are_told_apart(pki: Pki, context: Callable[..., ssl.SSLContext]) -> None:
    """TLS towards a plain port, and plain towards a TLS port, end in errors and not in a hang."""
    async with mosquitto() as plain:
        error = await refused(Endpoint(plain.host, plain.port, context(), connect_timeout_s=3.0))
        assert isinstance(error, LinkError)
    async with mosquitto(tls=pki) as secure:
        with pytest.raises(LinkError):
            async with connected(Endpoint(secure.host, secure.port, connect_timeout_s=3.0)):
                pytest.fail("a TLS port took a plain client")


def test_the_cloud_has_no_device_key(pki: Pki) -> None:
    """The cloud's folder holds public keys of devices and no private one; no two parties share a key."""
    private = sorted(path for path in pki.folder.rglob("*.key"))
    assert len({path.read_bytes() for path in private}) == len(private) == 1 + 1 + 2 + 2 * 2
    assert sorted(path.name for path in (pki.cloud / names.CLOUD_DEVICES).iterdir()) == [
        f"{DEVICE}.pub",
        f"{FOREIGN}.pub",
    ]
