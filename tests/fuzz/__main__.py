"""Feeds damaged input to every decoder of the wire and ends with 1 when one fails, is slow or takes much memory."""

import argparse
import sys
import tempfile
from math import inf
from pathlib import Path
from random import SystemRandom

from tests.fuzz.engine import Outcome, fuzz
from tests.fuzz.targets import targets


def main(arguments: list[str] | None = None) -> int:
    """Runs the targets; the exit code."""
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="damaged inputs for each target (default 20,000)")
    parser.add_argument("--seconds", type=float, default=inf, help="end each target after that (default: after --runs)")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run that was told (default: at random)")
    parser.add_argument("--target", action="append", choices=sorted(known), help="only this decoder; may be repeated")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="for inputs that fail (default: a temporary one)")
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
        outcome = fuzz(known[name], seed, chosen.runs, chosen.seconds, _progress)
        failed += len(outcome.failures)
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
        print(
            f"{_line(outcome)}   dearest: {outcome.slowest_s * 1_000:6.1f} ms {outcome.memory_bytes >> 20:4} MB",
            flush=True,
        )
        _tell_failures(outcome, chosen.save)
    return 1 if failed else 0


def _line(outcome: Outcome) -> str:
    counts = f"{outcome.runs:>8,} runs {outcome.read:>8,} read {outcome.refused:>8,} refused"
    return f"{outcome.target:<16} {counts} {len(outcome.failures):>3} failed"


def _progress(outcome: Outcome) -> None:
    """One line that is written over, for somebody who waits."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{_line(outcome)} ...")
        sys.stderr.flush()


def _tell_failures(outcome: Outcome, folder: Path | None) -> None:
    if not outcome.failures:
        return
    folder = folder or Path(tempfile.mkdtemp(prefix="forecourt-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, failure in enumerate(outcome.failures):
        file = folder / f"{outcome.target}-{number}.bin"
        file.write_bytes(failure.data)
        print(f"  {failure.text}\n    input: {file}")


if __name__ == "__main__":
    sys.exit(main())
