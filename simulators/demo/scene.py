"""One demonstration under way: its clock, its outage, what it looks like; must never touch what it shows."""

import asyncio
import time
from collections.abc import Callable

from gateway.cloud import Cloud
from gateway.model import Stream
from gateway.runtime import Agent
from simulators.brokers import DeskBroker
from simulators.demo.display import View
from simulators.demo.drive import Drive
from simulators.demo.marks import Marks, p99
from simulators.demo.no import No
from simulators.demo.options import DemoOptions
from simulators.demo.report import OutageTally
from simulators.player import Player
from simulators.proxy import Proxy
from simulators.witness import Witness
from vehicle_agent.agent import VehicleAgent


class Scene:
    """The parts on stage, and what was seen of them."""

    def __init__(
        self,
        options: DemoOptions,
        drive: Drive,
        broker: DeskBroker,
        agent: Agent,
        vehicle: VehicleAgent,
        cloud: Cloud,
        player: Player,
        network: Proxy,
        marks: Marks,
        no: No | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.options, self.drive, self.broker, self.agent = options, drive, broker, agent
        self.vehicle, self.cloud, self.player, self.network, self.marks = vehicle, cloud, player, network, marks
        self.no, self.witness = no, witness
        self.phase = "start"
        self._begun_s = time.monotonic()
        self._healed_s: float | None = None
        self._drained_s: float | None = None
        self._behind: dict[Stream, int] = {}
        self._max_backlog = 0
        self._waiting: list[int] = []

    def begin(self) -> None:
        """The drive begins now."""
        self._begun_s = time.monotonic()
        self.phase = "drive"

    async def fail(self) -> None:
        """Cuts the network and lets it return, as asked."""
        outage = self.options.outage
        if outage is None:
            return
        await asyncio.sleep(outage.start_s)
        self.phase = "outage: the link is cut"
        self.network.cut()
        await asyncio.sleep(outage.length_s)
        self.network.heal()
        self.agent.uplink.link.hurry()
        self._healed_s = time.monotonic()
        self._behind = dict(self.agent.outbox.last)
        self.phase = "the link is back: fresh events overtake the backlog"

    async def refuse(self) -> None:
        """Lets the guest say no, as asked."""
        if self.no is None or self.witness is None:
            return
        await asyncio.sleep(self.no.asked.at_s)
        await self.no.say(self.agent, self.witness)
        self.phase = f"the guest said no to {self.no.asked.purpose.word}: done in {self.no.done_s * 1_000:.0f} ms"

    async def look(self, every_s: float, show: Callable[[View], None]) -> None:
        """Looks again and again."""
        while True:
            await self.look_once(show)
            await asyncio.sleep(every_s)

    async def look_once(self, show: Callable[[View], None]) -> None:
        """Counts what waits, notes the end of the drain, and shows it."""
        books = await self.agent.outbox.books_by_stream()
        waiting = sum(its.pending for its in books.values())
        self._waiting = [*self._waiting[-200:], waiting]
        if self.network.toxics.cut:
            self._max_backlog = max(self._max_backlog, waiting)
        floor = self.agent.outbox.floor
        caught_up = all(floor[stream] >= number for stream, number in self._behind.items())
        if self._healed_s is not None and self._drained_s is None and caught_up:
            self._drained_s = time.monotonic()
            self.phase = "the backlog is drained" if self.phase.startswith("the link") else self.phase
        status = self.agent.uplink.status()
        total = sum(its.appended for its in books.values())
        settled = sum(its.settled for its in books.values())
        show(
            View(
                title="Forecourt",
                at_s=time.monotonic() - self._begun_s if self.phase != "start" else 0.0,
                duration_s=self.options.duration_s,
                phase=self.phase,
                drive=f"{self.drive.name} at {self.drive.speed:g} x",
                readings=self.player.played,
                streams={s.word: (its.appended, its.pending, its.settled) for s, its in books.items()},
                online=status.online,
                link=self.broker.name,
                security=self.broker.security,
                effects=self.cloud.tally.events,
                receipts_age_s=status.last_receipt_age_s,
                backlog=self._waiting,
                law=f"{total:,} appended = {settled:,} settled + {waiting:,} pending + what was told as gaps",
            )
        )

    def outage(self) -> OutageTally:
        """What the outage did."""
        if self._healed_s is None:
            return OutageTally(0, None, None)
        until_s = self._drained_s if self._drained_s is not None else time.monotonic()
        latencies = self.marks.latencies_ms(self._healed_s, max(until_s, self._healed_s + 5.0))
        drain_s = None if self._drained_s is None else self._drained_s - self._healed_s
        return OutageTally(self._max_backlog, drain_s, p99(latencies), len(latencies))
