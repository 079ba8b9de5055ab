"""Feeds damaged input to every decoder of the wire and ends with 1 when one fails."""

import argparse
import resource
import sys
from random import SystemRandom

from tests.fuzz.engine import fuzz
from tests.fuzz.targets import targets


def main(arguments: list[str] | None = None) -> int:
    """Runs the targets; the exit code."""
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="damaged inputs for each target (default 20,000)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run that was told (default: at random)")
    parser.add_argument("--target", action="append", choices=sorted(known), help="only this decoder; may be repeated")
    parser.add_argument("--trace", action="store_true", help="show the input and let the error through")
    chosen = parser.parse_args(arguments)
    seed = SystemRandom().randrange(10**9) if chosen.seed is None else chosen.seed
    print(f"seed {seed}")
    failed = 0
    for name in chosen.target or sorted(known):
        if chosen.trace:
            data = known[name].damaged(seed)
            print(data.hex())
            known[name].call(data)
        outcome = fuzz(known[name], seed, chosen.runs)
        failed += len(outcome.failures)
        print(
            f"{name:<16} {outcome.runs:>8} runs {outcome.read:>8} read {outcome.refused:>8} refused "
            f"{len(outcome.failures):>3} failed   slowest {outcome.slowest_s * 1_000:7.1f} ms"
        )
        for failure in outcome.failures:
            print(f"  {failure}")
    print(f"memory at its most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
