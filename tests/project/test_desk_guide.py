"""Proves that the guide to the profile on a desk can be followed: its verbs, options, fields and settings exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.profile import FIELDS
from gateway.profile.fit import load_cards

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "guides" / "profile-on-a-desk.md").read_text("utf-8")
FORECOURT = str(Path(sys.executable).with_name("forecourt"))
VERBS_AT_MOST = 3


def words_of(line: str) -> list[str]:
    """A command of the guide without its comment; one inside $(…) too."""
    return shlex.split(line.partition("$(")[2].rstrip(")") or line, comments=True)[1:]


def commands() -> dict[tuple[str, ...], list[list[str]]]:
    """The commands of the guide's shell blocks by verb."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for line in block.splitlines():
            if not re.match(r"(\w+=\$\()?forecourt ", line):
                continue
            words = words_of(line)
            verbs = tuple(
                words[: next((i for i, word in enumerate(words) if not re.fullmatch(r"[a-z][a-z-]*", word)), None)]
            )
            found.setdefault(verbs[:VERBS_AT_MOST], []).append(words)
    return found


@pytest.mark.parametrize("verbs", commands(), ids=" ".join)
def test_commands_exist(verbs: tuple[str, ...]) -> None:
    """Each verb exists, and each of its options is one that its help names."""
    named = list(verbs)
    if named[:2] == ["pki", "dev"]:
        named = named[:2]
    done = subprocess.run([FORECOURT, *named, "--help"], check=False, capture_output=True, text=True, timeout=25)
    assert done.returncode == 0, done.stderr
    options = [word for words in commands()[verbs] for word in words if re.fullmatch(r"--?[a-z]+", word)]
    assert [option for option in options if not re.search(rf"(^|\s){option}[ ,/\n]", done.stdout)] == []


def test_fields_and_cards_exist() -> None:
    """What is set is a field of a profile; what is parked is a model."""
    written = [w.partition("=")[0] for words in commands()["profile", "set"] for w in words if "=" in w]
    assert len(written) >= 8
    assert [field for field in written if field not in FIELDS] == []
    assert set(re.findall(r"--card (\w+)", TEXT)) == {"suv", "city"} <= set(load_cards())
    assert re.findall(r"^turn (\S+)", TEXT, re.MULTILINE)[0] in load_cards()["suv"].actuators


def test_the_settings_of_both_cars_are_good(tmp_path: Path) -> None:
    """The file as it stands, and what `sed` makes of it."""
    (settings,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "car.toml").write_text(settings, "utf-8")
    (sed,) = re.findall(r"^sed .*$", TEXT, re.MULTILINE)
    lines = [f"'{FORECOURT}' pki dev pki --device car-1 --device car-2", sed]
    lines += [f"'{FORECOURT}' check {name}" for name in ("car.toml", "car-2.toml")]
    done = subprocess.run(
        ["/bin/sh", "-ec", "\n".join(lines)], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=25
    )
    assert done.returncode == 0, done.stdout + done.stderr
    second = (tmp_path / "car-2.toml").read_text("utf-8")
    assert all(word in second for word in ("car-2", "var-2", "55556", "city", "run/door-2"))
    assert "car-1" not in second
