"""A site's own authority: certifies keys that devices keep, renews and revokes; must never see a device's private key.

The folder has the layout of `pki`, and beside it

    issued/ID.crt    every certificate that a device was given, the newest last
    revoked.json     serial numbers that count no more
    ca.crl           the same, signed, for brokers

A device is in force while `cloud/devices/ID.pub` is there. Several processes may use one folder: a lock orders them.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.clock import Clock
from gateway.errors import ConfigError, InputError
from gateway.identity import files
from gateway.identity import parties as names
from gateway.identity.pki import HOSTS, Authority, Pki
from gateway.model import ClockQuality

RENEW_BEFORE = timedelta(days=90)
DEVICES_MAX = 2_000
REQUEST_BYTES_MAX = 4_096
_CERTIFICATES_KEPT = 50


@dataclass(frozen=True, slots=True)
class Issued:
    """What a device is given, as PEM. `pinned`: the key that the site signs with."""

    device: str
    certificate: bytes
    ca: bytes
    pinned: bytes


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device in force and until when its certificate holds."""

    device: str
    until: datetime


class Issuer:
    """Blocks on files: not for the loop."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """The authority in a folder that `make` made; ConfigError when there is none or the clock shows no time."""
        self.pki, self._clock = Pki(folder), clock
        if not self.pki.ca_key.exists():
            raise ConfigError(f"{folder} holds no authority: make it with `forecourt site pki`")
        if clock.quality() is ClockQuality.UNTRUSTED:
            raise ConfigError("this machine's clock shows no possible time: set it before certificates are made")

    @classmethod
    def make(cls, folder: Path, clock: Clock, name: str, hosts: Sequence[str]) -> "Issuer":
        """Makes authority, broker and site where they are absent; a broker that is due or has other hosts anew."""
        if clock.quality() is ClockQuality.UNTRUSTED:
            raise ConfigError("this machine's clock shows no possible time: set it before certificates are made")
        pki = Pki(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            authority = Authority(pki, clock, f"Forecourt site {name}"[:64])
            ca = files.read(pki.ca_cert)
            wanted = tuple(dict.fromkeys((*HOSTS, *hosts)))
            if not _holds(pki.broker_cert, clock, wanted):
                certificate, key = authority.issue("broker", hosts=wanted)
                files.write(pki.broker_cert.parent / names.CA, ca)
                files.write(pki.broker_key, key, private=True)
                files.write(pki.broker_cert, certificate)
            if not (pki.cloud / names.SIGNING_KEY).exists():
                signing = files.pem_of(Ed25519PrivateKey.generate())
                files.write(pki.cloud / names.SIGNING_KEY, signing, private=True)
            if not _holds(pki.cloud / names.CLOUD_CERT, clock, ()):
                certificate, key = authority.issue("site")
                files.write(pki.cloud / names.CA, ca)
                files.write(pki.cloud / names.CLOUD_KEY, key, private=True)
                files.write(pki.cloud / names.CLOUD_CERT, certificate)
            issuer = cls(folder, clock)
            issuer._list(issuer._revoked())
        return issuer

    def enrol(self, device: str, request: bytes, signing: bytes, replace: bool = False) -> Issued:
        """Certifies the key of a request (PKCS 10, PEM) as `device`, whose messages `signing` will verify.

        InputError for a request that proves nothing, and for a device that is in force unless `replace`, which
        revokes the one before. The same keys again are given a certificate again.
        """
        files.check_device_id(device)
        if device in ("site", "broker"):
            raise InputError(f"no device can be called {device!r}: choose another id")
        key, public = _requested(request), _signing(signing)
        with _locked(self.pki.folder):
            before = self._public(device)
            if before is not None and files.public_pem(before) != files.public_pem(public):
                if not replace:
                    raise InputError(f"{device} is enrolled already: revoke it, or invite it with --replace")
                self._revoke(device)
            elif before is None and len(self.devices()) >= DEVICES_MAX:
                raise InputError(f"a site has at most {DEVICES_MAX:,} devices")
            issued = self._issue(device, key)
            files.write(self._device_file(device), files.public_pem(public))
        return issued

    def renew(self, device: str, request: bytes) -> Issued:
        """Another certificate for a device in force; the caller has verified that it is the device that asks."""
        files.check_device_id(device)
        key = _requested(request)
        with _locked(self.pki.folder):
            if self._public(device) is None:
                raise InputError(f"{device} is not enrolled here: invite it")
            return self._issue(device, key)

    def revoke(self, device: str) -> int:
        """Ends a device: its signatures and all its certificates count no more. Returns how many these were."""
        files.check_device_id(device)
        with _locked(self.pki.folder):
            return self._revoke(device)

    def devices(self) -> list[Enrolled]:
        """Who is in force."""
        found = []
        for path in sorted((self.pki.cloud / names.CLOUD_DEVICES).glob("*.pub")):
            held = self._certificates(path.stem)
            until = held[-1].not_valid_after_utc if held else datetime.fromtimestamp(0, UTC)
            found.append(Enrolled(path.stem, until))
        return found

    def signing_key(self, device: str) -> Ed25519PublicKey | None:
        """The key that a device in force signs with; None for anybody else."""
        try:
            files.check_device_id(device)
        except InputError:
            return None
        return self._public(device)

    def site_key(self) -> Ed25519PrivateKey:
        """The key that the site signs with."""
        return files.read_signing_key(self.pki.cloud / names.SIGNING_KEY)

    def _public(self, device: str) -> Ed25519PublicKey | None:
        path = self._device_file(device)
        return files.read_public_keys(path)[0] if path.exists() else None

    def _issue(self, device: str, key: ec.EllipticCurvePublicKey) -> Issued:
        held = [one.public_bytes(serialization.Encoding.PEM) for one in self._certificates(device)]
        certificate = Authority(self.pki, self._clock).certify(device, key)
        files.write(self._issued_file(device), b"".join([*held, certificate][-_CERTIFICATES_KEPT:]))
        pinned = files.public_pem(self.site_key().public_key())
        return Issued(device, certificate, files.read(self.pki.ca_cert), pinned)

    def _revoke(self, device: str) -> int:
        """The signing key first: from then on nothing that the device says is believed."""
        self._device_file(device).unlink(missing_ok=True)
        serials = [one.serial_number for one in self._certificates(device)]
        if serials:
            self._list(sorted({*self._revoked(), *serials}))
            self._issued_file(device).unlink(missing_ok=True)
        return len(serials)

    def _list(self, serials: Sequence[int]) -> None:
        files.write(self.pki.folder / "revoked.json", json.dumps([f"{one:x}" for one in serials]).encode())
        files.write(self.pki.folder / "ca.crl", Authority(self.pki, self._clock).revocations(serials))

    def _revoked(self) -> list[int]:
        path = self.pki.folder / "revoked.json"
        if not path.exists():
            return []
        try:
            return [int(one, 16) for one in json.loads(files.read(path))]
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{path} is damaged: put it back from a copy, it says who is shut out") from error

    def _certificates(self, device: str) -> list[x509.Certificate]:
        path = self._issued_file(device)
        return x509.load_pem_x509_certificates(files.read(path)) if path.exists() else []

    def _issued_file(self, device: str) -> Path:
        return self.pki.folder / "issued" / f"{device}.crt"

    def _device_file(self, device: str) -> Path:
        return self.pki.cloud / names.CLOUD_DEVICES / f"{device}.pub"


def _holds(certificate: Path, clock: Clock, hosts: Sequence[str]) -> bool:
    """Whether a certificate is there, is not due, and names the hosts."""
    if not certificate.exists():
        return False
    found = files.read_certificate(certificate)
    if found.not_valid_after_utc - RENEW_BEFORE < datetime.fromtimestamp(clock.wall_us() / 1e6, UTC):
        return False
    try:
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return not hosts
    return {str(one.value) for one in named} >= set(hosts)


def _requested(request: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a request that was made with it; its names say nothing: who somebody is, the invitation says."""
    try:
        if len(request) > REQUEST_BYTES_MAX:
            raise ValueError("too long")
        found = x509.load_pem_x509_csr(request)
        key = found.public_key()
        proven = found.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            "the request is no PKCS 10 in PEM form: join with this version's `forecourt hub join`"
        ) from error
    if not proven or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InputError("the request is not signed by the P-256 key that it names")
    return key


def _signing(pem: bytes) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(pem[:REQUEST_BYTES_MAX])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("the signing key is no public key in PEM form") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("the signing key is not of Ed25519")
    return key


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    number = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
