"""Everything at once: no number is sent and given up, or neither."""

import asyncio
import random
from collections.abc import Awaitable
from pathlib import Path

import pytest

from gateway.errors import StoreFull
from gateway.model import SeqRange, Stream
from gateway.outbox import Outbox
from tests.faults.full_disk import unexplained
from tests.kit.outboxes import Bench, bench, events, kind, text_kind, texts

EVENTS = (Stream.URGENT, Stream.LIVE, Stream.BULK)


Turns = asyncio.Queue[bool]


@pytest.mark.timeout(60)
async def test_hand_outs_and_evictions_never_cross(tmp_path: Path) -> None:
    """Floods that evict, hand-outs, receipts, rewinds, expiry, all together: each number has one fate."""
    async with bench(tmp_path, bytes_max=1 << 20) as one:
        arrived: dict[Stream, list[SeqRange]] = {stream: [] for stream in Stream}
        turns: list[Turns] = [asyncio.Queue() for _ in EVENTS]
        async with asyncio.TaskGroup() as group:
            for stream, turn in zip(EVENTS, turns, strict=True):
                group.create_task(carry(one.outbox, stream, arrived[stream], turn))
            await flood(one, turns)
        assert one.outbox.counters["evicted_bags"] > 0
        assert one.outbox.counters["expired_bags"] > 0
        for stream in EVENTS:
            assert arrived[stream]
            one.outbox.settle(stream, 0, arrived[stream])
        await one.store.write(lambda _: None)
        assert await unexplained(one.store, one.outbox, arrived) == 0
        assert (await one.outbox.books()).balanced


async def flood(one: Bench, turns: list[Turns]) -> None:
    """More than the shelf holds and than is carried away, of every stream, while time goes fast."""
    noise, outbox = random.Random(1), one.outbox
    long = [text_kind(outbox.dictionary, stream) for stream in (Stream.LIVE, Stream.BULK)]
    urgent, old = kind(outbox.dictionary, Stream.URGENT), kind(outbox.dictionary, Stream.LIVE, ttl_s=1)
    for number in range(60):
        for turn in turns:
            turn.put_nowait(True)
        waiting: list[Awaitable[object]] = [outbox.append_many(texts(each, 30, noise=noise)) for each in long]
        waiting += [outbox.append(events(urgent, 1)[0]), outbox.append_many(events(old, 5, start=number))]
        one.clock.advance(30)
        waiting.append(outbox.sweep())
        for answer in await asyncio.gather(*waiting, return_exceptions=True):
            assert not isinstance(answer, Exception) or isinstance(answer, StoreFull)
    for turn in turns:
        turn.put_nowait(False)


async def carry(outbox: Outbox, stream: Stream, arrived: list[SeqRange], turns: Turns) -> None:
    """Takes a little at each turn; most of it arrives and is receipted in any order, some is taken back."""
    rng, after = random.Random(stream), 0
    seen: set[int] = set()
    while await turns.get():
        taken = await outbox.take(stream, after, outbox.last[stream], 30_000)  # a receipt never outruns its commit
        after = taken.scanned_to
        numbers = [SeqRange(bag.first_seq, bag.last_seq) for bag in taken.bags]
        if rng.random() < 0.3:
            outbox.release(stream, [each for each in numbers if each.first not in seen])
            after = outbox.floor[stream]
            continue
        fresh = [each for each in numbers if each.first not in seen]
        seen.update(each.first for each in fresh)
        arrived += fresh
        assert outbox.settle(stream, 0, rng.sample(arrived, min(len(arrived), 5)))
