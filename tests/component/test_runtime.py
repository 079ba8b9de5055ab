"""The agent as it is composed, and the cloud kit, over TLS with an access list: the whole promise through one door."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from forecourt.v1 import downlink_pb2

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox
from gateway.cloud.audit import StreamAudit, audit
from gateway.cloud.schema import open_beside
from gateway.consent import Grant
from gateway.identity import load_cloud, tls_context
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.model import Event, Kind, Purpose, SeqRange, Stream, ValueType, purpose_set
from gateway.runtime import Agent, AgentOptions
from tests.kit.broker import Broker, mosquitto
from tests.kit.sites import background

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timeout(60)]
GUEST = 0x5EED_0000_0001
DRIVING, ANALYTICS = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS
BOTH = purpose_set([DRIVING, ANALYTICS])
SPEED = ("Vehicle.Speed", ValueType.FLOAT, "km/h")
MEDIA = ("Vehicle.Cabin.Infotainment.Media.Action", ValueType.STRING, "")


@dataclass
class Site:
    """A broker with certificates, a cloud, and what a device needs."""

    folder: Path
    pki: Pki
    broker: Broker
    cloud: Cloud
    heard: asyncio.Event

    async def options(self) -> AgentOptions:
        """An agent of device `car`, with grants for two purposes."""
        folder = self.folder / "car"
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        identity = await asyncio.to_thread(load, self.pki.device("car"))
        clock = await asyncio.to_thread(SystemClock)
        tls = await asyncio.to_thread(tls_context, identity.tls, clock)
        return AgentOptions(
            identity=identity,
            folder=folder,
            endpoint=self.broker.endpoint(tls),
            clock=clock,
            store_bytes_max=8 << 20,
            subject=GUEST,
            grants=tuple(Grant(GUEST, purpose, record_id="r1") for purpose in (DRIVING, ANALYTICS)),
        )

    def audit(self) -> list[StreamAudit]:
        """The cloud's table, counted."""
        with closing(open_beside(self.folder / "cloud.db")) as db:
            return audit(db, "car")

    def dump(self) -> str:
        """Everything the cloud knows."""
        with closing(open_beside(self.folder / "cloud.db")) as db:
            tables = db.execute("select name from sqlite_master where type = 'table'").fetchall()
            return "".join(repr(row) for (name,) in tables for row in db.execute(f"select * from {name}"))


@contextlib.asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """Mosquitto on the shipped terms, and the kit."""
    pki = await asyncio.to_thread(make_dev_pki, folder / "pki", ["car"])
    who = await asyncio.to_thread(load_cloud, pki.cloud)
    clock = await asyncio.to_thread(SystemClock)
    tls = await asyncio.to_thread(tls_context, who.tls, clock)
    async with mosquitto(tls=pki, acl=True) as broker:
        inbox = await Inbox.open(folder / "cloud.db", who.device_key, clock=clock)
        try:
            heard = asyncio.Event()
            cloud = Cloud(who, broker.endpoint(tls), inbox, clock=clock, on_outcome=lambda _: heard.set())
            async with background(cloud.run()):
                async with asyncio.timeout(15):
                    await cloud.ready.wait()
                yield Site(folder, pki, broker, cloud, heard)
        finally:
            await inbox.aclose()


def kind_of(agent: Agent) -> Kind:
    """Events of speed and of the media player, for two purposes."""
    return agent.intern_kind("seen", Stream.LIVE, BOTH, [SPEED, MEDIA])


async def append(agent: Agent, count: int) -> None:
    """Events of the guest, kept."""
    kind, now_us = kind_of(agent), agent.clock.wall_us()
    events = [Event(kind, GUEST, now_us + i, agent.received_ms(), (i / 10, "PLAY")) for i in range(count)]
    assert (await agent.append_many(events)).kept == count


async def test_events_reach_the_cloud_over_tls_and_the_page_shows_the_books(tmp_path: Path) -> None:
    """Client certificates, access list, receipts; /metrics tells the same books and names no guest."""
    async with site(tmp_path) as one:
        options = replace(await one.options(), health_port=0)
        async with Agent.open(options) as agent, background(agent.run()):
            await append(agent, 2_000)
            assert await agent.drained(20)
            assert agent.health.port is not None
            page = await fetch(agent.health.port, "/metrics")
            ready = await fetch(agent.health.port, "/ready")
            books = await agent.outbox.books()
        assert books.balanced
        assert books.settled == 2_000
        assert 'forecourt_events_total{stream="live",fate="settled"} 2000' in page
        assert str(GUEST) not in page
        assert f"{GUEST:x}" not in page
        assert ready.startswith("HTTP/1.1 200")
        (live,) = [found for found in await asyncio.to_thread(one.audit) if found.key.stream is Stream.LIVE]
        assert (live.effects, live.duplicates, live.missing) == (2_000, 0, ())


