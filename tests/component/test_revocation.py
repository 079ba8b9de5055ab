"""A withdrawal on a real store, outbox and keyring: what it reaches, how fast, and that no cut undoes it."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from forecourt.v1.control_pb2 import ControlRecords, GapReason
from forecourt.v1.record_pb2 import Record, Trip

from gateway.consent import Grant, Keyring, ledger
from gateway.consent.slots import FREE, Slot, SlotFile
from gateway.errors import InputError, LinkError, StoreError
from gateway.flow.revocation import Step
from gateway.model import Event, Kind, PurposeSet, Stream, purpose_set
from tests.component.devices import (
    ANALYTICS,
    DRIVING,
    GUEST,
    OTHER,
    PROFILE,
    Device,
    device,
    kind,
    marked,
    markers,
    read_all,
)

D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE
ALL = D | A | P


async def filled(guest: Device, count: int) -> dict[PurposeSet, Kind]:
    """`count` events of the guest in each set of purposes, with a marker for each purpose."""
    await guest.consent.grant([Grant(s, p) for s in (GUEST, OTHER) for p in (DRIVING, ANALYTICS, PROFILE)])
    kinds = {purposes: kind(guest, purposes) for purposes in (D, A, D | A | P)}
    tickets = [
        guest.outbox.append_many([marked(one, GUEST, number) for number in range(start, start + 500)])
        for one in kinds.values()
        for start in range(0, count, 500)
    ]
    tickets.append(guest.outbox.append_many([marked(kinds[D], OTHER, number) for number in range(10)]))
    for ticket in tickets:
        assert (await ticket).denied == 0
    return kinds


def secrets_of(folder: Path, gone: PurposeSet) -> list[bytes]:
    """The guest's keys for sets with one of `gone`, as they lie on disk."""
    slots = [Slot.unpack(raw) for raw in SlotFile(folder).read() if raw != FREE]
    return [slot.wrapped for slot in slots if slot and slot.subject == GUEST and slot.purposes & gone]


