"""A guest's profile between authority and cars: sign-in, edits both ways, offline, erased, and who may not."""

from pathlib import Path

import pytest
from forecourt.v1 import profile_pb2

from gateway.errors import InputError, LinkError
from gateway.flow.profile_views import Phase
from gateway.model import Purpose
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

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
SEAT = {"seat.leg_mm": 812.0, "seat.torso_deg": 24.5}
CAR = Origin("car-1", "suv", 1, {"Vehicle.Cabin.Seat.Row1.DriverSide.Position": 153})


async def test_a_guest_signs_in_changes_something_and_finds_it_in_the_next_car(tmp_path: Path) -> None:
    """By code in one car, changed there, told to the app; by code in another, changed in the app, told to the car."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT | {"home.address": "Marktplatz 1"})
        async with running(one, "car-1") as first, running(one, "car-2") as second:
            await visit(first)
            status = await sign_in(first, await authority.code(jan))
            assert (status.phase, status.reason, status.version) == (Phase.OPEN, "", 1)
            assert document_of(first).values["seat.leg_mm"] == 812.0
            await sync_of(first).edit("posture", {"seat.leg_mm": 820.0}, CAR)
            assert document_of(first).values == SEAT | {"seat.leg_mm": 820.0, "home.address": "Marktplatz 1"}

            await visit(second)
            await first.until(lambda: sync_of(first).counters["edits"] == 1)
            await until_version(one, jan, 2)
            await sign_in(second, await authority.code(jan, device="car-2"))
            assert document_of(second).values["seat.leg_mm"] == 820.0
            assert document_of(second).origins["seat.leg_mm"].raw == CAR.raw
            seen: list[frozenset[str]] = []
            sync_of(first).on_document.append(lambda _, groups: seen.append(groups))
            await authority.set(jan, {"radio.volume_pct": 30.0})
            await first.until(lambda: seen == [frozenset({"radio"})])
            await second.until(lambda: document_of(second).values.get("radio.volume_pct") == 30.0)
            await first.until(lambda: sync_of(first).status().waiting == 0)
            versions = await authority.history(jan)
            assert [(v.version, v.actor, v.groups) for v in versions] == [
                (3, "app", ("radio",)),
                (2, "car-1", ("posture",)),
                (1, "app", ("posture", "home")),
            ]


async def test_what_was_changed_without_a_network_flows_back(tmp_path: Path) -> None:
    """Changes in a tunnel; the car is killed there, and starts again; then all arrive, dated as they were made."""
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
            for leg in (815.0, 816.0):
                await sync_of(car).edit("posture", {"seat.leg_mm": leg}, CAR)
            made_ms = one.clock.wall_us() // 1_000
            one.clock.advance(3_000)
            await authority.set(jan, {"climate.driver.temperature_c": 22.0})
        async with running(one, offline=True) as car:
            assert document_of(car).values["seat.leg_mm"] == 816.0
            assert sync_of(car).status().waiting == 2
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: sync_of(car).counters["answers"] >= 1)
            assert document_of(car).values["climate.driver.temperature_c"] == 22.0
            await until_version(one, jan, 4)
            document = await authority.show(jan)
            assert document.values["seat.leg_mm"] == 816.0
            stamp = document.stamp("posture")
            assert stamp is not None
            assert abs(stamp.physical_ms - made_ms) < 10_000


async def test_nobody_gets_a_profile_without_a_proof_a_visit_and_a_yes(tmp_path: Path) -> None:
    """No visit, no yes, a wrong code, a used one, one of another car, a yes that stays in the vehicle, no network."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one, "car-1") as car, running(one, "car-2") as other:
            with pytest.raises(InputError, match="no visit"):
                await sign_in(car, "7K-3F9Q-ZX2M")
            await desk_of(car).open("head_unit", "de")
            with pytest.raises(InputError, match="agree to `profile`"):
                await sign_in(car, "7K-3F9Q-ZX2M")
            await desk_of(car).end()
            await visit(car)
            with pytest.raises(InputError, match="looks like"):
                await sign_in(car, "1234")
            assert (await sign_in(car, "7K-3F9Q-ZX2M")).reason == "unknown_code"
            elsewhere = await authority.code(jan, device="car-2")
            assert (await sign_in(car, elsewhere)).reason == "unknown_code"
            once = await authority.code(jan)
            await visit(other)
            assert (await sign_in(other, once)).phase is Phase.OPEN
            refused = await sign_in(car, once)
            assert (refused.phase, refused.reason) == (Phase.REFUSED, "unknown_code")
            assert sync_of(car).document() is None
            late = await authority.code(jan, life_s=60)
            one.clock.advance(61)
            assert (await sign_in(car, late)).reason == "unknown_code"
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            with pytest.raises(LinkError, match="no network"):
                await sign_in(car, await authority.code(jan))


async def test_a_no_to_the_profile_takes_it_away_at_once(tmp_path: Path) -> None:
    """On the device or at the authority: what is here goes, what waited goes, and nothing comes any more."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, SEAT)
        async with running(one) as car:
            await visit(car)
            code = await authority.code(jan)
            await sign_in(car, code)
            ended: list[int] = []
            sync_of(car).on_signed_out.append(lambda: ended.append(1))
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            await sync_of(car).edit("posture", {"seat.leg_mm": 700.0}, CAR)
            await desk_of(car).withdraw([Purpose.PROFILE])
            assert sync_of(car).document() is None
            assert sync_of(car).status().waiting == 0
            assert ended == [1]
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: car.agent.uplink.status().online)
            assert await car.agent.drained(20)
            assert (await authority.show(jan)).version == 1
            assert await one.rows("select count(*) from profile_visit") == [(0,)]
            with pytest.raises(InputError, match="agree"):
                await sync_of(car).sign_in(profile_pb2.ProfileProof(code=code))


async def test_an_erased_profile_is_not_written_back_by_a_car_that_slept(tmp_path: Path) -> None:
    """Not by edits of the old epoch, not by what the car still knows; and the car forgets it when it hears."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        before = await authority.set(jan, SEAT | {"home.address": "Marktplatz 1"})
        async with running(one) as car:
            await visit(car)
            await sign_in(car, await authority.code(jan))
            one.network.cut()
            await car.until(lambda: not car.agent.uplink.status().online)
            await sync_of(car).edit("posture", {"seat.leg_mm": 700.0}, CAR)
            await authority.erase(jan)
            one.clock.advance(14 * 86_400)
            one.network.heal()
            car.agent.uplink.link.hurry()
            await car.until(lambda: sync_of(car).counters["answers"] >= 2)
            assert document_of(car).values == {}
            assert sync_of(car).status().waiting == 0
            await sync_of(car).edit("radio", {"radio.volume_pct": 20.0}, CAR)
            await until_version(one, jan, 3)
            after = await authority.show(jan)
            assert after.epoch != before.epoch
            assert after.values == {"radio.volume_pct": 20.0}
            assert [v.version for v in await authority.history(jan)] == [3]
