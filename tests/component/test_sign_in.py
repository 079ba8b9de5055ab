"""Jan gets into a car he never sat in: it becomes his; what he changes is his in the next; then it is nobody's."""

import asyncio
import statistics
import time
from pathlib import Path

import pytest

from gateway.profile import Value
from gateway.profile.fit import fit, load_cards, unfit
from tests.kit.cabins import POSITION
from tests.kit.consent_loop import Loop
from tests.kit.profile_loop import (
    authority_of,
    desk_of,
    document_of,
    profile_loop,
    sign_in,
    sync_of,
    until_version,
    visit,
)
from tests.kit.rides import near, ride
from vehicle_agent.cabin import OutcomeKind

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
ADDRESS = "Vehicle.Private.Forecourt.Home.Address"
CANARY = "Canary-Allee 4711"
GOOD = {OutcomeKind.APPLIED, OutcomeKind.ALREADY, OutcomeKind.CLAMPED}


async def jans_values() -> dict[str, Value]:
    """What Jan is like, as set in a saloon, with an address that a scan would find."""
    cards = dict(await asyncio.to_thread(load_cards))
    saloon = cards["saloon"]
    shown = {
        path: (one.low + one.high) / 2
        for path, one in saloon.actuators.items()
        if one.low is not None and one.high is not None
    }
    return unfit(shown, saloon) | {"home.address": CANARY}


async def test_from_one_model_into_another_and_back(tmp_path: Path) -> None:
    """The SUV fits him, a knob turned there is turned in the city car too; the seats are not the same numbers."""
    async with profile_loop(tmp_path, "car-1", "car-2") as one:
        await one.cloud_up()
        authority, values = authority_of(one), await jans_values()
        jan = await authority.new()
        await authority.set(jan, values)
        cards = dict(await asyncio.to_thread(load_cards))
        aims = {m: {t.path: t.value for t in fit(values, {}, cards[m], cards).targets} for m in ("suv", "city")}
        assert aims["suv"][POSITION] != aims["city"][POSITION]
        async with ride(one, "suv", "car-1", put=near(cards["suv"], aims["suv"])) as suv:
            await visit(suv.car)
            await sign_in(suv.car, await authority.code(jan))
            done = await suv.applied(1)
            assert {o.field for o in done.outcomes} >= {"seat.leg_mm", "home.address", "climate.driver.temperature_c"}
            moved = {o.field: o for o in done.outcomes if o.field.startswith("seat.")}
            assert {o.kind for o in moved.values()} <= GOOD | {OutcomeKind.SKIPPED}
            assert suv.shown(POSITION) == aims["suv"][POSITION]
            assert suv.shown(ADDRESS) == CANARY
            air = suv.card.zones["driver"] + "Temperature"
            assert suv.unit.turn(air, 24.0)
            await suv.settles(lambda: sync_of(suv.car).counters["edits"] == 1)
            await suv.car.until(lambda: document_of(suv.car).values["climate.driver.temperature_c"] == 24.0)
            await until_version(one, jan, 2)
        async with ride(one, "city", "car-2", put=near(cards["city"], aims["city"])) as city:
            await visit(city.car)
            await sign_in(city.car, await authority.code(jan))
            await city.applied(2)
            assert city.shown(city.card.zones["driver"] + "Temperature") == 24.0
            assert city.shown(POSITION) == aims["city"][POSITION]
        stored = (await authority.show(jan)).values
        assert stored == values | {"climate.driver.temperature_c": 24.0}
        (first, second) = await authority.reported(jan)
        assert {first.device, second.device} == {"car-1", "car-2"}
        assert {kind for _, kind, _ in first.outcomes} <= {kind.value for kind in OutcomeKind}


async def test_nothing_of_the_guest_is_left_after_his_visit(tmp_path: Path) -> None:
    """Neither in the car's leaves nor in a byte of store, keyring or broker; the next guest finds a neutral car."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority, values = authority_of(one), await jans_values()
        jan = await authority.new()
        await authority.set(jan, values)
        cards = dict(await asyncio.to_thread(load_cards))
        aims = {t.path: t.value for t in fit(values, {}, cards["suv"], cards).targets}
        async with ride(one, "suv", put=near(cards["suv"], aims)) as suv:
            await visit(suv.car)
            await sign_in(suv.car, await authority.code(jan))
            await suv.applied(1)
            assert suv.shown(ADDRESS) == CANARY
            report = await desk_of(suv.car).end()
            assert report.clean
            assert sync_of(suv.car).document() is None
            assert suv.shown(ADDRESS) != CANARY
            assert await asyncio.to_thread(holding, tmp_path / "car-1", CANARY.encode()) == []
            assert not any(CANARY.encode() in message.payload for message in one.heard.heard)
            assert await suv.agent.drained(20)
            assert not any(CANARY.encode() in message.payload for message in one.heard.heard)
            await visit(suv.car)
            assert sync_of(suv.car).document() is None


async def test_the_authority_hears_of_every_field_though_a_change_sets_one_group(tmp_path: Path) -> None:
    """The app turns the air: what became of the seat before is told still, and goes with the visit."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority = authority_of(one)
        jan = await authority.new()
        await authority.set(jan, {"home.address": CANARY, "radio.volume_pct": 30.0})
        async with ride(one, "suv") as suv:
            await visit(suv.car)
            await sign_in(suv.car, await authority.code(jan))
            await suv.applied(1)
            await authority.set(jan, {"climate.driver.temperature_c": 24.0})
            await suv.applied(2)
            await until_reported(one, jan, {"home.address", "climate.driver.temperature_c", "radio.volume_pct"})
            await desk_of(suv.car).end()
            mia = await authority.new()
            await authority.set(mia, {"radio.volume_pct": 20.0})
            await visit(suv.car)
            await sign_in(suv.car, await authority.code(mia))
            await suv.applied(1)
            await until_reported(one, mia, {"radio.volume_pct"})


async def until_reported(one: Loop, profile: int, fields: set[str]) -> None:
    """Until the one visit of a profile has told of exactly these fields."""
    async with asyncio.timeout(15):
        while True:
            (told,) = await authority_of(one).reported(profile)
            if {field for field, _, _ in told.outcomes} == fields:
                return
            await asyncio.sleep(0.02)


async def test_sign_in_is_quick(tmp_path: Path) -> None:
    """From the code to the last order in a fraction of a second, what travels left aside; ten times."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        authority, values = authority_of(one), await jans_values()
        jan = await authority.new()
        await authority.set(jan, values)
        took_s = []
        cards = dict(await asyncio.to_thread(load_cards))
        aims = {t.path: t.value for t in fit(values, {}, cards["suv"], cards).targets}
        async with ride(one, "suv", put=near(cards["suv"], aims)) as suv:
            for _ in range(10):
                await visit(suv.car)
                code = await authority.code(jan)
                suv.profile.last = None
                began_s = time.monotonic()
                await sign_in(suv.car, code)
                done = await suv.applied(1)
                assert done.timing is not None
                travel_s = done.timing.done_s - done.timing.without_travel_s
                took_s.append(time.monotonic() - began_s - travel_s)
                await desk_of(suv.car).end()
        assert statistics.median(took_s) < 0.3, sorted(took_s)


def holding(folder: Path, needle: bytes) -> list[str]:
    """Files below `folder` in which the bytes stand."""
    return [path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]
