"""What a record changes on a device: a wrong order, double, fork or future takes away at most, and gives nothing."""

from dataclasses import replace

import pytest
from forecourt.v1.consent_pb2 import ConsentChange, PurposeChange

from gateway.clock import ManualClock
from gateway.consent.grants import Moment
from gateway.consent.holding import Holding, grants_of, in_force
from gateway.consent.plan import UNBROKEN, Plan, next_epoch, plan_apply
from gateway.consent.record import ConsentRecord, PurposeConsent, Refused, sign_record
from gateway.consent.states import ConsentState
from gateway.limits import CONSENT_SKEW_S
from gateway.model import ClockQuality, Purpose, Scope
from tests.kit.consents import AUTHORITY, GIVEN_US, consent, record

DRIVING, ANALYTICS, PROFILE = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE
D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE
NOW = Moment.of(ManualClock(GIVEN_US))
S = ConsentState
NO = Scope.NONE


def holding(one: ConsentRecord | None = None, *pending: ConsentChange, epoch: int = 1) -> Holding:
    """A device that took this record and made these changes since."""
    raw = sign_record(AUTHORITY, one) if one else b""
    last = max((change.number for change in pending), default=0)
    return Holding(7, raw, one, epoch if one else 0, changes=last, seen=last - len(pending), pending=pending)


def change(number: int, *said: tuple[Purpose, S, Scope]) -> ConsentChange:
    """What a guest said on the device."""
    changes = [
        PurposeChange(
            purpose=purpose.value,  # type: ignore[arg-type]
            state=state.value,  # type: ignore[arg-type]
            scope=scope.value,  # type: ignore[arg-type]
        )
        for purpose, state, scope in said
    ]
    return ConsentChange(subject=7, number=number, changes=changes)


def planned(held: Holding, new: ConsentRecord, epoch: int = 2, seen: int = 0, now: Moment = NOW) -> Plan:
    """What the device does with `new`."""
    return plan_apply(held, sign_record(AUTHORITY, new), new, epoch, seen, now)


def test_the_first_record_gives_what_it_says() -> None:
    """As far as it says."""
    plan = planned(holding(), record(consent(DRIVING), consent(PROFILE, scope=Scope.IN_VEHICLE)))
    assert (plan.narrowed, plan.widened, plan.refused) == (0, D | P, None)
    assert plan.after is not None
    assert {p: (yes.asked, yes.scope) for p, yes in in_force(plan.after).items()} == {
        DRIVING: (Scope.CLOUD, Scope.CLOUD),
        PROFILE: (Scope.IN_VEHICLE, Scope.IN_VEHICLE),
    }


@pytest.mark.parametrize("state", [state for state in S if not state.allows])
def test_no_state_but_two_gives_anything(state: S) -> None:
    """A scope beside a state that is no yes says nothing."""
    plan = planned(holding(), record(consent(DRIVING, state, Scope.CDP)))
    assert plan.after is not None
    assert plan.widened == 0
    assert in_force(plan.after) == {}


def test_consent_for_what_needs_none_gives_nothing() -> None:
    """Nobody is smuggled past the gate under safety."""
    plan = planned(holding(), record(consent(Purpose.SAFETY), consent(Purpose.VEHICLE_OPERATION)))
    assert plan.after is not None
    assert in_force(plan.after) == {}


def test_a_later_no_takes_away_before_it_is_written() -> None:
    """What has to be withdrawn is told, smaller scopes included."""
    first = record(consent(DRIVING), consent(ANALYTICS), consent(PROFILE))
    second = record(consent(DRIVING, S.WITHDRAWN, NO), consent(ANALYTICS, scope=Scope.IN_VEHICLE), before=first)
    plan = planned(holding(first), second)
    assert (plan.narrowed, plan.widened) == (D | A | P, A)


def test_reordered_a_grant_after_its_withdrawal_is_refused() -> None:
    """Records that come in another order than they were issued: the older changes nothing."""
    first = record(consent(DRIVING))
    second = record(consent(DRIVING, S.WITHDRAWN, NO), before=first)
    late = planned(holding(second, epoch=2), first, epoch=1)
    assert late == Plan(0, 0, None, Refused.REPLAYED)


def test_the_same_record_again_renews_and_changes_nothing() -> None:
    """Unless it was put under an older epoch: then somebody replays it."""
    first = record(consent(DRIVING))
    again = planned(holding(first, epoch=2), first, epoch=2)
    assert (again.narrowed, again.widened, again.refused, again.renewal) == (0, 0, None, True)
    assert planned(holding(first, epoch=2), first, epoch=1).refused is Refused.REPLAYED


