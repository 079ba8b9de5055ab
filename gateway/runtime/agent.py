"""The agent: opens its rooms in order, runs them in one group, closes them in order; must never lose an error."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.clock import Clock
from gateway.consent import Consent
from gateway.door import Verb
from gateway.errors import ForecourtError, StoreError, StoreFull, StoreTooNew
from gateway.flow import schema as flow_schema
from gateway.flow.budget import Budget
from gateway.flow.builtin import register_builtin
from gateway.flow.commands import CommandRouter
from gateway.flow.consent_sync import ConsentSync
from gateway.flow.presence import Presence
from gateway.flow.revocation import Revocation, WithdrawalDone
from gateway.flow.uplink import Uplink
from gateway.guest import GuestDesk, Parts
from gateway.guest.session import schema as guest_schema
from gateway.health import Health
from gateway.log import Log
from gateway.model import Appended, Event, Kind, PurposeSet, Stream, ValueType
from gateway.outbox import Outbox
from gateway.runtime import local_grants, profiles, surfaces
from gateway.runtime.damage import look_over
from gateway.runtime.metrics import observe
from gateway.runtime.options import AgentOptions
from gateway.runtime.steady import steady
from gateway.store import Store
from gateway.wire.codec import Encoder
from gateway.wire.drafts import Drafts
from gateway.wire.messages import pack
from gateway.wire.topics import Topics

if TYPE_CHECKING:
    from gateway.flow.profile_sync import ProfileSync

log = Log("runtime")

SWEEP_S = 60.0
TIDY_S = 300.0
_LOOK_S = 1.0
Part = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Rooms:
    """The rooms that live on the disk."""

    store: Store
    consent: Consent
    outbox: Outbox

    @classmethod
    async def open(cls, options: AgentOptions) -> "_Rooms":
        """All of them, or none is left open."""
        store = await Store.open(
            options.folder,
            clock=options.clock,
            bytes_max=options.store_bytes_max,
            migrations=[
                Consent.migrations,
                Outbox.migrations,
                flow_schema.schema,
                local_grants.schema,
                guest_schema,
                *profiles.migrations(options),
            ],
        )
        consent = None
        try:
            keys = options.identity.cloud_keys if options.authority else ()
            consent = await Consent.open(store, options.folder, options.clock, authority=keys)
            outbox = await Outbox.open(
                store,
                device=options.identity.device,
                gate=consent.gate,
                encoder=Encoder(options.codec),
                clock=options.clock,
                quotas=options.quotas,
                retain_after_receipt=options.retain_after_receipt,
            )
        except BaseException:
            await store.aclose()
            if consent is not None:
                await consent.aclose()
            raise
        return cls(store, consent, outbox)

    async def aclose(self) -> None:
        """The store first: its last commit may need a key."""
        await self.store.aclose()
        await self.consent.aclose()


class Agent:
    """One device. Made by `Agent.open`; `run` goes on until it is cancelled or a part fails for good."""

    def __init__(self, options: AgentOptions, store: Store, consent: Consent, outbox: Outbox, health: Health) -> None:
        self.options, self.store, self.consent, self.outbox, self.health = options, store, consent, outbox, health
        self.clock: Clock = options.clock
        self.subject = options.subject
        self.verbs: dict[str, Verb] = {}
        """More that apps may ask for at the door; for whoever brings a part, before `run`."""
        self._drafts = Drafts()
        self.identity = options.identity
        topics = Topics(options.identity.device)
        self.commands = CommandRouter(store, outbox, self.clock, topics.command, options.identity.cloud_keys)
        presence = Presence(
            store,
            boot=self.clock.boot_id(),
            version=options.version,
            capabilities=lambda: self.commands.kinds,
            pack=lambda state: pack(topics.state, state, options.identity.key),
        )
        self.sync = (
            ConsentSync(consent, replies=outbox, clock=self.clock, withdraw=self._narrow) if options.authority else None
        )
        self.uplink = Uplink(
            store,
            outbox,
            consent.gate,
            options.identity,
            options.endpoint,
            clock=self.clock,
            presence=presence,
            records=consent.gate.records,
            budget=Budget(options.budget),
            settings=options.uplink,
            on_command=self.commands.offer,
            consent=self.sync,
        )
        self.revocation = Revocation(store, outbox, consent, self.uplink, self.clock)
        self.desk: GuestDesk | None = None
        if self.sync is not None:
            self.desk = self.sync.sessions = GuestDesk(
                Parts(
                    store, outbox, consent, self.revocation, self.uplink, self.clock, options.identity.key,
                    self._take_subject, options.lease_s, self.sync.said,
                )
            )  # fmt: skip
            self.sync.register(self.commands)
        self.profiles: ProfileSync | None = profiles.profile_sync(self)
        register_builtin(self.commands, outbox.epoch, self.uplink.resend, self.revocation.withdraw)
        self._dead: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        store.on_fatal.append(self._on_fatal)
        health.live["store"] = lambda: "the store is closed for good" if self._dead.done() else ""
        health.ready["link"] = lambda: "" if self.uplink.status().online else "no connection to the broker"
        observe(health, self)

    @classmethod
    @asynccontextmanager
    async def open(cls, options: AgentOptions) -> AsyncIterator["Agent"]:
        """An agent whose withdrawals are finished and whose local grants are in force.

        Damage that shows only while a room reads its tables condemns the store; the second opening rescues it. Raises
        ConfigError, StoreTooNew, StoreFull and StoreError with what to do.
        """
        try:
            rooms = await _Rooms.open(options)
        except (StoreFull, StoreTooNew):
            raise
        except StoreError as error:
            log.warning("store_opened_again", error=str(error))
            rooms = await _Rooms.open(options)
        try:
            async with Health(options.health_port, options.health_host) as health:
                agent = cls(options, rooms.store, rooms.consent, rooms.outbox, health)
                await agent.revocation.finish_intents()
                if agent.sync is not None and agent.desk is not None:
                    await agent.desk.start()
                    await agent.sync.open()
                if agent.profiles is not None:
                    await agent.profiles.open()
                await local_grants.apply(rooms.store, rooms.consent, options.grants)
                log.info("agent_open", device=options.identity.device, rescued=rooms.store.rescued)
                yield agent
        finally:
            await rooms.aclose()

    # What an agent's sources use

    def append(self, event: Event) -> "asyncio.Future[Appended]":
        """See Outbox.append."""
        return self.outbox.append(event)

    def append_many(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """See Outbox.append_many."""
        return self.outbox.append_many(events)

    def intern_kind(
        self,
        name: str,
        stream: Stream,
        purposes: PurposeSet,
        signals: Sequence[tuple[str, ValueType, str]] = (),
        ttl_s: int | None = None,
    ) -> Kind:
        """The kind of events with values of these (path, type, unit), or with records where there are none."""
        return self._drafts.kind(name, stream, purposes, signals, ttl_s)

    def received_ms(self) -> int:
        """Now, as an event's received_ms."""
        return int(self.clock.boottime_s() * 1_000)

    async def withdraw(self, subject: int, purposes: PurposeSet) -> WithdrawalDone:
        """Takes consent back; see Revocation.withdraw."""
        return await self.revocation.withdraw(subject, purposes)

    def _take_subject(self, subject: int) -> None:
        self.subject = subject

    def _narrow(self, subject: int, purposes: PurposeSet) -> Awaitable[WithdrawalDone]:
        return self.revocation.withdraw(subject, purposes)

    # Running

    async def run(self, *parts: Part) -> None:
        """Runs the rooms and `parts` in one group; raises StoreError when the store is dead, or what a part raised."""
        with steady():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._until_dead(), name="store")
                group.create_task(self.uplink.run(), name="uplink")
                group.create_task(self.commands.run(), name="commands")
                group.create_task(self.health.run(), name="health")
                if self.sync is not None:
                    group.create_task(self.sync.run(), name="consent")
                if self.profiles is not None:
                    group.create_task(self.profiles.run(), name="profile")
                if self.desk is not None:
                    group.create_task(
                        surfaces.serve(self.desk, self.options, self._online, self.profiles, self.verbs),
                        name="surfaces",
                    )
                group.create_task(self._look_after(), name="care")
                group.create_task(self._check_damage(), name="damage")
                for index, part in enumerate(parts):
                    group.create_task(_run(part), name=f"part-{index}")

    def _online(self) -> bool:
        return self.uplink.status().online

    async def drained(self, timeout_s: float) -> bool:
        """Waits until every number that was given has its receipt; False when that takes longer."""
        told = asyncio.Event()
        self.uplink.on_receipt.append(told.set)
        self.store.on_commit.append(told.set)
        try:
            async with asyncio.timeout(timeout_s):
                while self.uplink.status().unreceipted or (await self.outbox.books()).pending:
                    told.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOK_S):
                            await told.wait()
        except TimeoutError:
            return False
        finally:
            self.uplink.on_receipt.remove(told.set)
            self.store.on_commit.remove(told.set)
        return True

    def _on_fatal(self, error: Exception) -> None:
        if not self._dead.done():
            self._dead.set_result(error)

    async def _until_dead(self) -> None:
        """A dead store ends the process: a restart is the tested way on."""
        error = await asyncio.shield(self._dead)
        raise StoreError("the store is closed for good; restart the agent, which rescues what can be read") from error

    async def _look_after(self) -> None:
        """Expiry, the trusted time, idle keys."""
        tidied_s = time.monotonic()
        while True:
            try:
                await self.outbox.sweep()
                if self.options.trusted is not None:
                    await asyncio.to_thread(self.options.trusted.note)
                if time.monotonic() - tidied_s >= TIDY_S:
                    tidied_s = time.monotonic()
                    await self.consent.tidy(self.outbox.key_ids)
            except (ForecourtError, OSError) as error:
                log.warning("care_failed", error=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _check_damage(self) -> None:
        """Looks at what lay on the disk at the start, a little at a time."""
        await look_over(self.outbox.check_damage)


async def _run(part: Part) -> None:
    await part()
