"""A site put together: the floor's link, the steps, the outbox to the cloud; must never conclude anything itself.

The internet may be gone for days: what happens on the floor does not depend on it, and what is to be told waits.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.errors import ForecourtError
from gateway.identity import CloudIdentity
from gateway.link import Connection, Endpoint, Link, Message
from gateway.log import Log
from gateway.model import Appended, Event
from gateway.runtime import Agent
from showroom_agent.hearing import Otherwise
from showroom_agent.site.agreeing import Agreeing
from showroom_agent.site.bounds import EVENTS_WAITING_MAX, JOURNAL_BYTES_MAX, STEP_MS
from showroom_agent.site.derived import OFFERS, Derived
from showroom_agent.site.inbox import FILTERS, Inbox
from showroom_agent.site.journal import forget
from showroom_agent.site.moved_hubs import moved_hubs, tell_moved
from showroom_agent.site.outward import append_to, publish
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.staff import notice
from showroom_agent.site.state import PLAN_WRONG, state_of
from showroom_agent.site.stepper import Step, Stepper
from showroom_agent.views.state import FloorState

REFRESH_S: Final = 10.0
log = Log("site")


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """How a site does. `step_s`: how long the last step took; `late`: steps that began more than a step late."""

    online: bool
    guests: int
    vehicles: tuple[str, ...]
    deaf: dict[str, str]
    moved: dict[str, Otherwise]
    steps: int
    late: int
    step_s: float
    counters: dict[str, int]


class SiteAgent:
    """`await SiteAgent(...).run()` beside `agent.run()`, until it is cancelled."""

    def __init__(
        self,
        agent: Agent,
        parts: SiteParts,
        floor: CloudIdentity,
        endpoint: Endpoint,
        *,
        journal: Path | None = None,
        visit_s: int = 3_600,
        refresh: bool = True,
    ) -> None:
        """`floor`: the identity towards hubs and phones; `journal`: a file; `refresh`: look for enrolments."""
        self._agent, self._floor, self._journal = agent, floor, journal
        self._clock: Clock = agent.clock
        wall_at_zero_us = self._clock.wall_us() - round(self._clock.boottime_s() * 1e6)
        self._wall_at_zero_us = wall_at_zero_us
        self.stepper = Stepper(parts, wall_at_zero_us, journal=journal is not None)
        self.inbox = Inbox(floor.device_key, [hub.id for hub in parts.floor.site.hubs])
        self._link = Link(endpoint, floor.name, on_message=self._message)
        self._refresh = refresh
        self._version, self._waiting, self._steps, self._late, self._step_s = -1, 0, 0, 0, 0.0
        self._told_staff: dict[int, int] = {}
        self.counters: Counter[str] = Counter()
        self._agreeing = Agreeing(agent, self._clock, visit_s, self.counters)
        self.on_step: list[Callable[[Step], None]] = []
        """Called on the loop after each step, for displays."""
        self.beside: list[Callable[[], Coroutine[None, None, None]]] = []
        """What runs as long as the site does."""
        self._stepped_ms = 0
        self._moved: dict[str, Otherwise] = {}
        self._plan_wrong = False

    @property
    def link(self) -> Link:
        """To the floor's broker."""
        return self._link

    def status(self) -> SiteStatus:
        """For the health page and displays."""
        core = self.stepper.core
        deaf = core.hubs.deaf(self._now_ms())
        counters = Counter(dict(core.counted())) + self.inbox.counters + self.counters
        return SiteStatus(
            self._link.connection is not None,
            len(core.guests),
            core.vehicles.confirmed(),
            {core.hubs.ids[place]: cause for place, cause in deaf.items()},
            self._moved,
            self._steps,
            self._late,
            self._step_s,
            dict(counters),
        )

    def state(self) -> FloorState:
        """What the last step left, for maps on this machine."""
        return state_of(self.stepper.core, self._stepped_ms)

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._agreeing.start()
        self._observe()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._link.run(self._session), name="floor")
            group.create_task(self._tick(), name="steps")
            if self._refresh:
                group.create_task(self._enrolments(), name="enrolments")
            for work in self.beside:
                group.create_task(work(), name="beside")

    # The floor

    def _message(self, connection: Connection, message: Message) -> None:
        self.inbox.take(message.topic, message.payload)
        connection.ack(message)

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(*FILTERS)
        log.info("floor_online", security=connection.security)
        await asyncio.get_running_loop().create_future()

    async def _enrolments(self) -> None:
        """Hubs and phones that were enrolled since, or removed."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.to_thread(self._floor.refresh)
            except ForecourtError as error:
                log.warning("enrolments_unreadable", error=str(error))

    # Steps

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += STEP_MS / 1_000
            behind_s = loop.time() - due_s
            if behind_s > STEP_MS / 1_000:
                self._late += 1
                due_s = loop.time()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            await self.step()

    async def step(self) -> Step:
        """What came since the last step is taken, concluded from, and told."""
        at_ms, began_s = self._now_ms(), time.monotonic()
        self._health()
        await self._follow_consent(at_ms)
        step = await asyncio.to_thread(self.stepper.step, at_ms, self.inbox.swap())
        for subject, purposes in step.began:
            if (now := await self._agreeing.agree(subject, purposes)) is not None:
                self.stepper.allow(at_ms, subject, now)
        self._append(step.derived)
        await self._keep_journal(step.forgotten)
        for subject in step.forgotten:
            await self._forget(subject)
        self._show(step)
        self._steps, self._stepped_ms = self._steps + 1, at_ms
        self._step_s = time.monotonic() - began_s
        for hook in self.on_step:
            hook(step)
        return step

    def _health(self) -> None:
        told, self.inbox.health = self.inbox.health, []
        for one in told:
            event = "hub_back" if one.recovered else "hub_down"
            (log.info if one.recovered else log.warning)(event, hub=one.hub, cause=one.cause[:32])
            self.counters[event] += 1
        before, self._moved = self._moved, moved_hubs(self.stepper.core)
        tell_moved(before, self._moved)
        wrong = self.stepper.core.polarity.contradicted
        if wrong and not self._plan_wrong:
            log.warning("plan_contradicted", share=round(self.stepper.core.polarity.share, 2), hint=PLAN_WRONG)
        self._plan_wrong = wrong

    # Consent

    async def _follow_consent(self, at_ms: int) -> None:
        """What was withdrawn elsewhere, by the cloud or because it ran out, ends here within a step."""
        version = self._agent.consent.gate.version
        guests = self.stepper.core.guests
        if version == self._version and self._steps % 20:
            return
        self._version = version
        for subject, guest in list(guests.items()):
            now = self._agreeing.in_force(subject)
            if now != guest.purposes and guest.purposes:
                self.stepper.allow(at_ms, subject, now)

    async def _forget(self, subject: int) -> None:
        self._told_staff.pop(subject, None)
        await self._agreeing.forget(subject)

    # What is told

    def _append(self, derived: list[Derived]) -> None:
        if self._waiting + len(derived) > EVENTS_WAITING_MAX:
            self.counters["events_no_room"] += len(derived)
            return
        events = [self._event(one) for one in derived]
        if events:
            self._waiting += len(events)
            self._agent.append_many(events).add_done_callback(lambda done: self._settled(len(events), done))

    def _event(self, one: Derived) -> Event:
        kind = self._agent.intern_kind(one.kind, one.stream, one.purposes)
        return Event(kind, one.subject, self._wall_at_zero_us + one.at_ms * 1_000, one.at_ms, one.body)

    def _settled(self, count: int, done: "asyncio.Future[Appended]") -> None:
        self._waiting -= count
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            self.counters["events_failed"] += count
            log.error("events_not_kept", count=count, error=str(error))
        else:
            self.counters["events"] += count

    def _show(self, step: Step) -> None:
        connection = self._link.connection
        if connection is None:
            return
        for phone, view in step.views.items():
            publish(connection, self._floor.key, f"forecourt/v1/{phone}/down/guest", view)
        for subject, guest in self.stepper.core.guests.items():
            told = self._told_staff.get(subject, 0)
            if guest.purposes & OFFERS and len(guest.arrived) > told:
                for place in guest.arrived[told:]:
                    topic = f"forecourt/v1/{self._floor.name}/down/staff"
                    publish(connection, self._floor.key, topic, notice(guest, place))
                self._told_staff[subject] = len(guest.arrived)
        for subject in self._told_staff.keys() - self.stepper.core.guests.keys():
            del self._told_staff[subject]

    async def _keep_journal(self, forgotten: list[int]) -> None:
        journal = self.stepper.journal
        if journal is None or self._journal is None:
            return
        size = await asyncio.to_thread(append_to, self._journal, journal.take())
        if size > JOURNAL_BYTES_MAX:
            self.stepper.journal = None
            log.warning("journal_full", bytes=size, hint="take it away and start the site anew to go on")
        for subject in forgotten:
            await asyncio.to_thread(forget, self._journal, subject)

    def _now_ms(self) -> int:
        return round(self._clock.boottime_s() * 1_000)

    def _observe(self) -> None:
        registry = self._agent.health.registry
        guests = registry.gauge("forecourt_site_guests", "Guests on a visit")
        deaf = registry.gauge("forecourt_site_deaf_hubs", "Hubs of the plan that do not listen now")
        moved = registry.gauge(
            "forecourt_site_moved_hubs", "Hubs that hear the cars otherwise than before: see hub_moved"
        )
        took = registry.gauge("forecourt_site_step_seconds", "How long the last step took")
        counted = registry.counter("forecourt_site_counted_total", "What the site counts", ("what",))

        async def collect() -> None:
            status = self.status()
            guests.set(status.guests)
            deaf.set(len(status.deaf))
            moved.set(len(status.moved))
            took.set(status.step_s)
            for what, count in (*status.counters.items(), ("steps", status.steps), ("steps_late", status.late)):
                counted.labels(what).mirror(count)

        self._agent.health.collectors.append(collect)
        self._agent.health.ready["plan"] = lambda: PLAN_WRONG if self._plan_wrong else ""
        self._agent.health.ready["floor"] = lambda: (
            "" if self.status().online else "no connection to the floor's broker"
        )
