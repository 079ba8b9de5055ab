"""Proves that the simulated head unit is served as its verb says, and that its leaves are those of VSS 6.0."""

import asyncio
from pathlib import Path

import pytest
from kuksa_client.grpc import Datapoint
from kuksa_client.grpc.aio import VSSClient

from gateway.errors import ConfigError, InputError
from simulators.databroker import Catalogue, Databroker
from simulators.headunit import HAND, VSS, HeadUnit, World, catalogue_for
from simulators.headunit.serving import HeadUnitOptions, do, serve_head_unit
from tests.kit.cabins import BACKWARD, LIMITS, POSITION, PRESETS, PRIVATE, TEMPERATURE
from tests.kit.databrokers import order, until
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.plan import Limits


@pytest.mark.shared_data
def test_leaves_are_those_of_vss(shared_data: Path) -> None:
    """Types, units, bounds, allowed values, and which are actuators, compared with an export of VSS 6.0."""
    export = Catalogue.read(shared_data / "vss" / "vss-6.0.json")
    words = ("datatype", "entry", "unit", "low", "high", "allowed")
    assert len(VSS) > 200
    assert {path: [getattr(leaf, word) for word in words] for path, leaf in VSS.items()} == {
        path: [getattr(export[path], word) for word in words] for path in VSS
    }


def test_a_car_has_only_what_its_card_lists() -> None:
    """Actuators of other models are not in its databroker; an actuator without a leaf is refused."""
    catalogue = catalogue_for({POSITION: LIMITS[POSITION]})
    assert POSITION in catalogue
    assert TEMPERATURE not in catalogue
    assert {paths.SPEED, paths.TOUCHED, HAND, BACKWARD, paths.occupancy("Row2.DriverSide")} <= catalogue.keys()
    with pytest.raises(InputError, match=r"Vehicle\.Private\.Nowhere"):
        catalogue_for({"Vehicle.Private.Nowhere": Limits()})


@pytest.mark.timed
async def test_the_verb_serves_a_card() -> None:
    """With a databroker of its own, until it is told to stop; the stock client reads where the seat is."""
    lines: list[str] = []
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        options = HeadUnitOptions(card="city", port=0, missing=["Vehicle.Chassis.SteeringWheel.Tilt"])
        serving = group.create_task(serve_head_unit(options, lines.append, stop))
        await until(lambda: any(line.startswith("serving") for line in lines))
        port = int(lines[0].split(":")[1].split()[0].rstrip(":"))
        async with VSSClient("127.0.0.1", port) as client:
            where = (await client.get_current_values([POSITION]))[POSITION]
            assert where is not None
        stop.set()
        await serving
    assert "driver on the right" in lines[1]
    assert any(line.startswith("serving 15 of 16 actuators") for line in lines)
    with pytest.raises(ConfigError, match=r"has no Vehicle\.Nope"):
        await serve_head_unit(HeadUnitOptions(card="city", missing=["Vehicle.Nope"]), lines.append, stop)


async def test_what_can_be_typed() -> None:
    """Every word does what it says; what is none is answered with those there are."""
    unit = HeadUnit("127.0.0.1:1", LIMITS, world=World(), private=PRIVATE)
    world = unit.world
    assert world is not None
    assert do(unit, "speed 30") == "speed 30"
    assert (world.speed_kmh, world.gear) == (30, 127)
    do(unit, "park")
    assert (world.speed_kmh, world.gear) == (0, 126)
    do(unit, "seat UNKNOWN")
    do(unit, "belt on")
    assert (world.seats[paths.DRIVER_SEAT], world.belted) == ("UNKNOWN", {paths.DRIVER_SEAT})
    do(unit, "press IsBackwardSwitchEngaged")
    assert unit.unit.motors[POSITION].by_hand == 1
    do(unit, f"release {BACKWARD}")
    assert unit.unit.motors[POSITION].by_hand == 0
    do(unit, f"turn {TEMPERATURE} 19.5")
    do(unit, f"turn {PRESETS} a,b")
    assert (unit.unit.shown()[TEMPERATURE], unit.unit.shown()[PRESETS]) == (19.5, ("a", "b"))
    do(unit, f"stall {POSITION}")
    assert unit.unit.motors[POSITION].stalled
    assert f"{TEMPERATURE} = 19.5" in do(unit, "show")
    for wrong in ("fly", "speed fast", "stall Vehicle.Nope", "seat TAKEN", "turn"):
        assert do(unit, wrong).startswith("say one of: speed KMH")
    assert "IsBackwardSwitchEngaged" in do(unit, "press Nothing")
    other = HeadUnit("127.0.0.1:1", LIMITS, private=PRIVATE)
    assert "leave out --no-parked" in do(other, "park")


@pytest.mark.timed
async def test_a_switch_by_order_shows_and_moves() -> None:
    """An actuation of v2 presses it; its leaf shows so; a bad word in HAND is passed over."""
    async with (
        Databroker(catalogue_for(LIMITS, PRIVATE)) as broker,
        HeadUnit(broker.address, LIMITS, private=PRIVATE) as unit,
        VSSClient("127.0.0.1", broker.port) as client,
    ):
        await until(lambda: broker.tree.by_path[POSITION].point.HasField("value"))
        await client.client_stub_v2.Actuate(order(BACKWARD, bool=True))
        await until(lambda: broker.tree.by_path[BACKWARD].point.value.bool)
        await until(lambda: unit.unit.motors[POSITION].where > 122)
        await client.client_stub_v2.Actuate(order(BACKWARD, bool=False))
        await until(lambda: not unit.unit.moving)
        await client.set_current_values({HAND: Datapoint(f"{TEMPERATURE}=warm")})
        await client.set_current_values({HAND: Datapoint("nonsense")})
        await client.client_stub_v2.Actuate(order(HAND, string=f"{TEMPERATURE}=17"))
        await until(lambda: unit.unit.shown()[TEMPERATURE] == 17)
