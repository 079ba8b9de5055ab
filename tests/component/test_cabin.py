"""Proves over real gRPC what becomes of plans: applied, refused, broken off; with the stock client at the switches."""

import asyncio

import pytest
from kuksa_client.grpc import Datapoint
from kuksa_client.grpc.aio import VSSClient

from gateway.errors import InputError, LinkError
from tests.kit.cabins import (
    ADDRESS,
    BACKWARD,
    FAN,
    GUEST,
    HEAT,
    HEIGHT,
    LATITUDE,
    LIMITS,
    LUMBAR,
    MIRROR,
    POSITION,
    PRESETS,
    RECLINE,
    SEAT,
    TEMPERATURE,
    VOLUME,
    WHEEL,
    fit,
    kinds,
    rig,
)
from tests.kit.databrokers import until
from vehicle_agent.cabin import Outcome, OutcomeKind, Seated, Setting
from vehicle_agent.cabin.paths import SPEED
from vehicle_agent.cabin.plan import Limits

APPLIED, ALREADY, CLAMPED = OutcomeKind.APPLIED, OutcomeKind.ALREADY, OutcomeKind.CLAMPED
SKIPPED, REFUSED, FAILED = OutcomeKind.SKIPPED, OutcomeKind.REFUSED, OutcomeKind.FAILED
pytestmark = pytest.mark.timed


async def test_a_plan_is_applied_and_the_stock_client_reads_it() -> None:
    """Seat, wheel, mirror, climate, radio and home; each field has one outcome, and the leaves show the values."""
    wanted: dict[str, Setting] = {
        POSITION: 108, RECLINE: 21.0, WHEEL: 54, MIRROR: 5, TEMPERATURE: 21.5, FAN: 30, VOLUME: 12, HEAT: 80,
        PRESETS: ("dab:e0.d210", "fm:d313"), ADDRESS: "Am Weg 1", LATITUDE: 48.1, HEIGHT: 30,
    }  # fmt: skip
    async with rig(put={POSITION: 100, HEIGHT: 30}) as car, VSSClient("127.0.0.1", car.broker.port) as client:
        done = await car.apply(wanted, clamped=[VOLUME], skipped=[("home.label", "no leaf")])
        read = await client.get_current_values([path for path in wanted if path != PRESETS])
        listed = (await client.get_current_values([PRESETS]))[PRESETS].value.values
    expected = dict.fromkeys(wanted, (APPLIED, ""))
    expected |= {HEIGHT: (ALREADY, ""), VOLUME: (CLAMPED, "end stop"), HEAT: (CLAMPED, "limited_heating")}
    assert kinds(done) == expected | {"home.label": (SKIPPED, "no leaf")}
    assert done[HEAT] == Outcome(HEAT, CLAMPED, "limited_heating", 80, 50, 50)
    assert done[POSITION] == Outcome(POSITION, APPLIED, "", 108, 108, 108)
    shown = {path: value for path, value in wanted.items() if path != PRESETS} | {HEAT: 50}
    assert {path: point.value for path, point in read.items()} == shown
    assert tuple(listed) == wanted[PRESETS]
    timing = car.cabin.last_apply
    assert timing is not None
    assert timing.without_travel_s < 0.3


async def test_driving_off_refuses_motion_and_lets_the_rest_pass() -> None:
    """A desired state that arrives in a moving car sets climate and radio, and moves nothing, then or later."""
    async with rig(put={POSITION: 100}) as car:
        car.world.drive_off(3.0)
        car.unit.tell()
        await until(lambda: car.broker.tree.by_path[SPEED].point.value.float == 3.0)
        done = await car.apply({POSITION: 160, MIRROR: 30, TEMPERATURE: 19.0})
        assert kinds(done) == {
            POSITION: (REFUSED, "moving"), MIRROR: (REFUSED, "moving"), TEMPERATURE: (APPLIED, ""),
        }  # fmt: skip
        car.world.park()
        await asyncio.sleep(0.3)
        assert car.shown(POSITION) == 100


