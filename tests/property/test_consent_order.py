"""Records that come late, twice, or in any order, between the guest's own changes: a later no is never overtaken."""

from dataclasses import replace

import pytest
from forecourt.v1.consent_pb2 import ConsentChange, PurposeChange
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.consent.grants import Moment
from gateway.consent.holding import Holding, in_force
from gateway.consent.plan import plan_apply
from gateway.consent.record import ConsentRecord, RecordRefused, Refused, read_record, sign_record
from gateway.consent.states import ConsentState
from gateway.model import Purpose, Scope
from tests.kit.consents import AUTHORITY, GIVEN_US, consent, record

PURPOSES = (Purpose.DRIVING_BEHAVIOUR, Purpose.PROFILE)
NOW = Moment.of(ManualClock(wall_us=GIVEN_US + 1_000_000))
SUBJECT = 7
Said = tuple[bool, bool]


def versions(said: list[Said]) -> list[tuple[bytes, ConsentRecord]]:
    """A chain: for each version a yes or a no to each purpose."""
    found: list[tuple[bytes, ConsentRecord]] = []
    for number, answers in enumerate(said, 1):
        purposes = [
            consent(purpose, ConsentState.GIVEN if yes else ConsentState.WITHDRAWN, record_id=f"record-{number}")
            for purpose, yes in zip(PURPOSES, answers, strict=True)
        ]
        one = record(*purposes, subject=SUBJECT, before=found[-1][1] if found else None)
        raw = sign_record(AUTHORITY, one)
        found.append((raw, read_record(raw, [AUTHORITY.public_key()])))
    return found


def no(number: int, purpose: Purpose) -> ConsentChange:
    """The guest's own no at the device."""
    change = PurposeChange(purpose=int(purpose), state=int(ConsentState.WITHDRAWN), scope=0)  # type: ignore[arg-type]
    return ConsentChange(subject=SUBJECT, number=number, changes=[change])


CHAINS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4)


@given(CHAINS, st.data())
def test_the_newest_record_decides_in_whatever_order_they_come(said: list[Said], data: st.DataObject) -> None:
    """Old ones change nothing, repetitions change nothing, and nothing is allowed that the newest heard of refuses."""
    chain = versions(said)
    held, newest = Holding(SUBJECT), 0
    for index in data.draw(st.lists(st.integers(0, len(chain) - 1), min_size=1, max_size=8)):
        raw, one = chain[index]
        plan = plan_apply(held, raw, one, epoch=index + 1, changes_seen=0, now=NOW)
        if one.version < newest:
            assert plan.refused is Refused.REPLAYED
            assert not plan.narrowed | plan.widened
        newest = max(newest, one.version)
        held = plan.after or held
        allowed = in_force(held)
        for purpose, yes in zip(PURPOSES, said[newest - 1], strict=True):
            assert (purpose in allowed) == yes


@given(CHAINS, st.data())
def test_the_guests_own_no_stands_until_the_authority_has_heard_it(said: list[Said], data: st.DataObject) -> None:
    """Whatever a record says that was written before: its `changes_seen` is lower than the number of the no."""
    chain = versions(said)
    held, refused = Holding(SUBJECT), 0
    for index in range(len(chain)):
        if data.draw(st.booleans()):
            refused += 1
            purpose = data.draw(st.sampled_from(PURPOSES))
            held = replace(held, changes=refused, pending=(*held.pending, no(refused, purpose)))
        seen = data.draw(st.integers(0, refused))
        raw, one = chain[index]
        plan = plan_apply(held, raw, one, epoch=index + 1, changes_seen=seen, now=NOW)
        assert plan.after is not None
        own = {Purpose(each.purpose) for c in held.pending if c.number > max(held.seen, seen) for each in c.changes}
        held = plan.after
        assert not own & set(in_force(held))
        assert all(yes.scope is Scope.CLOUD for yes in in_force(held).values())


@given(CHAINS, st.integers(0, 3), st.integers(0, 7), st.binary(min_size=1, max_size=4))
def test_a_record_that_was_altered_is_refused(said: list[Said], index: int, bit: int, junk: bytes) -> None:
    """One bit anywhere, bytes behind it, or a wrong key: not read, so nothing of it is planned."""
    raw, _ = versions(said)[index % len(said)]
    place = int.from_bytes(junk, "big") % len(raw)
    bent = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
    for bad in (bent, raw + junk, raw[:place], junk, b""):
        with pytest.raises(RecordRefused):
            read_record(bad, [AUTHORITY.public_key()])
