"""What a device knows of consent is deleted, corrupt, altered or newer: not an event with a subject is kept or sent."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.consent import Consent
from gateway.errors import StoreError, StoreTooNew
from gateway.model import Stream
from gateway.outbox import Outbox
from gateway.store import Database, MigrationSet, Store
from tests.component.devices import DRIVING, GUEST, OTHER, Device, device, filled, kind, marked
from tests.faults import damage

FILES = ("store.db", "store.db-wal", "store.db-shm")
Way = Callable[[Path, random.Random], None]


def deleted(folder: Path, rng: random.Random) -> None:
    """The database is gone; the keys are there."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def only_the_wal_deleted(folder: Path, rng: random.Random) -> None:
    """What was granted was in the log alone."""
    (folder / "store.db-wal").unlink()


def grants_zeroed(folder: Path, rng: random.Random) -> None:
    """The page of the grants was never written."""
    page = root_page(folder, "consent_grant")
    damage._patch(folder / "store.db", (page - 1) * damage.PAGE, bytes(damage.PAGE))


def version_gone(folder: Path, rng: random.Random) -> None:
    """The page that holds the version of the grants is noise."""
    page = root_page(folder, "consent_state")
    damage._patch(folder / "store.db", (page - 1) * damage.PAGE, rng.randbytes(damage.PAGE))


def root_page(folder: Path, table: str) -> int:
    """Where a table begins in the file, with the log written back before."""
    db = sqlite3.connect(folder / "store.db")
    try:
        db.execute("pragma wal_checkpoint(truncate)")
        (page,) = db.execute("select rootpage from sqlite_schema where name = ?", (table,)).fetchone()
        return int(page)
    finally:
        db.close()


WAYS: list[Way] = [
    deleted,
    only_the_wal_deleted,
    grants_zeroed,
    version_gone,
    damage.wreck_header,
    damage.wreck_schema,
    damage.truncate,
    damage.empty,
]


async def hot(folder: Path) -> Path:
    """A device as a kill leaves it, with grants and events of two guests."""
    async with device(folder / "first") as guest:
        await filled(guest, 500)
        await asyncio.to_thread(shutil.copytree, folder / "first", folder / "second")
    return folder / "second"


async def about_guests(guest: Device) -> int:
    """Events with a subject that can be kept or sent now."""
    kept = await guest.outbox.append_many([marked(kind(guest, 1 << DRIVING), who, 1) for who in (GUEST, OTHER)])
    sent, after, more = 0, 0, True
    while more:
        taken = await guest.outbox.take(Stream.LIVE, after, None, 1 << 20)
        sent += sum(bag.count for bag in taken.bags if bag.subject)
        after, more = taken.scanned_to, taken.more
    return kept.kept + sent


async def left_of(folder: Path) -> int:
    """Opens it as an agent does, which tries again when damage shows late, and counts."""
    for _ in range(3):
        try:
            async with device(folder) as guest:
                await guest.revocation.finish_intents()
                return await about_guests(guest)
        except StoreError:
            continue
    return 0


@pytest.mark.may_block  # damages files between two opens
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_damaged_consent_store_denies_everything(tmp_path: Path, way: Way) -> None:
    """Whatever of it is lost: no event with a subject is captured, and none that waits is handed out."""
    folder = await hot(tmp_path)
    way(folder, random.Random(3))
    assert await left_of(folder) == 0


async def test_the_same_device_undamaged_keeps_and_sends(tmp_path: Path) -> None:
    """So that the count of none means something."""
    assert await left_of(await hot(tmp_path)) == 1_510 + 4


async def test_a_newer_consent_store_is_not_opened(tmp_path: Path) -> None:
    """A table that a later version wrote may mean what this one cannot know."""
    folder = await hot(tmp_path)
    later = MigrationSet("consent")
    for step in Consent.migrations.pending(Database(memory=True)):
        later(name=step.name)(step.fn)

    @later()
    def narrower(db: Database) -> None:
        db.execute("alter table consent_grant add column only_on_sundays integer not null default 1")

    store = await Store.open(folder, clock=ManualClock(), bytes_max=4 << 20, migrations=[later, Outbox.migrations])
    await store.aclose()
    with pytest.raises(StoreTooNew):
        async with device(folder):
            pass


@pytest.mark.may_block  # alters the file between two opens
@pytest.mark.parametrize(
    "change",
    ["given = 1", f"given = 1, subject = {GUEST}"],
)
async def test_an_altered_no_does_not_become_a_yes(tmp_path: Path, change: str) -> None:
    """A flipped bit in the row of a grant that was withdrawn, which SQLite cannot notice."""
    async with device(tmp_path) as guest:
        await filled(guest, 500)
        for who in (GUEST, OTHER):
            await guest.revocation.withdraw(who, 1 << DRIVING)
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute(f"update or replace consent_grant set {change} where subject = {OTHER} and purpose = {int(DRIVING)}")
    db.commit()
    db.close()
    async with device(tmp_path) as guest:
        kept = await guest.outbox.append_many([marked(kind(guest, 1 << DRIVING), who, 1) for who in (GUEST, OTHER)])
        assert kept.kept == 0