@pytest.mark.parametrize(
    ("trouble", "reason", "limit_s"),
    [("drive_off", "moving", 0.2), ("unpark", "not_parked", 0.2), ("silence", "speed_not_fresh", 0.7)],
)
async def test_trouble_in_mid_motion_stops_it(trouble: str, reason: str, limit_s: float) -> None:
    """Speed, lost park or a signal that stays away: it stands within 200 ms of what says so (silence: 500 ms more)."""
    async with rig(put={POSITION: 20}) as car, asyncio.TaskGroup() as group:
        applying = group.create_task(car.apply({POSITION: 200, RECLINE: 30.0, MIRROR: 90}))
        await car.begun(POSITION)
        match trouble:
            case "drive_off":
                car.world.drive_off(1.0)
            case "unpark":
                car.world.gear, car.world.park_lock, car.world.parking_brake = 127, False, False
            case "silence":
                car.world.silent.add(SPEED)
        car.unit.tell()
        took_s = await car.stands(POSITION)
        done = await applying
        left = done[POSITION].read_back
        assert took_s <= limit_s + 0.05, "50 ms for the desk"
        assert kinds(done)[POSITION] == (FAILED, reason)
        assert kinds(done)[RECLINE] == (REFUSED, reason)
        assert kinds(done)[MIRROR] == (FAILED, reason)
        car.world.park()
        car.world.silent.clear()
        await asyncio.sleep(0.2)
        assert isinstance(left, int)
        assert abs(float(car.unit.unit.motors[POSITION].where) - left) <= 5, "it coasts for 150 ms at most, and stays"


async def test_the_stock_client_presses_a_switch_during_an_apply() -> None:
    """The guest's hand stops the plan for the seat; the rest goes on; the seat goes where the switch says."""
    async with rig(put={POSITION: 60}) as car, VSSClient("127.0.0.1", car.broker.port) as client:
        async with asyncio.TaskGroup() as group:
            applying = group.create_task(car.apply({POSITION: 160, HEIGHT: 50, MIRROR: 40}))
            await car.begun(POSITION)
            await client.set_current_values({BACKWARD.replace("Backward", "Forward"): Datapoint(True)})
            done = await applying
        assert kinds(done) == {
            POSITION: (FAILED, "manual_switch"), HEIGHT: (REFUSED, "manual_switch"), MIRROR: (APPLIED, ""),
        }  # fmt: skip
        here = car.unit.unit.motors[POSITION].where
        await until(lambda: car.unit.unit.motors[POSITION].where < here - 3)
        again = await car.apply({HEIGHT: 50})
        assert kinds(again) == {HEIGHT: (REFUSED, "manual_switch")}
        await client.set_current_values({BACKWARD.replace("Backward", "Forward"): Datapoint(False)})
        await car.stands(POSITION)


async def test_what_a_car_lacks_is_told() -> None:
    """Nobody moves it, or not on the card: SKIPPED; something is in the way: STALLED, and its seat stays."""
    async with rig(missing=[LUMBAR, FAN], put={WHEEL: 50, HEIGHT: 10}) as car:
        car.unit.stall(WHEEL)
        done = await car.apply({LUMBAR: 40, WHEEL: 70, HEIGHT: 12, FAN: 20, SEAT + "Headrest.Angle": 10})
    assert kinds(done) == {
        LUMBAR: (SKIPPED, "no_provider"), WHEEL: (FAILED, "stalled"), HEIGHT: (REFUSED, "stalled"),
        FAN: (SKIPPED, "no_provider"), SEAT + "Headrest.Angle": (SKIPPED, "no_actuator"),
    }  # fmt: skip


async def test_the_databroker_dies_in_mid_motion() -> None:
    """Nothing can be ordered any more, and the seat stands within 200 ms all the same."""
    async with rig(put={POSITION: 20}) as car, asyncio.TaskGroup() as group:
        applying = group.create_task(car.apply({POSITION: 200, TEMPERATURE: 18.0}))
        await car.begun(POSITION)
        await car.broker.stop()
        assert await car.stands(POSITION) <= 0.25
        done = await applying
        assert kinds(done)[POSITION] == (FAILED, "link_lost")
        with pytest.raises(LinkError):
            await car.apply({POSITION: 100})
        await car.broker.start()
        async with asyncio.timeout(10):
            await car.cabin.ready()
            await car.unit.serving.wait()
        await asyncio.sleep(0.3)
        assert car.unit.unit.motors[POSITION].where < 190, "nothing was kept to be done later"


