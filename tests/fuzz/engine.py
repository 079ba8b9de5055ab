"""Runs targets on damaged input; must name, for each failure, the command that shows it again."""

import resource
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from gateway.errors import InputError
from tests.fuzz.targets import Target

FAILURES_KEPT = 5
INPUT_CPU_S = 2.0
"""What one input may take: a hundred times what the dearest one that is known takes."""
INPUT_MEMORY_BYTES = 96 << 20
"""By how much one input may raise the memory of the process: a batch of 1 MB of empty bags takes half of that."""
TOLD_EACH_S = 0.5


@dataclass(frozen=True)
class Failure:
    """An input that was neither read nor refused, or at too high a price."""

    text: str
    data: bytes


@dataclass
class Outcome:
    """What a target stood: runs, how many were read and how many refused, the dearest run, and what failed."""

    target: str
    runs: int = 0
    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    memory_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)


Told = Callable[[Outcome], None]


def fuzz(target: Target, seed: int, runs: int, seconds: float = inf, told: Told = lambda _: None) -> Outcome:
    """Each run damages its own way: run number n of seed s is the first run of seed s + n.

    Ends after so many runs or seconds. `told` hears how far it is, twice a second.
    """
    outcome, began_s = Outcome(target.name), time.monotonic()
    tell_at_s = began_s + TOLD_EACH_S
    base = _forget_peak()
    for number in range(seed, seed + runs):
        now_s = time.monotonic()
        if now_s >= began_s + seconds or len(outcome.failures) == FAILURES_KEPT:
            break
        if now_s >= tell_at_s:
            told(outcome)
            tell_at_s = now_s + TOLD_EACH_S
        data = target.damaged(number)
        outcome.runs += 1
        why, spent_s = _run(target, data, outcome)
        outcome.slowest_s = max(outcome.slowest_s, spent_s)
        outcome.memory_bytes = max(outcome.memory_bytes, grown := _peak() - base)
        if grown > INPUT_MEMORY_BYTES:
            why = why or f"{grown >> 20} MB of memory"
            base = _forget_peak()
        if spent_s > INPUT_CPU_S:
            why = why or f"{spent_s:.1f} s of a processor"
        if why:
            again = f"python -m tests.fuzz --target {target.name} --seed {number} --runs 1 --trace"
            outcome.failures.append(Failure(f"{why}\n    {again}", data))
    return outcome


def _run(target: Target, data: bytes, outcome: Outcome) -> tuple[str, float]:
    """What went wrong, or nothing; and the processor's seconds."""
    began_s = time.thread_time()
    try:
        target.call(data)
        outcome.read += 1
    except InputError:
        outcome.refused += 1
    except Exception as error:  # noqa: BLE001  # any other error is what a fuzzer looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        name = where.filename.rpartition("/")[2]
        return f"{type(error).__name__}: {str(error)[:200]} ({name}:{where.lineno})", time.thread_time() - began_s
    return "", time.thread_time() - began_s


def _forget_peak() -> int:
    """Sets the mark of this process's most memory back to what it has now, where the kernel lets us; that mark."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
