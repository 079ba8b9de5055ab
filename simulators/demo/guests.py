"""`forecourt demo --guests N`: guests come to cars of other models, one after the other; must never help a car along.

The cars are parked; each has a databroker, a head unit and the real agent. The authority is the cloud kit. The first
guest goes on into a second model and has a wish on the phone while that car has no network.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import audit
from gateway.cloud.consent import ConsentTerms
from gateway.cloud.profile.authority import ProfileAuthority
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_beside
from gateway.consent.parties import Parties
from gateway.errors import ConfigError, LinkError
from gateway.identity import CloudIdentity, load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Endpoint
from gateway.log import EventFormatter
from gateway.model import Stream
from gateway.profile import Value
from gateway.profile.fit import Card, load_cards, unfit
from simulators.demo.guests_car import GuestCar, SignedIn, guest_car
from simulators.demo.guests_report import Clash, GuestsTally, Visit, tally
from simulators.demo.run import never_received
from simulators.witness import Witness, witness

MODELS: Final = ("saloon", "suv", "city")
NAMES: Final = ("Jan", "Mia", "Ole", "Eva")
GUESTS_MAX: Final = len(NAMES)
BUILD: Final = (-0.06, 0.07, -0.12, 0.1)
"""How far from the middle of their range the saloon's actuators stand for each guest: nobody is built like another."""
BUILD_SHORT: Final = 0.1
AIR: Final = "climate.driver.temperature_c"
VOLUME: Final = "radio.volume_pct"
TURNED_C: Final = (23.0, 20.0, 24.0, 19.0)
OFFLINE_C, PHONE_C, PHONE_VOLUME = 25.0, 18.0, 35.0
LATER_S: Final = 1.0
"""Between the hand in the car and the wish on the phone; a car's clock is known to half a round trip only."""
Say = Callable[[str], None]


@dataclass
class Guest:
    """A guest: his profile at the authority, and words that only he has, by which he can be found."""

    name: str
    values: Mapping[str, Value]
    tracer: str
    turned_c: float
    profile: int = 0


