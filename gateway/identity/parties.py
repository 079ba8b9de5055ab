"""Who speaks: a device or the cloud, with the keys each may hold; must never show a secret in its representation."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.identity import files

CA, PINNED, SIGNING_KEY = "ca.crt", "cloud.pub", "signing.key"
DEVICE_CERT, DEVICE_KEY = "device.crt", "device.key"
CLOUD_CERT, CLOUD_KEY, CLOUD_DEVICES = "cloud.crt", "cloud.key", "devices"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a TLS client presents and whom it trusts."""

    cert: Path
    key: Path = field(repr=False)
    ca: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A device: its id is the CN of its certificate; `key` signs what it sends, `cloud_keys` are pinned."""

    device: str
    key: Ed25519PrivateKey = field(repr=False)
    cloud_keys: tuple[Ed25519PublicKey, ...] = field(repr=False)
    tls: TlsFiles


@dataclass(frozen=True, slots=True)
class CloudIdentity:
    """The cloud: its name is the CN of its certificate, `key` signs receipts and commands.

    It knows the devices' signing keys by the files `devices/ID.pub` of its folder.
    """

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    tls: TlsFiles
    devices: dict[str, Ed25519PublicKey] = field(repr=False)
    folder: Path

    def device_key(self, device: str) -> Ed25519PublicKey | None:
        """The key that a device signs with; None when the device is not enrolled."""
        return self.devices.get(device)

    def refresh(self) -> int:
        """Takes up enrolments and removals since; reads files. Returns how many devices there are."""
        found = {path.stem: files.read_public_keys(path)[0] for path in _device_files(self.folder)}
        self.devices.update(found)
        for device in self.devices.keys() - found.keys():
            del self.devices[device]
        return len(found)


def load_cloud(folder: Path) -> CloudIdentity:
    """The cloud of a folder that `forecourt pki dev` or enrolment made; ConfigError says what to do; reads files."""
    tls = TlsFiles(folder / CLOUD_CERT, folder / CLOUD_KEY, folder / CA)
    name = files.check_pair(tls.cert, tls.key)
    files.read_certificate(tls.ca)
    cloud = CloudIdentity(name, files.read_signing_key(folder / SIGNING_KEY), tls, {}, folder)
    cloud.refresh()
    return cloud


def _device_files(folder: Path) -> list[Path]:
    return sorted((folder / CLOUD_DEVICES).glob("*.pub"))
