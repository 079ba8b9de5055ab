"""Starts processes that have imported everything already, so that a thousand kills take minutes; must never hold a loop
or a thread itself, since it forks.

`python -m tests.kit.zygote MODULE ...` imports the modules, then reads one JSON object a line. {"target":
"module:function", "args": {...}, "log": "file"} starts function(**args) in a child whose output goes to the file and
answers {"pid": n}; {"wait": pid} answers {"status": s} once it has ended (negative: the signal that killed it).
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Child:
    """A process that the zygote started."""

    pid: int
    _zygote: "Zygote"
    _status: int | None = None

    def kill(self) -> None:
        """SIGKILL, and waits until it is gone; harmless when it ended before."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Blocks until it has ended: its exit code, or the negative number of the signal."""
        if self._status is None:
            self._status = int(self._zygote.ask({"wait": self.pid})["status"])
        return self._status


class Zygote:
    """The tests' side of the process that forks."""

    def __init__(self, *modules: str) -> None:
        command = [sys.executable, "-m", "tests.kit.zygote", *modules]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lock = threading.Lock()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:  # two ends may be waited for at once, each in a thread
            self._process.stdin.write(json.dumps(question) + "\n")
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the zygote is gone, see its error output")
        found: dict[str, Any] = json.loads(answer)
        return found

    def spawn(self, target: str, log: Path, **args: Any) -> Child:
        """Starts `module:function` with JSON-able arguments; what it prints goes to the end of `log`."""
        return Child(int(self.ask({"target": target, "args": args, "log": str(log)})["pid"]), self)

    def close(self) -> None:
        """Ends the zygote; children must be gone by then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@contextlib.contextmanager
def zygote(*modules: str) -> Iterator[Zygote]:
    """A zygote for one test or run."""
    process = Zygote(*modules)
    try:
        yield process
    finally:
        process.close()


def _run(question: dict[str, Any]) -> None:
    """The child: its output to the log, then the function; never returns."""
    code = 1
    try:
        log = os.open(question["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.setsid()
        module, _, name = question["target"].partition(":")
        code = int(getattr(importlib.import_module(module), name)(**question["args"]) or 0)
    except BaseException as failure:  # noqa: BLE001 - whatever it is, the child ends here and says what it was
        sys.excepthook(type(failure), failure, failure.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Imports, then forks on demand until its input ends."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            _, status = os.waitpid(question["wait"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                _run(question)
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
