"""A device whose clocks lie: a year off, set back, a day asleep, rebooted without time: in doubt nothing is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.consent import Grant
from gateway.limits import LEASE_CHECK_S
from gateway.model import ClockQuality, Stream
from tests.component.devices import DRIVING, GUEST, Device, device, kind, marked

HOUR_US, DAY_S, YEAR_S = 3_600_000_000, 86_400, 365 * 86_400
Trick = Callable[[ManualClock], None]


def asleep(clock: ManualClock) -> None:
    """Suspended for a day: CLOCK_BOOTTIME went on."""
    clock.advance(DAY_S)


def set_ahead(clock: ManualClock) -> None:
    """Somebody sets the clock a year ahead; the gate looks at it once a minute."""
    clock.jump(YEAR_S)
    clock.advance(LEASE_CHECK_S)


def asleep_and_set_back(clock: ManualClock) -> None:
    """A day later somebody sets the clock back to before the grant."""
    clock.advance(DAY_S)
    clock.jump(-DAY_S - 60)


def rebooted_without_time(clock: ManualClock) -> None:
    """The clock may be anything after a reboot, also what it was."""
    clock.trust = ClockQuality.UNTRUSTED
    clock.reboot(60)


def rebooted_in_the_past(clock: ManualClock) -> None:
    """A clock that is believed and stands before the moment of the grant."""
    clock.reboot(0)
    clock.jump(-YEAR_S)


TRICKS: list[Trick] = [asleep, set_ahead, asleep_and_set_back, rebooted_without_time, rebooted_in_the_past]


async def usable(guest: Device) -> int:
    """Events of the guest that may be kept or sent now."""
    kept = await guest.outbox.append(marked(kind(guest, 1 << DRIVING), GUEST, 2))
    taken = await guest.outbox.take(Stream.LIVE, 0, None, 1 << 20)
    guest.outbox.release(Stream.LIVE)
    return kept.kept + sum(bag.count for bag in taken.bags)


async def granted(guest: Device, clock: ManualClock, start_us: int = 0) -> None:
    """A yes for twelve hours, and an event that waits."""
    now_us = clock.wall_us()
    await guest.consent.grant([Grant(GUEST, DRIVING, now_us + start_us - 1, now_us + start_us + 12 * HOUR_US)])
    await guest.outbox.append(marked(kind(guest, 1 << DRIVING), GUEST, 1))


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
async def test_a_clock_that_lies_prolongs_nothing(tmp_path: Path, trick: Trick) -> None:
    """Nothing is kept and what waits does not leave, at once and after a restart."""
    clock = ManualClock()
    async with device(tmp_path, clock) as guest:
        await granted(guest, clock)
        assert await usable(guest) == 3
        trick(clock)
        if "rebooted" not in trick.__name__:
            assert await usable(guest) == 0
    async with device(tmp_path, clock) as guest:
        assert await usable(guest) == 0
        assert (await guest.outbox.books()).balanced


@pytest.mark.parametrize("trick", [set_ahead, asleep], ids=lambda trick: trick.__name__)
async def test_a_yes_from_the_future_is_none(tmp_path: Path, trick: Trick) -> None:
    """Neither now nor when the clock is set to that time."""
    clock = ManualClock()
    async with device(tmp_path, clock) as guest:
        await granted(guest, clock, start_us=YEAR_S * 1_000_000)
        assert await usable(guest) == 0
        trick(clock)
        assert await usable(guest) == 0


async def test_a_restart_within_the_time_takes_nothing_away(tmp_path: Path) -> None:
    """So that a count of none means something."""
    clock = ManualClock()
    async with device(tmp_path, clock) as guest:
        await granted(guest, clock)
    clock.advance(3_600)
    async with device(tmp_path, clock) as guest:
        assert await usable(guest) == 3
