"""A profile in a process that dies: a no and an end that were said hold at the next start, an open visit goes on."""

import asyncio
import shutil
from pathlib import Path

import pytest

from gateway.errors import LinkError
from gateway.flow.revocation import Step
from gateway.guest import SessionState
from gateway.guest.wipe import WipeStep
from gateway.model import Purpose
from gateway.profile import Origin
from tests.kit.cabins import ADDRESS, GUEST, TEMPERATURE, Rig, cabin_of, fit, rig
from tests.kit.consent_loop import Car, Loop, loop
from tests.kit.databrokers import until
from tests.kit.profile_loop import authority_of, desk_of, document_of, profile_loop, running, sign_in, sync_of, visit
from tests.kit.rides import ride
from vehicle_agent.cabin import CabinHouse

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
CANARY = "Canary-Allee 4711"
HERE = Origin("car-1", "suv", 1)


class Cut(Exception):
    """The power fails here."""


def cut_at(step: Step | WipeStep, car: Car) -> None:
    """So that the power fails behind that step."""

    def stop(reached: Step | WipeStep) -> None:
        if reached is step:
            raise Cut

    car.agent.revocation.on_step.append(stop)
    desk_of(car).wipe.on_step.append(stop)
    desk_of(car).wipe.flush_s = 0.0


async def signed_in(one: Loop, car: Car) -> None:
    """A guest with an edit that waits, since the network is gone."""
    authority = authority_of(one)
    jan = await authority.new()
    await authority.set(jan, {"home.address": CANARY})
    await visit(car)
    await sign_in(car, await authority.code(jan))
    one.network.cut()
    await car.until(lambda: not car.agent.uplink.status().online)
    await sync_of(car).edit("home", {"home.address": f"{CANARY} b"}, HERE)


async def rows(car: Car) -> int:
    """Profiles of visits in the store."""
    return await car.agent.store.read(lambda db: int(db.execute("select count(*) from profile_visit").fetchone()[0]))


async def as_it_is(one: Loop) -> None:
    """The files of the car as they are now, which the next life finds."""
    await asyncio.to_thread(shutil.copytree, one.folder / "car-1", one.folder / "copy")


async def put_back(one: Loop) -> None:
    """The next life finds them."""
    await asyncio.to_thread(shutil.rmtree, one.folder / "car-1")
    await asyncio.to_thread(shutil.move, one.folder / "copy", one.folder / "car-1")


@pytest.mark.parametrize("step", [Step.WRITTEN, Step.FENCED, Step.FORGOTTEN], ids=lambda s: s.value)
async def test_a_no_that_was_cut_takes_the_profile_at_the_next_start(tmp_path: Path, step: Step) -> None:
    """The visit goes on without it, and with no edit of it."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with running(one) as car:
            await signed_in(one, car)
            cut_at(step, car)
            with pytest.raises(Cut):
                await desk_of(car).withdraw([Purpose.PROFILE])
            await as_it_is(one)
        await put_back(one)
        async with one.car(subject=0) as car:
            view = desk_of(car).session()
            assert view is not None
            assert view.state is SessionState.OPEN
            assert sync_of(car).document() is None
            assert await rows(car) == 0


async def test_a_no_takes_no_other_guests_profile(tmp_path: Path) -> None:
    """What is finished at a start is of the one who said it."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with running(one) as car:
            await signed_in(one, car)
        async with one.car(subject=0) as car:
            room = sync_of(car)._room
            await room.disown(1)
            assert await rows(car) == 1
            await room.open()
            assert document_of(car).values["home.address"] == f"{CANARY} b"


@pytest.mark.parametrize("step", [WipeStep.STOPPED, WipeStep.WRITTEN], ids=lambda s: s.value)
async def test_a_wipe_that_was_cut_ends_before_anything_is_taken_up(tmp_path: Path, step: WipeStep) -> None:
    """Once the end is on the disk the visit does not come back, whatever else was done."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with running(one) as car:
            await signed_in(one, car)
            cut_at(step, car)
            with pytest.raises(Cut):
                await desk_of(car).end()
            await as_it_is(one)
        await put_back(one)
        async with one.car(subject=0) as car:
            assert desk_of(car).session() is None
            assert sync_of(car).document() is None
            assert await rows(car) == 0


async def test_nobody_comes_in_before_the_cabin_is_nobodys(tmp_path: Path) -> None:
    """Not while its databroker is away, and not before its leaves are empty."""
    memory = tmp_path / "cabin.json"
    async with rig(memory=memory, put={TEMPERATURE: 20.0}) as car, loop(tmp_path) as one, one.car(subject=0) as device:
        await car.cabin.apply(fit({ADDRESS: CANARY, TEMPERATURE: 25.0}), "plan", GUEST)
        desk = desk_of(device)
        async with cabin_of(car.broker, car.clock, memory=memory) as cabin:  # another process
            CabinHouse(cabin, desk)
            await refused(car, device)
            await desk.open()
            assert (car.shown(ADDRESS), car.shown(TEMPERATURE)) == ("", 20.0)
            assert not await asyncio.to_thread(memory.exists)


async def refused(car: Rig, device: Car) -> None:
    """Nothing can be set, so that no visit opens."""
    leaf = car.broker.tree.by_path[ADDRESS]
    provider, leaf.provider = leaf.provider, None
    with pytest.raises(LinkError, match="could not be set back"):
        await desk_of(device).open()
    assert desk_of(device).session() is None
    leaf.provider = provider


async def test_hands_are_learnt_again_after_a_restart(tmp_path: Path) -> None:
    """A visit that goes on in a new process, whose profile is not applied once more."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with running(one) as car:
            await signed_in(one, car)
        async with ride(one, "suv", offline=True) as suv:
            air = suv.card.zones["driver"] + "Temperature"
            await until(lambda: suv.cabin.status().guest)
            assert suv.unit.turn(air, 24.0)
            await suv.settles(lambda: sync_of(suv.car).counters["edits"] == 1)
            assert document_of(suv.car).values["climate.driver.temperature_c"] == 24.0


async def test_a_no_that_was_cut_empties_the_leaves_at_the_next_start(tmp_path: Path) -> None:
    """The cabin was not told before the cut, and is after it."""
    async with profile_loop(tmp_path) as one:
        await one.cloud_up()
        async with ride(one, "suv") as suv:
            await signed_in(one, suv.car)
            await suv.applied(1)
            assert suv.shown(ADDRESS) == CANARY
            cut_at(Step.WRITTEN, suv.car)
            with pytest.raises(Cut):
                await desk_of(suv.car).withdraw([Purpose.PROFILE])
            await as_it_is(one)
        await put_back(one)
        async with ride(one, "suv", put={ADDRESS: CANARY}, offline=True) as suv:
            assert desk_of(suv.car).session() is not None
            await until(lambda: suv.shown(ADDRESS) == "")
