"""The cloud's end on a real broker: certified, killed, restarted, commanding; must never judge by its own counters."""

import asyncio
import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.clock import SystemClock
from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.certify.grade import certify
from gateway.cloud.certify.player import Player
from gateway.cloud.inbox import Inbox
from gateway.cloud.schema import open_beside
from gateway.cloud.service import Cloud
from gateway.cloud.sinks import Effects, Sink
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.identity import Identity, load_cloud, tls_context
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Connection, Endpoint, Link, Message
from gateway.model import SeqRange, Stream
from gateway.wire.messages import read_cloud_state, read_command
from gateway.wire.topics import CLOUD_STATE
from tests.kit.broker import Broker, free_port, mosquitto
from tests.kit.cloudproc import cloud_process

pytestmark = pytest.mark.needs_mosquitto
CAR, OTHER = "car-1", "car-2"
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Keys of a cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [CAR, OTHER])


@pytest.fixture(scope="module")
def cars(pki: Pki) -> list[Identity]:
    """The two devices."""
    return [load(pki.device(device)) for device in (CAR, OTHER)]


class Site:
    """A cloud that can be stopped and started on the same file."""

    def __init__(self, pki: Pki, endpoint: Endpoint, db: Path, sink: Callable[[], Sink] = SqliteSink) -> None:
        self._pki, self._endpoint, self.db, self._sink = pki, endpoint, db, sink
        self.cloud: Cloud
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Opens the inbox and waits until the cloud has subscribed."""
        identity = await asyncio.to_thread(load_cloud, self._pki.cloud)
        self._stack = contextlib.AsyncExitStack()
        inbox = await Inbox.open(self.db, identity.device_key, clock=CLOCK, sink=self._sink())
        self._stack.push_async_callback(inbox.aclose)
        self.cloud = Cloud(identity, self._endpoint, inbox, clock=CLOCK)
        await self._stack.enter_async_context(background(self.cloud.run()))
        await self.cloud.ready.wait()

    async def stop(self) -> None:
        """Says farewell and closes the file."""
        await self._stack.aclose()

    async def restart(self) -> None:
        """Both."""
        await self.stop()
        await self.start()


@contextlib.asynccontextmanager
async def background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs coroutines beside the block and cancels them at its end."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def site(
    pki: Pki, endpoint: Endpoint, tmp_path: Path, sink: Callable[[], Sink] = SqliteSink
) -> AsyncIterator[Site]:
    """A started site."""
    made = Site(pki, endpoint, tmp_path / "cloud.db", sink)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def player(identity: Identity, endpoint: Endpoint) -> AsyncIterator[Player]:
    """A device on the broker, born."""
    made = Player(identity, endpoint, patience_s=10)
    async with background(made.run()):
        await made.begin()
        yield made


def rows(db: Path, device: str, epoch: int, stream: str) -> int:
    """Effects of a stream, counted row by row; a duplicate would fail at once."""
    with closing(open_beside(db)) as connection:
        for found in audit(connection, device):
            assert (found.duplicates, found.faithful) == (0, True)
            if (found.key.epoch, found.key.stream.word) == (epoch, stream):
                return found.effects
    return 0


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
    assert len(grades) == 23
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


class Driver(Player):
    """A device that takes commands, and answers when told."""

    def __init__(self, identity: Identity, endpoint: Endpoint) -> None:
        super().__init__(identity, endpoint, patience_s=10)
        self.commands: asyncio.Queue[downlink_pb2.Command] = asyncio.Queue()
        self._answers = 0

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(self.topics.command)
        await super()._session(connection)

    def _on_message(self, connection: Connection, message: Message) -> None:
        if message.topic != self.topics.command:
            super()._on_message(connection, message)
            return
        connection.ack(message)
        self.commands.put_nowait(self._believed(read_command, message))

    async def answer(self, command: int, *stages: control_pb2.CommandStage, reason: str = "") -> None:
        """Sends answers in the control stream."""
        records = [
            control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=command, stage=stage, reason=reason))
            for stage in stages
        ]
        bag = forge.control_bag(self._answers + 1, records)
        self._answers += len(records)
        await self.send(bag, stream=Stream.CONTROL, with_dictionary=False)


async def test_commands_are_sent_after_each_birth_until_answered(
    pki: Pki, cars: list[Identity], tmp_path: Path
) -> None:
    """The same id and counter each time, over a restart of the cloud; the answers are kept in their order."""
    async with mosquitto() as broker, site(pki, broker.endpoint(), tmp_path) as made:
        car = Driver(cars[0], broker.endpoint())
        async with background(car.run()), asyncio.timeout(20):
            await car.begin()
            commander = made.cloud.commander
            number = await commander.resend(CAR, car.epoch, Stream.LIVE, SeqRange(3, 9))
            first = await car.commands.get()
            body = downlink_pb2.ResendEvents.FromString(first.body)
            assert (first.id, first.kind, first.counter) == (number, "events.resend", 1)
            assert (body.epoch, body.stream, body.range.first, body.range.last) == (car.epoch, 2, 3, 9)
            await car.born()
            assert await car.commands.get() == first
            await made.restart()
            assert await car.commands.get() == first
            other = await made.cloud.commander.issue(CAR, "profile.apply", b"x")
            second = await car.commands.get()
            assert (second.id, second.counter) == (other, 2)
            await car.answer(number, control_pb2.COMMAND_STAGE_ACCEPTED, control_pb2.COMMAND_STAGE_DONE)
            await car.answer(other, control_pb2.COMMAND_STAGE_FAILED, reason="unknown_kind")
            done = await made.cloud.commander.wait(number)
            failed = await made.cloud.commander.wait(other)
            assert (done.stage, failed.stage) == (control_pb2.COMMAND_STAGE_DONE, control_pb2.COMMAND_STAGE_FAILED)
            assert failed.reason == "unknown_kind"
            assert [reply.stage for reply in await made.cloud.commander.replies(number)] == [1, 3]
            before = car.heard.receipts
            await car.born()
            assert await car.until(lambda heard: heard.receipts > before)
            third = await made.cloud.commander.issue(CAR, "last")
            assert (await car.commands.get()).id == third


async def run_verb(*words: object, code: int = 0) -> str:
    """What `forecourt cloud …` prints; it must end with this exit code."""
    start = [sys.executable, "-c", "from gateway.cli import main; main()", "cloud", *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *start, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == code, out.decode()
    return out.decode()


async def fetch(port: int, path: str) -> str:
    """A page of the health server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    page = await reader.read()
    writer.close()
    await writer.wait_closed()
    return page.decode()


