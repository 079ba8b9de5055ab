"""From a guest's code to the last order in his car, as it is deployed; must never count the travel of a seat.

mosquitto, the cloud kit (`forecourt cloud run`), a databroker with a head unit (`forecourt sim head-unit`) and the
car's agent (parts and settings of `forecourt vehicle run`) are processes of their own, with stores on disk. Two guests
of different build come in turn, so that seat, column, mirrors, climate and radio are set each time. A figure begins
with the call of sign_in and ends when the actuator that is ordered last gets its first order; what others travelled
before it, until they were seen to stand, is taken off, and so is what the databroker does with the order. Without TLS.
"""

import asyncio
import contextlib
import dataclasses
import math
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from forecourt.v1 import profile_pb2

from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, bound
from benchmarks.process import command, party, tell
from gateway.clock import SystemClock
from gateway.config import load
from gateway.door import ask
from gateway.errors import ForecourtError
from gateway.flow.profile_sync import ProfileSync
from gateway.flow.profile_views import Phase
from gateway.guest import GuestDesk
from gateway.identity.pki import make_dev_pki
from gateway.model import Purpose
from gateway.profile.fit import load_cards, unfit
from gateway.runtime import Agent, options_of
from simulators.brokers import free_port
from simulators.proxy import proxy
from tests.kit.broker import mosquitto
from vehicle_agent.agent import VehicleAgent
from vehicle_agent.cabin import CabinHouse, OutcomeKind, open_cabin
from vehicle_agent.guest_profile import GuestProfile, open_guest_profile
from vehicle_agent.plan import PlanFile
from vehicle_agent.settings import VehicleAgentSettings
from vehicle_agent.source import open_source

DEVICE: Final = "car-1"
CODES, STAGED = (20, 4), (6, 2)
"""Sign-ins of a round: of five rounds 100 and 30; when quick."""
STOPPED_MAX: Final = 0.1
GOAL_MS: Final = 300.0
LIMIT_S: Final = 60.0
LOOK_S: Final = 0.02
SECOND: Final = {
    "seat.leg_mm": 12.0, "seat.torso_deg": 1.0, "seat.lumbar_depth_pct": 8.0, "climate.driver.temperature_c": 1.5,
    "climate.passenger.temperature_c": 1.0, "radio.volume_pct": 10.0, "mirror.driver_view_out_deg": 0.5,
}  # fmt: skip
"""By how much the second guest differs from the first."""


@dataclass
class Car:
    """The car's agent, whoever asks the cloud for codes, and the words for the other side of the pipe."""

    agent: Agent
    sync: ProfileSync
    desk: GuestDesk
    profile: GuestProfile
    door: Path
    guests: Sequence[str] = ()
    stopped: list[str] = field(default_factory=list)
    """Actuators that an interlock or their own standing still stopped: such a sign-in gave fewer orders."""

    async def cloud(self, verb: str, **args: Any) -> Any:
        """Asks the authority, as an app would."""
        return await asyncio.to_thread(ask, self.door, f"profile_{verb}", args)

    async def until(self, holds: Any) -> None:
        """Until it is so."""
        async with asyncio.timeout(LIMIT_S):
            while not holds():  # noqa: ASYNC110 - a benchmark's preparation
                await asyncio.sleep(LOOK_S)

    async def signed_in(self, code: str) -> dict[str, float] | None:
        """A visit with that code: milliseconds until profile, translation and orders; None where one stopped."""
        await self.desk.open("head_unit", "de")
        await self.desk.grant([Purpose.PROFILE])
        before, loop = self.profile.last, asyncio.get_running_loop()
        begun_s = loop.time()
        status = await self.sync.sign_in(profile_pb2.ProfileProof(code=code))
        here_s = loop.time()
        if status.phase is not Phase.OPEN:
            raise NotWholeError(f"the code did not open: {status.reason}")
        async with asyncio.timeout(LIMIT_S), self.profile.applied:
            await self.profile.applied.wait_for(lambda: self.profile.last is not before)
        done, ended_s = self.profile.last, loop.time()
        if done is None or done.timing is None:
            raise NotWholeError("nothing was applied")
        set_here = sum(one.kind in {OutcomeKind.APPLIED, OutcomeKind.CLAMPED} for one in done.outcomes)
        self.stopped += (bad := [f"{o.field} {o.reason}" for o in done.outcomes if o.kind is OutcomeKind.FAILED])
        await self.desk.end()
        if bad:
            return None
        travel_s = done.timing.done_s - done.timing.without_travel_s
        applied_s = ended_s - done.timing.done_s
        return {
            "total": 1_000 * (ended_s - travel_s - begun_s),
            "fetch": 1_000 * (here_s - begun_s),
            "begin": 1_000 * max(0.0, applied_s - here_s),
            "orders": 1_000 * done.timing.without_travel_s,
            "set": float(set_here),
        }


