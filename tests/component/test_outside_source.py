"""A source of another package: installed, found by name, tested by the contract; must never be ours in disguise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "kit" / "outside_source"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip put the package."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    for path in PACKAGE.iterdir():
        if path.is_file():
            (source / path.name).write_bytes(path.read_bytes())
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    return target


def run(installed: Path, *words: str) -> str:
    """What Python prints with the package on its path; it must succeed."""
    env = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, *words], env=env, cwd=installed, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_found_by_name(installed: Path, tmp_path: Path) -> None:
    """`vehicle.source` and its own table are all that an operator writes."""
    (tmp_path / "car.toml").write_text(
        'role = "vehicle"\n[device]\nid = "car-1"\nidentity = "pki"\n[store]\nfolder = "store"\n'
        '[link]\nbroker = "mqtt://127.0.0.1:1883"\n[vehicle]\nsource = "lines"\n'
        '[source]\nhost = "127.0.0.1"\nport = 4711\n'
    )
    code = (
        "import sys; from pathlib import Path; from gateway.config import load\n"
        "from vehicle_agent.settings import VehicleAgentSettings\n"
        "from vehicle_agent.source import open_source\n"
        "source = open_source(load(VehicleAgentSettings, Path(sys.argv[1])))\n"
        "print(type(source).__module__, *source.place)"
    )
    assert run(installed, "-c", code, str(tmp_path / "car.toml")).split() == ["line_source", "127.0.0.1", "4711"]


def test_it_keeps_the_contract(installed: Path) -> None:
    """The package runs the suite that gateway.contracts offers."""
    told = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "contract_of_lines.py")
    assert "4 passed" in told


def test_it_is_small(installed: Path) -> None:
    """About thirty lines, as promised."""
    code = [line for line in (PACKAGE / "line_source.py").read_text("utf-8").splitlines() if line.strip()]
    assert len(code) <= 35
