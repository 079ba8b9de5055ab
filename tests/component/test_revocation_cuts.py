"""A withdrawal that is cut, refused or held up, on a real store, outbox and keyring: nothing undoes it."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.consent import Grant, Keyring, ledger
from gateway.errors import LinkError, StoreError
from gateway.flow.revocation import Step
from gateway.model import Stream
from tests.component.devices import (
    ANALYTICS,
    DRIVING,
    GUEST,
    PROFILE,
    device,
    everything_in,
    filled,
    markers,
    read_all,
    secrets_of,
)

D, A, P = 1 << DRIVING, 1 << ANALYTICS, 1 << PROFILE


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
