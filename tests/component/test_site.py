"""A site with its agent: minutes without the cloud's broker lose and repeat nothing, and a no erases what waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import classification_pb2, showroom_pb2

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import audit
from gateway.cloud.consent import ConsentTerms
from gateway.cloud.schema import open_beside
from gateway.consent.parties import Parties
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import make_dev_pki
from gateway.link import Endpoint
from gateway.model import Stream
from gateway.runtime import Agent, AgentOptions
from gateway.wire import sign
from showroom_agent.site.agent import SiteAgent
from showroom_agent.site.derived import Derived
from showroom_agent.site.journal import read_journal
from showroom_agent.site.replay import replay
from tests.kit.broker import Broker, mosquitto
from tests.kit.showroom import WISHES, World, walking
from tests.kit.sites import background

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed, pytest.mark.timeout(120)]
ROUND = [(24.0, 13.0), (14.0, 19.0), (8.0, 26.0), (22.0, 25.0), (34.0, 24.0), (30.0, 14.0), (24.0, 13.0)]
OUTAGE_S = 30.0
"""In `make test`; `make faults ARGS=site` takes the ten minutes of the promise."""
PHONE, TAG = "phone-1", "tag-of-jan"


class HastyClock(SystemClock):
    """The machine's clock, ahead by what a test has let pass."""

    ahead_s = 0.0

    def boottime_s(self) -> float:
        """Seconds of CLOCK_BOOTTIME, and ahead."""
        return super().boottime_s() + self.ahead_s

    def wall_us(self) -> int:
        """Microseconds since 1970, and ahead."""
        return super().wall_us() + round(self.ahead_s * 1e6)


@dataclass
class Floor:
    """A site whose time a test makes pass."""

    site: SiteAgent
    agent: Agent
    clock: HastyClock
    world: World
    keys: dict[str, Ed25519PrivateKey]
    broker: Broker
    told: list[Derived]
    number: int = 0

    def say(self, request: showroom_pb2.GuestRequest) -> None:
        """The phone says something."""
        self.number += 1
        request.number = self.number
        topic = f"forecourt/v1/{PHONE}/up/guest"
        self.site.inbox.take(topic, sign(self.keys[PHONE], topic, request.SerializeToString()))

    async def live(self, seconds: float) -> None:
        """Half a second a step, as fast as the machine can."""
        for _ in range(round(seconds * 2)):
            self.clock.ahead_s += 0.5
            at_ms = round(self.clock.boottime_s() * 1_000)
            for frame in self.world.frames(at_ms):
                topic = f"forecourt/v1/{frame.hub}/up/s"
                self.site.inbox.take(topic, sign(self.keys[frame.hub], topic, frame.SerializeToString()))
            self.told += (await self.site.step()).derived

    def come(self) -> None:
        """Jan says hello, and agrees."""
        wanted = [classification_pb2.PURPOSE_INDOOR_NAVIGATION, classification_pb2.PURPOSE_PERSONALISED_OFFERS]
        hello = showroom_pb2.GuestHello(tag=TAG, wishes=WISHES, purposes=wanted)
        self.say(showroom_pb2.GuestRequest(hello=hello))


