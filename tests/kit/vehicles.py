"""A vehicle agent beside a shelf in memory; must never keep what the agent did not append."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import ManualClock
from gateway.config import Document
from gateway.consent import SignalPolicy
from gateway.link import Backoff
from gateway.model import Appended, Event, Kind, PurposeSet, Stream, ValueType
from gateway.wire.dictionary import Dictionary
from tests.kit.sources import WALL_US
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.plan import PlanFile
from vehicle_agent.source import SignalSource

GUEST = 77
POLICY = SignalPolicy.load()


@dataclass
class Shelf:
    """A keeper that holds events in memory; durable when told, or at once."""

    subject: int = GUEST
    clock: ManualClock = field(default_factory=lambda: ManualClock(wall_us=WALL_US))
    at_once: bool = True
    events: list[Event] = field(default_factory=list)
    open: list[tuple[int, "asyncio.Future[Appended]"]] = field(default_factory=list)
    dictionary: Dictionary = field(default_factory=Dictionary)
    error: Exception | None = None

    def append_many(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """Takes them; `commit` makes them durable."""
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self.events += events
        self.open.append((len(events), future))
        if self.at_once:
            self.commit()
        return future

    def commit(self) -> None:
        """All that is open is durable, or has failed."""
        for count, future in self.open:
            if self.error is not None:
                future.set_exception(self.error)
            else:
                future.set_result(Appended(count, 0, 0))
        self.open.clear()

    def intern_kind(
        self,
        name: str,
        stream: Stream,
        purposes: PurposeSet,
        signals: Sequence[tuple[str, ValueType, str]] = (),
        ttl_s: int | None = None,
    ) -> Kind:
        """As the gateway does."""
        interned = [self.dictionary.intern_signal(*signal) for signal in signals]
        return self.dictionary.intern_kind(name, stream, purposes, interned, ttl_s)


@asynccontextmanager
async def running(
    source: SignalSource, shelf: Shelf, plan: str | PlanFile, in_flight_events: int = 20_000
) -> AsyncIterator[VehicleAgent]:
    """An agent, running; retries come at once."""
    plan_file = PlanFile(Document(plan, "plan.toml", Path()), POLICY) if isinstance(plan, str) else plan
    backoff = Backoff(first_s=0.001, soon_max_s=0.001, later_first_s=0.001, later_max_s=0.001)
    agent = VehicleAgent(shelf, source, plan_file, in_flight_events=in_flight_events, backoff=backoff)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        yield agent
        task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Gives the loop to others until something holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - the state of a running part, which sets no event
            await asyncio.sleep(0.001)
