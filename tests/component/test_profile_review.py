"""What a guest must not lose at the edges: by a wrong code, a cut, a yes that stays inside, a hand in between."""

import asyncio
import json
from pathlib import Path

import pytest
from forecourt.v1 import profile_pb2

from gateway.errors import InputError, LinkError
from gateway.flow.profile_views import Phase
from gateway.limits import CONSENT_LEASE_S
from gateway.model import Scope
from gateway.profile import Origin
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
from tests.kit.rides import ride

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
SEAT = {"seat.leg_mm": 812.0, "seat.torso_deg": 24.5}
CAR = Origin("car-1", "suv", 1)


async def test_a_yes_that_stays_in_the_vehicle_outlives_connects_and_restarts(tmp_path: Path) -> None:
    """Nothing is asked of the authority, whose no would take away what it has no say in."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car, Scope.IN_VEHICLE)
            await sign_in(car, code)
            await sync_of(car).edit("posture", {"seat.leg_mm": 700.0}, CAR)
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: car.agent.uplink.status().online)
            assert await car.agent.drained(20)
            assert document_of(car).values["seat.leg_mm"] == 700.0
        async with running(one) as car:
            assert await car.agent.drained(20)
            assert document_of(car).values["seat.leg_mm"] == 700.0
            assert sync_of(car).counters["requests"] == 0
            await sync_of(car).sign_out()
            assert await car.agent.drained(20)
        assert await one.rows("select count(*) from control where kind = 'profile'") == [(0,)]


async def test_a_wrong_code_takes_nothing_from_who_is_signed_in(tmp_path: Path) -> None:
    """Neither the profile nor a change that waits; the word says what was wrong."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            await visit(car)
            await sign_in(car, await authority.code(jan))
            left: list[int] = []
            sync_of(car).on_signed_out.append(lambda: left.append(1))
            status = await sign_in(car, "7K-3F9Q-ZX2M")
            assert (status.phase, status.reason) == (Phase.OPEN, "unknown_code")
            await sync_of(car).edit("posture", {"seat.leg_mm": 790.0}, CAR)
            await until_version(one, jan, 2)
            assert left == []


async def test_too_many_wrong_codes_do_not_take_away_what_was_staged(tmp_path: Path) -> None:
    """The authority does not listen to this car for a while, which says nothing about its guest."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car)
            wrong = "00-0000-0000" if code[:2] != "00" else "11-0000-0000"
            for _ in range(10):
                assert (await sign_in(car, wrong)).reason == "unknown_code"
            assert (await sign_in(car, code)).phase is Phase.OPEN
            await car.until(lambda: sync_of(car).counters["refused.too_many_tries"] == 1)
            assert document_of(car).values == SEAT
            one.clock.advance(601)
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: sync_of(car).counters["answers"] == 1)
            assert document_of(car).values == SEAT


async def test_a_sign_in_that_nobody_waits_for_any_more_holds_up_nothing(tmp_path: Path) -> None:
    """The surface went away, or the authority never answered: the next thing is asked as if it had not been."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            await visit(car)
            await one.cloud_down()
            wrong = profile_pb2.ProfileProof(code="00-0000-0000" if code[:2] != "00" else "11-0000-0000")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await sync_of(car).sign_in(wrong)
            assert sync_of(car).status().phase is Phase.NONE
            with pytest.raises(LinkError, match="does not answer"):
                await sync_of(car).sign_in(wrong, 0.1)
            assert (await sign_in(car, code)).phase is Phase.OPEN
            await one.cloud_up()
            await car.until(lambda: sync_of(car).counters["answers"] == 1)


async def test_a_visit_that_ends_during_a_sign_in_says_so(tmp_path: Path) -> None:
    """Who waits is told, and the next guest does not read of it."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with running(one) as car:
            await visit(car)
            await one.cloud_down()
            async with asyncio.TaskGroup() as group:

                async def waits() -> None:
                    with pytest.raises(InputError, match="ended meanwhile"):
                        await sign_in(car, "7K-3F9Q-ZX2M")

                group.create_task(waits())
                await car.until(lambda: sync_of(car).counters["requests"] == 1)
                await desk_of(car).end()
            assert (sync_of(car).status().phase, sync_of(car).status().reason) == (Phase.NONE, "")


async def test_codes_are_tried_one_after_the_other(tmp_path: Path) -> None:
    """Twenty at once are no more than twenty in a row: five are tried."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        async with running(one) as car:
            code, _ = await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            await visit(car)
            wrong = code[:3] + ("0000-0000" if not code.endswith("0000-0000") else "1111-1111")
            said = await asyncio.gather(*(sign_in(car, wrong) for _ in range(20)), return_exceptions=True)
            assert sync_of(car).counters["codes_wrong"] == 5
            assert sum(isinstance(each, InputError) for each in said) == 15


async def test_what_waits_goes_with_its_lease_though_nothing_else_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parked car without a network: nobody wakes it for that."""
    monkeypatch.setattr("gateway.flow.profile_stages.TIDY_S", 0.05)
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        async with running(one) as car:
            await authority.stage(jan, "car-1", lease_s=3_600)
            await car.until(lambda: sync_of(car).status().staged == 1)
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            one.clock.advance(3_601)
            await car.until(lambda: sync_of(car).status().staged == 0)


async def test_the_guest_gets_a_copy_of_his_profile_from_the_car(tmp_path: Path) -> None:
    """It is data about him on this device (GDPR Art. 15): what it holds here, with what waits; nothing once it went."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT | {"radio.presets": ("fm:d3a1@88700",)})
        async with running(one) as car:
            await visit(car)
            assert json.loads(await desk_of(car).export())["profile"] is None
            await sign_in(car, await authority.code(jan))
            exported = json.loads(await desk_of(car).export())["profile"]
            assert exported == {
                "version": 1, "changes_waiting": 0, "fields": SEAT | {"radio.presets": ["fm:d3a1@88700"]}
            }  # fmt: skip
            await sync_of(car).sign_out()
            assert json.loads(await desk_of(car).export())["profile"] is None


async def test_a_guest_without_a_profile_is_learnt_from_at_once(tmp_path: Path) -> None:
    """His account made him an empty one: nothing is to be set, and what his hand sets is the first that is kept."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        async with ride(one, "suv") as suv:
            await visit(suv.car)
            assert (await sign_in(suv.car, await authority.code(jan))).phase is Phase.OPEN
            await suv.car.until(lambda: suv.cabin.status().guest)
            assert suv.unit.turn(suv.card.zones["driver"] + "Temperature", 24.0)
            await suv.settles(lambda: sync_of(suv.car).counters["edits"] == 1)
            await until_version(one, jan, 1)
            assert (await authority.show(jan)).values["climate.driver.temperature_c"] == 24.0


async def test_a_lease_that_is_over_ends_learning_until_the_authority_is_heard_again(tmp_path: Path) -> None:
    """A yes that nobody confirmed for so long is relied on no more; when it is confirmed, it goes on."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            await visit(car)
            await sign_in(car, await authority.code(jan))
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            one.clock.advance(3_600)
            await sync_of(car).edit("posture", {"seat.leg_mm": 790.0}, CAR)
            one.clock.advance(CONSENT_LEASE_S)
            with pytest.raises(InputError, match="agree"):
                await sync_of(car).edit("posture", {"seat.leg_mm": 780.0}, CAR)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await until_version(one, jan, 2)
            await car.until(lambda: not sync_of(car).status().waiting)
            await sync_of(car).edit("posture", {"seat.leg_mm": 770.0}, CAR)
            await until_version(one, jan, 3)