async def test_a_plan_is_applied_once() -> None:
    """A delivery that comes twice moves nothing; a plan beside another, one too late and one cancelled neither."""
    async with rig(put={POSITION: 100}) as car:
        first = await car.cabin.apply(fit({POSITION: 104}), "one", GUEST)
        orders = car.unit.unit.ordered
        assert await car.cabin.apply(fit({POSITION: 104}), "one", GUEST) == first
        late = await car.cabin.apply(fit({POSITION: 150}), "late", GUEST, created_s=car.clock.boottime_s() - 30)
        assert [(one.kind, one.reason) for one in late] == [(REFUSED, "deadline")]
        assert car.unit.unit.ordered == orders
        async with asyncio.TaskGroup() as group:
            running = group.create_task(car.cabin.apply(fit({POSITION: 200}), "two", GUEST))
            await car.begun(POSITION)
            beside = await car.cabin.apply(fit({POSITION: 10}), "three", GUEST)
            assert [(one.kind, one.reason) for one in beside] == [(REFUSED, "other_plan_runs")]
            running.cancel()
        assert await car.stands(POSITION) <= 0.25
        with pytest.raises(InputError, match="not in the cabin"):
            await car.cabin.apply(fit({}), "four", Seated(78))


async def test_what_may_not_move_is_refused_beforehand() -> None:
    """Out of range, no number, no range, another seat, powers beyond comfort, a translation that is not sure."""
    other = "Vehicle.Cabin.Seat.Row1.PassengerSide.Position"
    lift = "Vehicle.Cabin.Seat.Row1.DriverSide.Tilt"
    limits = {**LIMITS, other: LIMITS[POSITION], lift: Limits(None, None, 0.5, 3)}
    async with rig(limits=limits) as car:
        done = await car.apply(
            {
                POSITION: 241, HEIGHT: float("nan"), lift: 3.0, other: 100, WHEEL: "far", RECLINE: float("inf"),
                BACKWARD: True, "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": True, ADDRESS: 5,
            }
        )  # fmt: skip
        assert {path: one.reason for path, one in done.items()} == {
            POSITION: "out_of_range", HEIGHT: "not_a_number", lift: "no_range", other: "other_seat",
            WHEEL: "wrong_type", RECLINE: "not_a_number", BACKWARD: "forbidden_actuator",
            "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": "forbidden_actuator", ADDRESS: "wrong_type",
        }  # fmt: skip
        assert {one.kind for one in done.values()} == {REFUSED}
        unsure = await car.apply(
            {POSITION: 122, MIRROR: 3, TEMPERATURE: 20.0}, confidence="CALIBRATED", residual_mm=26.0
        )
        assert [unsure[path].reason for path in (POSITION, MIRROR, TEMPERATURE)] == ["needs_a_tap", "needs_a_tap", ""]
        tapped = await car.apply({POSITION: 122, MIRROR: 3}, confidence="CLASS", confirmed=True)
        assert kinds(tapped) == {POSITION: (APPLIED, ""), MIRROR: (APPLIED, "")}


async def test_heat_goes_off_when_the_guest_gets_up() -> None:
    """No heat for an empty seat, then or later."""
    async with rig() as car:
        assert kinds(await car.apply({HEAT: 40})) == {HEAT: (APPLIED, "")}
        car.world.seats["Row1.DriverSide"] = "EMPTY"
        await until(lambda: car.shown(HEAT) == 0)
        assert kinds(await car.apply({HEAT: 30})) == {HEAT: (REFUSED, "seat_empty")}
        assert kinds(await car.apply({HEAT: -30})) == {HEAT: (APPLIED, "")}
