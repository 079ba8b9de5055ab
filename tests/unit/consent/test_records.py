"""Records as a device takes them over: durable, leased, counted when refused, and denied in doubt."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.clock import ManualClock
from gateway.consent import RecordRefused
from gateway.consent.canonical import canonical
from gateway.consent.record import CONTEXT, Refused, key_id, sign_record
from gateway.errors import InputError
from gateway.limits import CONSENT_LEASE_S
from gateway.model import Scope
from tests.kit.consents import AUTHORITY, GIVEN_US, consent, record
from tests.unit.consent.parts import ANALYTICS, DRIVING, PROFILE, SPEED, kind_of
from tests.unit.consent.rooms import GUEST, KEYS, A, D, P, clock_now, opened, put, sign, yes


async def test_a_record_survives_a_restart_and_its_lease_goes_on(tmp_path: Path) -> None:
    """With its ids, and to the second of its lease."""
    clock = clock_now()
    async with opened(tmp_path, clock) as room:
        await put(room, record(consent(DRIVING), consent(PROFILE, scope=Scope.IN_VEHICLE)))
        assert room.gate.granted(GUEST) == D
        assert room.gate.may_use(GUEST, PROFILE)
        assert room.gate.records(GUEST, DRIVING) == "record-1"
        assert await room.epoch() == 1
    clock.reboot(1_000)
    async with opened(tmp_path, clock) as room:
        assert room.gate.may_leave(GUEST, D)
        assert (await room.held(GUEST)).version == 1
        clock.advance(2_599)
        assert room.gate.may_leave(GUEST, D)
        clock.advance(1)
        assert not room.gate.may_leave(GUEST, D)
        await put(room, record(consent(DRIVING), consent(PROFILE, scope=Scope.IN_VEHICLE)))
        assert room.gate.may_leave(GUEST, D), "the same record again renews the lease"
    assert room.refused == {}


async def test_a_narrower_record_is_not_written_before_its_withdrawal(tmp_path: Path) -> None:
    """It says what has to go; until that is done the old state stays on disk, and a cut in between loses nothing."""
    first = record(consent(DRIVING), consent(ANALYTICS))
    second = record(consent(ANALYTICS), consent(PROFILE), before=first)
    async with opened(tmp_path) as room:
        await put(room, first)
        applied = await room.apply_record(sign_record(AUTHORITY, second), 2, 0, 3_600)
        assert (applied.narrowed, applied.written, applied.epoch) == (D, False, 1)
        assert (await room.held(GUEST)).version == 1
        await put(room, second, epoch=2)
        assert room.gate.granted(GUEST) == A | P
        assert await room.epoch() == 2


BAD: dict[str, tuple[bytes, Refused]] = {
    "nonsense": (b"\xff" * 40, Refused.MALFORMED),
    "too large": (b" " * 20_000, Refused.MALFORMED),
    "unsigned": (
        canonical({"record": json.loads(sign_record(AUTHORITY, record()))["record"], "signature": {}}),
        Refused.MALFORMED,
    ),
    "foreign key": (
        sign_record(Ed25519PrivateKey.generate(), record(consent(ANALYTICS), version=9)),
        Refused.SIGNATURE,
    ),
    "replayed": (sign_record(AUTHORITY, record(consent(ANALYTICS), version=1)), Refused.REPLAYED),
    "forked": (sign_record(AUTHORITY, record(consent(DRIVING), consent(ANALYTICS), version=2)), Refused.FORKED),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_record_that_cannot_be_believed_changes_nothing_and_is_counted(tmp_path: Path, name: str) -> None:
    """Neither on disk nor in the gate, nor the lease nor the epoch; also when it comes again and again."""
    raw, reason = BAD[name]
    first = record(consent(DRIVING))
    second = record(consent(DRIVING), before=first)
    async with opened(tmp_path) as room:
        await put(room, first)
        await put(room, second, epoch=2)
        before, clock_s = await room.held(GUEST), room.gate.version
        for _ in range(3):
            with pytest.raises(RecordRefused) as refused:
                await room.apply_record(raw, 9, 9, 3_600)
            assert refused.value.reason is reason
        assert room.refused == {reason: 3}
        assert room.counters[f"record_refused_{reason}"] == 3
        assert await room.held(GUEST) == before
        assert room.gate.version == clock_s
        assert room.gate.granted(GUEST) == D
        assert await room.epoch() == 2


async def test_a_clock_a_year_behind_takes_no_yes_from_the_future(tmp_path: Path) -> None:
    """But every no."""
    clock = ManualClock(GIVEN_US - 366 * 86_400 * 1_000_000)
    async with opened(tmp_path, clock) as room:
        with pytest.raises(RecordRefused):
            await room.apply_record(sign_record(AUTHORITY, record(consent(DRIVING))), 1, 0, 3_600)
        assert room.refused == {Refused.FUTURE: 1}
        assert room.gate.granted(GUEST) == 0


async def test_a_clock_a_year_ahead_ends_what_is_bounded(tmp_path: Path) -> None:
    """In doubt it has ended."""
    clock = ManualClock(GIVEN_US + 366 * 86_400 * 1_000_000)
    async with opened(tmp_path, clock) as room:
        await put(room, record(consent(DRIVING, valid_until_us=GIVEN_US + 86_400 * 1_000_000), consent(PROFILE)))
        assert room.gate.granted(GUEST) == P


async def test_an_expired_record_gives_nothing(tmp_path: Path) -> None:
    """It is taken over, since it is the latest, and nothing of it is in force."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING, valid_until_us=GIVEN_US - 1)))
        assert room.gate.granted(GUEST) == 0
        assert not room.gate.may_use(GUEST, DRIVING)


