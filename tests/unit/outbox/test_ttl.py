"""Events age by a clock that never runs too fast, whatever the wall clock does."""

from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.limits import EXPIRY_BUCKET_S
from gateway.model import ClockQuality, Stream
from gateway.outbox.ttl import Saved, TtlClock
from tests.kit.gates import AllowAll
from tests.kit.outboxes import bench, events, kind

HOUR_MS = 3_600_000


def saved(clock: ManualClock, ttl_ms: int) -> Saved:
    """The clock as it is written at this moment."""
    return Saved(ttl_ms, clock.boot_id(), int(clock.boottime_s() * 1_000), clock.wall_us(), int(clock.quality()))


def test_within_a_boot_only_the_time_since_boot_counts() -> None:
    """A wall clock that jumps a year changes nothing."""
    clock = ManualClock()
    clock.advance(100)
    ttl = TtlClock(clock, saved(clock, 5_000))
    clock.advance(10)
    clock.jump(365 * 86_400)
    assert ttl.now_ms() == 15_000
    assert TtlClock(clock, saved(clock, 15_000)).now_ms() == 15_000


@pytest.mark.parametrize(
    ("before", "after", "expected_ms"),
    [
        (ClockQuality.SYNCHRONISED, ClockQuality.SYNCHRONISED, 2 * HOUR_MS),
        (ClockQuality.HOLDOVER, ClockQuality.SYNCHRONISED, 2 * HOUR_MS),
        (ClockQuality.UNTRUSTED, ClockQuality.SYNCHRONISED, 60_000),
        (ClockQuality.SYNCHRONISED, ClockQuality.UNTRUSTED, 60_000),
    ],
)
def test_across_a_boot_the_wall_counts_if_it_is_trusted_twice(
    before: ClockQuality, after: ClockQuality, expected_ms: int
) -> None:
    """Otherwise only the time since the new boot is certain, and the rest of a TTL is left."""
    clock = ManualClock()
    clock.trust = before
    kept = saved(clock, 0)
    clock.reboot(7_140)
    clock.advance(60)
    clock.trust = after
    assert TtlClock(clock, kept).now_ms() == expected_ms


def test_a_wall_that_went_back_takes_nothing_back() -> None:
    """After a boot into the past, the clock stands where it stood, plus the time since that boot."""
    clock = ManualClock()
    kept = saved(clock, 9_000)
    clock.reboot()
    clock.jump(-86_400)
    clock.advance(2)
    assert TtlClock(clock, kept).now_ms() == 11_000


def test_an_expiry_is_never_early() -> None:
    """The bucket of an expiry is over only when the whole TTL has passed, and at most one bucket later."""
    clock = ManualClock()
    ttl = TtlClock(clock, None)
    for start, ttl_s in ((0, 1), (59, 1), (61, 60), (3, 600)):
        clock.advance(start)
        bucket, began = ttl.expiry(ttl_s), ttl.now_ms()
        while ttl.bucket() < bucket:
            clock.advance(1)
        assert ttl_s * 1_000 <= ttl.now_ms() - began <= (ttl_s + EXPIRY_BUCKET_S) * 1_000
    assert ttl.expiry(None) == 0


async def test_a_reboot_with_a_doubtful_clock_expires_nothing_early(tmp_path: Path) -> None:
    """A clock at 2050 after a boot does not empty the shelf; a day that is certain does."""
    gate, clock = AllowAll(), ManualClock()
    async with bench(tmp_path, gate=gate, clock=clock) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE, ttl_s=86_400), 10))
    clock.reboot()
    clock.jump(24 * 365 * 86_400)
    clock.trust = ClockQuality.UNTRUSTED
    async with bench(tmp_path, gate=gate, clock=clock) as one:
        assert await one.outbox.sweep() == 0
        clock.advance(86_400 + 120)
        assert await one.outbox.sweep() == 1
        assert (await one.outbox.books()).expired == 10


async def test_boots_are_known_and_their_wall_time_improves(tmp_path: Path) -> None:
    """A boot that began with a doubtful clock is corrected once the clock is set; a worse one changes nothing."""
    gate, clock = AllowAll(), ManualClock()
    clock.trust = ClockQuality.UNTRUSTED
    async with bench(tmp_path, gate=gate, clock=clock) as one:
        (boot,) = one.outbox.boots()
        assert (boot.id, boot.quality) == (clock.boot_id(), ClockQuality.UNTRUSTED)
        clock.jump(500)
        clock.trust = ClockQuality.SYNCHRONISED
        await one.outbox.sweep()
        (better,) = one.outbox.boots()
        assert better.wall_at_boot_us == boot.wall_at_boot_us + 500_000_000
        clock.jump(900)
        clock.trust = ClockQuality.HOLDOVER
        await one.outbox.sweep()
        assert one.outbox.boots() == [better]
    clock.reboot()
    async with bench(tmp_path, gate=gate, clock=clock) as one:
        assert {boot.id for boot in one.outbox.boots()} == {better.id, clock.boot_id()}
