"""Laws of the gate for every kind, subject and set of grants: deny by default, fewer grants never allow more."""

import tempfile
from functools import cache
from pathlib import Path

from forecourt.v1.record_pb2 import Record, Trip
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.consent import FieldPolicy, Gate, Grant, Keyring, Moment, decide
from gateway.consent.grants import SECOND_US, standing
from gateway.model import WITHOUT_CONSENT, ClockQuality, DataTier, Kind, Purpose, Signal, Stream, ValueType, purpose_set
from tests.unit.consent.parts import POLICIES, Shapes

KNOWN = sorted(path for path in POLICIES.signals.rules if "*" not in path)
PATHS = st.sampled_from([*KNOWN, "Vehicle.Unknown", "Vehicle", "", "Vehicle.Driver.HeartRate", "Vehicle.Speed"])
PURPOSES = st.sampled_from(list(Purpose))
NOW = Moment.of(ManualClock())


@st.composite
def kinds(draw: st.DrawFn) -> Kind:
    """Any kind, with signals or for records."""
    paths = draw(st.lists(PATHS, max_size=8))
    signals = tuple(Signal(index, path, ValueType.DOUBLE) for index, path in enumerate(paths))
    return Kind(1, "any", Stream.LIVE, purpose_set(draw(st.sets(PURPOSES))), signals)


SUBJECTS = st.integers(0, 2)
GRANTS = st.lists(
    st.builds(
        Grant,
        SUBJECTS,
        PURPOSES,
        st.one_of(st.just(0), st.integers(-90, 90).map(lambda s: BUILD_TIME_US + s * SECOND_US)),
        st.one_of(st.none(), st.integers(-90, 90).map(lambda s: BUILD_TIME_US + s * SECOND_US)),
        given=st.one_of(st.none(), st.just(NOW)),
    ),
    max_size=8,
)
STEPS = st.one_of(
    st.tuples(st.just("advance"), st.integers(0, 120)),
    st.tuples(st.just("jump"), st.integers(-86_400, 86_400)),
    st.tuples(st.just("reboot"), st.integers(0, 120)),
    st.tuples(st.just("trust"), st.integers(0, 1)),
)


def move(clock: ManualClock, steps: list[tuple[str, int]]) -> None:
    """Lets time do what it does to devices."""
    for what, much in steps:
        if what == "trust":
            clock.trust = ClockQuality.SYNCHRONISED if much else ClockQuality.UNTRUSTED
        else:
            getattr(clock, what)(much)


@given(kinds(), SUBJECTS)
def test_without_grants_no_subject_is_let_in(kind: Kind, subject: int) -> None:
    """Only what is nobody's, needs no consent, and is allowed for that by the table."""
    decision = decide(kind, subject, [], NOW, POLICIES)
    assert decision is None or (subject == 0 and decision.purposes & ~WITHOUT_CONSENT == 0)


@given(kinds(), SUBJECTS, GRANTS, st.data())
def test_fewer_grants_never_allow_more(kind: Kind, subject: int, grants: list[Grant], data: st.DataObject) -> None:
    """Neither a purpose nor a signal appears because a grant went away."""
    fewer = [grant for grant in grants if data.draw(st.booleans())]
    more, less = (decide(kind, subject, some, NOW, POLICIES) for some in (grants, fewer))
    if less is None:
        return
    assert more is not None
    assert less.purposes & ~more.purposes == 0
    everything = tuple(range(len(kind.signals)))
    assert set(less.picks or everything) <= set(more.picks or everything)


@given(kinds(), SUBJECTS, GRANTS)
def test_exactly_the_granted_signals_are_picked(kind: Kind, subject: int, grants: list[Grant]) -> None:
    """A signal stays if and only if one purpose is asked for, granted, and allowed by the table."""
    granted = {g.purpose for g in grants if g.subject == subject and standing([g], NOW).granted}
    granted -= {Purpose.SAFETY, Purpose.VEHICLE_OPERATION}
    if subject == 0:
        granted = {Purpose.SAFETY, Purpose.VEHICLE_OPERATION}
    wanted = purpose_set(granted) & kind.purposes
    expected = [
        index
        for index, signal in enumerate(kind.signals)
        if (said := POLICIES.signals.classify(signal.path)) is not None
        and said.tier is not DataTier.FORBIDDEN
        and said.purposes & wanted
    ]
    decision = decide(kind, subject, grants, NOW, POLICIES)
    if not kind.signals:
        assert decision is None or (decision.picks is None and decision.purposes & ~wanted == 0)
        return
    found = [] if decision is None else list(decision.picks or range(len(kind.signals)))
    assert found == expected
    assert decision is None or decision.purposes & ~wanted == 0


