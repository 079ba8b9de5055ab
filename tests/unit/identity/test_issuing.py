"""A site's authority: certifies keys that others keep, and shuts out who is revoked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.clock import ManualClock
from gateway.errors import ConfigError, InputError
from gateway.identity import Applicant, Issuer, load_cloud
from gateway.identity.files import read_certificate
from gateway.identity.keystore import load
from gateway.model import ClockQuality


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """A site's authority."""
    return Issuer.make(tmp_path / "pki", ManualClock(), "test", ["site.example"])


def enrolled(issuer: Issuer, folder: Path, device: str = "hub-1") -> Applicant:
    """A device with its identity."""
    applicant = Applicant(folder)
    applicant.accept(issuer.enrol(device, applicant.request(), applicant.signing_pem))
    return applicant


def test_the_site_knows_whom_it_enrolled(issuer: Issuer, tmp_path: Path) -> None:
    """As the cloud of a desk does, so that one loader serves both."""
    enrolled(issuer, tmp_path / "hub")
    cloud = load_cloud(issuer.pki.cloud)
    assert cloud.name == "site"
    assert cloud.device_key("hub-1") is not None
    assert load(tmp_path / "hub").cloud_keys[0].public_bytes_raw() == cloud.key.public_key().public_bytes_raw()
    issuer.revoke("hub-1")
    cloud.refresh()
    assert cloud.device_key("hub-1") is None


def test_what_is_revoked_is_on_the_list_with_all_its_certificates(issuer: Issuer, tmp_path: Path) -> None:
    """Also those that were renewed meanwhile; another hub's is not."""
    applicant, other = enrolled(issuer, tmp_path / "hub"), enrolled(issuer, tmp_path / "other", "hub-2")
    first = read_certificate(tmp_path / "hub" / "device.crt").serial_number
    applicant.accept(issuer.renew("hub-1", applicant.request()))
    second = read_certificate(tmp_path / "hub" / "device.crt").serial_number
    assert issuer.revoke("hub-1") == 2
    crl = x509.load_pem_x509_crl((issuer.pki.folder / "ca.crl").read_bytes())
    assert crl.is_signature_valid(read_certificate(issuer.pki.ca_cert).public_key())  # type: ignore[arg-type]
    assert {one.serial_number for one in crl} == {first, second}
    assert other.device == "hub-2"
    assert [one.device for one in issuer.devices()] == ["hub-2"]


def test_making_again_keeps_what_holds_and_renews_what_is_due(tmp_path: Path) -> None:
    """The authority stays; the broker gets a certificate for another host, and before its own ends."""
    clock, folder = ManualClock(), tmp_path / "pki"
    first = Issuer.make(folder, clock, "test", ["a.example"])
    ca, broker = first.pki.ca_cert.read_bytes(), first.pki.broker_cert.read_bytes()
    assert Issuer.make(folder, clock, "test", ["a.example"]).pki.broker_cert.read_bytes() == broker
    with_host = Issuer.make(folder, clock, "test", ["b.example"]).pki.broker_cert.read_bytes()
    assert with_host != broker
    clock.advance(300 * 86_400)
    later = Issuer.make(folder, clock, "test", ["b.example"])
    assert later.pki.broker_cert.read_bytes() != with_host
    assert later.pki.ca_cert.read_bytes() == ca
    assert read_certificate(later.pki.broker_cert).not_valid_after_utc > datetime.fromtimestamp(
        clock.wall_us() / 1e6, UTC
    )


def requests() -> dict[str, bytes]:
    """What no device sends."""
    name = x509.Name([])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    pem = serialization.Encoding.PEM
    good = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(pem)
    lines = good.splitlines(keepends=True)
    return {
        "nothing": b"",
        "no PEM": b"x" * 100,
        "long": good + b"\n" * 5_000,
        "another curve": builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()).public_bytes(pem),
        "RSA": builder.sign(rsa.generate_private_key(65_537, 2_048), hashes.SHA256()).public_bytes(pem),
        "a byte turned": b"".join([*lines[:2], bytes([lines[2][0] ^ 1]) + lines[2][1:], *lines[3:]]),
    }


@pytest.mark.parametrize("request_pem", requests().values(), ids=requests())
def test_a_request_that_proves_nothing_is_refused(issuer: Issuer, tmp_path: Path, request_pem: bytes) -> None:
    """With a word, and nobody is enrolled."""
    with pytest.raises(InputError):
        issuer.enrol("hub-1", request_pem, Applicant(tmp_path / "hub").signing_pem)
    assert issuer.devices() == []


@pytest.mark.parametrize("device", ["../x", "", "a b", "site", "broker"])
def test_ids_that_would_be_another_are_refused(issuer: Issuer, tmp_path: Path, device: str) -> None:
    """A path, and the names of the site itself."""
    applicant = Applicant(tmp_path / "hub")
    with pytest.raises(InputError):
        issuer.enrol(device, applicant.request(), applicant.signing_pem)


def test_a_certificate_of_another_is_not_accepted(issuer: Issuer, tmp_path: Path) -> None:
    """Of another key, of another authority, and for another name."""
    applicant, other = Applicant(tmp_path / "hub"), Applicant(tmp_path / "other")
    issued = issuer.enrol("hub-1", other.request(), other.signing_pem)
    with pytest.raises(InputError, match="another key"):
        applicant.accept(issued)
    strange = Issuer.make(tmp_path / "strange", ManualClock(), "strange", [])
    foreign = strange.enrol("hub-1", applicant.request(), applicant.signing_pem)
    with pytest.raises(InputError, match="authority"):
        applicant.accept(type(issued)(foreign.device, foreign.certificate, issued.ca, issued.pinned))
    with pytest.raises(InputError, match="another device"):
        applicant.accept(type(issued)("hub-2", foreign.certificate, foreign.ca, foreign.pinned))
    assert not (tmp_path / "hub" / "device.crt").exists()


def test_a_machine_without_the_time_makes_no_certificate(tmp_path: Path) -> None:
    """And a folder without an authority says how one is made."""
    clock = ManualClock(0)
    clock.trust = ClockQuality.UNTRUSTED
    with pytest.raises(ConfigError, match="clock"):
        Issuer.make(tmp_path / "pki", clock, "test", [])
    with pytest.raises(ConfigError, match="forecourt site pki"):
        Issuer(tmp_path, ManualClock())


def test_a_damaged_list_of_the_revoked_stops_the_authority(issuer: Issuer, tmp_path: Path) -> None:
    """Rather than letting in again whom it names."""
    (issuer.pki.folder / "revoked.json").write_text("[")
    enrolled(issuer, tmp_path / "hub")
    with pytest.raises(ConfigError, match="damaged"):
        issuer.revoke("hub-1")
