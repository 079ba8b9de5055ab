"""How far a yes goes, how long it is relied on, and what waits while it may be stale."""

from math import inf
from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.consent import Gate, Grant, Hold, Keyring, Lease, Moment
from gateway.consent.grants import NEVER, SECOND_US, lease_span, standing
from gateway.model import ClockQuality, PurposeSet, Scope
from tests.unit.consent.parts import AIR, ANALYTICS, DRIVING, OPERATION, POLICIES, SPEED, gate_of, kind_of

DRIVE = kind_of(SPEED, purposes=[DRIVING])
D = 1 << DRIVING
DAY_S = 86_400


def scoped(asked: Scope, scope: Scope, lease: Lease | None = None) -> Grant:
    """A grant that goes that far."""
    return Grant(5, DRIVING, scope=scope, asked=asked, lease=lease)


def lease_of(clock: ManualClock, length_s: float = DAY_S) -> Lease:
    """A lease from now."""
    return Lease(5, Moment.of(clock), length_s)


def holds(lease: Lease, clock: ManualClock) -> bool:
    """Whether a grant on that lease is in force now."""
    return bool(standing([scoped(Scope.CLOUD, Scope.CLOUD, lease)], Moment.of(clock)).use)


@pytest.mark.parametrize(
    ("asked", "scope", "reach", "keep", "leave", "use"),
    [
        (Scope.CLOUD, Scope.CLOUD, Scope.CLOUD, D, D, D),
        (Scope.CLOUD, Scope.IN_VEHICLE, Scope.CLOUD, D, 0, D),
        (Scope.IN_VEHICLE, Scope.IN_VEHICLE, Scope.CLOUD, 0, 0, D),
        (Scope.IN_VEHICLE, Scope.CLOUD, Scope.CLOUD, 0, 0, D),
        (Scope.SITE, Scope.SITE, Scope.CLOUD, 0, 0, D),
        (Scope.SITE, Scope.SITE, Scope.SITE, D, D, D),
        (Scope.CDP, Scope.CDP, Scope.CLOUD, D, D, D),
        (Scope.CLOUD, Scope.CLOUD, Scope.CDP, 0, 0, D),
        (Scope.NONE, Scope.NONE, Scope.CLOUD, 0, 0, 0),
        (Scope.CLOUD, Scope.NONE, Scope.CLOUD, 0, 0, 0),
    ],
)
def test_a_scope_decides_what_is_kept_what_leaves_and_what_is_used(
    asked: Scope, scope: Scope, reach: Scope, keep: PurposeSet, leave: PurposeSet, use: PurposeSet
) -> None:
    """Kept for what was asked, sent for what is in force, used inside the vehicle for either."""
    found = standing([scoped(asked, scope)], Moment.of(ManualClock()), reach)
    assert [sets.get(5, 0) for sets in found[:3]] == [keep, leave, use]


def test_a_yes_that_is_not_countersigned_is_kept_and_does_not_leave(tmp_path: Path) -> None:
    """And leaves as soon as it is, from the same lane and key."""
    gate = gate_of(tmp_path, [scoped(Scope.CLOUD, Scope.IN_VEHICLE)])
    lane = gate.lane(DRIVE, 5)
    assert lane is not None
    assert gate.may_keep(lane)
    assert gate.may_use(5, DRIVING)
    assert not gate.may_leave(5, D)
    gate.replace([scoped(Scope.CLOUD, Scope.CLOUD)], 2)
    again = gate.lane(DRIVE, 5)
    assert again is not None
    assert again.key_id == lane.key_id
    assert gate.may_leave(5, D)