def test_a_renewal_does_not_bring_back_what_was_denied_here() -> None:
    """A withdrawal that the record does not know stands against its renewal."""
    first = record(consent(DRIVING))
    held = replace(holding(first), denied=D)
    plan = planned(held, first)
    assert plan.after is not None
    assert in_force(plan.after) == {}


def test_a_fork_takes_away_and_gives_nothing() -> None:
    """Two records of one version, or a next one on another past: an authority that was restored, or worse."""
    first = record(consent(DRIVING), consent(PROFILE))
    other = record(consent(DRIVING, S.WITHDRAWN, NO), consent(ANALYTICS), consent(PROFILE))
    fork = planned(holding(first), other)
    assert (fork.narrowed, fork.widened, fork.after, fork.refused) == (D, 0, None, Refused.FORKED)
    third = record(consent(ANALYTICS), before=record(consent(PROFILE)))
    onward = planned(holding(first), third)
    assert (onward.narrowed, onward.widened, onward.after, onward.refused) == (D | P, 0, None, Refused.FORKED)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_record_of_the_future_gives_nothing(trusted: bool) -> None:
    """By a clock that can be trusted; one that cannot judges no record, leases count without it."""
    clock = ManualClock(GIVEN_US - (CONSENT_SKEW_S + 1) * 1_000_000)
    clock.trust = ClockQuality.SYNCHRONISED if trusted else ClockQuality.UNTRUSTED
    plan = planned(holding(record(consent(PROFILE))), record(consent(DRIVING), version=5), now=Moment.of(clock))
    assert plan.refused is (Refused.FUTURE if trusted else None)
    assert plan.narrowed == P
    assert plan.widened == (0 if trusted else D)
    clock.advance(1)
    assert planned(holding(), record(consent(DRIVING)), now=Moment.of(clock)).refused is None


def test_a_record_of_another_subject_is_none_of_this_one() -> None:
    """Whoever mixes them up."""
    assert planned(holding(), record(consent(DRIVING), subject=8)).refused is Refused.SUBJECT


def test_a_no_between_two_yeses_is_not_missed() -> None:
    """A device that saw neither of the versions between gives up what it kept on the old yes."""
    first = record(consent(DRIVING), consent(PROFILE))
    later = record(consent(DRIVING, record_id="record-3"), consent(PROFILE), version=3)
    plan = planned(holding(first), later)
    assert (plan.narrowed, plan.widened, plan.refused) == (D, D, None)


def test_a_yes_that_the_authority_vouches_for_is_unbroken() -> None:
    """Renewals over versions that this device did not see cost nothing."""
    first = record(consent(DRIVING))
    renewed = replace(
        consent(DRIVING, S.RENEWED, record_id="record-3"), since_us=GIVEN_US + 5, evidence={UNBROKEN: GIVEN_US}
    )
    assert planned(holding(first), record(renewed, version=3)).narrowed == 0
    broken: list[PurposeConsent] = [
        replace(renewed, evidence={UNBROKEN: GIVEN_US + 1}),
        replace(renewed, evidence={UNBROKEN: "0"}),
        replace(renewed, evidence={}),
    ]
    for one in broken:
        assert planned(holding(first), record(one, version=3)).narrowed == D


def test_a_renewal_in_the_next_version_is_unbroken() -> None:
    """No version lies between, so no no does."""
    first = record(consent(DRIVING))
    second = record(consent(DRIVING, S.RENEWED, record_id="record-2"), before=first)
    plan = planned(holding(first), second)
    assert (plan.narrowed, plan.widened, plan.refused) == (0, 0, None)


def test_an_own_yes_stays_in_the_vehicle_until_it_is_countersigned() -> None:
    """Asked as far as the guest said, in force as far as the vehicle; the record then opens the way."""
    held = holding(None, change(1, (DRIVING, S.GIVEN, Scope.CLOUD)))
    (grant,) = grants_of(held)
    assert (grant.asked, grant.scope, grant.record_id) == (Scope.CLOUD, Scope.IN_VEHICLE, "")
    plan = planned(held, record(consent(DRIVING)), seen=1)
    assert (plan.narrowed, plan.widened) == (0, D)
    assert plan.after is not None
    assert plan.after.pending == ()
    (grant,) = grants_of(plan.after)
    assert (grant.asked, grant.scope, grant.record_id) == (Scope.CLOUD, Scope.CLOUD, "record-1")


def test_an_own_yes_that_the_authority_refuses_ends() -> None:
    """What was kept for it has to go."""
    held = holding(None, change(1, (DRIVING, S.GIVEN, Scope.CLOUD)))
    plan = planned(held, record(consent(PROFILE)), seen=1)
    assert (plan.narrowed, plan.widened) == (D, P)


