"""Plants faults in a copy of the tree and runs the tests that claim to catch them; must never touch the tree itself."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults.kills import quiet
from tests.faults.oracle import Verdict
from tests.faults.patches import FAULTS, Fault
from tests.kit.zygote import ROOT

RUN_S_MAX = 300
_TESTS_FAILED = 1
"""pytest's exit code for it; others mean that it could not run them."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class PatchError(Exception):
    """A patch does not fit the file any more: renew it."""


class Outcome(NamedTuple):
    """What pytest said in a copy: its exit code, the first test that failed, and the end of what it printed."""

    code: int
    failed: str
    output: str

    @property
    def caught(self) -> bool:
        """Whether a test failed, rather than pytest."""
        return self.code == _TESTS_FAILED and bool(self.failed)

    def __str__(self) -> str:
        if self.caught:
            return f"caught by {self.failed}"
        return f"NOT CAUGHT (pytest {self.code}) {self.output[-300:]}"


def copy_tree(to: Path) -> None:
    """The files that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def plant(fault: Fault, tree: Path) -> None:
    """Changes the copy; PatchError unless each old text stands exactly once in its file."""
    for path, old, new in fault.edits:
        text = (tree / path).read_text("utf-8")
        if (times := text.count(old)) != 1:
            raise PatchError(f"{fault.name}: {path} has {times} times: {old!r}")
        (tree / path).write_text(text.replace(old, new), "utf-8")


def run_tests(tree: Path, tests: Sequence[str]) -> Outcome:
    """Runs tests of a copy with its own code, up to the first that fails."""
    places = os.pathsep.join([str(tree), str(tree / "proto")])
    surroundings = {**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}
    probe = [sys.executable, "-c", "import gateway; print(gateway.__file__)"]
    where = subprocess.run(probe, cwd=tree, env=surroundings, check=True, capture_output=True, text=True).stdout
    if not Path(where.strip()).is_relative_to(tree):
        raise PatchError(f"the copy would test {where.strip()}")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=surroundings, check=False, capture_output=True, text=True, timeout=RUN_S_MAX
        )
    except subprocess.TimeoutExpired:
        return Outcome(-1, "", f"not done within {RUN_S_MAX} s")
    failed = _FAILED.search(done.stdout)
    return Outcome(done.returncode, failed[1] if failed else "", done.stdout[-1_500:])


async def planted(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """Plants the first `size` faults one after the other; each survivor is a failure, and so is a copy that fails as
    it is.
    """
    chosen = FAULTS[:size]
    verdict = Verdict()
    caught = 0
    tests = list(dict.fromkeys(test for fault in chosen for test in fault.tests))
    control = (await asyncio.to_thread(_in_a_copy, folder, None, [tests]))[0]
    if control.code != 0:
        verdict.notes.append(f"the copy fails without any fault ({control.code}): {control.failed} {control.output}")
        verdict.unexplained += 1
    for done, fault in enumerate(chosen if control.code == 0 else ()):
        outcomes = await asyncio.to_thread(_in_a_copy, folder, fault, [[test] for test in fault.tests])
        caught += all(outcome.caught for outcome in outcomes)
        verdict.notes.append(f"{fault.name}: {'; '.join(map(str, outcomes))}")
        progress(done + 1, len(chosen))
    verdict.unexplained += len(chosen) - caught
    passed = "pass" if control.code == 0 else "DO NOT PASS"
    verdict.summary = f"{caught} of {len(chosen)} planted faults caught; without a fault the same tests {passed}"
    return verdict


def _in_a_copy(folder: Path, fault: Fault | None, runs: Sequence[Sequence[str]]) -> list[Outcome]:
    """One run after the other in one copy."""
    with tempfile.TemporaryDirectory(dir=folder) as here:
        tree = Path(here).resolve()
        copy_tree(tree)
        if fault is not None:
            plant(fault, tree)
        return [run_tests(tree, tests) for tests in runs]
