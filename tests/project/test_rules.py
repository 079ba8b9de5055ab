"""Proves that the rules of tests/conftest.py bite: on blocking, skips, missing recordings, debugging."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def outcome(folder: Path, code: str, **environment: str) -> str:
    """The last lines of a pytest run on `code` under the rules of this project."""
    (folder / "test_planted.py").write_text(f"import asyncio, sqlite3, time\nimport pytest\n{code}\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), str(folder)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST"))}
    done = subprocess.run(
        command, cwd=ROOT, env=clean | environment, check=False, capture_output=True, text=True, timeout=25
    )
    return done.stdout + done.stderr


def test_a_skip_fails_in_ci(tmp_path: Path) -> None:
    """What is skipped on a desk is red in CI, and an expected failure stays one."""
    code = "def test_a():\n    pytest.skip('no')\n\n@pytest.mark.xfail\ndef test_b():\n    assert 0"
    assert "1 skipped, 1 xfailed" in outcome(tmp_path, code)
    assert "1 failed, 1 xfailed" in outcome(tmp_path, code, CI="true")
    assert "1 error" in outcome(tmp_path, "pytest.importorskip('no_such_module')", CI="true")


def test_debugging_is_off_only_where_time_is_measured(tmp_path: Path) -> None:
    """The loop runs in debug mode except under the mark `timed`."""
    body = "async def test_{0}():\n    assert asyncio.get_running_loop().get_debug() is {1}\n"
    code = body.format("plain", True) + "\n@pytest.mark.timed\n" + body.format("timed", False)
    assert "2 passed" in outcome(tmp_path, code)


def test_blocking_the_loop_fails(tmp_path: Path) -> None:
    """Product code that sleeps or queries on the loop fails its test; under `may_block` it passes."""
    code = (
        "import gateway\nimport os.path\n"
        "source = 'def nap():\\n    import time\\n    time.sleep(0.01)\\n'\n"
        "space = {}\n"
        "exec(compile(source, os.path.join(gateway.__path__[0], 'planted.py'), 'exec'), space)\n"
        "async def test_a():\n    space['nap']()\n"
        "@pytest.mark.may_block\nasync def test_b():\n    space['nap']()\n"
        "async def test_c():\n    time.sleep(0.01)\n"
    )
    told = outcome(tmp_path, code)
    assert "1 failed, 2 passed" in told
    assert "Blocking call to time.sleep" in told


def test_a_warning_fails(tmp_path: Path) -> None:
    """A warning is an error, also that of a connection left open."""
    code = "def test_a():\n    import warnings\n    warnings.warn('old')\n"
    assert "1 failed" in outcome(tmp_path, code)
