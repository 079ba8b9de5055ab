"""The cloud's end on a real broker: certified, killed, restarted; must never judge by its own counters."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from forecourt.v1 import downlink_pb2

from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.certify.grade import certify
from gateway.cloud.schema import open_beside
from gateway.cloud.sinks import Effects
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.identity import Identity, load_cloud, tls_context
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Connection, Endpoint, Link, Message
from gateway.model import Stream
from gateway.wire.messages import read_cloud_state
from gateway.wire.topics import CLOUD_STATE
from tests.kit.broker import Broker, mosquitto
from tests.kit.cloudproc import cloud_process
from tests.kit.sites import CLOCK, background, player, rows, site

pytestmark = pytest.mark.needs_mosquitto
CAR, OTHER = "car-1", "car-2"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Keys of a cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [CAR, OTHER])


@pytest.fixture(scope="module")
def cars(pki: Pki) -> list[Identity]:
    """The two devices."""
    return [load(pki.device(device)) for device in (CAR, OTHER)]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.timeout(60)
async def test_our_own_kit_is_certified(pki: Pki, cars: list[Identity], tmp_path: Path, secure: bool) -> None:
    """Every case of certify passes, over TCP without access rules and over TLS with those that we ship."""
    async with mosquitto(tls=pki if secure else None, acl=secure) as broker:
        cloud_tls = tls_context((await asyncio.to_thread(load_cloud, pki.cloud)).tls, CLOCK) if secure else None

        def endpoint(identity: Identity) -> Endpoint:
            return broker.endpoint(tls_context(identity.tls, CLOCK) if secure else None)

        async with site(pki, broker.endpoint(cloud_tls), tmp_path) as made:

            async def count(device: str, epoch: int, stream: str) -> int:
                return await asyncio.to_thread(rows, made.db, device, epoch, stream)

            grades = await certify(cars, endpoint, count=count, restart=made.restart)
    assert len(grades) == 28
    assert [(grade.asks, grade.wrong) for grade in grades if grade.wrong] == []


@pytest.mark.timeout(60)
async def test_certify_finds_a_subscriber_that_does_nothing(pki: Pki, cars: list[Identity]) -> None:
    """Without a subscriber every case fails, so a good grade means something."""
    async with mosquitto() as broker:
        grades = await certify(cars, lambda _: broker.endpoint(), patience_s=0.1)
    passed = [grade.asks for grade in grades if not grade.wrong]
    assert passed == ["all signed and well formed"]


class _Twice(SqliteSink):
    """A sink that doubles: what certify's query must find."""

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Writes twice."""
        super().write(db, effects)
        super().write(db, effects)


@pytest.mark.timeout(60)
async def test_certify_finds_double_effects(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """Receipts look right, and the count gives the subscriber away."""
    async with mosquitto() as broker, site(pki, broker.endpoint(), tmp_path, _Twice) as made:

        def count(device: str, epoch: int, stream: str) -> int:
            with closing(open_beside(made.db)) as db:
                return sum(a.effects for a in audit(db, device) if (a.key.epoch, a.key.stream.word) == (epoch, stream))

        async def ask(device: str, epoch: int, stream: str) -> int:
            return await asyncio.to_thread(count, device, epoch, stream)

        grades = await certify(cars, lambda _: broker.endpoint(), count=ask)
    wrong = {grade.asks: grade.wrong for grade in grades if grade.wrong}
    assert wrong["what was sent is named"] == "15 effects expected, the query counts 30"


@pytest.mark.timeout(60)
async def test_killed_between_effect_and_receipt(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """Effects are committed, no receipt leaves, SIGKILL: the replay is receipted and takes no second effect."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker, player(cars[0], broker.endpoint()) as car:
        for round_ in range(3):
            first = 1 + 50 * round_
            batch = forge.batch(CAR, car.epoch, Stream.LIVE, [forge.bag(first, 50)])
            payload = forge.signed(car.key, batch, Stream.LIVE)
            async with cloud_process(pki.cloud, broker.url, db, receipt_interval_s=3_600) as cloud:
                await car.payload(payload)
                await cloud.until("admitted 50")
                await cloud.kill()
            assert await asyncio.to_thread(rows, db, CAR, car.epoch, "live") == first + 49
            assert car.held().floor == first - 1
            async with cloud_process(pki.cloud, broker.url, db):
                await car.payload(payload)
                assert await car.until_held(first + 49) == ""
            assert await asyncio.to_thread(rows, db, CAR, car.epoch, "live") == first + 49


