"""A device that asks for its identity: makes its keys, asks, takes what it is given; must never let a key leave.

Keys are on disk before anything is asked, so that one who asks again after a cut asks with the same keys. The
certificate is written last: where it stands, the rest stands, and `keystore.load` finds a whole identity.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigError, InputError
from gateway.identity import files
from gateway.identity import parties as names
from gateway.identity.issuing import Issued


class Applicant:
    """Blocks on files: not for the loop."""

    def __init__(self, folder: Path) -> None:
        """Takes the keys of a folder, or makes them where they are absent."""
        self.folder = folder
        for name in (names.DEVICE_KEY, names.SIGNING_KEY):
            if not (folder / name).exists():
                made = ec.generate_private_key(ec.SECP256R1()) if name == names.DEVICE_KEY else None
                files.write(folder / name, files.pem_of(made or Ed25519PrivateKey.generate()), private=True)
        key = files.read_private_key(folder / names.DEVICE_KEY)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{folder / names.DEVICE_KEY} was not made here: give an empty folder")
        self._key = key
        self._signing = files.read_signing_key(folder / names.SIGNING_KEY)

    @property
    def device(self) -> str:
        """Who this is; empty before it was accepted."""
        path = self.folder / names.DEVICE_CERT
        return files.common_name(files.read_certificate(path)) if path.exists() else ""

    @property
    def until(self) -> datetime:
        """When its certificate ends; 1970 where it has none."""
        path = self.folder / names.DEVICE_CERT
        return files.read_certificate(path).not_valid_after_utc if path.exists() else datetime.fromtimestamp(0, UTC)

    @property
    def signing_pem(self) -> bytes:
        """The public half of the key that signs what it sends."""
        return files.public_pem(self._signing.public_key())

    def request(self, name: str = "device") -> bytes:
        """A request for a certificate (PKCS 10, PEM)."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    def sign(self, data: bytes) -> bytes:
        """With the key that signs what it sends."""
        return self._signing.sign(data)

    def accept(self, issued: Issued) -> None:
        """Writes the identity; InputError, and nothing written, where the certificate is not of this key and device."""
        try:
            certificate = x509.load_pem_x509_certificate(issued.certificate)
            ca = x509.load_pem_x509_certificate(issued.ca)
            certificate.verify_directly_issued_by(ca)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise InputError("the certificate is not one of the authority that came with it") from error
        if certificate.public_key() != self._key.public_key():
            raise InputError("the certificate is of another key")
        files.check_device_id(issued.device)
        if files.common_name(certificate) != issued.device:
            raise InputError("the certificate names another device")
        files.write(self.folder / names.CA, issued.ca)
        files.write(self.folder / names.PINNED, issued.pinned)
        files.read_public_keys(self.folder / names.PINNED)
        files.write(self.folder / names.DEVICE_CERT, issued.certificate)
