"""When a grant holds: by the wall clock, by CLOCK_BOOTTIME where that is in doubt, and never longer than said."""

from math import inf

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.consent import Grant, Moment
from gateway.consent.grants import NEVER, SECOND_US, span, standing
from gateway.model import ClockQuality
from tests.unit.consent.parts import ANALYTICS, DRIVING, OPERATION

T0 = BUILD_TIME_US
DAY_S = 86_400


def holds(grant: Grant, clock: ManualClock) -> bool:
    """Whether the grant is in force now."""
    return bool(standing([grant], Moment.of(clock)).granted)


def lease(clock: ManualClock, seconds: int = DAY_S) -> Grant:
    """A grant for some time from now, learned now."""
    now = clock.wall_us()
    return Grant(5, DRIVING, now, now + seconds * SECOND_US, "r", Moment.of(clock))


def test_a_grant_without_bounds_holds_whatever_the_clock_says() -> None:
    """Until it is withdrawn."""
    clock = ManualClock()
    grant = Grant(5, DRIVING, given=Moment.of(clock))
    clock.trust = ClockQuality.UNTRUSTED
    clock.jump(-DAY_S * 1000)
    clock.reboot()
    assert holds(grant, clock)
    assert standing([grant], Moment.of(clock)).until_s == inf


def test_validity_begins_and_ends_to_the_microsecond() -> None:
    """The beginning is included, the end is not; the time to look again is told."""
    clock = ManualClock()
    grant = Grant(5, DRIVING, T0 + 10 * SECOND_US, T0 + 20 * SECOND_US)
    assert not holds(grant, clock)
    assert standing([grant], Moment.of(clock)).until_s == 10.0
    clock.advance(10)
    assert holds(grant, clock)
    assert standing([grant], Moment.of(clock)).until_s == 20.0
    clock.advance(9.999)
    assert holds(grant, clock)
    clock.advance(0.001)
    assert not holds(grant, clock)
    assert standing([grant], Moment.of(clock)).until_s == inf


def test_setting_the_clock_back_prolongs_nothing() -> None:
    """Within the boot, the time since the grant decides as well."""
    clock = ManualClock()
    grant = lease(clock)
    clock.advance(DAY_S - 1)
    clock.jump(-DAY_S / 2)
    assert holds(grant, clock)
    clock.advance(1)
    assert not holds(grant, clock)


def test_setting_the_clock_before_the_grant_over_a_boot_ends_it() -> None:
    """A clock that shows less than when the grant was given cannot be right."""
    clock = ManualClock()
    clock.advance(3600)
    grant = lease(clock)
    clock.reboot()
    assert holds(grant, clock)
    clock.jump(-1800)
    assert not holds(grant, clock)


def test_setting_the_clock_forward_ends_a_grant() -> None:
    """In doubt it has ended."""
    clock = ManualClock()
    grant = lease(clock)
    clock.jump(366 * DAY_S)
    assert not holds(grant, clock)


def test_a_doubtful_clock_counts_the_lease_on_boottime() -> None:
    """Suspend included, as CLOCK_BOOTTIME counts it."""
    clock = ManualClock()
    grant = lease(clock)
    clock.trust = ClockQuality.UNTRUSTED
    clock.jump(-50 * 365 * DAY_S)
    assert holds(grant, clock)
    clock.advance(DAY_S - 1)
    assert holds(grant, clock)
    clock.advance(1)
    assert not holds(grant, clock)


def test_a_doubtful_clock_after_a_boot_ends_the_lease() -> None:
    """Nobody knows how long the device was off; a good clock that comes later brings the grant back."""
    clock = ManualClock()
    grant = lease(clock)
    clock.reboot(60)
    clock.trust = ClockQuality.UNTRUSTED
    assert span(grant, Moment.of(clock)) == NEVER
    clock.trust = ClockQuality.HOLDOVER
    assert holds(grant, clock)


def test_a_lease_given_at_a_doubtful_clock_lasts_its_length() -> None:
    """Its bounds in 2026 say nothing at a clock in 1970, their distance does."""
    clock = ManualClock(wall_us=0)
    clock.trust = ClockQuality.UNTRUSTED
    grant = Grant(5, DRIVING, T0, T0 + 60 * SECOND_US, "r", Moment.of(clock))
    assert holds(grant, clock)
    clock.advance(60)
    assert not holds(grant, clock)


def test_a_good_clock_judges_a_lease_that_was_given_at_a_doubtful_one() -> None:
    """The clock was set meanwhile."""
    clock = ManualClock(wall_us=0)
    clock.trust = ClockQuality.UNTRUSTED
    grant = Grant(5, DRIVING, T0, T0 + 60 * SECOND_US, "r", Moment.of(clock))
    clock.jump(T0 / SECOND_US + 30)
    clock.trust = ClockQuality.SYNCHRONISED
    assert span(grant, Moment.of(clock)) == (-30.0, 30.0)


@pytest.mark.parametrize("bounds", [(0, T0 + SECOND_US), (T0, None)])
def test_one_bound_says_nothing_at_a_doubtful_clock(bounds: tuple[int, int | None]) -> None:
    """Without a length there is no lease."""
    clock = ManualClock(wall_us=0)
    clock.trust = ClockQuality.UNTRUSTED
    assert not holds(Grant(5, DRIVING, *bounds, "r", Moment.of(clock)), clock)


def test_an_end_before_its_beginning_never_holds() -> None:
    """A grant with crossed bounds is no grant, and asks nobody to look again."""
    clock = ManualClock()
    grant = Grant(5, DRIVING, T0 + 20 * SECOND_US, T0 + 10 * SECOND_US)
    clock.advance(15)
    assert standing([grant], Moment.of(clock)) == ({}, {}, {}, inf)


def test_grants_of_one_subject_add_up() -> None:
    """By subject; grants for nobody, and for purposes that need none, say nothing."""
    grants = [Grant(5, DRIVING), Grant(5, ANALYTICS), Grant(6, DRIVING), Grant(0, DRIVING), Grant(6, OPERATION)]
    found = standing(grants, Moment.of(ManualClock()))
    assert found.granted == found.leave == found.use == {5: 1 << DRIVING | 1 << ANALYTICS, 6: 1 << DRIVING}
