"""A device's key files: loaded whole or refused with what to do, private from the first byte, wiped for good."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import ConfigError, InputError
from gateway.identity import files, load_cloud
from gateway.identity import parties as names
from gateway.identity.keystore import load, wipe
from gateway.identity.pki import Pki, make_dev_pki

DEVICE = "car-1"


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Authority, broker, cloud and two devices."""
    return make_dev_pki(tmp_path / "pki", [DEVICE, "car-2"])


def test_what_was_made_can_be_loaded(pki: Pki) -> None:
    """A device signs with its key and pins the cloud's; the cloud knows the device's by its id."""
    device, cloud = load(pki.device(DEVICE)), load_cloud(pki.cloud)
    known = cloud.device_key(DEVICE)
    assert known is not None
    known.verify(device.key.sign(b"batch"), b"batch")
    device.cloud_keys[0].verify(cloud.key.sign(b"receipt"), b"receipt")
    assert (device.device, cloud.name, sorted(cloud.devices)) == (DEVICE, "cloud", [DEVICE, "car-2"])
    assert cloud.device_key("car-3") is None


def test_keys_are_private(pki: Pki) -> None:
    """Every key file has mode 0600, every other file is readable, and no draft is left behind."""
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in pki.folder.rglob("*") if path.is_file()}
    assert {mode for path, mode in modes.items() if path.suffix == ".key"} == {0o600}
    assert {mode for path, mode in modes.items() if path.suffix != ".key"} == {0o644}
    assert not [path for path in modes if path.name.startswith(".")]


def test_no_representation_shows_a_key(pki: Pki) -> None:
    """Neither identity prints a key or where it lies."""
    text = repr(load(pki.device(DEVICE))) + repr(load_cloud(pki.cloud))
    assert "key" not in text.lower()


def test_adding_a_device_changes_nothing_else(pki: Pki) -> None:
    """A second call adds what is new, byte for byte nothing else changes, and the cloud takes it up."""
    cloud = load_cloud(pki.cloud)
    before = {path: path.read_bytes() for path in pki.folder.rglob("*") if path.is_file()}
    make_dev_pki(pki.folder, [DEVICE, "car-3"])
    assert {path: path.read_bytes() for path in before} == before
    assert cloud.refresh() == 3
    load(pki.device("car-3"))
    (pki.cloud / names.CLOUD_DEVICES / "car-2.pub").unlink()
    assert cloud.refresh() == 2
    assert cloud.device_key("car-2") is None


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "x" * 65, "käfer", "a b", "../x"])
def test_names_that_are_no_device_ids(tmp_path: Path, name: str) -> None:
    """What could mean something in a topic or a path is no device id."""
    with pytest.raises(InputError):
        make_dev_pki(tmp_path, [name])


def test_a_device_cannot_be_the_cloud(tmp_path: Path) -> None:
    """The cloud's name gives rights at the broker: no device may have it."""
    with pytest.raises(ConfigError, match="choose another"):
        make_dev_pki(tmp_path, ["cloud"])


@pytest.mark.parametrize("name", [names.DEVICE_CERT, names.DEVICE_KEY, names.SIGNING_KEY, names.CA, names.PINNED])
def test_a_missing_file_is_named(pki: Pki, name: str) -> None:
    """The message names the file and says how to get it."""
    (pki.device(DEVICE) / name).unlink()
    with pytest.raises(ConfigError, match=rf"{name} is missing: .*forecourt pki dev"):
        load(pki.device(DEVICE))


@pytest.mark.parametrize("name", [names.DEVICE_CERT, names.DEVICE_KEY, names.SIGNING_KEY, names.CA, names.PINNED])
@pytest.mark.parametrize(
    "content", [b"", b"\0\xff" * 50, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_a_damaged_file_is_named(pki: Pki, name: str, content: bytes) -> None:
    """Whatever stands in a file, the error is a ConfigError that names it."""
    path = pki.device(DEVICE) / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=name):
        load(pki.device(DEVICE))


@pytest.mark.parametrize("name", [names.DEVICE_KEY, names.SIGNING_KEY])
def test_a_key_that_others_may_read_is_refused(pki: Pki, name: str) -> None:
    """The message gives the command that repairs it."""
    path = pki.device(DEVICE) / name
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=rf"mode 0640.*chmod 600 .*{name}"):
        load(pki.device(DEVICE))


def test_a_key_of_another_certificate_is_refused(pki: Pki) -> None:
    """Certificate and key must belong together."""
    path = pki.device(DEVICE) / names.DEVICE_KEY
    path.write_bytes((pki.device("car-2") / names.DEVICE_KEY).read_bytes())
    with pytest.raises(ConfigError, match="is not the key of"):
        load(pki.device(DEVICE))


def test_keys_of_another_kind_are_refused(pki: Pki) -> None:
    """The signing key must be Ed25519, and so must what is pinned."""
    home = pki.device(DEVICE)
    good = (home / names.SIGNING_KEY).read_bytes()
    (home / names.SIGNING_KEY).write_bytes((home / names.DEVICE_KEY).read_bytes())
    with pytest.raises(ConfigError, match="holds no Ed25519 key"):
        load(home)
    (home / names.SIGNING_KEY).write_bytes(good)


def test_two_pinned_keys_are_two(pki: Pki) -> None:
    """While the cloud changes its key both are pinned, in order."""
    path, second = pki.device(DEVICE) / names.PINNED, Ed25519PrivateKey.generate().public_key()
    path.write_bytes(path.read_bytes() + files.public_pem(second))
    keys = load(pki.device(DEVICE)).cloud_keys
    assert len(keys) == 2
    assert keys[1].public_bytes_raw() == second.public_bytes_raw()


def test_wiping(pki: Pki) -> None:
    """The keys are gone, the identity cannot be loaded, and a second wipe finds nothing; other devices stay."""
    home = pki.device(DEVICE)
    assert wipe(home) == [names.SIGNING_KEY, names.DEVICE_KEY]
    assert not list(home.glob("*.key"))
    with pytest.raises(ConfigError, match="is missing"):
        load(home)
    assert wipe(home) == []
    load(pki.device("car-2"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A write that fails leaves the old content and no draft."""
    path = tmp_path / "signing.key"
    files.write(path, b"old", private=True)
    with pytest.raises(TypeError):
        files.write(path, None, private=True)  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["signing.key"]
