"""The traced process: appends, receipts, expiry, a withdrawal, a restart; says on standard output what is durable."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.clock import ManualClock
from gateway.model import Stream
from gateway.outbox import Outbox
from tests.kit.gates import DerivedKeys
from tests.kit.outboxes import events, kind, opened

STORE_BYTES = 1 << 20
SUBJECT, OTHER = 5, 6


def say(*words: object) -> None:
    """One line, in one system call."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def append(outbox: Outbox, given: dict[Stream, int], stream: Stream, sizes: Sequence[int], subject: int) -> None:
    """Several appends open at once; the time stamp of an event is its number."""
    one = kind(outbox.dictionary, stream)
    waiting = []
    for size in sizes:
        found = events(one, size, start=given[stream] + 1, subject=subject)
        given[stream] += size
        waiting.append((given[stream], outbox.append_many(found)))
    for number, future in waiting:
        await future
        say("ACK", int(stream), number)


async def work(folder: Path, rounds: int) -> None:
    """What is traced."""
    gate, clock = DerivedKeys(), ManualClock()
    given = dict.fromkeys(Stream, 0)
    store, outbox = await opened(folder, gate, clock, bytes_max=STORE_BYTES)
    say("OPEN", store.epoch)
    for turn in range(rounds):
        await append(outbox, given, Stream.LIVE, (3, 40, 7), SUBJECT)
        await append(outbox, given, Stream.URGENT, (1, 1), OTHER)
        await append(outbox, given, Stream.BULK, (120,), SUBJECT)
        if turn % 3 == 1:
            floor = given[Stream.LIVE] - 30
            say("SETTLE", int(Stream.LIVE), floor)
            outbox.settle(Stream.LIVE, floor)
            await store.write(lambda _: None)
            clock.advance(70)
            await outbox.sweep()
        if turn % 4 == 2:
            await store.aclose()
            store, outbox = await opened(folder, gate, clock, bytes_max=STORE_BYTES)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
