"""Runs targets on damaged input; must name, for each failure, the command that shows it again."""

import time
import traceback
from dataclasses import dataclass, field

from gateway.errors import InputError
from tests.fuzz.targets import Target

FAILURES_KEPT = 5


@dataclass
class Outcome:
    """What a target stood: runs, how many were read and how many refused, the slowest run, and what failed."""

    target: str
    runs: int = 0
    read: int = 0
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Runs that ended in InputError."""
        return self.runs - self.read - len(self.failures)


def fuzz(target: Target, seed: int, runs: int) -> Outcome:
    """Each run damages its own way: run number n of seed s is the first run of seed s + n."""
    outcome = Outcome(target.name)
    for number in range(seed, seed + runs):
        data = target.damaged(number)
        outcome.runs += 1
        began = time.perf_counter()
        try:
            target.call(data)
            outcome.read += 1
        except InputError:
            pass
        except Exception as error:  # noqa: BLE001  # any other error is what a fuzzer looks for
            outcome.failures.append(_failure(target, number, error))
            if len(outcome.failures) == FAILURES_KEPT:
                break
        outcome.slowest_s = max(outcome.slowest_s, time.perf_counter() - began)
    return outcome


def _failure(target: Target, number: int, error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {str(error)[:200]} ({where.filename.rpartition('/')[2]}:{where.lineno})\n"
        f"    python -m tests.fuzz --target {target.name} --seed {number} --runs 1 --trace"
    )
