"""A guest's visit on a device: one at a time, nothing of it left at its end, and no cut in between undoes that."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forecourt.v1 import consent_pb2

from gateway.consent import Hold
from gateway.consent.slots import FREE, Slot, SlotFile
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.flow.commands import CommandFailed
from gateway.guest import GuestDesk, SessionState
from gateway.guest.searching import CHUNK_BYTES, Search
from gateway.guest.session import MOVES, Session, load, mirrored, open_canary
from gateway.guest.verbs import desk_verbs
from gateway.guest.wipe import WipeStep
from gateway.model import Purpose, Scope, Stream
from gateway.outbox.withdraw import waiting
from tests.kit.consent_loop import DRIVING, PATHS, PROFILE, Car, loop

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]


def desk_of(car: Car) -> GuestDesk:
    """The desk of a device with an authority."""
    assert car.agent.desk is not None
    return car.agent.desk


async def visit(car: Car, *purposes: Purpose) -> int:
    """A guest comes and says yes; the handle."""
    view = await desk_of(car).open("head_unit", "de")
    car.subject = view.subject
    await desk_of(car).grant(purposes)
    return view.subject


def confirmed(car: Car, puts: int) -> bool:
    """Whether the authority has answered so many times, and nothing is held."""
    assert car.agent.sync is not None
    status = car.agent.sync.status()
    return status.puts >= puts and status.hold is Hold.NONE


def keys_of(folder: Path, subject: int) -> int:
    """Keys of a subject in the file itself."""
    file = SlotFile(folder)
    slots = [Slot.unpack(raw) for raw in file.read() if raw != FREE]
    file.close()
    return sum(slot is not None and slot.subject == subject for slot in slots)


async def test_a_visit_from_its_beginning_to_its_wipe(tmp_path: Path) -> None:
    """Granted, countersigned, sent, withdrawn, exported, ended: then neither row, key, record nor tracer is left."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            await car.runs()
            desk = desk_of(car)
            assert desk.session() is None
            subject = await visit(car, DRIVING, PROFILE)
            await car.until(lambda: car.may_leave(DRIVING, PROFILE))
            rows = {row.purpose: row for row in (await desk.status()).rows}
            assert rows[DRIVING].state is ConsentState.GIVEN
            assert rows[DRIVING].scope is Scope.CLOUD
            assert rows[DRIVING].confirmed
            assert rows[Purpose.MARKETING_EMAIL].needs_double_opt_in
            assert await car.append(DRIVING, PROFILE, count=5) == 5
            await desk.withdraw([DRIVING])
            assert await car.append(DRIVING) == 0
            exported = json.loads(await desk.export())
            assert exported["consent"]["driving_behaviour"]["state"] == "withdrawn"
            assert exported["visit"]["handle"] == f"{subject:016x}"
            assert len(await desk.receipts()) == 1
            assert await car.agent.drained(20)
            await car.until(lambda: confirmed(car, 2))
            (told,) = await desk.left()
            assert (told.events, told.purposes, told.stream) == (5, (PROFILE,), Stream.LIVE)
            assert told.records == (car.agent.consent.gate.records(subject, PROFILE),)
            (at_the_door,) = await desk_verbs(desk)["left"]({})
            assert (at_the_door["events"], at_the_door["purposes"]) == (5, ["profile"])
            assert len(exported["events_waiting"]) <= 5
            one.network.cut()
            assert await car.append(PROFILE, count=9) == 9
            waiting = json.loads(await desk.export())["events_waiting"]
            assert [event["values"] for event in waiting] == [{PATHS[PROFILE]: "marker-profile"}] * 9
            report = await desk.end()
            assert (report.rows, report.canaries_found) == (9, 0)
            assert report.bytes_scanned > 10 << 20
            assert desk.session() is None
            assert car.agent.subject == 0
            assert await asyncio.to_thread(keys_of, tmp_path / "car-1", subject) == 0
            assert (await car.agent.consent.held(subject)).record is None
            one.network.heal()
            car.agent.uplink.link.hurry()
            assert await car.agent.drained(20)
            assert (await car.agent.outbox.books()).balanced
        gaps = await one.rows("select reason, sum(last - first + 1) from gap where stream = 2 group by reason")
        assert (6, 9) in gaps
        assert await one.rows("select count(*) from consent_session where ended_us is not null") == [(1,)]


