"""A disk that refuses to sync, from some point on; must never be told that something is kept which is not."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from gateway.clock import ManualClock
from gateway.errors import StoreError
from gateway.model import Stream
from tests.kit.gates import DerivedKeys
from tests.kit.outboxes import events, kind, opened

ROOT = Path(__file__).resolve().parents[2]
BYTES = 1 << 20


def traced(folder: Path, appends: int, inject: str) -> list[list[str]]:
    """What the child said, with the faults of `inject` (an argument of strace) in its system calls.

    The store is made before that, so that `inject` counts few calls before the first append.
    """
    child = [sys.executable, "-m", "tests.faults.io_errors", str(folder)]
    subprocess.run([*child, "0"], cwd=ROOT, check=True, capture_output=True, timeout=60)
    command = [
        "strace",
        "-f",
        "-qq",
        "-o",
        os.devnull,
        "-e",
        "trace=fdatasync,pwrite64",
        "-e",
        f"inject={inject}",
        *child,
        str(appends),
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return [line.split() for line in done.stdout.splitlines()]


async def work(folder: Path, appends: int) -> None:
    """Appends one by one and says what became of each; then what the outbox counts, and whether the store is dead."""
    store, outbox = await opened(folder, DerivedKeys(), ManualClock(), bytes_max=BYTES)
    dead: list[Exception] = []
    store.on_fatal.append(dead.append)
    live = kind(outbox.dictionary, Stream.LIVE)
    sys.stdout.write("READY\n")
    for number in range(1, appends + 1):
        try:
            await outbox.append(events(live, 1, start=number)[0])
            sys.stdout.write(f"KEPT {number}\n")
        except StoreError as error:
            sys.stdout.write(f"FAILED {number} {type(error).__name__}\n")
    await asyncio.sleep(0)
    sys.stdout.write(f"LAST {outbox.last[Stream.LIVE]}\n")
    sys.stdout.write(f"DEAD {len(dead)}\n")
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
