"""Proves over real gRPC what a guest's visit leaves: edits of his own hand only, and after the wipe nothing."""

import asyncio
from pathlib import Path

import pytest
from kuksa_client.grpc import Datapoint
from kuksa_client.grpc.aio import VSSClient

from gateway.errors import InputError, LinkError
from gateway.guest import Wipeable
from simulators.headunit import HAND
from tests.kit.cabins import (
    ADDRESS,
    BACKWARD,
    FAN,
    GUEST,
    HEAT,
    LATITUDE,
    POSITION,
    PRESETS,
    TEMPERATURE,
    VOLUME,
    Rig,
    cabin_of,
    fit,
    rig,
)
from tests.kit.databrokers import until
from vehicle_agent.cabin import CabinEdit, Seated

pytestmark = pytest.mark.timed


async def later(car: Rig) -> list[CabinEdit]:
    """What becomes an edit while 20 s pass in jumps, between which the car tells all that it has to tell."""
    found: list[CabinEdit] = []

    async def collect() -> None:
        async for edit in car.cabin.edits():
            found.append(edit)  # noqa: PERF401 - the iterator is endless

    async with asyncio.TaskGroup() as group:
        task = group.create_task(collect())
        for _ in range(4):
            enough = car.broker.counters.published + 30
            await until(lambda: car.broker.counters.published > enough)  # noqa: B023 - it is over before the next
            car.clock.ahead_s += 4.0
        task.cancel()
    return found


async def test_a_hand_at_the_switch_becomes_an_edit() -> None:
    """The stock client presses a switch of VSS; the edit holds that leaf alone, with all others as they stand."""
    async with rig(put={POSITION: 100}) as car, VSSClient("127.0.0.1", car.broker.port) as client:
        await car.apply({POSITION: 110, TEMPERATURE: 28.0}, clamped=[TEMPERATURE])
        await client.set_current_values({BACKWARD: Datapoint(True)})
        await until(lambda: car.unit.unit.motors[POSITION].where > 118)
        await client.set_current_values({BACKWARD: Datapoint(False)})
        await car.stands(POSITION)
        [edit] = await later(car)
        here = car.shown(POSITION)
        assert edit.session == GUEST
        assert edit.changed == {POSITION: here}
        assert (edit.before[POSITION], edit.after[POSITION]) == (110, here)
        assert edit.before[TEMPERATURE] == edit.after[TEMPERATURE] == 28.0


async def test_a_hand_at_a_knob_becomes_an_edit() -> None:
    """By the private leaf that any client may write; to and fro is none, but back from what was kept is one."""
    async with rig() as car, VSSClient("127.0.0.1", car.broker.port) as client:
        await car.apply({TEMPERATURE: 21.0, FAN: 40})
        await client.set_current_values({HAND: Datapoint(f"{TEMPERATURE}=23.5")})
        await until(lambda: car.shown(TEMPERATURE) == 23.5)
        [edit] = await later(car)
        assert edit.changed == {TEMPERATURE: 23.5}
        await client.set_current_values({HAND: Datapoint(f"{FAN}=90")})
        await until(lambda: car.shown(FAN) == 90)
        await client.set_current_values({HAND: Datapoint(f"{FAN}=40")})
        await until(lambda: car.shown(FAN) == 40)
        assert await later(car) == []
        await client.set_current_values({HAND: Datapoint(f"{TEMPERATURE}=21")})
        await until(lambda: car.shown(TEMPERATURE) == 21)
        [edit] = await later(car)
        assert edit.changed == {TEMPERATURE: 21.0}


async def test_what_no_hand_made_is_no_edit() -> None:
    """Plans, clamped ones too, memory keys, easy entry, other clients' values, and a guest who is not there."""
    async with rig(put={POSITION: 100}) as car:
        for position in (104, 101, 107):
            await car.apply({POSITION: position, VOLUME: 60}, clamped=[VOLUME])
        car.unit.memory_key({POSITION: 120, TEMPERATURE: 18.0})
        await car.stands(POSITION)
        assert await later(car) == []
        car.unit.turn(TEMPERATURE, 25.0)
        car.world.seats["Row1.DriverSide"] = "EMPTY"
        assert await later(car) == []
        assert car.cabin.status().counters.get("edits", 0) == 0


