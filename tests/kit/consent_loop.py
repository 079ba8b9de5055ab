"""Broker, witness, authority and a device in one loop, with one clock that a test moves; must never shorten the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from forecourt.v1 import consent_pb2
from forecourt.v1.control_pb2 import ControlRecord

from gateway.clock import ManualClock
from gateway.cloud import Cloud, Inbox, SqliteSink
from gateway.cloud.consent import Change, ConsentTerms
from gateway.cloud.profile.accounts import Accounts
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_beside
from gateway.consent.notices import notice
from gateway.consent.parties import Parties
from gateway.consent.states import ConsentState
from gateway.flow.uplink import UplinkSettings
from gateway.identity import CloudIdentity, load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Endpoint
from gateway.model import Event, Kind, Purpose, PurposeSet, Scope, Stream, ValueType, purpose_set
from gateway.runtime import Agent, AgentOptions
from gateway.wire.signing import sign
from simulators.brokers import free_port
from simulators.proxy import Proxy, proxy
from simulators.witness import Witness, witness
from tests.kit.broker import Broker, mosquitto

SUBJECT = 4_000_000_007
DRIVING, ANALYTICS, PROFILE = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE
PATHS = {
    DRIVING: "Vehicle.Speed",
    ANALYTICS: "Vehicle.Cabin.Infotainment.Media.Action",
    PROFILE: "Vehicle.Cabin.Infotainment.Media.Played.Source",
}
CONTEXT = "forecourt/v1/consent-change"
SURFACE = consent_pb2.CONSENT_SURFACE_HEAD_UNIT


@dataclass
class Car:
    """A device while it is open."""

    agent: Agent
    group: asyncio.TaskGroup
    subject: int = SUBJECT
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def runs(self) -> None:
        """From here on it is connected."""
        self.task = self.group.create_task(self.agent.run(), name="agent")

    async def yes(self, *purposes: Purpose, scope: Scope = Scope.CLOUD) -> None:
        """The guest says yes on the device: signed by it, and on its way to the authority."""
        key, outbox = self.agent.identity.key, self.agent.outbox
        changes = [
            consent_pb2.PurposeChange(
                purpose=int(purpose),  # type: ignore[arg-type]
                state=int(ConsentState.GIVEN),  # type: ignore[arg-type]
                scope=int(scope),  # type: ignore[arg-type]
                notice_sha256=bytes.fromhex(notice(purpose, "de").sha256),
                language="de",
            )
            for purpose in purposes
        ]
        await self.agent.consent.widen(
            self.subject,
            changes,
            partial(sign, key, CONTEXT),
            SURFACE,
            lambda db, change: outbox.control_now(db, ControlRecord(at_us=1, consent=change)),
        )

    async def no(self, *purposes: Purpose) -> None:
        """The guest says no on the device."""
        await self.agent.revocation.withdraw(self.subject, purpose_set(purposes), SURFACE)

    def kind(self, purposes: PurposeSet) -> Kind:
        """An event with a text for each purpose that only this purpose allows."""
        paths = [path for purpose, path in PATHS.items() if purposes >> purpose & 1]
        signals = [(path, ValueType.STRING, "") for path in paths]
        return self.agent.intern_kind(f"loop-{purposes}", Stream.LIVE, purposes, signals)

    async def append(self, *purposes: Purpose, count: int = 1) -> int:
        """How many of so many events about the guest were kept."""
        kind = self.kind(purpose_set(purposes))
        at = self.agent.clock.wall_us(), self.agent.received_ms()
        values = tuple(f"marker-{purpose.word}" for purpose in sorted(purposes))
        return (await self.agent.append_many([Event(kind, self.subject, *at, values)] * count)).kept

    async def until(self, holds: Callable[[], bool], limit_s: float = 15.0) -> None:
        """Returns when it is so; looks again and again, since much may be the cause."""
        async with asyncio.timeout(limit_s):
            while not holds():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def may_leave(self, *purposes: Purpose) -> bool:
        """Whether the guest's data for these may leave now."""
        return self.agent.consent.gate.may_leave(self.subject, purpose_set(purposes))


