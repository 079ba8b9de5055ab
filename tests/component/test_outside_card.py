"""A vehicle card of another package: installed, found by name, kept to the contract; must never be ours in disguise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "kit" / "outside_card"


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


def test_it_is_found_by_name_and_among_all(installed: Path) -> None:
    """Installing the package is all that it takes; its revision is its own."""
    code = (
        "from gateway.profile.fit import load_card, load_cards\n"
        "print(load_card('coupe').revision, *load_cards())"
    )  # fmt: skip
    assert run(installed, "-c", code).split() == ["3", "saloon", "suv", "city", "coupe"]


def test_it_keeps_the_contract(installed: Path) -> None:
    """The package runs the suite that gateway.contracts offers."""
    told = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "contract_of_coupe.py")
    assert "6 passed" in told


def test_it_is_small() -> None:
    """About thirty lines, as promised."""
    code = [line for line in (PACKAGE / "coupe_card.py").read_text("utf-8").splitlines() if line.strip()]
    assert len(code) <= 35
