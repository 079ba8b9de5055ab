"""Proves what a built wheel brings: our packages, the contract's Python, the command and its verbs, nothing else."""

import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ["gateway", "vehicle_agent", "showroom_agent", "simulators", "proto/forecourt"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=25)
    (built,) = folder.glob("forecourt-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_brings_the_product_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every file of the product, the contract's Python as `forecourt`, and neither tests nor benchmarks."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PRODUCT]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    here = {name.removeprefix("proto/") for name in listed if (ROOT / name).is_file()}
    assert len(here) >= 4
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == here


def test_the_wheel_brings_the_policy_of_signals(wheel: zipfile.ZipFile) -> None:
    """Without the table the gate denies everything."""
    table = "forecourt/v1/signal_policy.toml"
    assert wheel.read(table) == (ROOT / "proto" / table).read_bytes()


def test_the_wheel_brings_one_command(wheel: zipfile.ZipFile) -> None:
    """One command, and the verbs that agents and simulators add to it."""
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    points = ConfigParser()
    points.read_string(wheel.read(name).decode())
    assert dict(points["console_scripts"]) == {"forecourt": "gateway.cli:main"}
    assert set(points["forecourt.verbs"]) == {"vehicle", "hub", "site", "sim", "demo"}


def test_extras_are_told(wheel: zipfile.ZipFile) -> None:
    """Whoever installs the wheel can choose a role and gets the licence with it."""
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert {"vehicle", "hub", "site", "cloud", "sim"} <= set(metadata.get_all("Provides-Extra", []))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