@dataclass
class Loop:
    """The world of one test."""

    folder: Path
    broker: Broker
    heard: Witness
    network: Proxy
    pki: Pki
    who: CloudIdentity
    clock: ManualClock
    group: asyncio.TaskGroup
    cloud: Cloud | None = None
    profiles: bool = False
    accounts: Accounts | None = None
    _inbox: Inbox | None = None
    _task: "asyncio.Task[None] | None" = None

    async def cloud_up(self) -> Cloud:
        """The cloud, which is the authority of this device."""
        parties = await asyncio.to_thread(Parties.load, None)
        terms = ConsentTerms(self.who.key, parties, self.folder / "erasures.jsonl")
        path = self.folder / "cloud.db"
        profiles = ProfileTerms.of(self.who.key, self.folder / "profile-erasures.jsonl") if self.profiles else None
        self._inbox = await Inbox.open(
            path, self.who.device_key, clock=self.clock, sink=SqliteSink(), consent=terms, profiles=profiles
        )
        self.cloud = Cloud(self.who, self.broker.endpoint(), self._inbox, clock=self.clock, accounts=self.accounts)
        self._task = self.group.create_task(self.cloud.run(), name="cloud")
        await self.cloud.ready.wait()
        return self.cloud

    async def cloud_down(self) -> None:
        """It is gone, as by a stop."""
        if self._task is not None and self._inbox is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            await self._inbox.aclose()
        self._task = self._inbox = self.cloud = None

    async def say(self, state: ConsentState, *purposes: Purpose, subject: int = SUBJECT) -> None:
        """The guest says it at the authority: on the phone, at a kiosk."""
        assert self.cloud is not None
        assert self.cloud.authority is not None
        changes = [
            Change(p, state, Scope.CLOUD, notice(p, "de").ref if state.allows else None, "phone") for p in purposes
        ]
        await self.cloud.authority.change(subject, changes, "guest")

    @contextlib.asynccontextmanager
    async def car(
        self, name: str = "car-1", subject: int = SUBJECT, clock: ManualClock | None = None
    ) -> AsyncIterator[Car]:
        """One life of a device, whose grants are those of the authority; it does not run yet.

        `clock`: its own, where it is not that of the world.
        """
        folder = self.folder / name
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        options = AgentOptions(
            identity=await asyncio.to_thread(load, self.pki.device(name)),
            folder=folder,
            endpoint=Endpoint("127.0.0.1", self.network.port),
            clock=clock or self.clock,
            store_bytes_max=16 << 20,
            uplink=UplinkSettings(receipt_timeout_s=2.0, resync_s=0.1),
            subject=subject,
            authority=True,
            profiles=self.profiles,
        )
        async with Agent.open(options) as agent, asyncio.TaskGroup() as group:
            car = Car(agent, group, subject)
            try:
                yield car
            finally:
                if hasattr(car, "task"):
                    car.task.cancel()

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the cloud's database says."""
        return await asyncio.to_thread(_rows, self.folder / "cloud.db", query)

    async def effects(self, purposes: Iterable[Purpose] = Purpose) -> int:
        """Rows at the cloud that stand on one of the purposes."""
        ((count,),) = await self.rows(f"select count(*) from effect where purposes & {purpose_set(purposes)} <> 0")
        assert isinstance(count, int)
        return count


def _rows(path: Path, query: str) -> list[tuple[object, ...]]:
    db = open_beside(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


@contextlib.asynccontextmanager
async def loop(folder: Path, *devices: str, **conf: Any) -> AsyncIterator[Loop]:
    """A broker (with lines of `conf`) behind a network that can be cut, and a witness beside it; no cloud yet."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", list(devices) or ["car-1"])
    who = await asyncio.to_thread(load_cloud, pki.cloud)
    async with (
        mosquitto(port=free_port(), **conf) as broker,
        witness(broker.endpoint()) as heard,
        proxy(broker.host, broker.port) as network,
        asyncio.TaskGroup() as group,
    ):
        one = Loop(folder, broker, heard, network, pki, who, ManualClock(), group)
        try:
            yield one
        finally:
            await one.cloud_down()
