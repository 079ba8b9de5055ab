"""A no while a batch is with a broker that answers nothing: its acknowledgement is lost, and no second copy leaves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.cloud import Cloud, Inbox, SqliteSink
from gateway.cloud.schema import open_beside
from gateway.consent import Grant
from gateway.identity import load_cloud
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.runtime import Agent, AgentOptions
from simulators.witness import Seen, witness
from tests.faults.guest import GONE, PATHS, SUBJECT, fill
from tests.kit.broker import Broker, mosquitto

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]
EVENTS = 3_000


@asynccontextmanager
async def car(folder: Path, pki: Pki, broker: Broker) -> AsyncIterator[Agent]:
    """A device whose guest has said yes to three purposes."""
    await asyncio.to_thread((folder / "car").mkdir, exist_ok=True)
    options = AgentOptions(
        identity=await asyncio.to_thread(load, pki.device("car-1")),
        folder=folder / "car",
        endpoint=broker.endpoint(),
        clock=await asyncio.to_thread(SystemClock),
        store_bytes_max=16 << 20,
        subject=SUBJECT,
        grants=tuple(Grant(SUBJECT, purpose, record_id="test") for purpose in PATHS),
    )
    async with Agent.open(options) as agent:
        yield agent


def of_the_purpose(events: list[Seen]) -> list[Seen]:
    """Those that stand on it or hold a value of it."""
    return [e for e in events if e.purposes >> GONE & 1 or any(GONE.word in str(value) for value in e.values.values())]


async def until(holds: Callable[[], bool]) -> None:
    """Returns when it is so: a counter has no event."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.mark.timeout(60)
async def test_a_batch_whose_acknowledgement_is_lost(tmp_path: Path) -> None:
    """The fence ends the connection; what reached the broker before is erased at the cloud, and nothing comes again."""
    pki = await asyncio.to_thread(make_dev_pki, tmp_path / "pki", ["car-1"])
    who = await asyncio.to_thread(load_cloud, pki.cloud)
    async with mosquitto() as broker, witness(broker.endpoint()) as heard, asyncio.TaskGroup() as group:
        inbox = await Inbox.open(tmp_path / "cloud.db", who.device_key, clock=SystemClock(), sink=SqliteSink())
        cloud = group.create_task(Cloud(who, broker.endpoint(), inbox, clock=SystemClock()).run())
        async with car(tmp_path, pki, broker) as agent:
            running = group.create_task(agent.run())
            await until(lambda: agent.uplink.status().receipts > 0)
            broker.freeze()
            await fill(agent, EVENTS)
            await until(lambda: agent.uplink.status().in_flight > 0)
            connection = agent.uplink.link.connection
            done = await agent.withdraw(SUBJECT, 1 << GONE)
            assert done.seconds <= 2
            assert connection is not None
            assert connection.closed.done(), "bytes of the purpose may have been on their way"
            broker.thaw()
            mark = await heard.mark()
            assert await agent.drained(20)
            await heard.mark()
            assert (await agent.outbox.books()).balanced
            running.cancel()
        cloud.cancel()
        await asyncio.wait([cloud])
        await inbox.aclose()
    after = list(heard.events(heard.born_after(mark, "car-1")))
    assert after
    assert of_the_purpose(after) == []
    assert of_the_purpose(list(heard.events())), "no batch had reached the broker before the no: nothing is proven"
    assert await asyncio.to_thread(left_at_cloud, tmp_path / "cloud.db") == 0


def left_at_cloud(path: Path) -> int:
    """Rows that stand on the purpose."""
    db = open_beside(path)
    try:
        return int(db.execute(f"select count(*) from effect where purposes >> {int(GONE)} & 1").fetchone()[0])
    finally:
        db.close()
