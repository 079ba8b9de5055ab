"""What a guest says on the device: a yes stays inside until it is countersigned, a no stands against every record."""

import sqlite3
from pathlib import Path

import pytest
from forecourt.v1.consent_pb2 import ConsentChange, PurposeChange

from gateway.consent import Grant, history, holdings
from gateway.consent.holding import Holding, in_force
from gateway.consent.states import ConsentState
from gateway.errors import InputError, StoreError, TooLarge
from gateway.limits import CONSENT_CHANGES_MAX, CONSENT_SUBJECTS_MAX
from gateway.model import Purpose, Scope
from gateway.wire import signing
from tests.kit.consents import GIVEN_US, consent, record
from tests.unit.consent.parts import ANALYTICS, DRIVING, PROFILE
from tests.unit.consent.rooms import CHANGE_CONTEXT, DEVICE, GUEST, A, D, P, opened, put, sign, withdrawn, yes


async def test_a_yes_on_the_device_is_signed_durable_and_stays_inside(tmp_path: Path) -> None:
    """Numbered from 1; sent in the same transaction; kept for the cloud, used in the car, and not sent."""
    sent: list[ConsentChange] = []
    async with opened(tmp_path) as room:
        changed = await room.widen(
            GUEST, [yes(DRIVING), yes(PROFILE, Scope.IN_VEHICLE)], sign, also=lambda _, c: sent.append(c)
        )
        assert sent == [changed]
        signing.verify(DEVICE.public_key(), CHANGE_CONTEXT, changed.SerializeToString(deterministic=True))
        assert (changed.subject, changed.number, changed.at_us, changed.on_version) == (GUEST, 1, GIVEN_US, 0)
        assert room.gate.granted(GUEST) == D
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == D
        assert not room.gate.may_leave(GUEST, D)
        assert room.gate.may_use(GUEST, PROFILE)
        assert [c.number for c in (await room.held(GUEST)).pending] == [1]
        await put(room, record(consent(DRIVING), consent(PROFILE, scope=Scope.IN_VEHICLE)), seen=1)
        assert room.gate.may_leave(GUEST, D)
        assert (await room.held(GUEST)).pending == ()
        assert (await room.widen(GUEST, [yes(ANALYTICS)], sign)).number == 2


@pytest.mark.parametrize(
    "change",
    [
        yes(DRIVING, state=8),
        yes(DRIVING, Scope.NONE),
        yes(DRIVING, Scope.CDP),
        yes(DRIVING, notice_sha256=b""),
        yes(DRIVING, language=""),
        yes(Purpose.MARKETING_EMAIL),
        yes(Purpose.SAFETY),
        PurposeChange(purpose=19, state=5, scope=3, notice_sha256=b"n" * 32, language="de"),  # type: ignore[arg-type]
    ],
    ids=str,
)
async def test_what_is_no_yes_to_a_text_is_refused_whole(tmp_path: Path, change: PurposeChange) -> None:
    """Also the good one beside it."""
    async with opened(tmp_path) as room:
        with pytest.raises(InputError):
            await room.widen(GUEST, [yes(ANALYTICS), change], sign)
        assert room.gate.granted(GUEST) == 0
        assert (await room.held(GUEST)).changes == 0


async def test_a_yes_without_a_signature_is_none(tmp_path: Path) -> None:
    """Nor one that signs something else."""
    async with opened(tmp_path) as room:
        for bad in (lambda message: message, lambda _: sign(ConsentChange(number=5).SerializeToString())):
            with pytest.raises(InputError):
                await room.widen(GUEST, [yes(DRIVING)], bad)
        room.gate.bar(GUEST, D)
        with pytest.raises(StoreError):
            await room.widen(GUEST, [yes(DRIVING)], sign)
        assert room.gate.granted(GUEST) == 0


async def test_a_yes_that_cannot_be_sent_is_not_in_force(tmp_path: Path) -> None:
    """One transaction for both."""

    def fails(db: sqlite3.Connection, change: ConsentChange) -> None:
        raise InputError("no room")

    async with opened(tmp_path) as room:
        with pytest.raises(InputError):
            await room.widen(GUEST, [yes(DRIVING)], sign, also=fails)
        assert room.gate.granted(GUEST) == 0
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == 0


