"""A withdrawal on a real store, outbox and keyring: what it reaches, what stays, and how fast."""

import asyncio
from itertools import combinations
from pathlib import Path

import pytest
from forecourt.v1.control_pb2 import ControlRecord, ControlRecords, GapReason
from forecourt.v1.record_pb2 import Record, Trip

from gateway.clock import ManualClock
from gateway.consent import Grant
from gateway.errors import InputError
from gateway.limits import KEY_TIDY_S
from gateway.model import Event, PurposeSet, Stream, purpose_set
from gateway.outbox.intake import LINGER_S
from tests.component.devices import (
    ANALYTICS,
    DRIVING,
    GUEST,
    PROFILE,
    device,
    everything_in,
    filled,
    kind,
    marked,
    markers,
    read_all,
    secrets_of,
)

D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE


@pytest.mark.timed
async def test_ten_thousand_events_in_three_purposes(tmp_path: Path) -> None:
    """Done in two seconds; what was kept for that purpose alone is gone, what has another stays without it."""
    async with device(tmp_path) as guest:
        await filled(guest, 3_500)
        assert len(markers(await read_all(guest), DRIVING)) == 7_010
        secrets = await asyncio.to_thread(secrets_of, tmp_path, D)
        done = await guest.revocation.withdraw(GUEST, D)
        assert (done.purged, done.resealed, done.keys_destroyed) == (3_500, 3_500, 2)
        assert done.seconds <= 2
        left = await read_all(guest)
        assert len(markers(left, DRIVING)) == 10, "only those of the other guest"
        assert len(markers(left, ANALYTICS)) == 7_000
        assert len(markers(left, PROFILE)) == 3_500
        books = await guest.outbox.books()
        assert books.balanced
        assert books.purged == 3_500
        disk = await asyncio.to_thread(everything_in, tmp_path)
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in disk] == []


async def test_numbers_stay_and_gaps_explain_the_rest(tmp_path: Path) -> None:
    """Resealed events keep their numbers; the request for erasure comes before the gaps, and these name nobody."""
    async with device(tmp_path) as guest:
        await filled(guest, 500)
        before = {seq for seq, _ in await read_all(guest)}
        last = guest.outbox.last[Stream.CONTROL]
        await guest.revocation.withdraw(GUEST, D)
        after = {seq for seq, _ in await read_all(guest)}
        taken = await guest.outbox.take(Stream.CONTROL, last, None, 1 << 20)
        records = [record for bag in taken.bags for record in ControlRecords.FromString(bag.body).records]
    assert records[0].erasure.subject == GUEST
    assert list(records[0].erasure.purposes) == [DRIVING]
    gaps = [record.gap for record in records[1:]]
    assert {gap.reason for gap in gaps} == {GapReason.GAP_REASON_REVOKED}
    told = {number for gap in gaps for one in gap.ranges for number in range(one.first, one.last + 1)}
    assert told == before - after
    assert len(told) == 500


async def test_every_part_of_every_set_can_be_withdrawn(tmp_path: Path) -> None:
    """Withdrawing some purposes of a bag keeps exactly what the others allow, for every set and part."""
    sets = [purpose_set(some) for size in (1, 2, 3) for some in combinations((DRIVING, ANALYTICS, PROFILE), size)]
    async with device(tmp_path) as guest:
        for subject in range(100, 100 + len(sets)):
            await guest.consent.grant([Grant(subject, purpose) for purpose in (DRIVING, ANALYTICS, PROFILE)])
            for purposes in sets:
                assert (await guest.outbox.append(marked(kind(guest, purposes), subject, 1))).kept == 1
        for subject, gone in enumerate(sets, 100):
            done = await guest.revocation.withdraw(subject, gone)
            touched = [purposes for purposes in sets if purposes & gone]
            assert done.purged == len([purposes for purposes in touched if not purposes & ~gone])
            assert done.resealed == len([purposes for purposes in touched if purposes & ~gone])
            left = [values for _, values in await read_all(guest, subject)]
            expected = [purposes & ~gone for purposes in sets if purposes & ~gone]
            assert sorted(map(len, left)) == sorted(purposes.bit_count() for purposes in expected)
            for purpose in (DRIVING, ANALYTICS, PROFILE):
                count = len([purposes for purposes in expected if purposes >> purpose & 1])
                assert sum(f"marker-{purpose.word}" in str(values) for values in left) == count
        assert (await guest.outbox.books()).balanced


async def test_records_lose_the_withdrawn_fields(tmp_path: Path) -> None:
    """The distance of a trip is for driving behaviour alone."""
    async with device(tmp_path) as guest:
        await guest.consent.grant([Grant(GUEST, DRIVING), Grant(GUEST, ANALYTICS)])
        trips = guest.outbox.dictionary.intern_kind("trip", Stream.LIVE, D | A, (), None)
        body = Record(trip=Trip(id=7, phase=Trip.PHASE_ENDED, distance_m=1234.5)).SerializeToString()
        assert (await guest.outbox.append(Event(trips, GUEST, 1, 1, body))).kept == 1
        done = await guest.revocation.withdraw(GUEST, D)
        assert (done.purged, done.resealed) == (0, 1)
        ((_, values),) = await read_all(guest)
        assert Record.FromString(values[0]) == Record(trip=Trip(id=7, phase=Trip.PHASE_ENDED))  # type: ignore[arg-type]


