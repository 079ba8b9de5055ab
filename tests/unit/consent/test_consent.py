"""Grants on disk: what was answered survives a restart, what cannot be is refused, and unused keys make room."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.consent import Consent, Grant, Moment, ledger
from gateway.consent.grants import SECOND_US
from gateway.errors import InputError, StoreError, TooLarge
from gateway.limits import GRANTS_MAX, KEY_TIDY_S
from gateway.store import Store
from tests.unit.consent.parts import ANALYTICS, DRIVING, OPERATION, POLICIES, PROFILE, SPEED, Shapes, kind_of

D, A = 1 << DRIVING, 1 << ANALYTICS
DRIVE = kind_of(SPEED, purposes=[DRIVING])


@asynccontextmanager
async def opened(folder: Path, clock: ManualClock) -> AsyncIterator[Consent]:
    """A consent room on a small store."""
    store = await Store.open(folder, clock=clock, bytes_max=1 << 20, migrations=[Consent.migrations])
    consent = await Consent.open(store, folder, clock, POLICIES)
    consent.gate.bind(Shapes())
    yield consent
    await store.aclose()
    await consent.aclose()


async def test_a_grant_survives_a_restart(tmp_path: Path) -> None:
    """With its validity, its record and the moment at which it was given."""
    clock = ManualClock()
    grant = Grant(5, DRIVING, BUILD_TIME_US - 1, BUILD_TIME_US + 60 * SECOND_US, "record-7")
    async with opened(tmp_path, clock) as consent:
        assert consent.gate.lane(DRIVE, 5) is None
        await consent.grant([grant])
        assert consent.gate.lane(DRIVE, 5) is not None
        assert (await consent.store.read(ledger.read)).version == 1
    clock.advance(59)
    async with opened(tmp_path, clock) as consent:
        assert consent.gate.granted(5) == D
        status = await consent.status(5)
        assert status.in_force == (DRIVING,)
        assert status.grants == (replace(grant, given=Moment(BUILD_TIME_US, 0.0, 1, True)),)
        clock.advance(1)
        assert consent.gate.granted(5) == 0
        assert (await consent.status(5)).in_force == ()


async def test_a_grant_is_not_in_force_before_it_is_durable(tmp_path: Path) -> None:
    """A store that refuses leaves the gate shut."""
    async with opened(tmp_path, ManualClock()) as consent:
        refuse = "create trigger refuse before insert on consent_grant begin select raise(abort, 'refused'); end"
        await consent.store.write(lambda db: db.execute(refuse))
        with pytest.raises(StoreError, match="refused"):
            await consent.grant([Grant(5, DRIVING)])
        assert consent.gate.granted(5) == 0


@pytest.mark.parametrize(
    "grant",
    [
        Grant(0, DRIVING),
        Grant(1 << 63, DRIVING),
        Grant(5, OPERATION),
        Grant(5, DRIVING, 10, 10),
        Grant(5, DRIVING, -1),
        Grant(5, DRIVING, 0, 1 << 63),
        Grant(5, DRIVING, record_id="x" * 129),
    ],
)
async def test_a_grant_that_cannot_be_is_refused(tmp_path: Path, grant: Grant) -> None:
    """Whole requests are refused: the good one beside it is not taken either."""
    async with opened(tmp_path, ManualClock()) as consent:
        with pytest.raises(InputError):
            await consent.grant([Grant(6, DRIVING), grant])
        assert consent.gate.granted(6) == 0


async def test_the_ledger_has_an_end(tmp_path: Path) -> None:
    """A flood of grants fills neither disk nor memory, and changes nothing."""
    async with opened(tmp_path, ManualClock()) as consent:
        await consent.grant([Grant(subject, DRIVING) for subject in range(1, GRANTS_MAX + 1)])
        with pytest.raises(TooLarge):
            await consent.grant([Grant(GRANTS_MAX + 1, DRIVING)])
        assert consent.gate.granted(GRANTS_MAX + 1) == 0
        assert consent.gate.granted(GRANTS_MAX) == D


async def test_a_purpose_of_a_later_version_is_denied(tmp_path: Path) -> None:
    """What the ledger holds and this version does not understand opens nothing."""
    async with opened(tmp_path, ManualClock()) as consent:
        await consent.grant([Grant(5, DRIVING)])
        await consent.store.write(lambda db: db.execute("update consent_grant set purpose = 19"))
    async with opened(tmp_path, ManualClock()) as consent:
        assert consent.gate.granted(5) == 0


def lose_store(folder: Path) -> None:
    """Deletes what belongs to the store, and leaves the keyring."""
    for file in folder.glob("store*"):
        file.unlink()


def condemn(folder: Path) -> None:
    """As the store does when it finds its file damaged."""
    (folder / "condemned").write_text("a test", "utf-8")


async def test_a_lost_store_denies(tmp_path: Path) -> None:
    """No store, no grants: not a byte of a subject is kept."""
    async with opened(tmp_path, ManualClock()) as consent:
        await consent.grant([Grant(5, DRIVING)])
    lose_store(tmp_path)
    async with opened(tmp_path, ManualClock()) as consent:
        assert consent.gate.lane(DRIVE, 5) is None


async def test_a_rescued_store_denies_and_remembers_open_withdrawals(tmp_path: Path) -> None:
    """No grant of a damaged file is believed; a withdrawal that was not finished is."""
    async with opened(tmp_path, ManualClock()) as consent:
        await consent.grant([Grant(5, DRIVING), Grant(6, DRIVING)])
        await consent.store.write(lambda db: ledger.note(db, 5, D))
    condemn(tmp_path)
    async with opened(tmp_path, ManualClock()) as consent:
        assert consent.store.rescued
        assert consent.gate.granted(5) == consent.gate.granted(6) == 0
        assert [(i.subject, i.purposes) for i in await consent.store.read(ledger.intents)] == [(5, D)]
        assert consent.gate.barred(5) == D


async def test_an_open_withdrawal_bars_a_new_grant(tmp_path: Path) -> None:
    """Its key would be destroyed with the old one."""
    async with opened(tmp_path, ManualClock()) as consent:
        await consent.store.write(lambda db: ledger.note(db, 5, D))
    async with opened(tmp_path, ManualClock()) as consent:
        assert (await consent.status(5)).withdrawing == (DRIVING,)
        with pytest.raises(StoreError, match="driving_behaviour is not finished"):
            await consent.grant([Grant(5, DRIVING)])
        await consent.grant([Grant(5, PROFILE)])
        assert consent.gate.granted(5) == 1 << PROFILE


async def test_keys_that_nothing_needs_make_room(tmp_path: Path) -> None:
    """Not while a row uses them, not while a grant may, and only when they were idle for a while."""
    clock = ManualClock()
    end = BUILD_TIME_US + SECOND_US
    rows: set[int] = set()

    def uses(db: sqlite3.Connection) -> set[int]:
        return set(rows)

    async with opened(tmp_path, clock) as consent:
        await consent.grant([Grant(5, DRIVING, 0, end), Grant(6, DRIVING, 0, end), Grant(7, DRIVING)])
        lanes = [consent.gate.lane(DRIVE, subject) for subject in (5, 6, 7)]
        ids = [lane.key_id for lane in lanes if lane]
        rows.add(ids[1])
        clock.advance(2)
        assert await consent.tidy(uses) == 0
        clock.advance(KEY_TIDY_S)
        assert await consent.tidy(uses) == 1
        assert [consent.gate.key(key_id) is None for key_id in ids] == [True, False, False]
        rows.clear()
        assert await consent.tidy(uses) == 0
        clock.advance(KEY_TIDY_S)
        assert await consent.tidy(uses) == 1
        assert consent.gate.key(ids[2]) is not None


async def test_data_without_a_subject_cannot_be_withdrawn(tmp_path: Path) -> None:
    """It stands on no consent."""
    async with opened(tmp_path, ManualClock()) as consent:
        with pytest.raises(InputError):
            consent.doomed(0, D)