async def test_a_no_on_the_device_stands_until_the_authority_takes_it_in(tmp_path: Path) -> None:
    """Over a restart, and against a put that crossed it on the way."""
    first = record(consent(DRIVING), consent(PROFILE))
    async with opened(tmp_path) as room:
        await put(room, first)
        change = await room.store.write(lambda db: room.narrow_now(db, GUEST, D))
        assert (change.number, change.signature, change.on_version) == (1, b"", 1)
        await withdrawn(room, GUEST, D)
        await put(room, first)
        assert room.gate.granted(GUEST) == P
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == P
        crossed = record(consent(DRIVING), consent(PROFILE), consent(ANALYTICS), before=first)
        await put(room, crossed, epoch=2)
        assert room.gate.granted(GUEST) == P | A
        taken_in = record(consent(PROFILE), consent(DRIVING, ConsentState.WITHDRAWN, Scope.NONE), before=crossed)
        await put(room, taken_in, epoch=3, seen=1)
        await put(room, record(consent(PROFILE), consent(DRIVING), before=taken_in), epoch=4, seen=1)
        assert room.gate.granted(GUEST) == P | D


async def test_no_number_of_changes_loses_a_no(tmp_path: Path) -> None:
    """A yes more is refused when too many wait; a no never is, and the oldest are joined."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING), consent(PROFILE), consent(ANALYTICS)))

        def many(db: sqlite3.Connection) -> None:
            room.narrow_now(db, GUEST, D)
            for _ in range(CONSENT_CHANGES_MAX + 3):
                room.narrow_now(db, GUEST, P)

        await room.store.write(many)
        await room.reload()
        held = await room.held(GUEST)
        assert len(held.pending) == CONSENT_CHANGES_MAX
        assert held.changes == CONSENT_CHANGES_MAX + 4
        assert set(in_force(held)) == {ANALYTICS}
        with pytest.raises(TooLarge):
            await room.widen(GUEST, [yes(DRIVING)], sign)


async def test_settings_say_nothing_about_a_guest_who_said_something(tmp_path: Path) -> None:
    """A no at least takes what it names; a yes or a record decides alone."""
    async with opened(tmp_path) as room:
        await room.grant([Grant(GUEST, DRIVING), Grant(GUEST, PROFILE), Grant(9, DRIVING)])
        await room.store.write(lambda db: room.narrow_now(db, GUEST, D))
        await room.reload()
        assert room.gate.granted(GUEST) == P
        await put(room, record(consent(ANALYTICS)), seen=1)
        assert (room.gate.granted(GUEST), room.gate.granted(9)) == (A, D)


async def test_what_is_forgotten_leaves_a_line_and_hashes(tmp_path: Path) -> None:
    """No record, change, lease or grant of the subject; the history holds."""
    async with opened(tmp_path) as room:
        await room.grant([Grant(GUEST, DRIVING)])
        await room.widen(GUEST, [yes(PROFILE)], sign)
        await put(room, record(consent(DRIVING)), seen=0)
        await room.store.write(lambda db: room.forget(db, GUEST))
        await room.reload()
        assert room.gate.granted(GUEST) == 0
        assert await room.held(GUEST) == Holding(GUEST)
        entries = await room.history()
        assert [entry.what for entry in entries] == ["yes", "record", "forgotten"]
        assert history.broken(entries) == 0


async def test_there_are_not_more_subjects_than_fit(tmp_path: Path) -> None:
    """A flood fills neither disk nor memory."""
    async with opened(tmp_path) as room:

        def many(db: sqlite3.Connection) -> None:
            for number in range(1, CONSENT_SUBJECTS_MAX + 1):
                holdings.put(db, Holding(number))

        await room.store.write(many)
        with pytest.raises(TooLarge):
            await room.widen(CONSENT_SUBJECTS_MAX + 1, [yes(DRIVING)], sign)
