"""Proves that the README is true: its links lead somewhere, its commands exist, its settings are good."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"]
FORECOURT = str(Path(sys.executable).with_name("forecourt"))


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in one language."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands() -> list[list[str]]:
    """Every forecourt command of the README's shell blocks, without comments, pipes and ampersands."""
    found = []
    for line in "\n".join(blocks("sh")).splitlines():
        if not line.startswith("forecourt "):
            continue
        found.append(shlex.split(line.split(" #")[0].split(" |")[0].rstrip("& \\"))[1:])
    return found


def test_links_lead_somewhere() -> None:
    """Every relative link of every page names a file that exists."""
    broken = []
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            broken += [] if (page.parent / target).exists() else [f"{page.relative_to(ROOT)}: {target}"]
    assert broken == []


def test_make_targets_exist() -> None:
    """Every `make` of the README is a target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|[`(])make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"demo", "test", "bench", "faults", "fuzz"} <= named
    assert named <= targets


GROUPS_OF_GROUPS = [["vehicle", "guest"], ["vehicle", "plan"]]


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words[:3]))
def test_commands_exist(words: list[str]) -> None:
    """Each verb exists, and each of its options is one that its help names."""
    verbs: list[str] = []
    for word in words:
        if word.startswith("-") or "/" in word or "." in word or not re.fullmatch(r"[a-z]+", word):
            break
        if len(verbs) == (3 if verbs[:2] in GROUPS_OF_GROUPS else 2):
            break
        verbs.append(word)
    if verbs and verbs[0] in {"demo", "check"}:
        verbs = verbs[:1]
    done = subprocess.run([FORECOURT, *verbs, "--help"], check=False, capture_output=True, text=True, timeout=25)
    assert done.returncode == 0, done.stderr
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    assert [option for option in options if option not in done.stdout] == []


def test_the_settings_are_good(tmp_path: Path) -> None:
    """The README's file passes `forecourt check` once its identity exists, also with the part about consent instead."""
    whole, consent = blocks("toml")
    pki = subprocess.run(
        [FORECOURT, "pki", "dev", "pki", "--device", "car-1"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        timeout=25,
    )
    assert pki.returncode == 0, pki.stderr
    for settings in (whole, whole.partition("[consent]")[0] + consent):
        (tmp_path / "car.toml").write_text(settings, "utf-8")
        done = subprocess.run(
            [FORECOURT, "check", "car.toml"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=25
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_were_found() -> None:
    """The search above does not pass because it found nothing."""
    assert len(commands()) >= 7
    assert len(blocks("toml")) == 2
