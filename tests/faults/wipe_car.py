"""A head unit with a guest's profile as a process that is killed within a wipe; must never wait for a better moment.

It tells lines `@word {json}` among its log and reads its orders, one JSON object a line, from a FIFO. It opens its
rooms (`open`), goes on with a visit that is still there (`resumed`), lets a new guest in (`visit`), signs him in
(`applied`), keeps what his hands change (`edited`), then ends the visit or takes his yes back, and dies when it was
told to.
"""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from forecourt.v1 import profile_pb2

from gateway import log
from gateway.clock import SystemClock
from gateway.flow.profile_sync import ProfileSync
from gateway.flow.uplink import UplinkSettings
from gateway.guest import GuestDesk
from gateway.identity.keystore import load
from gateway.link import Endpoint
from gateway.model import Event, Purpose, Stream, ValueType, purpose_set
from gateway.profile import Origin
from gateway.profile.fit import load_card
from gateway.runtime import Agent, AgentOptions
from tests.faults.workers import tell
from tests.kit.cabins import ShiftClock
from vehicle_agent.cabin import Cabin, CabinHouse, CabinLink
from vehicle_agent.guest_profile import GuestProfile, open_guest_profile
from vehicle_agent.settings import CabinSettings, DatabrokerSettings

MODEL = "suv"
PROFILE, DRIVING = Purpose.PROFILE, Purpose.DRIVING_BEHAVIOUR
MARKED = ("Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude", ValueType.STRING, "")
JUMP_S, JUMP_EVERY_S = 4.0, 0.25
FLUSH_S = 2.0


def life(identity: str, folder: str, port: int, databroker: str, orders: str, die_ms: float = 0.0) -> int:
    """One life; `die_ms`: a kill so long after its beginning, wherever it is then."""
    log.to_stream("debug", as_json=True)
    if die_ms:
        _die_in(die_ms)
    options = AgentOptions(
        identity=load(Path(identity)),
        folder=Path(folder),
        endpoint=Endpoint("127.0.0.1", port),
        clock=SystemClock(),
        store_bytes_max=16 << 20,
        uplink=UplinkSettings(receipt_timeout_s=2.0, resync_s=0.1),
        authority=True,
        profiles=True,
    )
    with Path(orders).open(encoding="utf-8") as asked:
        asyncio.run(_life(options, databroker, asked))
    return 0


async def _life(options: AgentOptions, databroker: str, asked: TextIO) -> None:
    begun_s = time.monotonic()
    async with Agent.open(options) as agent:
        clock = await asyncio.to_thread(ShiftClock)
        link = CabinLink(DatabrokerSettings(address=databroker))
        card = await asyncio.to_thread(load_card, MODEL)
        cabin = Cabin(link, card, clock, memory=options.folder / "cabin.json")
        house = CabinHouse(cabin, agent.desk)
        profile = await open_guest_profile(agent, cabin, CabinSettings(card=MODEL))
        assert agent.desk is not None
        assert agent.profiles is not None
        assert profile is not None
        one = Life(agent, agent.desk, agent.profiles, profile, clock, asked)
        _say("open", ms=_ms(begun_s), visiting=one.visiting, document=one.sync.document() is not None)
        order = await one.order()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(agent.run(house.run, profile.run), name="agent")
            if one.visiting and not order.get("idle"):
                await one.resumed(order)
            if order.get("idle"):
                await asyncio.Event().wait()
            view = await one.desk.open("head_unit", "de")
            _say("visit", ms=_ms(begun_s), subject=view.subject)
            order = await one.order()
            if order.get("drain"):
                await one.drained()
                running.cancel()
                return
            await one.signs_in(order)
            await one.changes(await one.order())
            await one.leaves(await one.order())
            await asyncio.Event().wait()


@dataclass(slots=True)
class Life:
    """The rooms of one life, and what its guests do."""

    agent: Agent
    desk: GuestDesk
    sync: ProfileSync
    profile: GuestProfile
    clock: ShiftClock
    asked: TextIO

    @property
    def visiting(self) -> bool:
        """Whether a visit is there."""
        return self.desk.session() is not None

    async def order(self) -> dict[str, Any]:
        """The next one."""
        found: dict[str, Any] = json.loads(await asyncio.to_thread(self.asked.readline))
        return found

    async def resumed(self, order: dict[str, Any]) -> None:
        """A visit that the kill found open, and that ends now; before that its guest may say his no again."""
        if order.get("withdraw"):
            await self.desk.withdraw([PROFILE])
        _say("resumed")
        await self.order()
        await self.desk.end()

    async def signs_in(self, order: dict[str, Any]) -> None:
        """The guest agrees, types his code, and his profile is set; `staged`: only once it lies here."""
        await self.desk.grant([PROFILE, DRIVING])
        await self._until(lambda: self.agent.uplink.status().online and self.sync._mail.ready)
        if order["staged"]:
            await self._until(lambda: self.sync.status().staged > 0)
            _say("staged")
            order = await self.order()
        await self.sync.sign_in(profile_pb2.ProfileProof(code=order["code"]))
        async with self.profile.applied:
            await self.profile.applied.wait_for(lambda: self.profile.last is not None)
        _say("applied")

    async def changes(self, order: dict[str, Any]) -> None:
        """An event about him, a new address typed in, and a knob turned, which the cabin has to be sure of."""
        subject = self.agent.subject
        kind = self.agent.intern_kind("drive", Stream.LIVE, purpose_set([DRIVING]), [MARKED])
        at = self.agent.clock.wall_us(), self.agent.received_ms()
        await self.agent.append_many([Event(kind, subject, *at, (order["marker"],))] * 3)
        await self.sync.edit("home", {"home.address": order["address"]}, Origin(self.agent.identity.device, MODEL, 1))
        while self.sync.counters["edits"] < order["edits"]:  # the databroker's news have to come between two jumps
            await asyncio.sleep(JUMP_EVERY_S)
            self.clock.ahead_s += JUMP_S
        _say("edited")

    async def leaves(self, order: dict[str, Any]) -> None:
        """The end of the visit, or a no to the profile; killed `die_ms` after the step `cut` (none: the beginning)."""
        begun_s = time.monotonic()

        def reached(step: Enum) -> None:
            _say("step", name=step.value, ms=_ms(begun_s))
            if step.value == order["cut"]:
                _die_in(order["die_ms"])

        self.desk.wipe.flush_s = FLUSH_S
        self.desk.wipe.on_step.append(reached)
        self.agent.revocation.on_step.append(reached)
        _say("leaving")
        if order["cut"] == "":
            _die_in(order["die_ms"])
        if order["withdraw"]:
            await self.desk.withdraw([PROFILE])
        else:
            await self.desk.end()
        _say("left")

    async def drained(self) -> None:
        """The end of all: nothing waits, and the books."""
        await self.desk.end()
        drained = await self.agent.drained(30)
        _say("drained", drained=drained, books=asdict(await self.agent.outbox.books()))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # noqa: ASYNC110 - many causes
            await asyncio.sleep(0.005)


def _say(word: str, **fields: object) -> None:
    tell(f"@{word} {json.dumps(fields)}")


def _die_in(milliseconds: float) -> None:
    """Zero: at once, between two steps."""
    if not milliseconds:
        os.kill(os.getpid(), signal.SIGKILL)
    timer = threading.Timer(milliseconds / 1_000, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def _ms(since_s: float) -> float:
    return (time.monotonic() - since_s) * 1_000