def test_an_own_no_stands_against_records_that_do_not_know_it() -> None:
    """Whatever they say; the one that takes it in counts again."""
    held = holding(record(consent(DRIVING)), change(1, (DRIVING, S.WITHDRAWN, NO)))
    assert in_force(held) == {}
    unaware = planned(held, record(consent(DRIVING), consent(PROFILE), before=held.record))
    assert (unaware.widened, unaware.refused) == (P, None)
    assert unaware.after is not None
    assert set(in_force(unaware.after)) == {PROFILE}
    aware = planned(unaware.after, record(consent(DRIVING), version=9), seen=1)
    assert aware.after is not None
    assert set(in_force(aware.after)) == {DRIVING}


def test_changes_here_count_in_their_order() -> None:
    """Yes, no, yes: a yes after a no does not stand on the record's old yes."""
    no, yes = (DRIVING, S.WITHDRAWN, NO), (DRIVING, S.GIVEN, Scope.CLOUD)
    held = holding(record(consent(DRIVING)), change(1, no), change(2, yes))
    assert in_force(held)[DRIVING].scope is Scope.IN_VEHICLE
    assert in_force(holding(record(consent(DRIVING)), change(1, yes), change(2, no))) == {}
    smaller = holding(record(consent(DRIVING)), change(1, (DRIVING, S.GIVEN, Scope.IN_VEHICLE)))
    assert in_force(smaller)[DRIVING][:2] == (Scope.IN_VEHICLE, Scope.IN_VEHICLE)


def test_an_own_no_that_was_carried_out_is_not_carried_out_twice() -> None:
    """No, then yes, and a record that takes both in over versions not seen: what was kept on the new yes stays."""
    held = holding(
        record(consent(DRIVING)), change(1, (DRIVING, S.WITHDRAWN, NO)), change(2, (DRIVING, S.GIVEN, Scope.CLOUD))
    )
    plan = planned(held, record(consent(DRIVING, record_id="record-4"), version=4), seen=2)
    assert (plan.narrowed, plan.widened) == (0, D)


@pytest.mark.parametrize(
    "one",
    [
        PurposeChange(purpose=19, state=5, scope=3),  # type: ignore[arg-type]
        PurposeChange(purpose=21, state=5, scope=3),  # type: ignore[arg-type]
        PurposeChange(purpose=1, state=4, scope=3),  # type: ignore[arg-type]
        PurposeChange(purpose=1, state=99, scope=3),  # type: ignore[arg-type]
        PurposeChange(purpose=1, state=5, scope=99),  # type: ignore[arg-type]
        PurposeChange(purpose=1, state=5),  # type: ignore[arg-type]
        PurposeChange(),
    ],
)
def test_a_change_that_is_no_clear_yes_gives_nothing(one: PurposeChange) -> None:
    """Unknown purpose, state or scope, or none."""
    assert in_force(holding(None, ConsentChange(subject=7, number=1, changes=[one]))) == {}


def test_what_is_suspended_allows_nothing_until_it_can_be_read_again() -> None:
    """And what went meanwhile is still withdrawn."""
    first = record(consent(DRIVING), consent(PROFILE))
    held = replace(holding(first), suspended=True)
    assert grants_of(held) == ()
    plan = planned(held, record(consent(PROFILE), before=first))
    assert (plan.narrowed, plan.widened) == (D, P)


def test_a_device_that_lost_its_count_goes_on_where_the_authority_knows_it() -> None:
    """So that no new change is taken for an old one."""
    plan = planned(holding(), record(consent(DRIVING)), seen=41)
    assert plan.after is not None
    assert (plan.after.changes, plan.after.seen) == (41, 41)


@pytest.mark.parametrize(
    ("applied", "put", "others", "expected"),
    [
        (0, 7, [], 7),
        (6, 7, [2, 3], 7),
        (4, 7, [4], 4),
        (4, 7, [7], 7),
        (4, 7, [7, 6], 4),
        (7, 7, [1], 7),
        (7, 5, [], 7),
    ],
)
def test_an_epoch_is_applied_once_nothing_of_it_can_be_missing(
    applied: int, put: int, others: list[int], expected: int
) -> None:
    """The next change, or everything held is as new."""
    assert next_epoch(applied, put, others) == expected


def test_without_a_lease_nothing_is_granted() -> None:
    """A grant of a record always has one, be it over."""
    (grant,) = grants_of(holding(record(consent(DRIVING))))
    assert grant.lease is not None
    assert grant.lease.length_s == 0.0