async def test_rights_are_served_alone_and_at_once(tmp_path: Path) -> None:
    """Without a network, with ten thousand events on the shelf: everything is given out, then everything is gone."""
    async with loop(tmp_path) as one, one.car(subject=0) as car:
        desk = desk_of(car)
        await visit(car, DRIVING, PROFILE)
        assert await car.append(DRIVING, count=5_000) == 5_000
        assert await car.append(DRIVING, PROFILE, count=5_000) == 5_000
        began = time.monotonic()
        exported = json.loads(await desk.export())
        took_s = time.monotonic() - began
        assert len(exported["events_waiting"]) == 10_000
        assert took_s < 5
        done = await desk.erase()
        assert (done.purged, done.seconds < 5) == (10_000, True)
        assert json.loads(await desk.export())["events_waiting"] == []


async def test_two_guests_are_never_one(tmp_path: Path) -> None:
    """A second is refused while the first is here; afterwards he gets another handle and sees nothing of the first."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            await car.runs()
            desk = desk_of(car)
            first = await visit(car, DRIVING)
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.append(DRIVING, count=3) == 3
            with pytest.raises(InputError, match="another guest is here"):
                await desk.open("kiosk", "en")
            await desk.end()
            second = await visit(car, PROFILE)
            assert second != first
            rows = {row.purpose: row.state for row in (await desk.status()).rows}
            assert rows[DRIVING] is ConsentState.UNKNOWN
            assert await car.append(DRIVING) == 0
            assert f"{first:016x}" not in (await desk.export()).decode()
            await desk.end()
            for ask in (desk.end, desk.status, desk.export, desk.erase, desk.receipts):
                with pytest.raises(InputError, match="no visit"):
                    await ask()


@pytest.mark.parametrize("step", [step for step in WipeStep if step is not WipeStep.DONE], ids=lambda s: s.value)
async def test_a_cut_within_a_wipe_is_made_good_at_the_next_start(tmp_path: Path, step: WipeStep) -> None:
    """The files as they are after each step, opened again: the wipe is finished before the guest's door opens."""
    async with loop(tmp_path) as one:
        async with one.car(subject=0) as car:
            subject = await visit(car, DRIVING)
            assert await car.append(DRIVING, count=50) == 50
            desk = desk_of(car)
            desk.wipe.flush_s = 0.0

            def stop(reached: WipeStep) -> None:
                if reached is step:
                    raise Cut

            desk.wipe.on_step.append(stop)
            with pytest.raises(Cut):
                await desk.end()
            await asyncio.to_thread(shutil.copytree, tmp_path / "car-1", tmp_path / "copy")
        await asyncio.to_thread(shutil.rmtree, tmp_path / "car-1")
        await asyncio.to_thread(shutil.move, tmp_path / "copy", tmp_path / "car-1")
        async with one.car(subject=0) as car:
            desk = desk_of(car)
            assert desk.session() is None
            assert await asyncio.to_thread(keys_of, tmp_path / "car-1", subject) == 0
            assert await car.agent.store.read(lambda db: waiting(db, subject)) == 0
            assert (await car.agent.outbox.books()).balanced
            await visit(car, DRIVING)


class Cut(Exception):
    """The power fails here."""


