"""`make faults`: runs fault campaigns and prints a line of figures for each; exits 1 when any promise broke."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults import disks, kills, offline
from tests.faults.cabin import cabin
from tests.faults.copies import copies
from tests.faults.day import day
from tests.faults.migration import migrations
from tests.faults.oracle import Verdict
from tests.faults.patches import FAULTS
from tests.faults.planted import planted
from tests.faults.site import site_outage
from tests.faults.stops import stops
from tests.faults.toxics import toxics
from tests.faults.visits import visits
from tests.faults.wipe import wipes
from tests.faults.withdrawals import withdrawals

Progress = Callable[[int, int], None]
Run = Callable[[Path, int, int, Progress], Coroutine[Any, Any, Verdict]]


@dataclass(frozen=True, slots=True)
class Campaign:
    """One entry: what it does, how much of it in the long form, and who runs it."""

    text: str
    size: int
    unit: str
    run: Run


def _broker(folder: Path, size: int, seed: int, progress: Progress) -> Coroutine[Any, Any, Verdict]:
    return kills.broker_kills(folder, size, size // 3, seed, progress)


CAMPAIGNS: dict[str, Campaign] = {
    "agent-kills": Campaign("kill -9 of the agent at random points", 1_000, "kills", kills.agent_kills),
    "cloud-kills": Campaign("kill -9 of the cloud, half between effect and receipt", 100, "kills", kills.cloud_kills),
    "broker-kills": Campaign("kill -9 of the broker under load, its data gone in a third", 30, "kills", _broker),
    "toxics": Campaign("cut, black hole, latency, slow, reset, slices, in any mixture", 120, "toxics", toxics),
    "stop": Campaign("SIGTERM under load: exit 0 in 5 s", 100, "stops", stops),
    "power-loss": Campaign("power cut after a system call of the store", 1_000, "cuts", disks.power_losses),
    "damage": Campaign("stores damaged in ten ways, then opened", 200, "stores", disks.damaged),
    "copies": Campaign("stores copied and put back while devices live on", 100, "devices", copies),
    "migration": Campaign("kill -9 while a store gets a later schema", 400, "kills", migrations),
    "full-disk": Campaign("appends on a disk without a free byte", 100_000, "appends", disks.no_room),
    "offline": Campaign("offline at 10 events/s in virtual time, then a drain", 72, "hours", offline.offline),
    "withdrawals": Campaign("a no to 10,000 buffered events, kill -9 at each step", 60, "withdrawals", withdrawals),
    "day": Campaign("a day of guests in virtual time, every byte on the wire judged", 24, "hours", day),
    "visits": Campaign("guests one after the other on one car, with a real authority", 1_000, "visits", visits),
    "wipe": Campaign("kill -9 within the wipe of a guest with a profile", 150, "kills", wipes),
    "site": Campaign("a showroom without its cloud's broker, in virtual time", 10, "minutes", site_outage),
    "cabin": Campaign("drives in virtual time with plans and faults, every order judged", 100, "hours", cabin),
    "planted": Campaign("mistakes in a copy of the product, and the tests for them", len(FAULTS), "faults", planted),
}


def main() -> int:
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(CAMPAIGNS)} (default: all)")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 runs a tenth of each (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices (default 1)")
    parser.add_argument("--keep", type=Path, help="folder that keeps stores and logs; default: removed")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in CAMPAIGNS]
    if unknown:
        parser.error(f"no campaign {unknown[0]!r}; there are: {', '.join(CAMPAIGNS)}")
    logging.getLogger().addHandler(logging.NullHandler())  # what the product says of each damaged store is expected
    names, total = asked.names or list(CAMPAIGNS), Verdict()
    begun, kept = time.monotonic(), 0
    for name in names:
        verdict = _run(name, asked.scale, asked.seed, asked.keep)
        kept += verdict.good
        total.add(verdict)
    print(
        f"{kept} of {len(names)} campaigns kept every promise in {time.monotonic() - begun:.0f} s: "
        f"lost {total.lost}, duplicates {total.duplicates}, unexplained {total.unexplained}, "
        f"books that do not balance {total.unbalanced}"
    )
    return 0 if kept == len(names) else 1


def _run(name: str, scale: float, seed: int, keep: Path | None) -> Verdict:
    campaign = CAMPAIGNS[name]
    size = max(1, round(campaign.size * scale))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="forecourt-faults-") as temporary:
        folder = (keep / name) if keep else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            verdict = asyncio.run(campaign.run(folder, size, seed, _progress(name)))
        except Exception as error:  # noqa: BLE001  the other campaigns still run, and the last line is printed
            traceback.print_exc()
            verdict = Verdict(unexplained=1, summary=f"the campaign broke: {type(error).__name__}: {error}")
    _clear()
    took = time.monotonic() - begun
    word = "ok  " if verdict.good else "FAIL"
    print(f"{word} {name}: {size:,} {campaign.unit} ({campaign.text}), seed {seed}, {took:.0f} s", flush=True)
    for note in verdict.notes:
        print(f"     {note}")
    print(f"     {verdict.line()}", flush=True)
    return verdict


def _progress(name: str) -> Progress:
    def show(done: int, of: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{name}: {done:,} of {of:,} ")
            sys.stderr.flush()

    return show


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


if __name__ == "__main__":
    sys.exit(main())
