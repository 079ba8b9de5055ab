"""Runs a command, and ends it with all that it started when standard input ends; must never outlive its parent.

    python leash.py COMMAND ARGUMENT…

Whoever starts it holds the other end of standard input: when that process is gone, even by SIGKILL, so is the command.
"""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

LOOK_S = 0.1
ENDING_S = 3.0


def main(command: list[str]) -> int:
    """Until the command or standard input ends; the command's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's matter
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: _tell(child, signal.SIGTERM))
    while child.poll() is None:
        readable, _, _ = select.select([0], [], [], LOOK_S)
        if readable and not os.read(0, 4_096):
            _end(child)
    return child.returncode


def _end(child: "subprocess.Popen[bytes]") -> None:
    _tell(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(ENDING_S)
    _tell(child, signal.SIGKILL)  # what the command started may be left
    child.wait()


def _tell(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