async def states(broker: Broker, cars: list[Identity], wanted: list[bool]) -> list[downlink_pb2.CloudState]:
    """The cloud's states as they come, retained first, until `online` reads as wanted."""
    found: list[downlink_pb2.CloudState] = []
    enough = asyncio.Event()

    def heard(connection: Connection, message: Message) -> None:
        connection.ack(message)
        found.append(read_cloud_state(message.topic, message.payload, cars[0].cloud_keys[0]))
        if [state.online for state in found] == wanted:
            enough.set()

    async def session(connection: Connection) -> None:
        await connection.subscribe(CLOUD_STATE)
        await asyncio.shield(connection.closed)

    async with asyncio.timeout(10), background(Link(broker.endpoint(), "watcher", on_message=heard).run(session)):
        await enough.wait()
    return found


async def test_the_cloud_says_how_it_stands(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """Online and offline, signed and retained; a kill lets the broker say it; each connection has another boot id."""
    async with mosquitto() as broker:
        async with site(pki, broker.endpoint(), tmp_path) as made:
            online = (await states(broker, cars, [True]))[0]
            assert online.cloud_boot == made.cloud.cloud_boot
        assert (await states(broker, cars, [False]))[0].cloud_boot == online.cloud_boot
        async with cloud_process(pki.cloud, broker.url, tmp_path / "cloud.db") as process:
            second = (await states(broker, cars, [True]))[0]
            assert second.cloud_boot != online.cloud_boot
            await process.kill()
            last = (await states(broker, cars, [False]))[-1]
            assert last.cloud_boot == second.cloud_boot


async def test_a_lost_connection_tells_devices_to_send_again(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """After the broker restarted empty the cloud has another boot id, and what it held it still holds."""
    async with (
        mosquitto() as broker,
        site(pki, broker.endpoint(), tmp_path) as made,
        player(cars[0], broker.endpoint()) as car,
    ):
        await car.send(forge.bag(1, 10))
        assert await car.until_held(10) == ""
        boot = made.cloud.cloud_boot
        await broker.restart(wipe=True)
        assert await car.until(lambda heard: heard.boots[-1] != boot)
        await car.send(forge.bag(1, 10), forge.bag(11, 10))
        assert await car.until_held(20) == ""
    assert await asyncio.to_thread(rows, made.db, CAR, car.epoch, "live") == 20


class _FullOnce(SqliteSink):
    """The disk is full at the first write."""

    full = True

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Refuses once."""
        if self.full:
            self.full = False
            raise sqlite3.OperationalError("database or disk is full")
        super().write(db, effects)


async def test_a_full_disk_receipts_nothing(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """The cloud drops its connection, comes back with another boot id, and the same batch then takes effect."""
    async with (
        mosquitto() as broker,
        site(pki, broker.endpoint(), tmp_path, _FullOnce) as made,
        player(cars[0], broker.endpoint()) as car,
    ):
        assert await car.until(lambda heard: heard.receipts > 0)
        boot = made.cloud.cloud_boot
        await car.send(forge.bag(1, 10))
        assert await car.until(lambda heard: heard.boots[-1] != boot)
        assert car.held().count == 0
        await car.send(forge.bag(1, 10))
        assert await car.until_held(10) == ""
        assert made.cloud.status().tally.refused == 1