@pytest.mark.timeout(90)
async def test_the_verbs_beside_a_running_service(pki: Pki, cars: list[Identity], tmp_path: Path) -> None:
    """run, certify, tail, gaps, fleet and explain, as people call them; SIGTERM ends run with code 0."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker:
        port = free_port()
        serve = ["run", "--identity", pki.cloud, "--broker", broker.url, "--db", db, "--health-port", port]
        start = [sys.executable, "-c", "from gateway.cli import main; main()", "cloud", *map(str, serve)]
        process = await asyncio.create_subprocess_exec(*start, stderr=asyncio.subprocess.PIPE)
        try:
            assert process.stderr is not None
            while b"cloud_online" not in (line := await process.stderr.readline()):
                assert line
            python = "from gateway.cli import main; main()"
            query = f"{sys.executable} -c '{python}' cloud explain {{device}}/{{epoch}}/{{stream}} --count --db {db}"
            options = ["--broker", broker.url, "--devices", pki.folder / "devices", "--patience", 15]
            graded = await run_verb("certify", *options, "--json", "--query", query)
            assert all(json.loads(line)["passed"] for line in graded.splitlines())
            async with player(cars[0], broker.endpoint()) as car:
                await car.send(forge.bag(1, 10))
                await car.send(forge.bag(21, 5))
                assert await car.until_held(10, (21, 25)) == ""
            place = f"{CAR}/{car.epoch}/live"
            assert "Vehicle.Speed=25.0" in (await run_verb("tail", "--db", db, "-n", 1)).splitlines()[-1]
            assert json.loads(await run_verb("tail", "--db", db, "-n", 1, "--json"))["values"]["Vehicle.Speed"] == 25.0
            gaps = await run_verb("gaps", "--db", db, "--device", CAR, code=1)  # certify's epochs are over
            assert f"{place}: 15 of 25 accounted for\n  11-20 open" in gaps
            assert "unexplained" in gaps
            assert "\nforecourt_cloud_devices_online 2\n" in await fetch(port, "/metrics")
            assert 'forecourt_cloud_put_aside_total{reason="signature"}' in await fetch(port, "/metrics")
            assert (await fetch(port, "/ready")).startswith("HTTP/1.1 200")
            assert f"{CAR} online" in await run_verb("fleet", "--db", db)
            assert (await run_verb("explain", f"{place}/3", "--db", db)).startswith("delivered at ")
            assert (await run_verb("explain", f"{place}/11", "--db", db)).startswith("open: ")
            assert "is not DEVICE/EPOCH" in await run_verb("explain", "nonsense", "--db", db, code=2)
            assert "cannot be read" in await run_verb("gaps", "--db", tmp_path / "nowhere.db", code=1)
        finally:
            process.terminate()
            await process.communicate()
        assert process.returncode == 0