def test_a_yes_for_the_vehicle_is_used_there_and_never_written(tmp_path: Path) -> None:
    """What may not leave has no place in the buffer of what is to leave."""
    gate = gate_of(tmp_path, [scoped(Scope.IN_VEHICLE, Scope.IN_VEHICLE)])
    assert gate.lane(DRIVE, 5) is None
    assert not gate.may_leave(5, D)
    assert gate.may_use(5, DRIVING)
    assert not gate.may_use(5, ANALYTICS)
    assert not gate.may_use(6, DRIVING)
    assert not gate.may_use(5, OPERATION)
    assert gate.may_use(0, OPERATION)
    gate.bar(5, D)
    assert not gate.may_use(5, DRIVING)


def test_a_hold_keeps_guests_data_from_leaving_and_lets_the_rest_go(tmp_path: Path) -> None:
    """FORWARD: kept as before. ALL: not kept either. Data about no guest never waits. Every change is noticed."""
    gate = gate_of(tmp_path, [Grant(5, DRIVING)])
    lane, version = gate.lane(DRIVE, 5), gate.version
    nobodys = kind_of(AIR, purposes=[OPERATION])
    assert lane is not None
    gate.hold(Hold.FORWARD)
    assert not gate.may_leave(5, D)
    assert gate.lane(DRIVE, 5) is not None
    assert gate.may_keep(lane)
    assert gate.version > version
    gate.hold(Hold.ALL)
    assert gate.lane(DRIVE, 5) is None
    assert not gate.may_keep(lane)
    assert gate.granted(5) == 0
    assert gate.needs(5, D), "the key is not idle: the hold ends"
    for hold in Hold:
        gate.hold(hold)
        assert gate.holds is hold
        assert gate.may_leave(0, 1 << OPERATION)
        assert gate.lane(nobodys, 0) is not None
        assert gate.may_use(5, DRIVING), "what is in the vehicle stays useful"
    gate.hold(Hold.NONE)
    assert gate.may_leave(5, D)
    version = gate.version
    gate.hold(Hold.NONE)
    assert gate.version == version


def test_a_grant_that_comes_during_a_hold_waits_too(tmp_path: Path) -> None:
    """The hold is about all guests, not about those of the moment."""
    gate = gate_of(tmp_path)
    gate.hold(Hold.FORWARD)
    gate.replace([Grant(5, DRIVING)], 2)
    assert not gate.may_leave(5, D)
    gate.hold(Hold.NONE)
    assert gate.may_leave(5, D)


def test_a_lease_ends_collection_on_boottime(tmp_path: Path) -> None:
    """To the second, for what is kept, what leaves and what is used; the gate notices by itself."""
    clock = ManualClock()
    gate = gate_of(tmp_path, [scoped(Scope.CLOUD, Scope.CLOUD, lease_of(clock, 3_600))], clock)
    version = gate.version
    clock.advance(3_599.9)
    assert gate.lane(DRIVE, 5) is not None
    clock.advance(0.1)
    assert gate.lane(DRIVE, 5) is None
    assert not gate.may_leave(5, D)
    assert not gate.may_use(5, DRIVING)
    assert gate.version > version


@pytest.mark.parametrize("jump_s", [-366 * DAY_S, -DAY_S, DAY_S, 366 * DAY_S])
def test_no_wall_clock_moves_a_lease_within_its_boot(jump_s: float) -> None:
    """A year off in either direction: neither a second longer nor shorter."""
    clock = ManualClock()
    lease = lease_of(clock)
    clock.jump(jump_s)
    clock.advance(DAY_S - 1)
    assert holds(lease, clock)
    clock.advance(1)
    assert not holds(lease, clock)


def test_a_day_of_suspend_ends_a_lease_of_a_day(tmp_path: Path) -> None:
    """CLOCK_BOOTTIME counts sleep: the first question after waking is denied."""
    clock = ManualClock()
    gate = gate_of(tmp_path, [scoped(Scope.CLOUD, Scope.CLOUD, lease_of(clock))], clock)
    assert gate.lane(DRIVE, 5) is not None
    clock.advance(DAY_S)
    assert gate.lane(DRIVE, 5) is None


