"""A beacon parser of another package: found by name, tested by the contract; must never be ours in disguise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "kit" / "outside_parser"


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


def test_it_is_found_by_name(installed: Path) -> None:
    """The hub names it and hears its tags."""
    code = (
        "from showroom_agent.hub import Ears, Watch\n"
        "from showroom_agent.radio import Advert, outside\n"
        "ears = Ears(Watch({'acme:7': 'car-7'}), outside(['acme']))\n"
        "print(ears.hear(Advert(bytes(6), -60, 1.0, manufacturer={0xACE: b'A\\0\\0\\0\\7'})))"
    )
    assert run(installed, "-c", code).split() == ["car-7"]


def test_it_keeps_the_contract(installed: Path) -> None:
    """The package runs the suite that showroom_agent.contracts offers."""
    told = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "contract_of_acme.py")
    assert "4 passed" in told


def test_it_is_small(installed: Path) -> None:
    """At most thirty lines, as promised."""
    code = [line for line in (PACKAGE / "acme_parser.py").read_text("utf-8").splitlines() if line.strip()]
    assert len(code) <= 30
