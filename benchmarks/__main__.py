"""`make bench`: ours and the others in one run, in interleaved rounds; exits 1 when a goal is missed or nothing counts.

Before each round it prints what fdatasync takes and what bounds the events under way. A round counts only if every
number was checked at the far end. Rounds of different regimes of the disk are told apart, never averaged.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figures import REGIME, Entry, NotWholeError, Row, Run, regimes, table
from benchmarks.regime import fdatasync_ms

NAMES = (
    "e2e",
    "gate",
    "append",
    "urgent",
    "sizes",
    "drain",
    "restart",
    "opening",
    "idle",
    "volume",
    "positions",
    "moved",
    "hub",
    "radio",
    "world",
    "site",
    "profile",
    "sign_in",
)
TRIES = 2
"""How often a round is tried that does not count."""
Rounds = dict[str, list[tuple[float, Mapping[str, float]]]]


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def entries(names: Sequence[str]) -> list[Entry]:
    """Those of that name that exist."""
    return [import_module(f"benchmarks.{name}").ENTRY for name in names if find_spec(f"benchmarks.{name}")]


async def one_round(entry: Entry, run: Run) -> tuple[float, Mapping[str, float]] | None:
    """(fdatasync p50 in ms, figures), None when the round does not count."""
    before_ms = await asyncio.to_thread(fdatasync_ms, run.folder)
    say(f"{entry.name}, round {run.number + 1}: fdatasync p50 {before_ms:.2f} ms; window: {entry.window}")
    begun_s = time.monotonic()
    try:
        found = await entry.measure(run)
    except (NotWholeError, RuntimeError, TimeoutError) as error:
        say(f"  does not count: {type(error).__name__}: {error}")
        return None
    after_ms = await asyncio.to_thread(fdatasync_ms, run.folder)
    shown = ", ".join(
        f"{name} {value:,.3g}" if value < 100 else f"{name} {value:,.0f}" for name, value in found.items()
    )
    say(f"  {time.monotonic() - begun_s:.0f} s: {shown}")
    if entry.disk and max(before_ms, after_ms) > REGIME * min(before_ms, after_ms):
        say(f"  does not count: the disk changed meanwhile (fdatasync p50 {after_ms:.2f} ms now)")
        return None
    return before_ms, {"fdatasync_ms": before_ms, **found}


async def rounds(chosen: Sequence[Entry], count: int, quick: bool, base: Path | None) -> Rounds:
    """Every entry once in each round."""
    found: Rounds = {entry.name: [] for entry in chosen}
    for number in range(count):
        for entry in chosen:
            for _ in range(TRIES):
                with tempfile.TemporaryDirectory(
                    prefix="forecourt-bench-", dir=base, ignore_cleanup_errors=True
                ) as name:
                    result = await one_round(entry, Run(Path(name), number, quick))
                if result is not None:
                    found[entry.name].append(result)
                    break
    return found


def lines(chosen: Sequence[Entry], found: Rounds) -> list[Row]:
    """The table's rows, those of each regime of the disk for themselves."""
    rows = []
    for entry in chosen:
        if not found[entry.name]:
            rows.append(Row(f"{entry.name}: no round counts", "-", ok=False))
            continue
        groups = regimes(found[entry.name]) if entry.disk else regimes([(1.0, f) for _, f in found[entry.name]])
        if len(groups) > 1:
            say(f"{entry.name}: the disk was in {len(groups)} regimes, whose figures stand apart")
        for least, most, samples in groups:
            disk = f", fdatasync {least:.2f}-{most:.2f} ms" if entry.disk else ""
            rows.append(Row(f"[{entry.name}: {len(samples.rounds)} rounds{disk}]", ""))
            rows.extend(entry.rows(samples))
    return rows


def main() -> int:
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="fewer events")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every figure and the table there")
    parser.add_argument("--folder", type=Path, help="an existing folder on the disk to measure (default: temporary)")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in NAMES]:
        parser.error(f"no entry {unknown[0]!r}; there are: {', '.join(NAMES)}")
    chosen = entries(asked.names or NAMES)
    found = asyncio.run(rounds(chosen, asked.rounds, asked.quick, asked.folder))
    rows = lines(chosen, found)
    print(table(rows), flush=True)
    if asked.json:
        told = {"rounds": found, "table": [asdict(row) for row in rows]}
        asked.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