def test_a_lease_goes_on_over_a_boot_if_the_clock_was_good_before_and_after() -> None:
    """And counts the time that the device was off; otherwise it has ended."""
    clock = ManualClock()
    clock.advance(100)
    lease = lease_of(clock)
    clock.reboot(DAY_S - 10)
    assert holds(lease, clock)
    clock.advance(10)
    assert not holds(lease, clock)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_doubtful_clock_on_either_side_of_a_boot_ends_a_lease(when: str) -> None:
    """Nobody knows how long the device was off."""
    clock = ManualClock()
    clock.trust = ClockQuality.UNTRUSTED if when == "before" else ClockQuality.SYNCHRONISED
    lease = lease_of(clock)
    assert holds(lease, clock)
    clock.reboot()
    clock.trust = ClockQuality.UNTRUSTED if when == "after" else ClockQuality.SYNCHRONISED
    assert lease_span(lease, Moment.of(clock)) == NEVER


def test_a_clock_set_before_the_lease_over_a_boot_ends_it() -> None:
    """It cannot be right."""
    clock = ManualClock()
    clock.advance(7_200)
    lease = lease_of(clock)
    clock.reboot()
    clock.jump(-3_600)
    assert not holds(lease, clock)


def test_a_lease_is_of_its_subject_alone() -> None:
    """A lease of another guest prolongs nothing."""
    clock = ManualClock()
    other = Lease(6, Moment.of(clock), DAY_S)
    assert standing([scoped(Scope.CLOUD, Scope.CLOUD, other)], Moment.of(clock)) == ({}, {}, {}, inf)


def test_the_earlier_end_counts() -> None:
    """Of the grant's own end and the lease's."""
    clock = ManualClock()
    grant = Grant(5, DRIVING, 0, BUILD_TIME_US + 60 * SECOND_US, given=Moment.of(clock), lease=lease_of(clock, 30))
    assert standing([grant], Moment.of(clock)).until_s == 30.0
    longer = Grant(5, DRIVING, 0, BUILD_TIME_US + 60 * SECOND_US, given=Moment.of(clock), lease=lease_of(clock, 90))
    assert standing([longer], Moment.of(clock)).until_s == 60.0


def test_an_event_costs_one_lookup_whatever_is_leased_or_held(tmp_path: Path) -> None:
    """Nothing is computed for an event while nothing changes: the same lane comes back, and no key is asked for."""
    clock = CountingClock()
    gate = Gate(POLICIES, Keyring.open(tmp_path), clock)
    gate.replace([scoped(Scope.CLOUD, Scope.CLOUD, lease_of(clock))], 1)
    lane = gate.lane(DRIVE, 5)
    asked = clock.asked
    for _ in range(1_000):
        assert gate.lane(DRIVE, 5) is lane
    assert clock.asked == asked + 1_000, "one reading of CLOCK_BOOTTIME for an event, since the lease ends"
    gate.replace([scoped(Scope.CLOUD, Scope.CLOUD)], 2)
    lane, asked = gate.lane(DRIVE, 5), clock.asked
    for _ in range(1_000):
        assert gate.lane(DRIVE, 5) is lane
    assert clock.asked == asked, "none where nothing ends"


class CountingClock(ManualClock):
    """Counts who asks."""

    asked = 0

    def boottime_s(self) -> float:
        """Seconds since the last reboot."""
        self.asked += 1
        return super().boottime_s()


def test_a_change_of_what_leaves_alone_raises_the_version(tmp_path: Path) -> None:
    """The uplink holds what it took, and asks again."""
    clock = ManualClock()
    end = BUILD_TIME_US + 30 * SECOND_US
    ending = Grant(5, DRIVING, 0, end, given=Moment.of(clock))
    gate = gate_of(tmp_path, [ending, scoped(Scope.CLOUD, Scope.IN_VEHICLE)], clock)
    assert gate.may_leave(5, D)
    version = gate.version
    clock.advance(30)
    assert not gate.may_leave(5, D)
    assert gate.granted(5) == D
    assert gate.version == version + 1
