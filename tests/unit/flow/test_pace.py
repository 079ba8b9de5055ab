"""Proves the pace on slow and refusing links, and how the bag for which connections end is found."""

import random

from gateway.flow.care import PATIENCE_BATCHES, Care
from gateway.flow.pace import Pace
from gateway.limits import (
    BACKOFF_LATER_MAX_S,
    BATCH_BAGS_MAX,
    EVENT_BATCH_BYTES_TARGET,
    PACE_BYTES_MAX,
    PACE_BYTES_MIN,
    URGENT_GAP_S,
)
from gateway.model import SeqRange, Stream


def on_link(pace: Pace, bytes_per_s: float, seconds: float) -> float:
    """A link that carries so much for so long; how long the last answer took."""
    pace.connected(1 << 28)
    now_s = took_s = 0.0
    flying: list[tuple[int, float]] = []
    while now_s < seconds:
        while pace.may_send(now_s):
            size = pace.batch_bytes
            pace.sent(size)
            flying.append((size, now_s))
        size, sent_at_s = flying.pop(0)
        now_s += size / bytes_per_s
        took_s = now_s - sent_at_s
        pace.landed(size, sent_at_s, now_s)
    return took_s


def test_a_slow_link_gets_small_batches() -> None:
    """At 8 kB/s answers come back within seconds, far from the time-out; a fast link gets large batches."""
    slow, fast = Pace(), Pace()
    assert on_link(slow, 8_000, 300) < 4
    assert PACE_BYTES_MIN // 4 <= slow.batch_bytes < EVENT_BATCH_BYTES_TARGET // 4
    on_link(fast, 10_000_000, 5)
    assert fast.batch_bytes == EVENT_BATCH_BYTES_TARGET
    assert fast.bytes_in_flight <= PACE_BYTES_MAX + EVENT_BATCH_BYTES_TARGET


def test_urgent_batches_keep_a_distance_and_a_lone_one_does_not_wait() -> None:
    """The first goes at once, the next after the gap; other streams are not held."""
    pace = Pace()
    assert pace.allows(Stream.URGENT, 7.0)
    pace.begins(Stream.URGENT, 7.0)
    assert not pace.allows(Stream.URGENT, 7.0 + URGENT_GAP_S / 2)
    assert pace.allows(Stream.LIVE, 7.0)
    pace.begins(Stream.BULK, 7.0 + URGENT_GAP_S)
    assert pace.allows(Stream.URGENT, 7.0 + URGENT_GAP_S)


def test_a_link_that_recovers_gets_its_pace_back() -> None:
    """After a slow stretch a fast one brings the batches back to their size."""
    pace = Pace()
    on_link(pace, 4_000, 300)
    on_link(pace, 10_000_000, 5)
    assert pace.batch_bytes == EVENT_BATCH_BYTES_TARGET


def test_refusals_grow_rarer_and_end() -> None:
    """Each refusal waits longer up to the bound; one bag at a time; acceptance restores everything at once."""
    pace = Pace(rng=random.Random(1))
    pace.connected(1 << 28)
    waits, now_s = [], 0.0
    for _ in range(14):
        pace.sent(100)
        assert not pace.may_send(now_s) or pace.batches_in_flight == 1
        pace.landed(100, now_s, now_s)
        pace.refused(now_s, later=True)
        assert not pace.may_send(now_s)
        waits.append(pace.pause_until_s - now_s)
        now_s = pace.pause_until_s
        assert pace.may_send(now_s)
        assert pace.batch_bytes == 1
    assert waits[0] < 0.5
    assert BACKOFF_LATER_MAX_S / 2 <= waits[-1] <= BACKOFF_LATER_MAX_S
    assert pace.accepted()
    assert not pace.accepted()
    assert pace.batch_bytes == EVENT_BATCH_BYTES_TARGET


def test_somebody_who_arrives_ends_a_pause() -> None:
    """A cloud that says that it is there is tried at once."""
    pace = Pace()
    pace.refused(100.0, later=False)
    assert not pace.may_send(100.0)
    pace.resume()
    assert pace.may_send(100.0)


def test_the_largest_packet_bounds_the_batch() -> None:
    """A broker that takes 10 kB gets batches below that."""
    pace = Pace()
    pace.connected(10_000)
    assert pace.batch_bytes == 8_750


def bags(*firsts: int) -> list[SeqRange]:
    """Bags of ten numbers."""
    return [SeqRange(first, first + 9) for first in firsts]


def test_care_finds_the_bag() -> None:
    """Whichever of the bags on their way is at fault, halving over several connections finds it and only it."""
    for guilty in range(1, 161, 10):
        care, found, connections = Care(), None, 0
        while found is None:
            connections += 1
            assert connections < 12
            pending, fatal = bags(*range(1, 161, 10)), None
            while pending and fatal is None:
                count = 16 if not care.active else care.bags_max
                batch, pending = pending[:count], pending[count:]
                if any(bag.first == guilty for bag in batch):
                    fatal = batch
                else:
                    care.harmless(Stream.LIVE, batch)
            assert fatal is not None
            found = care.fatal([(Stream.LIVE, fatal)])
        assert found == (Stream.LIVE, SeqRange(guilty, guilty + 9))
        care.harmless(Stream.LIVE, bags(*range(1, 161, 10)))
        assert not care.active


def test_care_suspects_all_that_was_on_its_way() -> None:
    """Several batches on their way are all suspects, until each was answered for."""
    care = Care()
    assert care.fatal([(Stream.LIVE, bags(1, 11)), (Stream.BULK, bags(1))]) is None
    assert (care.active, care.bags_max) == (True, 1)
    care.harmless(Stream.LIVE, bags(1, 11))
    assert care.active
    care.harmless(Stream.BULK, bags(1))
    assert (care.active, care.bags_max) == (False, BATCH_BAGS_MAX)


def test_care_ends() -> None:
    """A suspect that never comes again does not slow the uplink for ever."""
    care = Care()
    care.fatal([(Stream.LIVE, bags(1, 11))])
    for number in range(PATIENCE_BATCHES):
        assert care.active
        care.harmless(Stream.LIVE, bags(1_001 + 10 * number))
    assert not care.active
