"""Who opens a profile: an account's token, a phone's key, a staged profile under its code; and who does not."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import profile_pb2

from gateway.cloud.profile.proofs import key_message
from gateway.errors import InputError, LinkError
from gateway.flow.profile_views import Phase
from gateway.model import Scope
from gateway.profile import Origin
from tests.kit.openid import CLIENT, accounts_of, serving
from tests.kit.profile_loop import (
    authority_of,
    desk_of,
    document_of,
    profile_loop,
    running,
    sign_in,
    sync_of,
    until_version,
    visit,
)

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
SEAT = {"seat.leg_mm": 812.0, "seat.torso_deg": 24.5}
CAR = Origin("car-1", "suv", 1)


async def test_an_account_of_another_service_opens_the_profile(tmp_path: Path) -> None:
    """Unknown before: an empty profile is made; in the next car it is the same one. Another's token opens another."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one, serving(one.clock) as provider:
        one.accounts = accounts_of(provider, one.clock)
        await one.cloud_up()
        async with running(one, "car-1") as first, running(one, "car-2") as second:

            def token(person: str, nonce: str) -> profile_pb2.ProfileProof:
                return profile_pb2.ProfileProof(token=provider.id_token(person, CLIENT, nonce))

            await visit(first)
            proof = token("jan", "first")
            assert (await sync_of(first).sign_in(proof)).phase is Phase.OPEN
            await sync_of(first).edit("posture", SEAT, CAR)
            await first.until(lambda: sync_of(first).counters["edits"] == 1)
            ((profile,),) = await one.rows("select profile from profile_visit")
            assert isinstance(profile, int)
            await until_version(one, profile, 1)

            await visit(second)
            copied = await sync_of(second).sign_in(proof)
            assert (copied.phase, copied.reason) == (Phase.REFUSED, "token_refused")
            assert (await sync_of(second).sign_in(token("mia", "second"))).phase is Phase.OPEN
            assert document_of(second).values == {}
            await desk_of(second).end()
            await visit(second)
            assert (await sync_of(second).sign_in(token("jan", "third"))).phase is Phase.OPEN
            assert document_of(second).values == SEAT
        rows = await one.rows("select hex(handle) from profile_account")
        assert len(rows) == 2
        assert b"jan" not in (tmp_path / "cloud.db").read_bytes()
        await one.accounts.aclose()


async def test_a_phones_key_opens_the_profile_here_and_nowhere_else(tmp_path: Path) -> None:
    """The signature is over this visit's key and this car: seen by another, it opens nothing there."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority, phone = authority_of(one), Ed25519PrivateKey.generate()
        jan = await authority.new()
        await authority.set(jan, SEAT)
        await authority.add_key(jan, phone.public_key().public_bytes_raw())
        with pytest.raises(InputError, match="already"):
            await authority.add_key(jan, phone.public_key().public_bytes_raw())
        async with running(one, "car-1") as first, running(one, "car-2") as second:
            proof = profile_pb2.ProfileProof()
            proof.key.public_key = phone.public_key().public_bytes_raw()
            await visit(first)
            proof.key.signature = phone.sign(key_message("car-1", await sync_of(first).challenge()))
            await visit(second)
            refused = await sync_of(second).sign_in(proof)
            assert (refused.phase, refused.reason) == (Phase.REFUSED, "unknown_key")
            assert (await sync_of(first).sign_in(proof)).phase is Phase.OPEN
            stranger = Ed25519PrivateKey.generate()
            proof.key.public_key = stranger.public_key().public_bytes_raw()
            proof.key.signature = stranger.sign(key_message("car-2", await sync_of(second).challenge()))
            assert (await sync_of(second).sign_in(proof)).reason == "unknown_key"


async def test_a_booked_car_opens_without_a_network(tmp_path: Path) -> None:
    """Staged, cut off, restarted: the code opens it; what is changed there flows back when there is a network."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT | {"home.address": "Marktplatz 1"})
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            one.network.cut()
        async with running(one, offline=True) as car:
            await visit(car)
            for wrong in ("7K-3F9Q-ZX2M", code[:3] + "0000-0000"):
                with pytest.raises(LinkError, match="no network"):
                    await sign_in(car, wrong)
            assert (await sign_in(car, code)).phase is Phase.OPEN
            assert document_of(car).values["home.address"] == "Marktplatz 1"
            assert sync_of(car).status().staged == 0
            await sync_of(car).edit("posture", {"seat.leg_mm": 790.0}, CAR)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await until_version(one, jan, 2)
            assert (await authority.show(jan)).values["seat.leg_mm"] == 790.0


async def test_a_staged_profile_is_gone_when_its_lease_is(tmp_path: Path) -> None:
    """Over by the clock of its boot, over in another boot when nobody knows the time, or taken back."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=600)
            other, stage_id = await authority.stage(jan, "car-1", lease_s=86_400)
            await car.until(lambda: sync_of(car).status().staged == 2)
            await authority.unstage(stage_id, "car-1")
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car)
            assert (await sign_in(car, other)).reason == "unknown_code"
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            one.clock.advance(601)
            with pytest.raises(LinkError, match="no network"):
                await sign_in(car, code)


async def test_a_yes_that_stays_in_the_vehicle_opens_what_is_staged_and_tells_nobody(tmp_path: Path) -> None:
    """Nothing goes up, not even who is here; and a code of the authority opens nothing."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car, Scope.IN_VEHICLE)
            with pytest.raises(InputError, match="stays in the vehicle"):
                await sign_in(car, await authority.code(jan))
            assert (await sign_in(car, code)).phase is Phase.OPEN
            await sync_of(car).edit("posture", {"seat.leg_mm": 700.0}, CAR)
            assert document_of(car).values["seat.leg_mm"] == 700.0
            assert await car.agent.drained(20)
            assert sync_of(car).counters["requests"] == 0
            assert await one.rows("select count(*) from profile_visit") == [(0,)]
            assert (await authority.show(jan)).version == 1


async def test_who_guesses_codes_is_not_listened_to(tmp_path: Path) -> None:
    """At the authority after ten wrong ones of a car, here after five under a hint that is staged."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car)
            for _ in range(5):
                assert (await sign_in(car, code[:3] + "0000-0000")).reason == "unknown_code"
            with pytest.raises(InputError, match="too many wrong codes"):
                await sign_in(car, code)
            for _ in range(5):
                assert (
                    await sign_in(car, "00-0000-0000" if code[:2] != "00" else "11-0000-0000")
                ).phase is Phase.REFUSED
            late = await authority.code(jan)
            assert (await sign_in(car, "ZZ-ZZZZ-ZZZZ")).reason == "too_many_tries"
            one.clock.advance(601)
            assert (await sign_in(car, late)).reason == "unknown_code"  # it was for ten minutes
            assert (await sign_in(car, await authority.code(jan))).phase is Phase.OPEN
