"""A car's cabin on a desk: a databroker, a head unit and the cabin, all over gRPC; must never stand in for a card."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import Clock, SystemClock
from simulators.databroker import Catalogue, Databroker, Leaf
from simulators.headunit import HeadUnit, World, catalogue_for
from tests.kit.databrokers import until
from vehicle_agent.cabin import Cabin, CabinLink, Outcome, OutcomeKind, Seated, Setting
from vehicle_agent.cabin.plan import Limits
from vehicle_agent.settings import DatabrokerSettings

SEAT = "Vehicle.Cabin.Seat.Row1.DriverSide."
POSITION = SEAT + "Position"
HEIGHT = SEAT + "Height"
RECLINE = SEAT + "Backrest.Recline"
LUMBAR = SEAT + "Backrest.LumbarSupport"
HEAT = SEAT + "HeatingCooling"
FORWARD = SEAT + "IsForwardSwitchEngaged"
BACKWARD = SEAT + "IsBackwardSwitchEngaged"
WHEEL = "Vehicle.Chassis.SteeringWheel.Extension"
MIRROR = "Vehicle.Body.Mirrors.DriverSide.Yaw"
TEMPERATURE = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"
FAN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
VOLUME = "Vehicle.Cabin.Infotainment.Media.Volume"
PRESETS = "Vehicle.Private.Forecourt.Radio.Presets"
ADDRESS = "Vehicle.Private.Forecourt.Home.Address"
LATITUDE = "Vehicle.Private.Forecourt.Home.Latitude"
PRIVATE = Catalogue.of(
    [
        Leaf(PRESETS, "string[]", "actuator"),
        Leaf(ADDRESS, "string", "actuator"),
        Leaf(LATITUDE, "double", "actuator", "degrees"),
    ]
)
LIMITS: Mapping[str, Limits] = {
    POSITION: Limits(0, 240, 1, 25),
    HEIGHT: Limits(0, 60, 1, 12),
    RECLINE: Limits(0, 40, 0.5, 4),
    LUMBAR: Limits(0, 100, 1, 25),
    HEAT: Limits(-100, 100, 10, 0, "any_time"),
    WHEEL: Limits(0, 100, 1, 20),
    MIRROR: Limits(-100, 100, 1, 40),
    TEMPERATURE: Limits(16, 28, 0.5, 0, "any_time"),
    FAN: Limits(0, 100, 10, 0, "any_time"),
    VOLUME: Limits(0, 60, 1, 0, "any_time"),
    PRESETS: Limits(policy="any_time"),
    ADDRESS: Limits(policy="any_time"),
    LATITUDE: Limits(-90, 90, 0, 0, "any_time"),
}
"""An actuator of each sort, as a card would list them."""
GUEST = Seated(77)


class ShiftClock(SystemClock):
    """The machine's clock, which a test sets forward so that it need not wait."""

    ahead_s = 0.0

    def boottime_s(self) -> float:
        """Seconds since boot, and what was added."""
        return super().boottime_s() + self.ahead_s


@dataclass(frozen=True, slots=True)
class DeskCard:
    """A vehicle card."""

    actuators: Mapping[str, Limits] = field(default_factory=lambda: LIMITS)


@dataclass(frozen=True, slots=True)
class DeskTarget:
    """One setting of a translated profile."""

    field: str
    path: str
    value: Setting
    clamped: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class DeskFit:
    """A translated profile."""

    targets: Sequence[DeskTarget]
    residual_mm: float = 0.0
    skipped: Sequence[tuple[str, str]] = ()
    confidence: str = "EXACT"


def fit(values: Mapping[str, Setting], clamped: Sequence[str] = (), **more: object) -> DeskFit:
    """A translated profile that sets these leaves; fields are named like the leaves."""
    targets = [
        DeskTarget(path, path, value, path in clamped, "end stop" * (path in clamped)) for path, value in values.items()
    ]
    return DeskFit(targets, **more)  # type: ignore[arg-type]


@dataclass(slots=True)
class Rig:
    """All of it. `kinds` shows outcomes shortly."""

    broker: Databroker
    clock: ShiftClock
    unit: HeadUnit
    world: World
    cabin: Cabin
    plans: int = 0

    async def apply(self, values: Mapping[str, Setting], **more: object) -> dict[str, Outcome]:
        """Applies a plan of its own name; outcomes by path."""
        self.plans += 1
        asked = {name: more.pop(name) for name in ("clamped", "residual_mm", "confidence", "skipped") if name in more}
        done = await self.cabin.apply(fit(values, **asked), f"plan {self.plans}", GUEST, **more)  # type: ignore[arg-type]
        return {one.field: one for one in done}

    async def begun(self, path: str) -> float:
        """Until an actuator travels; where it is then."""
        at = self.unit.unit.motors[path].where
        await until(lambda: abs(self.unit.unit.motors[path].where - at) > self.unit.unit.limits[path].step)
        return self.unit.unit.motors[path].where

    async def stands(self, path: str) -> float:
        """Seconds until an actuator stands still for good (it is watched for 0.4 s)."""
        loop, motor = asyncio.get_running_loop(), self.unit.unit.motors[path]
        begun_s = still_s = loop.time()
        where = motor.where
        while loop.time() - still_s < 0.4:
            await asyncio.sleep(0.005)
            if motor.where != where:
                where, still_s = motor.where, loop.time()
        return still_s - begun_s

    def shown(self, path: str) -> Setting:
        """Where an actuator really is."""
        return self.unit.unit.shown()[path]


def kinds(outcomes: Mapping[str, Outcome]) -> dict[str, tuple[OutcomeKind, str]]:
    """Kind and reason of each."""
    return {path: (one.kind, one.reason) for path, one in outcomes.items()}


@asynccontextmanager
async def rig(
    *,
    limits: Mapping[str, Limits] = LIMITS,
    missing: Sequence[str] = (),
    memory: Path | None = None,
    put: Mapping[str, Setting] | None = None,
    begin: bool = True,
    world: World | None = None,
    private: Catalogue = PRIVATE,
) -> AsyncIterator[Rig]:
    """A parked car with a guest in it, whose visit has begun."""
    world = world or World()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Databroker(catalogue_for(limits, private)))
        unit = HeadUnit(broker.address, limits, world=world, missing=missing, private=private)
        for path, value in (put or {}).items():
            unit.unit.put(path, value)
        await stack.enter_async_context(unit)
        await until(lambda: broker.tree.by_path[POSITION].point.HasField("value"))
        clock = await asyncio.to_thread(ShiftClock)
        cabin = await stack.enter_async_context(cabin_of(broker, clock, limits, memory))
        if begin:
            await cabin.begin(GUEST)
        yield Rig(broker, clock, unit, world, cabin)


@asynccontextmanager
async def cabin_of(
    broker: Databroker, clock: Clock, limits: Mapping[str, Limits] = LIMITS, memory: Path | None = None
) -> AsyncIterator[Cabin]:
    """A cabin that runs and knows its car."""
    settings = DatabrokerSettings(address=broker.address)
    cabin = Cabin(CabinLink(settings), DeskCard(limits), clock, memory=memory)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(cabin.run())
        await cabin.ready()
        yield cabin
        task.cancel()