async def test_a_signal_without_a_grant_does_not_leave_even_by_its_name(tmp_path: Path) -> None:
    """A kind asks for two signals and one is granted: the cloud never learns that there is another."""
    async with site(tmp_path) as one:
        options = replace(await one.options(), grants=(Grant(GUEST, DRIVING, record_id="r1"),))
        async with Agent.open(options) as agent, background(agent.run()):
            await append(agent, 50)
            assert await agent.drained(20)
            assert [signal.path for signal in agent.outbox.dictionary.signals] == [SPEED[0]]
        dump = await asyncio.to_thread(one.dump)
        assert SPEED[0] in dump
        assert MEDIA[0] not in dump


async def test_a_withdrawal_from_the_cloud_reaches_the_device_and_the_table(tmp_path: Path) -> None:
    """The command closes the gate, the cloud forgets the speeds, a restart does not give the grant back."""
    async with site(tmp_path) as one:
        options = await one.options()
        async with Agent.open(options) as agent, background(agent.run()):
            await append(agent, 300)
            assert await agent.drained(20)
            body = downlink_pb2.WithdrawConsent(subject=GUEST, purposes=[int(DRIVING)])
            command = await one.cloud.commander.issue("car", "consent.withdraw", body.SerializeToString())
            async with asyncio.timeout(20):
                answer = await one.cloud.commander.wait(command)
            assert answer.reason == ""
            assert agent.consent.gate.granted(GUEST) == 1 << ANALYTICS
            assert await agent.drained(20)
        async with Agent.open(options) as agent:
            assert agent.consent.gate.granted(GUEST) == 1 << ANALYTICS, "the settings gave back what was withdrawn"
            kept = await agent.append(Event(kind_of(agent), GUEST, 1, 1, (50.0, "PLAY")))
            assert (kept.kept, kept.denied) == (1, 0)
        assert await asyncio.to_thread(speeds_left, tmp_path / "cloud.db") == 0


async def test_a_rescued_store_believes_no_grant(tmp_path: Path) -> None:
    """It has forgotten what was withdrawn: everything about a person is denied until it is given anew."""
    async with site(tmp_path) as one:
        options = await one.options()
        async with Agent.open(options) as agent:
            await append(agent, 50)
            epoch = agent.outbox.epoch
        (database,) = options.folder.glob("*.db")
        await asyncio.to_thread(damage, database)
        async with Agent.open(options) as agent:
            assert agent.store.rescued
            assert agent.outbox.epoch != epoch
            assert agent.consent.gate.granted(GUEST) == 0
            denied = await agent.append(Event(kind_of(agent), GUEST, 1, 1, (50.0, "PLAY")))
            assert (denied.kept, denied.denied) == (0, 1)
        again = tuple(replace(grant, record_id="r2") for grant in options.grants)
        async with Agent.open(replace(options, grants=again)) as agent:
            assert agent.consent.gate.granted(GUEST) == BOTH


async def test_settled_events_come_again_when_they_are_asked_for(tmp_path: Path) -> None:
    """retain_after_receipt: the cloud asks for a range, the device sends it, nothing takes effect twice."""
    async with site(tmp_path) as one:
        options = replace(await one.options(), retain_after_receipt=True)
        async with Agent.open(options) as agent, background(agent.run()):
            await append(agent, 200)
            assert await agent.drained(20)
            before = one.cloud.tally.repeated
            command = await one.cloud.commander.resend("car", agent.outbox.epoch, Stream.LIVE, SeqRange(1, 100))
            async with asyncio.timeout(20):
                answer = await one.cloud.commander.wait(command)
            assert answer.reason == ""
            async with asyncio.timeout(20):
                while one.cloud.tally.repeated - before < 100:
                    one.heard.clear()
                    await one.heard.wait()
        (live,) = [found for found in await asyncio.to_thread(one.audit) if found.key.stream is Stream.LIVE]
        assert (live.effects, live.duplicates) == (200, 0)


async def fetch(port: int, path: str) -> str:
    """A page of the agent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


def speeds_left(path: Path) -> int:
    """Rows that still tell a speed."""
    with closing(open_beside(path)) as db:
        found: int = db.execute("select count(*) from effect where v0 is not null").fetchone()[0]
        return found


def damage(path: Path) -> None:
    """Overwrites the header."""
    with path.open("r+b") as file:
        file.write(b"\xa5" * 200)
