"""A ledger that was altered, swapped, lost or rescued: it denies, counts, and forgets no no."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.consent import history
from gateway.consent.holding import EVERYTHING
from gateway.errors import StoreError
from gateway.limits import CONSENT_HISTORY_MAX
from tests.kit.consents import consent, record
from tests.unit.consent.parts import DRIVING, PROFILE
from tests.unit.consent.rooms import (
    GUEST,
    D,
    P,
    execute,
    opened,
    put,
)
from tests.unit.consent.test_consent import condemn, lose_store

DAMAGE = {
    "a denial is lifted": "update consent_subject set denied = 0",
    "another subject": "update consent_subject set subject = 8",
    "a longer lease": "update consent_subject set lease_s = 1e9",
    "a later lease": "update consent_subject set lease_boottime_s = 1e9",
    "a change seen": "update consent_subject set seen = 1, waiting = 0",
    "a change is gone": "delete from consent_change",
    "a change is altered": "update consent_change set body = zeroblob(length(body))",
    "another number": "update consent_change set number = 5",
    "half a record": "update consent_subject set record = substr(record, 1, 500)",
    "no record": "update consent_subject set record = x''",
    "types of nobody": "update consent_subject set record = 'text', epoch = 'x', lease_s = 'y'",
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_a_row_whose_check_does_not_fit_allows_nothing(tmp_path: Path, what: str) -> None:
    """Counted, and good again with the next record; a no that can still be read stands also against that."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING), consent(PROFILE)))
        await room.store.write(lambda db: room.narrow_now(db, GUEST, D))
        await room.reload()
        assert room.gate.granted(GUEST) == P
        await room.store.write(lambda db: db.execute(DAMAGE[what]))
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == room.gate.granted(8) == 0
        assert room.damaged == room.counters["rows_not_believed"] == 1
        if what != "another subject":
            await put(room, record(consent(DRIVING), consent(PROFILE)), seen=0, epoch=3)
            lost = what in ("a change is gone", "a change is altered", "another number")
            assert room.gate.granted(GUEST) == (P | D if lost else P)
            assert room.damaged == 0


@pytest.mark.parametrize("keys", [(), (Ed25519PrivateKey.generate().public_key(),)], ids=["none", "another"])
async def test_a_stored_record_that_no_key_signed_allows_nothing(
    tmp_path: Path, keys: tuple[Ed25519PublicKey, ...]
) -> None:
    """A store that was swapped, or an authority that is no longer believed."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING), version=9))
    async with opened(tmp_path, keys=keys) as room:
        assert room.gate.granted(GUEST) == 0
        assert (await room.held(GUEST)).denied == EVERYTHING
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == 0
        await put(room, record(consent(DRIVING)), epoch=3)
        assert room.gate.granted(GUEST) == D


async def test_a_lost_store_denies_and_a_rescued_one_keeps_the_noes(tmp_path: Path) -> None:
    """No record is believed, nor the epoch; a no that the authority may not know stands against its next record."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING), consent(PROFILE)), epoch=5)
        await room.store.write(lambda db: room.narrow_now(db, GUEST, D))
    condemn(tmp_path)
    async with opened(tmp_path) as room:
        assert room.store.rescued
        assert room.gate.granted(GUEST) == 0
        assert await room.epoch() == 0
        await put(room, record(consent(DRIVING), consent(PROFILE)), epoch=5)
        assert room.gate.granted(GUEST) == P
        assert (await room.held(GUEST)).changes == 1
    await asyncio.to_thread(lose_store, tmp_path)
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == 0
        assert await room.epoch() == 0


async def test_a_damaged_epoch_is_none(tmp_path: Path) -> None:
    """So the device fetches."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING)), epoch=5)
        await room.store.write(lambda db: db.execute("update consent_device set epoch = 6"))
        assert await room.epoch() == 0


async def test_the_history_cannot_be_changed_and_shows_it_when_it_was(tmp_path: Path) -> None:
    """Rows are added only; whoever goes around that breaks the chain."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING)))
        await room.store.write(lambda db: room.narrow_now(db, GUEST, D))
        for attack in ("update consent_history set subject = 8", "delete from consent_history"):
            with pytest.raises(StoreError, match="history of consent"):
                await room.store.write(partial(execute, attack))
        entries = await room.history()
        assert [(e.number, e.subject, e.what) for e in entries] == [(1, GUEST, "record"), (2, GUEST, "no")]
        assert history.broken(entries) == 0
        assert history.broken([entries[0]._replace(version=2), entries[1]]) == 1
        assert history.broken([entries[0], entries[1]._replace(number=3)]) == 2 + 1


async def test_the_history_has_an_end(tmp_path: Path) -> None:
    """The oldest lines make room, and what is left still holds together."""
    async with opened(tmp_path) as room:

        def many(db: sqlite3.Connection) -> None:
            for number in range(CONSENT_HISTORY_MAX + 5):
                history.note(db, number, GUEST, number, "record", b"")

        await room.store.write(many)
        entries = await room.history()
        assert len(entries) == CONSENT_HISTORY_MAX
        assert history.broken(entries) == 0