async def test_a_wipe_leaves_nothing_of_the_guest(tmp_path: Path) -> None:
    """Words are emptied, the rest goes back to before, a seat stays, heat goes off; the next guest may come."""
    memory = tmp_path / "cabin.json"
    async with rig(memory=memory, put={TEMPERATURE: 20.0, VOLUME: 9, POSITION: 50}) as car:
        wipeable: Wipeable = car.cabin
        await car.apply(
            {
                TEMPERATURE: 24.0,
                VOLUME: 30,
                PRESETS: ("fm:canary",),
                ADDRESS: "canary",
                LATITUDE: 48.0,
                HEAT: 30,
                POSITION: 54,
            }
        )
        car.unit.turn(FAN, 70)
        assert b"canary" not in memory.read_bytes()
        with pytest.raises(InputError, match="another guest"):
            await car.cabin.begin(Seated(5))
        await wipeable.wipe(GUEST.subject)
        await wipeable.wipe(GUEST.subject)
        shown = {
            path: car.shown(path) for path in (TEMPERATURE, VOLUME, PRESETS, ADDRESS, LATITUDE, HEAT, FAN, POSITION)
        }
        assert shown == {
            TEMPERATURE: 20.0, VOLUME: 9, PRESETS: (), ADDRESS: "", LATITUDE: 0.0, HEAT: 0, FAN: 0, POSITION: 54,
        }  # fmt: skip
        assert not memory.exists()
        assert car.cabin.status().guest is False
        await car.cabin.begin(Seated(5))
        assert {one.reason for one in await car.cabin.apply(fit({FAN: 10}), "plan 1", Seated(5))} == {""}


async def other_guest(car: Rig, memory: Path) -> None:
    """A visit that nobody wiped, then another guest in another process, and then nobody."""
    unwiped = Seated(1 << 62)
    for now in (Seated(5), None):
        async with cabin_of(car.broker, car.clock, memory=memory) as before:
            await before.begin(unwiped)
            await before.apply(fit({ADDRESS: "canary", TEMPERATURE: 27.0}), "plan", unwiped)
        async with cabin_of(car.broker, car.clock, memory=memory) as after:
            await (after.tidy() if now is None else after.begin(now))
            assert (car.shown(TEMPERATURE), car.shown(ADDRESS)) == (20.0, "")
            await after.wipe(5)


async def test_a_wipe_after_a_crash_knows_what_was_before(tmp_path: Path) -> None:
    """Another process finds the file, sets back what it names, and empties what no file names too."""
    memory = tmp_path / "cabin.json"
    async with rig(memory=memory, put={TEMPERATURE: 20.0}) as car:
        await car.apply({TEMPERATURE: 26.0, ADDRESS: "canary"})
        async with cabin_of(car.broker, car.clock, memory=memory) as other:
            await other.begin(GUEST)  # the visit goes on: what was before it still counts
            await other.wipe(GUEST.subject)
        assert (car.shown(TEMPERATURE), car.shown(ADDRESS)) == (20.0, "")
        await other_guest(car, memory)
        assert not memory.exists()
        await car.apply({PRESETS: ("canary",)})
        async with cabin_of(car.broker, car.clock, memory=tmp_path / "other.json") as third:
            await third.wipe(GUEST.subject)
        assert car.shown(PRESETS) == ()


async def test_a_wipe_says_when_it_cannot(tmp_path: Path) -> None:
    """The databroker is away, then the head unit: not done, and told so; done once they are back."""
    memory = tmp_path / "cabin.json"
    async with rig(memory=memory) as car:
        await car.apply({ADDRESS: "canary"})
        car.broker.tree.by_path[ADDRESS].provider = None
        with pytest.raises(LinkError, match=r"Home\.Address"):
            await car.cabin.wipe(GUEST.subject)
        assert memory.exists()
        await car.broker.stop()
        with pytest.raises(LinkError):
            await car.cabin.wipe(GUEST.subject)
        await car.broker.start()
        async with asyncio.timeout(10):
            await car.cabin.ready()
            await car.unit.serving.wait()
        await car.cabin.wipe(GUEST.subject)
        assert car.shown(ADDRESS) == ""
        assert not memory.exists()


async def test_a_wipe_stops_a_plan() -> None:
    """What moves stands, what was to come does not, and the plan's outcome says why."""
    async with rig(put={POSITION: 20}) as car, asyncio.TaskGroup() as group:
        applying = group.create_task(car.apply({POSITION: 200, ADDRESS: "canary"}))
        await car.begun(POSITION)
        await car.cabin.wipe(GUEST.subject)
        assert car.shown(ADDRESS) == ""
        assert await car.stands(POSITION) <= 0.25
        assert (await applying)[POSITION].reason == "visit_ended"
