"""A car with a cabin, a databroker, a head unit and an agent, in a world with a profile authority."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.profile.fit import Card, Setting, fit, load_cards, overlay_path
from gateway.runtime import Agent
from simulators.databroker import Catalogue, Databroker
from simulators.headunit import HeadUnit, World, catalogue_for
from tests.kit.cabins import POSITION, ShiftClock
from tests.kit.consent_loop import Car, Loop
from tests.kit.databrokers import until
from tests.kit.profile_loop import document_of, running
from vehicle_agent.cabin import Cabin, CabinHouse, CabinLink
from vehicle_agent.cabin.fitting import limits_of
from vehicle_agent.cabin.paths import leaf_of
from vehicle_agent.guest_profile import Applied, GuestProfile, open_guest_profile
from vehicle_agent.settings import CabinSettings, DatabrokerSettings


@dataclass
class Ride:
    """A car in which guests sign in. `clock` is the cabin's; it goes by itself and can be set forward."""

    car: Car
    card: Card
    cards: Mapping[str, Card]
    broker: Databroker
    unit: HeadUnit
    world: World
    cabin: Cabin
    profile: GuestProfile
    clock: ShiftClock

    @property
    def agent(self) -> Agent:
        """Its agent."""
        return self.car.agent

    def shown(self, path: str) -> Setting:
        """Where an actuator really is."""
        return self.unit.unit.shown()[path]

    async def applied(self, version: int, limit_s: float = 20.0) -> Applied:
        """Until that version of the profile was applied here."""
        async with asyncio.timeout(limit_s), self.profile.applied:
            await self.profile.applied.wait_for(
                lambda: self.profile.last is not None and self.profile.last.version >= version
            )
        assert self.profile.last is not None
        return self.profile.last

    async def settles(self, holds: Callable[[], bool]) -> None:
        """Until it is so, while the cabin's time goes in jumps, so that what a hand did becomes a wish."""

        async def jump() -> None:
            counters = self.broker.counters
            while True:
                enough = counters.published + 30
                await until(lambda: counters.published > enough)  # noqa: B023 - it is over before the next
                self.clock.ahead_s += 4.0

        async with asyncio.TaskGroup() as group:
            task = group.create_task(jump())
            await self.car.until(holds)
            task.cancel()

    def wanted(self) -> dict[str, Setting]:
        """What the profile asks of this car, by leaf."""
        document = document_of(self.car)
        return {one.path: one.value for one in fit(document.values, document.origins, self.card, self.cards).targets}


@asynccontextmanager
async def ride(
    one: Loop, model: str, name: str = "car-1", *, put: Mapping[str, Setting] | None = None, offline: bool = False
) -> AsyncIterator[Ride]:
    """A parked car of a model that runs; `put`: where its actuators stand at first."""
    cards = dict(await asyncio.to_thread(load_cards))
    card, private = cards[model], await asyncio.to_thread(Catalogue.read, overlay_path())
    limits, world = limits_of(card), World()
    async with Databroker(catalogue_for(limits, private)) as broker:
        unit = HeadUnit(broker.address, limits, world=world, private=private)
        for path, value in (put or {}).items():
            unit.unit.put(path, value)
        async with unit, running(one, name, offline=offline) as car:
            await until(lambda: broker.tree.by_path[POSITION].point.HasField("value"))
            clock = await asyncio.to_thread(ShiftClock)
            link = CabinLink(DatabrokerSettings(address=broker.address))
            cabin = Cabin(link, card, clock, memory=one.folder / name / "cabin.json")
            house = CabinHouse(cabin, car.agent.desk)
            profile = await open_guest_profile(car.agent, cabin, CabinSettings(card=model))
            assert profile is not None
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(house.run()), group.create_task(profile.run())]
                await cabin.ready()
                yield Ride(car, card, cards, broker, unit, world, cabin, profile, clock)
                for task in tasks:
                    task.cancel()


def near(card: Card, targets: Mapping[str, Setting]) -> dict[str, Setting]:
    """Everything that moves a little away from where it shall go, so that a test need not wait for the travel."""
    found: dict[str, Setting] = {}
    for path, value in targets.items():
        actuator = card.actuators[path]
        if leaf_of(path).moves.is_motion and isinstance(value, int | float):
            aside = 2 * (actuator.step or 1)
            found[path] = value - aside if value - aside >= actuator.ends[0] else value + aside
    return found
