"""`forecourt pki dev`: makes what the agents load, and says what is wrong."""

from pathlib import Path

from click.testing import CliRunner

from gateway.cli.pki import pki
from gateway.identity import load_cloud
from gateway.identity.files import read_certificate
from gateway.identity.keystore import load


def test_dev_makes_a_whole_desk(tmp_path: Path) -> None:
    """Two devices, then a third: all can be loaded, and the broker's certificate names the host."""
    folder = tmp_path / "pki"
    first = CliRunner().invoke(
        pki, ["dev", str(folder), "--device", "car-1", "--device", "car-2", "--host", "broker.example"]
    )
    assert (first.exit_code, first.output.count("device ")) == (0, 2)
    assert CliRunner().invoke(pki, ["dev", str(folder), "--device", "car-3"]).exit_code == 0
    assert [load(folder / "devices" / name).device for name in ("car-1", "car-2", "car-3")] == [
        "car-1",
        "car-2",
        "car-3",
    ]
    assert sorted(load_cloud(folder / "cloud").devices) == ["car-1", "car-2", "car-3"]
    names = str(read_certificate(folder / "broker" / "broker.crt").extensions)
    assert "broker.example" in names
    assert "localhost" in names


def test_mistakes_are_messages(tmp_path: Path) -> None:
    """A bad id and a folder that cannot be one end with a line and no trace."""
    bad = CliRunner().invoke(pki, ["dev", str(tmp_path / "pki"), "--device", "a/b"])
    assert bad.exit_code == 1
    assert "Error: device id 'a/b'" in bad.output
    (tmp_path / "file").write_text("")
    assert CliRunner().invoke(pki, ["dev", str(tmp_path / "file"), "--device", "a"]).exit_code == 2
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "ca.crt").write_text("")
    result = CliRunner().invoke(pki, ["dev", str(damaged), "--device", "a"])
    assert result.exit_code == 1
    assert "ca.key is missing" in result.output


def test_help_teaches() -> None:
    """The help says what is made, where it goes and what comes next."""
    text = CliRunner().invoke(pki, ["dev", "--help"]).output
    assert "FOLDER/devices/ID" in text
    assert "Then, for example:" in text
