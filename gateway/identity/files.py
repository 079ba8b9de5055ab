"""Key and certificate files: written once and private, read with errors that say what to do; must never log a key."""

import os
import re
import stat
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, PrivateKeyTypes
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigError, InputError

PRIVATE_MODE = 0o600
FILE_BYTES_MAX = 1 << 20
_DEVICE_ID = re.compile("[0-9a-zA-Z_-]{1,64}")
_PEM_END = b"-----END PUBLIC KEY-----"
_REMAKE = "make a desk identity with `forecourt pki dev`, or enrol the device again"


def write(path: Path, data: bytes, private: bool = False) -> None:
    """Writes a file whole or not at all, fsynced; a private one is readable by its owner only from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE if private else 0o644)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path, private: bool = False) -> bytes:
    """The content of a file; ConfigError when it is absent, unreadable, or private and open to others."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if private and mode & 0o077:
                raise ConfigError(f"{path} is a key that others may read (mode {mode:04o}): run chmod 600 {path}")
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing: {_REMAKE}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): run as the user that owns it") from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} is larger than a key or certificate can be: {_REMAKE}")
    return data


def check_device_id(text: str) -> None:
    """InputError unless `text` can be a device id."""
    if not _DEVICE_ID.fullmatch(text):
        raise InputError(f"device id {text!r} must be 1 to 64 letters, digits, - or _")


def pem_of(key: PrivateKeyTypes) -> bytes:
    """A private key as PKCS 8 PEM without a pass phrase: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: Ed25519PublicKey) -> bytes:
    """A public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_private_key(path: Path) -> PrivateKeyTypes:
    """The private key in a file; ConfigError says what is wrong with it."""
    data = read(path, private=True)
    try:
        return serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} is not an unencrypted private key in PEM form: {_REMAKE}") from error


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key that signs what this party sends."""
    key = read_private_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} holds no Ed25519 key: {_REMAKE}")
    return key


def read_public_keys(path: Path) -> tuple[Ed25519PublicKey, ...]:
    """The Ed25519 keys of a file, at least one; several while a party changes its key."""
    blocks = [block + _PEM_END for block in read(path).split(_PEM_END)[:-1]]
    try:
        keys = [serialization.load_pem_public_key(block.strip()) for block in blocks]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} holds something that is not a public key in PEM form: {_REMAKE}") from error
    ed25519 = tuple(key for key in keys if isinstance(key, Ed25519PublicKey))
    if not ed25519 or len(ed25519) != len(keys):
        raise ConfigError(f"{path} must hold Ed25519 public keys and nothing else: {_REMAKE}")
    return ed25519


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file."""
    try:
        return x509.load_pem_x509_certificates(read(path))[0]
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{path} is not a certificate in PEM form: {_REMAKE}") from error


def common_name(certificate: x509.Certificate) -> str:
    """The CN of the subject; empty when there is not exactly one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def check_pair(certificate: Path, key: Path) -> str:
    """Makes sure that a certificate and a key belong together and returns the certificate's CN."""
    found = read_certificate(certificate)
    ours = _public_bytes(read_private_key(key).public_key())
    if _public_bytes(found.public_key()) != ours:
        raise ConfigError(f"{key} is not the key of {certificate}: {_REMAKE}")
    name = common_name(found)
    if not name:
        raise ConfigError(f"{certificate} names nobody (no CN): {_REMAKE}")
    return name


def _public_bytes(key: object) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    data: bytes = key.public_bytes(serialization.Encoding.DER, spki)  # type: ignore[attr-defined]
    return data


IssuerKey = CertificateIssuerPrivateKeyTypes