async def vehicle(config: str, door: str, codes: int, staged: int) -> None:
    """The agent as `forecourt vehicle run` makes it, and guests that come to it; tells what each took."""
    settings = await asyncio.to_thread(load, VehicleAgentSettings, Path(config))
    options = await asyncio.to_thread(lambda: options_of(settings, SystemClock()))
    cabin = await open_cabin(settings, options.clock)
    assert cabin is not None
    plan = await asyncio.to_thread(PlanFile.read, None)
    async with Agent.open(dataclasses.replace(options, profiles=True)) as agent, asyncio.TaskGroup() as group:
        assert agent.profiles is not None
        assert agent.desk is not None
        house, reader = CabinHouse(cabin, agent.desk), VehicleAgent(agent, open_source(settings), plan)
        profile = await open_guest_profile(agent, cabin, settings.cabin)
        assert profile is not None
        running = group.create_task(agent.run(reader.run, house.run, profile.run), name="agent")
        car = Car(agent, agent.profiles, agent.desk, profile, Path(door))
        await cabin.ready()
        await car.until(lambda: agent.uplink.status().online)
        await known(car)
        tell(codes=await by_code(car, codes))
        tell(staged=await by_stage(car, staged), stopped=car.stopped)
        running.cancel()


async def known(car: Car) -> None:
    """Two guests at the authority; each has been here once, and the seat stands somewhere near."""
    cards = await asyncio.to_thread(load_cards)
    saloon = cards["saloon"]
    middle = {p: (a.low + a.high) / 2 for p, a in saloon.actuators.items() if a.low is not None and a.high is not None}
    first = unfit(middle, saloon) | {"home.address": "Hauptstr. 1"}
    second = first | {key: first[key] + more for key, more in SECOND.items()}  # type: ignore[operator]
    guests = []
    for values in (first, second):
        name = (await car.cloud("new"))["profile"]
        await car.cloud(
            "set", profile=name, values={k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        )
        guests.append(name)
    car.guests = guests
    await by_code(car, 2)


async def by_code(car: Car, count: int) -> list[dict[str, float]]:
    """One guest after the other types a code that the authority just made."""
    found = []
    for number in range(count):
        code = (await car.cloud("code", profile=car.guests[number % 2]))["code"]
        found.append(await car.signed_in(code))
    return [one for one in found if one is not None]


async def by_stage(car: Car, count: int) -> list[dict[str, float]]:
    """All are staged; then the network goes, and they come."""
    codes = [(await car.cloud("stage", profile=car.guests[n % 2], device=DEVICE))["code"] for n in range(count)]
    await car.until(lambda: car.sync.status().staged == count)
    tell(cut=True)
    await car.until(lambda: not car.agent.uplink.status().online)
    found = [await car.signed_in(code) for code in codes]
    return [one for one in found if one is not None]


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Path, Path, Any]]:
    """Broker, network, cloud and head unit; the car's settings, the cloud's door, and the network."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", [DEVICE])
    door, port, forecourt = folder / "door", free_port(), ".venv/bin/forecourt"
    async with mosquitto() as broker, proxy(broker.host, broker.port) as network:
        cloud = [
            "--identity",
            str(pki.cloud),
            "--broker",
            broker.url,
            "--db",
            str(folder / "cloud.db"),
            "--door",
            str(door),
        ]
        async with (
            command("cloud", forecourt, "cloud", "run", *cloud),
            command("head-unit", forecourt, "sim", "head-unit", "--card", "suv", "--port", str(port)),
        ):
            async with asyncio.timeout(LIMIT_S):
                while not await asyncio.to_thread(answers, door):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
            config = folder / "car.toml"
            text = (
                f'role = "vehicle"\n[device]\nid = "{DEVICE}"\nidentity = "pki/devices/{DEVICE}"\n'
                f'[store]\nfolder = "var"\n[link]\nbroker = "mqtt://127.0.0.1:{network.port}"\n'
                f'[databroker]\naddress = "127.0.0.1:{port}"\n[cabin]\ncard = "suv"\n[consent]\nauthority = "cloud"\n'
            )
            await asyncio.to_thread(config.write_text, text, "utf-8")
            yield config, door, network


def answers(door: Path) -> bool:
    """Whether the cloud's door is open."""
    try:
        ask(door, "profile_new", {})
    except (OSError, ForecourtError):
        return False
    return True


