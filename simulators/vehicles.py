"""Vehicles for a fleet: the real agent with its store and link, and a drive instead of a databroker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from gateway.clock import Clock, SystemClock
from gateway.consent import Grant
from gateway.identity import Identity, tls_context
from gateway.identity.keystore import load
from gateway.identity.pki import Pki
from gateway.link import Endpoint
from gateway.model import WITHOUT_CONSENT, Books, purposes_of
from gateway.runtime import Agent, AgentOptions
from simulators.databroker.catalogue import Catalogue
from simulators.drive.car import readings, road
from simulators.drive.route import Route
from simulators.drive.wltc import DURATION_S
from simulators.player import Player, again_and_again
from simulators.source import DriveSource
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.plan import PlanFile

STORE_BYTES: Final = 8 << 20
SUBJECT_BITS: Final = 62
DISK_POLL_S: Final = 0.02


class Vehicle:
    """A Member: an agent, what it reads, and who plays the drive."""

    def __init__(
        self, agent: Agent, plan: PlanFile, catalogue: Catalogue, *, seed: int, route: Route, speed: float
    ) -> None:
        self.agent, self._seed, self._route = agent, seed, route
        self.source = DriveSource(catalogue)
        self.vehicle = VehicleAgent(agent, self.source, plan)
        self.player = Player(self.source, agent.clock, speed=speed)
        self._collecting: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """See Member."""
        drive = again_and_again(lambda: readings(self._seed, route=self._route), float(DURATION_S))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.agent.run(), name="agent")
            self._collecting = [
                group.create_task(self.vehicle.run(), name="vehicle"),
                group.create_task(self.player.play(drive), name="drive"),
            ]

    def quiet(self) -> None:
        """See Member."""
        for task in self._collecting:
            task.cancel()

    async def drained(self, timeout_s: float) -> bool:
        """See Member."""
        if self._collecting:
            await asyncio.wait(self._collecting)
        clock = asyncio.get_running_loop().time
        until_s = clock() + timeout_s
        while self.vehicle.status().in_flight and clock() < until_s:  # noqa: ASYNC110 - the agent tells nobody
            await asyncio.sleep(DISK_POLL_S)
        return await self.agent.drained(max(0.0, until_s - clock()))

    async def books(self) -> Books:
        """See Member."""
        return await self.agent.outbox.books()


@dataclass(slots=True)
class Vehicles:
    """A Factory of vehicles that keep their stores in `folder` and whose identities are in `pki`.

    Every vehicle drives a road of its own, about a guest of its own who grants what the plan asks for.
    """

    folder: Path
    pki: Pki
    devices: list[str]
    endpoint: Endpoint | Callable[[Identity], Endpoint]
    speed: float = 1.0
    seed: int = 1
    store_bytes_max: int = STORE_BYTES
    clock: Clock = field(default_factory=SystemClock)
    plan: PlanFile = field(default_factory=lambda: PlanFile.read(None))
    catalogue: Catalogue = field(default_factory=Catalogue.packaged)

    @asynccontextmanager
    async def __call__(self, number: int) -> AsyncIterator[Vehicle]:
        """The vehicle with that number, open. Raises ConfigError and StoreError."""
        async with Agent.open(await asyncio.to_thread(self._options, number)) as agent:
            seed = self.seed + number
            route = await asyncio.to_thread(road, seed)
            yield Vehicle(agent, self.plan, self.catalogue, seed=seed, route=route, speed=self.speed)

    def _options(self, number: int) -> AgentOptions:
        device = self.devices[number]
        identity = load(self.pki.device(device))
        folder = self.folder / device
        folder.mkdir(parents=True, exist_ok=True)
        subject = Random(f"{self.seed} {device}").getrandbits(SUBJECT_BITS) + 1
        plan = self.plan.plan
        asked = {purpose for event in plan.event for purpose in event.purposes}
        asked |= set(plan.trip.purposes) if plan.trip else set()
        asked -= set(purposes_of(WITHOUT_CONSENT))
        return AgentOptions(
            identity=identity,
            folder=folder,
            endpoint=self.endpoint(identity) if callable(self.endpoint) else self.endpoint,
            clock=self.clock,
            store_bytes_max=self.store_bytes_max,
            subject=subject,
            grants=tuple(Grant(subject, purpose, record_id="fleet") for purpose in sorted(asked)),
        )


def endpoints(url: str, clock: Clock) -> Callable[[Identity], Endpoint]:
    """The broker at a URL for each identity, with its certificate where the URL says mqtts."""

    def endpoint(identity: Identity) -> Endpoint:
        tls = tls_context(identity.tls, clock) if url.startswith("mqtts:") else None
        return Endpoint.parse(url, tls)

    return endpoint
