"""Laws of consent on a device, whatever arrives in whatever order: a no is never lost, a yes never made up."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1.consent_pb2 import ConsentChange, PurposeChange
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.consent.grants import Moment
from gateway.consent.holding import Holding, in_force
from gateway.consent.plan import UNBROKEN, plan_apply
from gateway.consent.record import ConsentRecord, RecordRefused, read_record, sign_record
from gateway.consent.states import ConsentState
from gateway.model import Purpose, PurposeSet, Scope
from tests.kit.consents import AUTHORITY, GIVEN_US, consent, record

PURPOSES = (Purpose.DRIVING_BEHAVIOUR, Purpose.PROFILE, Purpose.USAGE_ANALYTICS)
NOW = Moment.of(ManualClock(GIVEN_US))
KEYS = [AUTHORITY.public_key()]
STATES = {
    ConsentState.GIVEN: Scope.CLOUD,
    ConsentState.WITHDRAWN: Scope.NONE,
    ConsentState.REFUSED: Scope.NONE,
    ConsentState.EXPIRED: Scope.NONE,
}
STATE = st.sampled_from(sorted(STATES))


class World(NamedTuple):
    """Records as the authority issues them, one after the other."""

    records: list[ConsentRecord]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A history of up to six versions."""
    records: list[ConsentRecord] = []
    current: dict[Purpose, tuple[ConsentState, str, int]] = {}
    for version in range(1, draw(st.integers(2, 6)) + 1):
        for purpose in PURPOSES:
            state = draw(STATE)
            if purpose not in current or current[purpose][0] != state:
                current[purpose] = state, f"record-{version}", GIVEN_US + version
        entries = [
            replace(
                consent(purpose, state, STATES[state], record_id=record_id),
                since_us=since_us,
                evidence={UNBROKEN: since_us},
            )
            for purpose, (state, record_id, since_us) in current.items()
        ]
        records.append(record(*entries, before=records[-1] if records else None))
    return World(records)


def deliveries(world: World, order: list[int]) -> Iterator[tuple[ConsentRecord, int]]:
    """Some of the records, in any order, doubled or left out, with the epoch they were put under."""
    for index in order:
        one = world.records[index % len(world.records)]
        yield one, one.version


def taken(held: Holding, one: ConsentRecord, epoch: int, seen: int = 0) -> tuple[Holding, PurposeSet]:
    """What is held after a put as the edge carries it out: first what is narrowed goes, then the record is written."""
    raw = sign_record(AUTHORITY, one)
    plan = plan_apply(held, raw, one, epoch, seen, NOW)
    gone = plan.narrowed
    if gone:
        held = replace(held, denied=held.denied | gone)
        plan = plan_apply(held, raw, one, epoch, seen, NOW)
        assert plan.narrowed == 0, "what was withdrawn is settled"
    return (plan.after if plan.after is not None else held), gone


@given(worlds(), st.lists(st.integers(0, 20), max_size=12))
def test_in_any_order_the_newest_that_came_decides(world: World, order: list[int]) -> None:
    """Doubled, reordered, left out: afterwards exactly what the newest of them says is in force."""
    held, newest = Holding(7), 0
    for one, epoch in deliveries(world, order):
        held, _ = taken(held, one, epoch)
        newest = max(newest, one.version)
        said = {entry.purpose for entry in world.records[newest - 1].purposes if entry.allows}
        assert set(in_force(held)) == said
        assert held.version == newest


@given(worlds(), st.lists(st.integers(0, 20), max_size=12))
def test_what_was_kept_on_a_yes_goes_with_its_no_even_if_the_no_is_never_seen(world: World, order: list[int]) -> None:
    """A purpose in force before and after stands on the same yes, or what was kept was given up in between."""
    held = Holding(7)
    for one, epoch in deliveries(world, order):
        before = {purpose: yes.record_id for purpose, yes in in_force(held).items()}
        held, gone = taken(held, one, epoch)
        for purpose, yes in in_force(held).items():
            if purpose in before and before[purpose] != yes.record_id:
                assert gone >> purpose & 1
        for purpose in before.keys() - in_force(held).keys():
            assert gone >> purpose & 1


CHANGES = st.lists(st.tuples(st.sampled_from(PURPOSES), st.booleans()), min_size=1, max_size=6)


@given(worlds(), CHANGES, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=10))
def test_no_record_overrules_a_change_that_it_does_not_know(
    world: World, changes: list[tuple[Purpose, bool]], puts: list[tuple[int, int]]
) -> None:
    """The last word of the guest here stands, as far as the vehicle for a yes, until a put takes it in."""
    pending = tuple(
        ConsentChange(
            subject=7,
            number=number,
            changes=[
                PurposeChange(
                    purpose=purpose.value,  # type: ignore[arg-type]
                    state=5 if yes else 8,  # type: ignore[arg-type]
                    scope=3 if yes else 0,  # type: ignore[arg-type]
                )
            ],
        )
        for number, (purpose, yes) in enumerate(changes, 1)
    )
    held = Holding(7, changes=len(pending), pending=pending)
    for index, seen in puts:
        one = world.records[index % len(world.records)]
        held, _ = taken(held, one, one.version, min(seen, len(pending)))
        last = {purpose: yes for number, (purpose, yes) in enumerate(changes, 1) if number > held.seen}
        for purpose, yes in last.items():
            assert (purpose in in_force(held)) == yes


@given(worlds(), st.data())
def test_a_fork_gives_nothing(world: World, data: st.DataObject) -> None:
    """Another past under the same number takes away at most."""
    held, _ = taken(Holding(7), world.records[-1], 9)
    other = record(
        *[consent(purpose, state := data.draw(STATE), STATES[state]) for purpose in PURPOSES],
        version=world.records[-1].version,
    )
    if other.digest == world.records[-1].digest:
        return
    after, _ = taken(held, other, 10)
    assert set(in_force(after)) <= set(in_force(held)) & {one.purpose for one in other.purposes if one.allows}


RAW = sign_record(AUTHORITY, record(*[consent(purpose) for purpose in Purpose]))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(9, 41)))


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255), st.sampled_from(["flip", "cut", "add", "drop"]))
@example(len(RAW) - 1, 1, "cut")
def test_no_altered_byte_is_believed(at: int, much: int, how: str) -> None:
    """Wherever it is, also in the signature: refused, with a reason, and never another error."""
    match how:
        case "flip":
            bad = RAW[:at] + bytes([RAW[at] ^ much]) + RAW[at + 1 :]
        case "cut":
            bad = RAW[:at]
        case "add":
            bad = RAW[:at] + bytes([much]) + RAW[at:]
        case _:
            bad = RAW[:at] + RAW[at + 1 :]
    with pytest.raises(RecordRefused):
        read_record(bad, KEYS)


@given(st.binary(max_size=400))
def test_nothing_is_a_record_by_accident(raw: bytes) -> None:
    """Any bytes, and any bytes in the place of the record of a stranger."""
    for bad in (raw, sign_record(STRANGER, record(consent(Purpose.PROFILE)))):
        with pytest.raises(RecordRefused):
            read_record(bad, KEYS)