class Heard(logging.Handler):
    """What the rooms log meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self.setFormatter(EventFormatter(as_json=True))

    @contextmanager
    def listening(self) -> Iterator["Heard"]:
        """Hears everything while the block runs; who listened before hears as much as before."""
        root = logging.getLogger("forecourt")
        level, before = root.level, [(one, one.level) for one in root.handlers]
        for one, its in before:
            one.setLevel(max(its, root.getEffectiveLevel()))
        root.setLevel(logging.DEBUG)
        root.addHandler(self)
        try:
            yield self
        finally:
            root.removeHandler(self)
            root.setLevel(level)
            for one, its in before:
                one.setLevel(its)

    def emit(self, record: logging.LogRecord) -> None:
        """One event."""
        self.lines.append(self.format(record).encode())


@dataclass
class Show:
    """The visits under way, and what was found out."""

    authority: ProfileAuthority
    cars: Sequence[GuestCar]
    heard: Witness
    logs: Heard
    say: Say
    visits: list[Visit] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    edits_back: int = 0
    found: int = 0
    searched: int = 0

    async def come(self, guest: Guest, car: GuestCar) -> SignedIn:
        """Opens the visit, looks that nothing of anybody is there, signs in."""
        await car.opened()
        if car.sync.document() is not None:
            self.found += 1
        self.say(f"{guest.name} gets into the {car.card.model}, sees nothing of anybody else, and types a code")
        done = await car.sign_in(await self.authority.code(guest.profile))
        outcomes = {name: one.kind.value for name, one in done.outcomes.items()}
        reasons = {name: str(one.reason) for name, one in done.outcomes.items() if one.reason}
        self.visits.append(Visit(guest.name, car.card.id, round(done.ms, 1), done.residual_mm, outcomes, reasons))
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(outcomes.values()).items()))
        self.say(f"  set after {done.ms:.0f} ms and the travel of the seat, mirrors after a tap: {words}")
        why = "".join(f"; {name} {outcomes[name]}: {reasons[name]}" for name in outcomes if outcomes[name] == "refused")
        self.say(f"  the seat is within {done.residual_mm:.1f} mm of how {guest.name} sits in every car{why}")
        return done

    async def turn(self, guest: Guest, car: GuestCar) -> None:
        """A hand at the knob of the air; in ten seconds it counts, and goes back into the profile."""
        version = (await self.authority.show(guest.profile)).version
        car.unit.turn(car.air, guest.turned_c)
        await car.until(lambda: car.document().values.get(AIR) == guest.turned_c)
        now = await self._written(guest, car, version)
        self.edits_back += now == guest.turned_c
        self.say(
            f"  a hand turns the air to {guest.turned_c:g} °C; after ten seconds it is in the profile, for every car"
        )

    async def offline(self, guest: Guest, car: GuestCar) -> None:
        """Without a network the guest turns the air, and later wishes something else on the phone; both meet then."""
        car.network.cut()
        await car.until(lambda: not car.agent.uplink.status().online)
        car.unit.turn(car.air, OFFLINE_C)
        await car.until(lambda: car.sync.status().waiting > 0)
        self.say(f"  the network goes; a hand turns the air to {OFFLINE_C:g} °C, which waits in the car")
        await asyncio.sleep(LATER_S)
        await self.authority.set(guest.profile, {AIR: PHONE_C, VOLUME: PHONE_VOLUME}, actor="app")
        self.say(
            f"  a second later on the phone: air {PHONE_C:g} °C, volume {PHONE_VOLUME:g} %; then the network is back"
        )
        car.network.heal()
        car.agent.uplink.link.hurry()
        await car.until(lambda: car.sync.status().waiting == 0 and VOLUME in car.document().values)
        await car.until(lambda: car.document().values[VOLUME] == PHONE_VOLUME)
        await car.until(lambda: car.shown(car.air) == car.document().values[AIR])
        await car.agent.drained(20.0)
        kept = (await self.authority.show(guest.profile)).values[AIR]
        who = {PHONE_C: "phone", OFFLINE_C: "car"}.get(float(str(kept)), "neither")
        why = "the later wish counts, not the later arrival"
        self.clashes.append(Clash(AIR, "car, offline", "phone", who, why))
        self.say(f"  kept: the wish of the {who}, since {why}; the volume came along")

    async def leave(self, guest: Guest, car: GuestCar) -> None:
        """The visit ends; whether anything of him can be found in the car, at the broker or in a log."""
        report = await car.desk.end()
        await car.agent.drained(20.0)
        needle = guest.tracer.encode()
        searched, found = await asyncio.to_thread(search, car.folder, needle)
        told = [message.payload for message in self.heard.heard] + self.logs.lines
        leaves = sum(guest.tracer in str(value) for value in car.unit.unit.shown().values())
        found += sum(needle in words for words in told) + leaves + report.canaries_found
        found += car.sync.document() is not None
        self.found += found
        self.searched += searched + sum(map(len, told))
        self.say(f"  {guest.name} gets out and the car forgets: {found} traces left in {searched / 1e6:.0f} MB")

    async def _written(self, guest: Guest, car: GuestCar, version: int) -> Value | None:
        """What the authority has after the next version."""
        await car.agent.drained(20.0)
        async with asyncio.timeout(20.0):
            while (now := await self.authority.show(guest.profile)).version <= version:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return now.values.get(AIR)


async def run_guests(folder: Path, broker: Endpoint, count: int, say: Say, *, short: bool = False) -> GuestsTally:
    """`count` guests at the broker. Raises ConfigError and LinkError with what to do.

    `short`: seats stand nearly right before, and the ten seconds that a change by hand has to last are leapt over.
    """
    if not 1 <= count <= GUESTS_MAX:
        raise ConfigError(f"--guests: give 1 to {GUESTS_MAX}")
    cards = dict(await asyncio.to_thread(load_cards))
    models = MODELS[: min(len(MODELS), max(2, count))]
    names = [f"{model}-{secrets.token_hex(4)}" for model in models]
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", names)
    who = await asyncio.to_thread(load_cloud, pki.cloud)
    guests = [_guest(number, cards["saloon"], BUILD_SHORT if short else 1.0) for number in range(count)]
    with Heard().listening() as logs:
        async with _authority(folder, who, broker) as authority, AsyncExitStack() as stack:
            heard, cars = await stack.enter_async_context(witness(broker)), []
            for model, name in zip(models, names, strict=True):
                identity = await asyncio.to_thread(load, pki.device(name))
                near = guests[0].values if short else None
                one = guest_car(identity, model, cards, folder / name, broker, near)
                cars.append(await stack.enter_async_context(one))
            say(f"{len(cars)} cars are parked: {', '.join(car.card.model for car in cars)}")
            for guest in guests:
                guest.profile = await authority.new()
                await authority.set(guest.profile, guest.values)
            show = Show(authority, cars, heard, logs, say)
            try:
                await _visits(show, guests)
            except TimeoutError as error:
                raise LinkError("a guest waited in vain: is this machine very busy?") from error
            books = [await car.agent.outbox.books() for car in cars]
    duplicates, gaps = await asyncio.to_thread(_count, folder / "cloud.db")
    return tally(show.visits, show.clashes, count, show.edits_back, show.found, show.searched, books, duplicates, gaps)


async def _visits(show: Show, guests: Sequence[Guest]) -> None:
    """One after the other; each comes to the car that the guest before has left."""
    for number, guest in enumerate(guests):
        car = show.cars[number % len(show.cars)]
        await show.come(guest, car)
        await show.turn(guest, car)
        await show.leave(guest, car)
        if number == 0:
            car = show.cars[1]
            await show.come(guest, car)
            await show.offline(guest, car)
            await show.leave(guest, car)


def _guest(number: int, saloon: Card, scale: float) -> Guest:
    """A guest as an app has written the profile; home has words that nobody else has."""
    share, tracer = 0.5 + BUILD[number] * scale, secrets.token_hex(8)
    shown = {
        path: one.low + share * (one.high - one.low)
        for path, one in saloon.actuators.items()
        if one.low is not None and one.high is not None
    }
    values = unfit(shown, saloon) | {"home.address": f"Musterweg {tracer}", AIR: 21.5}
    return Guest(NAMES[number], values, tracer, TURNED_C[number])


@asynccontextmanager
async def _authority(folder: Path, who: CloudIdentity, broker: Endpoint) -> AsyncIterator[ProfileAuthority]:
    """The cloud kit as consent and profile authority, while the block runs."""
    clock = await asyncio.to_thread(SystemClock)
    consent = ConsentTerms(who.key, await asyncio.to_thread(Parties.load, None), folder / "erasures.jsonl")
    profiles = ProfileTerms.of(who.key, folder / "profile-erasures.jsonl")
    inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock, consent=consent, profiles=profiles)
    try:
        cloud = Cloud(who, broker, inbox, clock=clock)
        if cloud.profiles is None:
            raise RuntimeError("an inbox with profiles has an authority")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(cloud.run(), name="cloud")
            await cloud.ready.wait()
            yield cloud.profiles
            running.cancel()
    finally:
        await inbox.aclose()


def search(folder: Path, needle: bytes) -> tuple[int, int]:
    """Bytes of the folder's files, and how many of the files hold the needle."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(map(len, contents)), sum(needle in content for content in contents)


def _count(path: Path) -> tuple[int, int]:
    """Duplicates, and numbers that the cloud has neither received nor been told of: edits are no rows of its table."""
    db = open_beside(path)
    try:
        told = audit(db)
        never = sum(never_received(db, one) for one in told)
    finally:
        db.close()
    return sum(one.duplicates for one in told if one.key.stream is not Stream.CONTROL), never