async def test_what_is_on_its_way_to_the_disk_is_reached(tmp_path: Path) -> None:
    """Appends that were not committed when the guest said no are denied or purged, and none stays."""
    async with device(tmp_path) as guest:
        kinds = await filled(guest, 500)
        tickets = [guest.outbox.append_many([marked(kinds[D], GUEST, n) for n in range(100)]) for _ in range(10)]
        done = await guest.revocation.withdraw(GUEST, D)
        answers = [await ticket for ticket in tickets]
        assert sum(a.kept + a.denied for a in answers) == 1_000
        assert done.purged == 500 + sum(a.kept for a in answers)
        assert len(markers(await read_all(guest), DRIVING)) == 10
        assert (await guest.outbox.append(marked(kinds[D], GUEST, 1))).denied == 1
        assert (await guest.outbox.books()).balanced


async def test_a_new_grant_after_a_withdrawal_begins_anew(tmp_path: Path) -> None:
    """With another key, which no finished withdrawal destroys at a later start."""
    async with device(tmp_path) as guest:
        kinds = await filled(guest, 500)
        await guest.revocation.withdraw(GUEST, D | A)
        await guest.revocation.withdraw(GUEST, D)
        await guest.consent.grant([Grant(GUEST, DRIVING)])
        assert (await guest.outbox.append(marked(kinds[D], GUEST, 77))).kept == 1
    async with device(tmp_path) as guest:
        assert await guest.revocation.finish_intents() == 0
        assert guest.consent.gate.granted(GUEST) == D | P
        assert len(markers(await read_all(guest, GUEST), DRIVING)) == 1


async def test_withdrawing_what_was_never_granted_tells_the_cloud(tmp_path: Path) -> None:
    """The device may know less than the cloud: the request for erasure goes out all the same."""
    async with device(tmp_path) as guest:
        done = await guest.revocation.withdraw(GUEST, D)
        assert (done.purged, done.resealed, done.keys_destroyed) == (0, 0, 0)
        assert guest.outbox.last[Stream.CONTROL] == 1


@pytest.mark.parametrize(("subject", "gone"), [(0, D), (-1, D), (1 << 63, D), (GUEST, 0), (GUEST, 1 << 20), (GUEST, 1)])
async def test_what_cannot_be_withdrawn_is_refused(tmp_path: Path, subject: int, gone: PurposeSet) -> None:
    """No subject, no purpose, or one that stands on no consent: nothing changes."""
    async with device(tmp_path) as guest:
        version = guest.consent.gate.version
        with pytest.raises(InputError):
            await guest.revocation.withdraw(subject, gone)
        assert guest.consent.gate.version == version


async def test_slots_make_room_once_their_rows_are_settled(tmp_path: Path) -> None:
    """A visit that is over, with nothing left to send, needs no key; while a row needs it, it stays."""
    clock = ManualClock()
    async with device(tmp_path, clock) as guest:
        end = clock.wall_us() + 1_000_000
        await guest.consent.grant([Grant(GUEST, DRIVING, clock.wall_us(), end)])
        assert (await guest.outbox.append(marked(kind(guest, D), GUEST, 1))).kept == 1
        for _ in range(2):
            clock.advance(KEY_TIDY_S)
            assert await guest.consent.tidy(guest.outbox.key_ids) == 0
        assert guest.outbox.settle(Stream.LIVE, 1)
        await guest.outbox.append_control(ControlRecord())
        freed = []
        for _ in range(2):
            clock.advance(KEY_TIDY_S)
            freed.append(await guest.consent.tidy(guest.outbox.key_ids))
        assert freed == [0, 1]
        assert guest.consent.keyring.sets(GUEST) == []


async def test_what_waited_for_its_commit_is_not_kept_by_a_new_yes(tmp_path: Path) -> None:
    """Its key went with the no: it is denied, not accepted under a key that nothing opens."""
    linger_s = {**LINGER_S, Stream.LIVE: 0.5}
    async with device(tmp_path, linger_s=linger_s) as guest:
        await guest.consent.grant([Grant(GUEST, DRIVING)])
        waiting = guest.outbox.append(marked(kind(guest, D), GUEST, 1))
        await guest.revocation.withdraw(GUEST, D)
        await guest.consent.grant([Grant(GUEST, DRIVING)])
        assert not waiting.done()
        after = guest.outbox.append(marked(kind(guest, D), GUEST, 2))
        assert (await waiting).denied == 1
        assert (await after).kept == 1
        assert [values for _, values in await read_all(guest, GUEST)] == [("marker-driving_behaviour-000002",)]
        assert (await guest.outbox.books()).quarantined == 0