@contextlib.asynccontextmanager
async def floor(folder: Path, *, authority: bool = True) -> AsyncIterator[Floor]:
    """The example showroom, its cloud behind a broker; the floor's own broker is not needed: frames are handed over.

    With `authority` the cloud countersigns what guests agree to; otherwise the site answers for it.
    """
    world, clock = World(), HastyClock()
    world.begin_ms = round(clock.boottime_s() * 1_000)
    hubs = [hub.id for hub in world.parts.floor.site.hubs]
    near = await asyncio.to_thread(make_dev_pki, folder / "floor", [*hubs, PHONE])
    far = await asyncio.to_thread(make_dev_pki, folder / "far", ["site-1"])
    who, own = await asyncio.to_thread(load_cloud, far.cloud), await asyncio.to_thread(load_cloud, near.cloud)
    keys = {name: (await asyncio.to_thread(load, near.device(name))).key for name in (*hubs, PHONE)}
    await asyncio.to_thread((folder / "store").mkdir)
    async with mosquitto() as broker:
        terms = None
        if authority:
            parties = await asyncio.to_thread(Parties.load, None)
            terms = ConsentTerms(who.key, parties, folder / "erasures.jsonl")
        inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock, consent=terms)
        cloud = Cloud(who, broker.endpoint(), inbox, clock=clock)
        identity = await asyncio.to_thread(load, far.device("site-1"))
        options = AgentOptions(
            identity=identity,
            folder=folder / "store",
            endpoint=broker.endpoint(),
            clock=clock,
            store_bytes_max=16 << 20,
            authority=authority,
        )
        try:
            async with Agent.open(options) as agent, background(cloud.run(), agent.run()):
                await cloud.ready.wait()
                nowhere = Endpoint("127.0.0.1", 1)
                site = SiteAgent(agent, world.parts, own, nowhere, journal=folder / "journal", refresh=False)
                yield Floor(site, agent, clock, world, keys, broker, [])
        finally:
            await inbox.aclose()


def cloud_rows(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Of each stream with events: its name, effects, duplicates, what is missing."""
    with closing(open_beside(folder / "cloud.db")) as db:
        for one in audit(db, "site-1"):
            if one.key.stream is not Stream.CONTROL:
                yield one.key.stream.word, one.effects, one.duplicates, sum(part.size for part in one.missing)


async def outage(folder: Path, seconds: float) -> int:
    """The showroom without its cloud's broker; how many events were told. Fails when one is lost or comes twice."""
    async with floor(folder) as on:
        on.world.tags[TAG] = [walking(ROUND * 12, begin_s=10.0)]
        await on.live(6.0)
        on.come()
        await on.live(20.0)
        await on.broker.kill()
        before = len(on.told)
        await on.live(seconds)
        assert len(on.told) - before > seconds / 40
        await on.broker.start()
        await on.live(5.0)
        assert await on.agent.drained(60.0)
        books = await on.agent.outbox.books()
    rows = list(cloud_rows(folder))
    assert books.balanced
    assert books.pending == 0
    assert sum(effects for _, effects, _, _ in rows) == len(on.told) == on.site.counters["events"]
    assert [(duplicates, missing) for _, _, duplicates, missing in rows] == [(0, 0)] * len(rows)
    assert list(replay(on.world.parts, read_journal(folder / "journal"))) == on.told
    return len(on.told)


async def test_minutes_without_the_broker_lose_and_repeat_nothing(tmp_path: Path) -> None:
    """The showroom goes on; what it told is at the cloud once the broker is back, and the journal tells the same."""
    assert await outage(tmp_path, OUTAGE_S) > 6


@pytest.mark.parametrize("authority", [True, False])
async def test_taking_it_back_erases_what_waits_and_what_is_kept(tmp_path: Path, authority: bool) -> None:
    """With the broker gone: nothing of the visit is sent later, nothing of it is in a file of the site."""
    async with floor(tmp_path, authority=authority) as on:
        on.world.tags[TAG] = [walking(ROUND, begin_s=6.0)]
        await on.live(4.0)
        await on.broker.kill()
        on.come()
        await on.live(40.0)
        subject = next(iter(on.site.stepper.core.guests))
        waiting = [one for one in on.told if one.subject]
        assert len(waiting) >= 3
        on.say(showroom_pb2.GuestRequest(forget=True))
        await on.live(1.0)
        await on.live(5.0)
        assert on.site.status().guests == 0
        assert on.site.counters["visits_forgotten"] == 1
        await on.broker.start()
        assert await on.agent.drained(60.0)
        books = await on.agent.outbox.books()
        assert books.purged >= len(waiting)
    data = await asyncio.to_thread((tmp_path / "journal").read_bytes)
    assert TAG.encode() not in data
    assert subject.to_bytes(8, "little") not in data
    with closing(open_beside(tmp_path / "cloud.db")) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
        dump = "".join(
            repr(row) for name in tables if name.startswith("event") for row in db.execute(f"select * from {name}")
        )
    assert str(subject) not in dump
    assert on.told
