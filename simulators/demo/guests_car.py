"""A parked car in which guests sign in: databroker, head unit, the real agent; must never do what an agent should."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from forecourt.v1 import profile_pb2

from gateway.clock import SystemClock
from gateway.errors import LinkError
from gateway.flow.profile_sync import ProfileSync
from gateway.flow.profile_views import Phase
from gateway.guest import GuestDesk
from gateway.identity import Identity
from gateway.link import Endpoint
from gateway.model import Purpose
from gateway.profile import Document, Value
from gateway.profile.fit import Card, Setting, fit, overlay_path
from gateway.runtime import Agent, AgentOptions
from simulators.databroker import Catalogue, Databroker
from simulators.headunit import HeadUnit, World, catalogue_for
from simulators.proxy import Proxy, proxy
from vehicle_agent.cabin import Cabin, CabinHouse, CabinLink, Outcome, OutcomeKind
from vehicle_agent.cabin.fitting import limits_of
from vehicle_agent.cabin.paths import leaf_of
from vehicle_agent.guest_profile import GuestProfile, open_guest_profile
from vehicle_agent.settings import CabinSettings, DatabrokerSettings

LIMIT_S: Final = 60.0
LOOK_S: Final = 0.02
STORE_BYTES: Final = 64 << 20
LEAP_S: Final = 4.0
NEWS: Final = 30
BESIDE: Final = 2
MOVED: Final = frozenset({OutcomeKind.APPLIED, OutcomeKind.CLAMPED})


class LeapClock(SystemClock):
    """The machine's clock, set forward where only time has to pass."""

    ahead_s = 0.0

    def boottime_s(self) -> float:
        """Seconds since boot, and what was leapt."""
        return super().boottime_s() + self.ahead_s


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Milliseconds to the last order without travel, what became of each field, how far the seat is off his posture."""

    ms: float
    outcomes: Mapping[str, Outcome]
    residual_mm: float


@dataclass
class GuestCar:
    """A car of a model. `clock` is that of its cabin; `short`: it is set forward while a change by hand has to last."""

    name: str
    card: Card
    cards: Mapping[str, Card]
    folder: Path
    agent: Agent
    desk: GuestDesk
    sync: ProfileSync
    profile: GuestProfile
    unit: HeadUnit
    broker: Databroker
    network: Proxy
    clock: LeapClock
    short: bool

    @property
    def air(self) -> str:
        """The leaf of the driver's temperature."""
        return self.card.zones["driver"] + "Temperature"

    def shown(self, path: str) -> Setting:
        """Where an actuator really is."""
        return self.unit.unit.shown()[path]

    def document(self) -> Document:
        """The profile as this car has it; LinkError without one."""
        document = self.sync.document()
        if document is None:
            raise LinkError(f"{self.name} has lost the profile of its guest")
        return document

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until it is so; the cabin's time leaps meanwhile, if it may."""
        seen = self.broker.counters.published
        async with asyncio.timeout(LIMIT_S):
            while not holds():
                await asyncio.sleep(LOOK_S)
                if self.short and self.broker.counters.published > seen + NEWS:
                    seen = self.broker.counters.published
                    self.clock.ahead_s += LEAP_S

    async def opened(self) -> None:
        """A visit begins, and the guest agrees to his profile."""
        await self.desk.open("head_unit", "en")
        await self.desk.grant([Purpose.PROFILE])

    async def sign_in(self, code: str) -> SignedIn:
        """The guest types his code, and taps when all is set that may be without. LinkError where it opens nothing."""
        await self._reached()
        before, loop = self.profile.last, asyncio.get_running_loop()
        begun_s = loop.time()
        status = await self._typed(code)
        if status is not Phase.OPEN:
            raise LinkError(f"{self.name}: the code opens nothing ({self.sync.status().reason})")
        async with asyncio.timeout(LIMIT_S), self.profile.applied:
            await self.profile.applied.wait_for(lambda: self.profile.last is not before)
        done, took_s = self.profile.last, loop.time() - begun_s
        if done is None or done.timing is None:
            raise LinkError(f"{self.name}: nothing was applied")
        took_s -= done.timing.done_s - done.timing.without_travel_s
        tapped = await self.profile.again(confirmed=True)
        outcomes = {one.field: one for one in tapped.outcomes} | {
            one.field: one for one in done.outcomes if one.kind in MOVED
        }
        document = self.document()
        found = await asyncio.to_thread(fit, document.values, document.origins, self.card, self.cards)
        return SignedIn(1_000 * took_s, outcomes, found.residual_mm)

    async def _reached(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not self.agent.uplink.status().online:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    async def _typed(self, code: str) -> Phase:
        """Again while the car has not heard of the authority yet, as a guest would."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    return (await self.sync.sign_in(profile_pb2.ProfileProof(code=code))).phase
                except LinkError:
                    await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def guest_car(
    identity: Identity,
    model: str,
    cards: Mapping[str, Card],
    folder: Path,
    broker: Endpoint,
    near: Mapping[str, Value] | None,
) -> AsyncIterator[GuestCar]:
    """A car of that model while the block runs, with a network of its own to `broker`.

    `near`: of a short demonstration: a profile for which its actuators stand nearly right already.
    """
    card = cards[model]
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    private, limits = await asyncio.to_thread(Catalogue.read, overlay_path()), limits_of(card)
    async with (
        proxy(broker.host, broker.port) as network,
        Databroker(catalogue_for(limits, private)) as databroker,
        HeadUnit(databroker.address, limits, world=World(), private=private) as unit,
        Agent.open(await _options(identity, folder, replace(broker, port=network.port))) as agent,
    ):
        for path, value in _beside(near, card, cards).items():
            unit.unit.put(path, value)
        clock = await asyncio.to_thread(LeapClock)
        link = CabinLink(DatabrokerSettings(address=databroker.address))
        cabin = Cabin(link, card, clock, memory=folder / "cabin.json")
        profile = await open_guest_profile(agent, cabin, CabinSettings(card=card.id))
        if profile is None or agent.desk is None or agent.profiles is None:
            raise RuntimeError("an agent with an authority keeps profiles")
        house = CabinHouse(cabin, agent.desk)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(agent.run(house.run, profile.run), name=identity.device)
            await cabin.ready()
            yield GuestCar(
                identity.device, card, cards, folder, agent, agent.desk, agent.profiles, profile, unit, databroker,
                network, clock, near is not None,
            )  # fmt: skip
            running.cancel()


async def _options(identity: Identity, folder: Path, endpoint: Endpoint) -> AgentOptions:
    return AgentOptions(
        identity=identity, folder=folder, endpoint=endpoint, clock=await asyncio.to_thread(SystemClock),
        store_bytes_max=STORE_BYTES, authority=True, profiles=True,
    )  # fmt: skip


def _beside(values: Mapping[str, Value] | None, card: Card, cards: Mapping[str, Card]) -> dict[str, float]:
    """A few steps beside where everything that moves will go."""
    found: dict[str, float] = {}
    for target in fit(values, {}, card, cards).targets if values is not None else ():
        actuator = card.actuators[target.path]
        if leaf_of(target.path).moves.is_motion and isinstance(target.value, int | float):
            aside, (low, _) = BESIDE * (actuator.step or 1), actuator.ends
            found[target.path] = target.value + (-aside if target.value - aside >= low else aside)
    return found