async def measure(run: Run) -> dict[str, float]:
    """One car, its codes, then its staged guests without a network."""
    codes, staged = CODES[run.quick], STAGED[run.quick]
    async with world(run.folder) as (config, door, network):
        args = {"config": str(config), "door": str(door), "codes": codes, "staged": staged}
        async with party("benchmarks.sign_in:vehicle", **args) as car:
            found = {"code": await car.told("codes", 240.0)}
            await car.told("cut")
            network.cut()
            last = await car.told_all()
            found["staged"] = last["staged"]
    if last["stopped"]:
        sys.stderr.write(f"  not counted, since an actuator was stopped: {', '.join(last['stopped'])}\n")
    if len(last["stopped"]) > STOPPED_MAX * (codes + staged):
        raise NotWholeError("too many actuators were stopped")
    figures = {f"{way} {n}": one["total"] for way, all_ in found.items() for n, one in enumerate(all_)}
    for way, all_ in found.items():
        for part in ("fetch", "begin", "orders", "set"):
            figures[f"{way} {part}"] = median(one[part] for one in all_)
    return figures


def rows(samples: Samples) -> list[Row]:
    """Both ways over all rounds, and what the time went into."""
    found, disk_ms = [], sorted(samples.all("fdatasync_ms"))
    disk = f"; fdatasync {disk_ms[0]:.2f} to {disk_ms[-1]:.2f} ms" if disk_ms else ""
    for way, words in (("code", "code"), ("staged", "staged profile, no network")):
        took = sorted(ms for one in samples.rounds for key, ms in one.items() if key.removeprefix(f"{way} ").isdigit())
        p95 = took[math.ceil(0.95 * len(took)) - 1]
        fetch, begin, orders, fields = (samples.mid(f"{way} {part}") for part in ("fetch", "begin", "orders", "set"))
        what = f"sign-in by {words} to the last order, {len(took)} times: p95"
        parts = f"profile here {fetch:.0f}, translated {begin:.0f}, ordered {orders:.0f}"
        beside = f"p50 {median(took):.0f} ms, most {took[-1]:.0f}; medians: {parts} ms; {fields:.0f} fields set{disk}"
        found.append(bound(what, p95, GOAL_MS, "ms", beside=beside))
    return found


ENTRY = Entry(
    "sign_in",
    "a guest signs in: from the code to the last order, travel left out",
    "one guest at a time",
    measure,
    rows,
    disk=False,
)
