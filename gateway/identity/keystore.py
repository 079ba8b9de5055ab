"""The device's own keys on its disk: load and wipe; must never leave a secret in a log or in a representation."""

import os
from pathlib import Path

from gateway.errors import ConfigError, InputError
from gateway.identity import files
from gateway.identity.files import check_device_id
from gateway.identity.parties import CA, DEVICE_CERT, DEVICE_KEY, PINNED, SIGNING_KEY, Identity, TlsFiles


def load(folder: Path) -> Identity:
    """The identity in a folder; ConfigError says which file is wrong and what to do; reads files.

    Keys must not be readable by others, certificate and key must belong together, and the CN must be a device id.
    """
    tls = TlsFiles(folder / DEVICE_CERT, folder / DEVICE_KEY, folder / CA)
    device = files.check_pair(tls.cert, tls.key)
    try:
        check_device_id(device)
    except InputError as error:
        raise ConfigError(
            f"{tls.cert} names {device!r}, which is no device id ({error}): enrol the device again"
        ) from error
    files.read_certificate(tls.ca)
    key = files.read_signing_key(folder / SIGNING_KEY)
    return Identity(device, key, files.read_public_keys(folder / PINNED), tls)


def wipe(folder: Path) -> list[str]:
    """Destroys the private keys of a folder and returns the names of the files that are gone; safe to repeat.

    Overwritten and fsynced before they are unlinked. Flash may keep old blocks: data at rest is protected by keys
    that the keyring destroys, not by this.
    """
    gone = []
    for name in (SIGNING_KEY, DEVICE_KEY):
        path = folder / name
        if not path.exists():
            continue
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        gone.append(name)
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
    return gone