def everything_in(folder: Path) -> bytes:
    """The bytes of every file of a device: database, log, index, keyring."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


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


@pytest.mark.parametrize("step", list(Step))
async def test_a_kill_between_two_steps_cannot_undo_it(tmp_path: Path, step: Step) -> None:
    """Stopped after each step, the files as they are then reopened, finished: nothing of the purpose can be read."""
    first, second = tmp_path / "first", tmp_path / "second"

    def stop(reached: Step) -> None:
        if reached is step:
            raise Cut

    async with device(first) as guest:
        await filled(guest, 500)
        secrets = await asyncio.to_thread(secrets_of, first, D)
        guest.revocation.on_step.append(stop)
        with pytest.raises(Cut):
            await guest.revocation.withdraw(GUEST, D)
        assert guest.consent.gate.granted(GUEST) == A | P
        await asyncio.to_thread(shutil.copytree, first, second)
    async with device(second) as guest:
        if step is Step.BARRED:
            assert await guest.revocation.finish_intents() == 0
            await guest.revocation.withdraw(GUEST, D)
        else:
            assert guest.consent.gate.granted(GUEST) == A | P, "the grant is gone before anything is finished"
            assert len(markers(await read_all(guest), DRIVING)) == 10
            assert await guest.revocation.finish_intents() == (step is not Step.DONE)
        assert await guest.revocation.finish_intents() == 0
        assert guest.consent.gate.granted(GUEST) == A | P
        assert guest.consent.gate.barred(GUEST) == 0
        left = await read_all(guest)
        assert len(markers(left, DRIVING)) == 10
        assert len(markers(left, ANALYTICS)) == 1_000
        assert (await guest.outbox.books()).balanced
        disk = await asyncio.to_thread(everything_in, second)
    assert len(secrets) == 2
    assert [secret for secret in secrets if secret in disk] == []
    assert b"marker-driving" not in disk
    async with device(second) as guest:
        assert guest.consent.gate.granted(GUEST) == A | P


class Cut(Exception):
    """The power fails here."""


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


async def test_the_fence_stands_between_the_transaction_and_the_keys(tmp_path: Path) -> None:
    """Nothing is done while a bag may still leave; the gate is shut all the while."""
    async with device(tmp_path) as guest:
        kinds = await filled(guest, 500)
        guest.fence.open.clear()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(guest.revocation.withdraw(GUEST, D))
            await guest.fence.asked.wait()
            assert guest.fence.calls == [(GUEST, D)]
            assert [i.purposes for i in await guest.store.read(ledger.intents)] == [D]
            assert guest.consent.doomed(GUEST, D) != []
            assert guest.consent.gate.lane(kinds[D], GUEST) is None
            assert not task.done()
            guest.fence.open.set()
        assert task.result().keys_destroyed == 2
        assert guest.consent.doomed(GUEST, D) == []


async def test_a_fence_that_fails_leaves_the_withdrawal_open(tmp_path: Path) -> None:
    """An error, a gate that stays shut, and the next try finishes."""
    async with device(tmp_path) as guest:
        await filled(guest, 500)
        guest.fence.error = LinkError("a test")
        with pytest.raises(LinkError):
            await guest.revocation.withdraw(GUEST, D)
        assert guest.consent.gate.barred(GUEST) == D
        with pytest.raises(StoreError, match="not finished"):
            await guest.consent.grant([Grant(GUEST, DRIVING)])
        guest.fence.error = None
        done = await guest.revocation.withdraw(GUEST, D)
        assert (done.purged, done.keys_destroyed) == (0, 2)
        assert await guest.store.read(ledger.intents) == []
        assert guest.consent.gate.barred(GUEST) == 0


async def test_a_store_that_refuses_leaves_the_gate_shut(tmp_path: Path) -> None:
    """Nothing was promised and nothing half done: rows, grants and keys are as before, but nothing enters or leaves."""
    refuse = "create trigger refuse before insert on consent_intent begin select raise(abort, 'refused'); end"
    async with device(tmp_path) as guest:
        kinds = await filled(guest, 500)
        last = guest.outbox.last[Stream.CONTROL]
        await guest.store.write(lambda db: db.execute(refuse))
        with pytest.raises(StoreError, match="refused"):
            await guest.revocation.withdraw(GUEST, D)
        assert guest.outbox.last[Stream.CONTROL] == last
        assert (await guest.outbox.books()).purged == 0
        assert guest.consent.gate.lane(kinds[D], GUEST) is None
        assert len(markers(await read_all(guest), DRIVING)) == 10
        await guest.store.write(lambda db: db.execute("drop trigger refuse"))
        assert (await guest.revocation.withdraw(GUEST, D)).purged == 500


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.needs_root
async def test_a_full_disk_hinders_no_withdrawal(small_disk: Path) -> None:
    """Not a byte is free on the file system, and all five steps are done."""
    folder = small_disk / "store"
    async with device(folder) as guest:
        await filled(guest, 500)
        await asyncio.to_thread(fill, small_disk / "filler")
        done = await guest.revocation.withdraw(GUEST, D)
        assert (done.purged, done.resealed, done.keys_destroyed) == (500, 500, 2)
        assert len(markers(await read_all(guest), DRIVING)) == 10
        assert (await guest.outbox.books()).balanced
    assert await asyncio.to_thread(secrets_of, folder, D) == []


def fill(path: Path) -> None:
    """Writes until the file system has no room."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


async def test_a_keyring_that_is_lost_opens_nothing(tmp_path: Path) -> None:
    """Rows whose keys are gone are never handed out, whatever is granted."""
    async with device(tmp_path) as guest:
        await filled(guest, 500)
    lost = tmp_path / "keyring"
    await asyncio.to_thread(lost.unlink)
    async with device(tmp_path) as guest:
        assert isinstance(guest.consent.keyring, Keyring)
        assert guest.consent.keyring.created
        assert await read_all(guest) == []