async def test_a_trace_blocks_the_next_guest(tmp_path: Path) -> None:
    """Somebody left the tracer of the visit in a file of the device: the wipe fails until it is gone."""
    async with loop(tmp_path) as one, one.car(subject=0) as car:
        await visit(car, DRIVING)
        desk = desk_of(car)
        desk.wipe.flush_s = 0.0
        now = await car.agent.store.read(load)
        tracer = open_canary(car.agent.consent.gate.key(now.key_id), now.sealed)
        trace = tmp_path / "car-1" / "cache.txt"
        await asyncio.to_thread(trace.write_text, f"seat of {tracer.hex()}", "utf-8")
        report = await desk.end()
        assert report.canaries_found == 1
        view = desk.session()
        assert view is not None
        assert view.state is SessionState.WIPE_FAILED
        with pytest.raises(InputError, match="could not be wiped"):
            await desk.open()
        await asyncio.to_thread(trace.unlink)
        assert (await desk.end()).clean
        await desk.open()


async def test_a_visit_outlives_a_restart(tmp_path: Path) -> None:
    """The same handle, the same consent, the sources read for the same guest."""
    async with loop(tmp_path) as one:
        async with one.car(subject=0) as car:
            subject = await visit(car, DRIVING)
        async with one.car(subject=0) as car:
            assert car.agent.subject == subject
            car.subject = subject
            assert await car.append(DRIVING) == 1


def test_every_move_of_a_visit() -> None:
    """What the table forbids raises."""
    for state in SessionState:
        for after in SessionState:
            if after in MOVES[state]:
                assert Session(state).moved(after).state is after
            else:
                with pytest.raises(InputError):
                    Session(state).moved(after)


def test_the_search_finds_every_form(tmp_path: Path) -> None:
    """Raw, hex in both cases, base64; not its complement, which is how the intent holds it."""
    tracer = bytes(range(100, 116))
    forms = [tracer, tracer.hex().encode(), tracer.hex().upper().encode(), b"ZGVmZ2hpamtsbW5vcHFycw=="]
    for index, form in enumerate(forms):
        (tmp_path / f"{index}").write_bytes(b"before" + form + b"after")
    (tmp_path / "mirror").write_bytes(mirrored(tracer))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "store.db").write_bytes(bytes(CHUNK_BYTES - 8) + tracer)
    look = Search()
    assert look(sorted(tmp_path.iterdir()), tracer)[1] == 5
    assert look(sorted(tmp_path.iterdir()), tracer)[1] == 5


async def test_the_search_leaves_the_store_its_locks(tmp_path: Path) -> None:
    """Another process that looks into the store sees that it is in use, before a wipe and after each of two."""
    async with loop(tmp_path) as one, one.car(subject=0) as car:
        desk = desk_of(car)
        desk.wipe.flush_s = 0.0
        index = tmp_path / "car-1" / "store.db-shm"
        assert not await asyncio.to_thread(free, index)
        for _ in range(2):
            await visit(car, DRIVING)
            await desk.end()
            assert not await asyncio.to_thread(free, index)
        assert await asyncio.to_thread(free, tmp_path / "car-1" / "keyring")


LOCK = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "rb+"), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
except BlockingIOError:
    sys.exit(1)
"""
"""Locks the byte of a WAL's index by which SQLite knows whether somebody uses it (os_unix.c, UNIX_SHM_DMS)."""


def free(path: Path) -> bool:
    """Whether another process could take the file for its own."""
    return subprocess.run([sys.executable, "-c", LOCK, str(path)], check=False).returncode == 0


async def test_what_was_wiped_does_not_come_back(tmp_path: Path) -> None:
    """The record of a visit that is over, late or repeated, brings nothing of it back to the device."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            await car.runs()
            subject = await visit(car, DRIVING)
            await car.until(lambda: car.may_leave(DRIVING))
            held = await car.agent.consent.held(subject)
            await desk_of(car).end()
            late = consent_pb2.PutConsent(record=held.raw, epoch=held.epoch + 9, lease_s=3_600)
            assert car.agent.sync is not None
            with pytest.raises(CommandFailed, match="no_visit"):
                await car.agent.sync.put(late.SerializeToString())
            assert (await car.agent.consent.held(subject)).record is None
            assert await car.append(DRIVING) == 0