@given(kinds(), GRANTS, st.sets(PURPOSES))
def test_a_withdrawal_of_some_purposes_leaves_every_event_a_value(
    kind: Kind, grants: list[Grant], gone: set[Purpose]
) -> None:
    """So that a bag never has to be split: what its other purposes allow is at least one value of each kind."""
    decision = decide(kind, 1, grants, NOW, POLICIES)
    if decision is None or not kind.signals:
        return
    rest = decision.purposes & ~purpose_set(gone)
    kept = [kind.signals[index] for index in decision.picks or range(len(kind.signals))]
    assert bool(rest) == any(POLICIES.purposes(signal.path) & rest for signal in kept)


@cache
def keyring() -> Keyring:
    """One keyring for all examples: the laws do not depend on what it holds."""
    return Keyring.open(Path(tempfile.mkdtemp(prefix="forecourt-gate-")))


@settings(max_examples=60)
@given(kinds(), SUBJECTS, GRANTS, st.lists(st.lists(STEPS, max_size=3), max_size=5))
def test_the_gate_with_its_memory_decides_as_the_pure_function(
    kind: Kind, subject: int, grants: list[Grant], times: list[list[tuple[str, int]]]
) -> None:
    """Whatever clocks do: a remembered answer allows nothing that a fresh decision denies, beyond one look a minute."""
    clock = ManualClock()
    gate = Gate(POLICIES, keyring(), clock)
    gate.bind(Shapes())
    gate.replace(grants, 1)
    for steps in [[], *times]:
        move(clock, steps)
        if any(what != "advance" for what, _ in steps):
            gate.replace(grants, 1)
        expected = decide(kind, subject, grants, Moment.of(clock), POLICIES)
        lane = gate.lane(kind, subject)
        assert (None if lane is None else (lane.purposes, lane.picks)) == expected
        if lane is not None:
            assert gate.may_leave(subject, lane.purposes)
            assert gate.key(lane.key_id) is lane.key


@given(GRANTS, st.lists(STEPS, max_size=6))
def test_time_alone_never_prolongs_a_grant(grants: list[Grant], steps: list[tuple[str, int]]) -> None:
    """Within the boot in which it was given, a bounded grant ends on CLOCK_BOOTTIME whatever the wall clock does."""
    clock = ManualClock()
    move(clock, [step for step in steps if step[0] != "reboot"])
    for grant in grants:
        if grant.given is None or grant.valid_until_us is None or grant.valid_from_us == 0:
            continue
        if standing([grant], Moment.of(clock)).granted:
            assert clock.boottime_s() * SECOND_US < grant.valid_until_us - BUILD_TIME_US


@given(
    st.integers(0, 1 << 63), st.sampled_from([0, 1, 2]), st.floats(0, 1e6), st.sets(PURPOSES), st.binary(max_size=20)
)
def test_a_record_keeps_exactly_the_granted_fields(
    number: int, phase: int, distance: float, purposes: set[Purpose], junk: bytes
) -> None:
    """Each field by its own classification; stripping twice changes nothing more."""
    fields = FieldPolicy()
    body = Record(trip=Trip(id=number, phase=Trip.Phase.Name(phase), distance_m=distance)).SerializeToString()
    unknown = b"\xaa\x06" + bytes([len(junk)]) + junk
    allowed = purpose_set(purposes)
    left = Record.FromString(stripped := fields.strip(body + unknown, allowed))
    driving, analytics = (bool(allowed >> p & 1) for p in (Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS))
    assert left.trip.id == (number if driving or analytics else 0)
    assert left.trip.phase == (phase if driving or analytics else 0)
    assert left.trip.distance_m == (distance if driving else 0)
    assert fields.strip(stripped, allowed) is stripped