async def test_what_the_authority_signed_and_nobody_can_read_suspends_its_subject(tmp_path: Path) -> None:
    """It may be a no. The next record that can be read ends that; over a restart it lasts."""
    first = record(consent(DRIVING))
    body = json.loads(sign_record(AUTHORITY, record(consent(DRIVING), before=first)))["record"] | {"schema": 2}
    value = AUTHORITY.sign(CONTEXT + b"\0" + canonical(body)).hex()
    newer = canonical({"record": body, "signature": {"alg": "Ed25519", "key": key_id(KEYS[0]), "value": value}})
    async with opened(tmp_path) as room:
        await put(room, first)
        await put(room, record(consent(DRIVING), subject=8))
        with pytest.raises(RecordRefused):
            await room.apply_record(newer, 2, 0, 3_600)
        assert room.refused == {Refused.SCHEMA: 1}
        assert room.gate.granted(GUEST) == 0
        assert room.gate.granted(8) == D, "others go on"
        with pytest.raises(InputError, match="cannot be read"):
            await room.widen(GUEST, [yes(ANALYTICS)], sign)
    async with opened(tmp_path) as room:
        assert room.gate.granted(GUEST) == 0
        await put(room, record(consent(DRIVING), version=3), epoch=3)
        assert room.gate.granted(GUEST) == D


@pytest.mark.parametrize("lease_s", [0, -5])
async def test_without_a_lease_nothing_is_in_force(tmp_path: Path, lease_s: int) -> None:
    """The authority has to say how long it may be relied on."""
    async with opened(tmp_path) as room:
        await put(room, record(consent(DRIVING)), lease_s=lease_s)
        assert room.gate.granted(GUEST) == 0
        assert not room.gate.may_use(GUEST, DRIVING)


async def test_no_lease_is_longer_than_a_day(tmp_path: Path) -> None:
    """Whatever was put."""
    clock = clock_now()
    async with opened(tmp_path, clock) as room:
        await put(room, record(consent(DRIVING)), lease_s=1 << 31)
        clock.advance(CONSENT_LEASE_S - 1)
        assert room.gate.granted(GUEST) == D
        clock.advance(1)
        assert room.gate.granted(GUEST) == 0
        await room.lease(GUEST, 1e9)
        clock.advance(CONSENT_LEASE_S - 1)
        assert room.gate.granted(GUEST) == D
        await room.lease(GUEST, 0)
        assert room.gate.granted(GUEST) == 0


async def test_a_missed_epoch_is_not_taken_for_applied(tmp_path: Path) -> None:
    """A put of one subject says nothing of what another missed; the fetch brings both up."""
    mine, other = record(consent(DRIVING)), record(consent(DRIVING), subject=8)
    async with opened(tmp_path) as room:
        await put(room, mine, epoch=1)
        await put(room, other, epoch=4)
        assert await room.epoch() == 1
        await put(room, mine, epoch=4)
        assert await room.epoch() == 4


async def test_a_lane_from_before_a_no_stays_shut(tmp_path: Path) -> None:
    """Through the gate as the outbox uses it."""
    first = record(consent(DRIVING))
    drive = kind_of(SPEED, purposes=[DRIVING])
    async with opened(tmp_path) as room:
        await put(room, first)
        lane = room.gate.lane(drive, GUEST)
        assert lane is not None
        await put(room, record(consent(PROFILE), before=first), epoch=2)
        assert not room.gate.may_keep(lane)
        assert room.gate.lane(drive, GUEST) is None
