"""The environment of what cannot live beside Forecourt (it pins other versions); made once from locks/rivals.txt."""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-rivals"
LOCK = ROOT / "locks" / "rivals.txt"


def python() -> Path:
    """The interpreter with ThingsBoard's gateway and persist-queue; installs them when they are not there yet."""
    interpreter = FOLDER / "bin" / "python"
    done = FOLDER / ".installed"
    if not done.exists() or done.stat().st_mtime < LOCK.stat().st_mtime:
        sys.stderr.write("Installing the rivals into .venv-rivals (once)\n")
        venv.create(FOLDER, with_pip=True)
        pip = [str(interpreter), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
        # jsonpath-rw and ply come as sources: the locked setuptools builds them.
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-r", str(LOCK)], check=True)
        done.touch()
    return interpreter
