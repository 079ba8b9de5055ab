"""A certificate authority for desks and tests; must never be taken for the one of a fleet.

    FOLDER/ca.crt ca.key             the authority
    FOLDER/broker/                   broker.crt broker.key ca.crt
    FOLDER/cloud/                    cloud.crt cloud.key signing.key ca.crt devices/ID.pub
    FOLDER/devices/ID/               device.crt device.key signing.key ca.crt cloud.pub

TLS keys are ECDSA P-256, which every broker takes; signing keys are Ed25519. Keys have mode 0600.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigError
from gateway.identity import files
from gateway.identity import parties as names
from gateway.identity.files import check_device_id

CA_LIFE = timedelta(days=3_650)
LEAF_LIFE = timedelta(days=365)
_BACKDATED = timedelta(days=1)
HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Pki:
    """Where things are in a folder that `make_dev_pki` made."""

    folder: Path

    @property
    def ca_cert(self) -> Path:
        """The authority's certificate."""
        return self.folder / names.CA

    @property
    def ca_key(self) -> Path:
        """The authority's key."""
        return self.folder / "ca.key"

    @property
    def broker_cert(self) -> Path:
        """The broker's certificate."""
        return self.folder / "broker" / "broker.crt"

    @property
    def broker_key(self) -> Path:
        """The broker's key."""
        return self.folder / "broker" / "broker.key"

    @property
    def cloud(self) -> Path:
        """The folder for `load_cloud`."""
        return self.folder / "cloud"

    def device(self, device: str) -> Path:
        """The folder for `keystore.load`."""
        return self.folder / "devices" / device


class Authority:
    """Signs certificates with the key of a folder, which it makes when there is none."""

    def __init__(self, pki: Pki, clock: Clock, name: str = "Forecourt desk authority") -> None:
        """`name`: the CN of an authority that is made."""
        self._now = datetime.fromtimestamp(clock.wall_us() // 1_000_000, UTC)
        if not pki.ca_key.exists() and not pki.ca_cert.exists():
            self._make(pki, name)
        key = files.read_private_key(pki.ca_key)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{pki.ca_key} was not made here: give an empty folder")
        self._key = key
        self.certificate = files.read_certificate(pki.ca_cert)

    def issue(
        self,
        name: str,
        *,
        hosts: Sequence[str] = (),
        not_before: datetime | None = None,
        life: timedelta = LEAF_LIFE,
    ) -> tuple[bytes, bytes]:
        """A certificate and its key as PEM: of a server when there are `hosts`, else of a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self.certify(name, key.public_key(), hosts=hosts, not_before=not_before, life=life), files.pem_of(key)

    def certify(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        *,
        hosts: Sequence[str] = (),
        not_before: datetime | None = None,
        life: timedelta = LEAF_LIFE,
    ) -> bytes:
        """A certificate of a key that its owner keeps, as PEM: of a server when there are `hosts`, else of a client."""
        start = not_before or self._now - _BACKDATED
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(name, key, start, start + life, self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)

    def revocations(self, serials: Sequence[int]) -> bytes:
        """The list of certificates that count no more (RFC 5280), as PEM; it holds as long as the authority does."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(self._now - _BACKDATED)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self._now - _BACKDATED)
            builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _make(self, pki: Pki, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        start = self._now - _BACKDATED
        certificate = (
            _builder(name, key.public_key(), start, start + CA_LIFE, _subject(name))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        files.write(pki.ca_key, files.pem_of(key), private=True)
        files.write(pki.ca_cert, certificate.public_bytes(serialization.Encoding.PEM))


def make_dev_pki(
    folder: Path,
    devices: Sequence[str],
    *,
    cloud: str = "cloud",
    hosts: Sequence[str] = HOSTS,
    clock: Clock | None = None,
) -> Pki:
    """Makes authority, broker, cloud and devices in `folder`, and adds devices when it is there; writes files.

    What exists stays as it is. InputError for a name that is no device id, ConfigError for files that cannot be used.
    """
    for name in (cloud, *devices):
        check_device_id(name)
    if cloud in devices:
        raise ConfigError(f"a device cannot have the cloud's name {cloud!r}: choose another")
    pki = Pki(folder)
    authority = Authority(pki, clock or SystemClock())
    ca = files.read(pki.ca_cert)
    if not pki.broker_cert.exists():
        _keep(authority.issue("broker", hosts=hosts), pki.broker_cert, pki.broker_key, ca)
    if not (pki.cloud / names.CLOUD_CERT).exists():
        files.write(pki.cloud / names.SIGNING_KEY, files.pem_of(Ed25519PrivateKey.generate()), private=True)
        _keep(authority.issue(cloud), pki.cloud / names.CLOUD_CERT, pki.cloud / names.CLOUD_KEY, ca)
    pinned = files.public_pem(files.read_signing_key(pki.cloud / names.SIGNING_KEY).public_key())
    for device in devices:
        home = pki.device(device)
        if (home / names.DEVICE_CERT).exists():
            continue
        key = Ed25519PrivateKey.generate()
        files.write(home / names.SIGNING_KEY, files.pem_of(key), private=True)
        files.write(home / names.PINNED, pinned)
        files.write(pki.cloud / names.CLOUD_DEVICES / f"{device}.pub", files.public_pem(key.public_key()))
        _keep(authority.issue(device), home / names.DEVICE_CERT, home / names.DEVICE_KEY, ca)
    return pki


def _keep(issued: tuple[bytes, bytes], cert: Path, key: Path, ca: bytes) -> None:
    """The certificate last: where it stands, the rest stands."""
    files.write(cert.parent / names.CA, ca)
    files.write(key, issued[1], private=True)
    files.write(cert, issued[0])


def _builder(
    name: str, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime, issuer: x509.Name
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
