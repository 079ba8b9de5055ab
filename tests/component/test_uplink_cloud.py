"""The device's real uplink to the real cloud kit: both books agree, whatever ends meanwhile; must never stub either."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from forecourt.v1 import control_pb2

from gateway.clock import ManualClock
from gateway.cloud.audit import StreamAudit, audit
from gateway.cloud.gaps import watch
from gateway.cloud.inbox import Inbox
from gateway.cloud.outcome import Outcome
from gateway.cloud.schema import open_beside
from gateway.cloud.service import Cloud
from gateway.flow.builtin import register_builtin
from gateway.identity import CloudIdentity
from gateway.link import Endpoint
from gateway.model import Event, PurposeSet, SeqRange, Stream
from gateway.wire.codec import Encoder
from tests.component.uplinks import CLOUD_KEY, DEVICE, DEVICE_KEY, ME, car
from tests.kit.broker import mosquitto
from tests.kit.gates import AllowAll
from tests.kit.sites import background

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timeout(60)]
CLOCK = ManualClock()  # that of the device too, by which commands expire
CLOUD = CloudIdentity("cloud", CLOUD_KEY, ME.tls, {DEVICE: DEVICE_KEY.public_key()}, Path("none"))


@contextlib.asynccontextmanager
async def cloud(
    endpoint: Endpoint, db: Path, on_outcome: Callable[[Outcome], None] = lambda _: None
) -> AsyncIterator[Cloud]:
    """The cloud kit, subscribed."""
    inbox = await Inbox.open(db, CLOUD.device_key, clock=CLOCK)
    try:
        made = Cloud(CLOUD, endpoint, inbox, clock=CLOCK, on_outcome=on_outcome)
        async with background(made.run()):
            async with asyncio.timeout(10):
                await made.ready.wait()
            yield made
    finally:
        await inbox.aclose()


def counted(db: Path) -> dict[str, StreamAudit]:
    """What the rows come to, by the word of the stream."""
    with closing(open_beside(db)) as connection:
        assert [gaps for gaps in watch(connection) if gaps.missing()] == []
        return {found.key.stream.word: found for found in audit(connection)}


def check(found: dict[str, StreamAudit], **effects: int) -> None:
    """Every event is one row: none lost, none twice."""
    for word, count in effects.items():
        item = found[word]
        assert (item.effects, item.duplicates, item.missing, item.faithful) == (count, 0, (), True)


async def test_every_event_is_settled_and_held_once(tmp_path: Path) -> None:
    """All streams, in one life of each side."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker, cloud(broker.endpoint(), db), car(tmp_path / "car", broker.endpoint()) as edge:
        await edge.append(Stream.LIVE, 3_000)
        await edge.append(Stream.URGENT, 200)
        await edge.append(Stream.BULK, 2_000)
        books = await edge.settled(5_200)
    assert (books.balanced, books.appended, books.pending) == (True, 5_200, 0)
    check(await asyncio.to_thread(counted, db), live=3_000, urgent=200, bulk=2_000)


class Garbling(Encoder):
    """Writes some bags so that nobody can read them."""

    def __init__(self) -> None:
        super().__init__()
        self.garble = False

    def encode(self, events: Sequence[Event]) -> tuple[int, bytes]:
        """As an encoder with a bug would."""
        codec, body = super().encode(events)
        return codec, body[: len(body) // 2] if self.garble else body


async def test_a_bag_that_the_cloud_cannot_read_leaves_the_shelf_with_a_gap(tmp_path: Path) -> None:
    """It would come again and again, and fill the window in the end; its neighbours are not at fault."""
    db, encoder = tmp_path / "cloud.db", Garbling()
    async with (
        mosquitto() as broker,
        cloud(broker.endpoint(), db),
        car(tmp_path / "car", broker.endpoint(), encoder=encoder) as edge,
    ):
        await edge.append(Stream.LIVE, 400)
        encoder.garble = True
        await edge.append(Stream.LIVE, 300)
        encoder.garble = False
        await edge.append(Stream.LIVE, 500)
        await edge.until(lambda status: status.quarantined == 300 and status.drained)
        books = await edge.settled(900)
    assert (books.settled, books.quarantined, books.pending, books.balanced) == (901, 300, 0, True)
    found = await asyncio.to_thread(counted, db)
    assert (found["live"].effects, found["live"].missing) == (900, ())


async def test_a_folder_restored_from_a_copy_begins_a_new_epoch(tmp_path: Path) -> None:
    """Numbers of the copy were given again, for other events; the cloud sees it at the birth, and none is lost."""
    db, folder, copy, keys = tmp_path / "cloud.db", tmp_path / "car", tmp_path / "copy", AllowAll()
    async with mosquitto() as broker, cloud(broker.endpoint(), db) as far:
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            await edge.append(Stream.LIVE, 1_000)
            await edge.settled(1_000)
        await asyncio.to_thread(shutil.copytree, folder, copy)
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            await edge.append(Stream.LIVE, 500)
            await edge.settled(1_500)
        await asyncio.to_thread(shutil.rmtree, folder)
        await asyncio.to_thread(copy.rename, folder)
        async with car(folder, Endpoint.parse("mqtt://127.0.0.1:1"), gate=keys) as edge:  # away, until 700 hide the 500
            epoch = edge.store.epoch
            await edge.append(Stream.LIVE, 700)
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            dead = asyncio.Event()
            edge.store.on_fatal.append(lambda _: dead.set())
            async with asyncio.timeout(10):
                await dead.wait()
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            assert edge.store.epoch != epoch
            books = await edge.settled(700)
            assert (books.balanced, books.pending) == (True, 0)
        assert far.tally.events >= 2_200
    assert await asyncio.to_thread(rows_of_live, db) == 2_200


async def test_a_copy_of_a_running_device_is_seen_by_the_numbers_that_it_lacks(tmp_path: Path) -> None:
    """No connection since the copy tells it; what lay in it unreceipted has one effect, and what came since has one."""
    db, folder, copy, keys = tmp_path / "cloud.db", tmp_path / "car", tmp_path / "copy", AllowAll()
    async with mosquitto() as broker, cloud(broker.endpoint(), db):
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            await edge.append(Stream.LIVE, 1_000)
            await edge.settled(1_000)
            await asyncio.to_thread(shutil.copytree, folder, copy)
            await edge.append(Stream.LIVE, 500)
            await edge.settled(1_500)
        await asyncio.to_thread(shutil.rmtree, folder)
        await asyncio.to_thread(copy.rename, folder)
        async with car(folder, Endpoint.parse("mqtt://127.0.0.1:1"), gate=keys) as edge:
            await edge.append(Stream.LIVE, 200)
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            dead = asyncio.Event()
            edge.store.on_fatal.append(lambda _: dead.set())
            async with asyncio.timeout(10):
                await dead.wait()
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            books = await edge.settled(200)
            assert (books.balanced, books.pending) == (True, 0)
    assert await asyncio.to_thread(rows_of_live, db) == 1_700


async def test_what_a_copy_held_without_receipt_has_one_effect(tmp_path: Path) -> None:
    """The true store sent it after the copy was made; the copy sends it under new numbers, and names the old ones."""
    db, folder, copy, keys = tmp_path / "cloud.db", tmp_path / "car", tmp_path / "copy", AllowAll()
    nowhere = Endpoint.parse("mqtt://127.0.0.1:1")
    async with mosquitto() as broker:
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            async with cloud(broker.endpoint(), db):
                await edge.append(Stream.LIVE, 100)
                await edge.settled(100)
            await edge.append(Stream.LIVE, 400)
        await asyncio.to_thread(shutil.copytree, folder, copy)
        async with cloud(broker.endpoint(), db):
            async with car(folder, broker.endpoint(), gate=keys) as edge:
                await edge.append(Stream.LIVE, 300)
                await edge.settled(800)
            await asyncio.to_thread(shutil.rmtree, folder)
            await asyncio.to_thread(copy.rename, folder)
            async with car(folder, nowhere, gate=keys) as edge:
                await edge.append(Stream.LIVE, 250)
            async with car(folder, broker.endpoint(), gate=keys) as edge:
                dead = asyncio.Event()
                edge.store.on_fatal.append(lambda _: dead.set())
                async with asyncio.timeout(10):
                    await dead.wait()
            async with car(folder, broker.endpoint(), gate=keys) as edge:
                books = await edge.settled(650)
                assert (books.balanced, books.pending) == (True, 0)
    assert await asyncio.to_thread(rows_of_live, db) == 100 + 400 + 300 + 250


@pytest.mark.parametrize("twice", [False, True])
async def test_what_a_rescue_numbers_anew_has_one_effect(tmp_path: Path, twice: bool) -> None:
    """The cloud had it, the receipt was lost with the damaged store: it comes again under other numbers."""
    db, folder, keys = tmp_path / "cloud.db", tmp_path / "car", AllowAll()
    async with mosquitto() as broker, cloud(broker.endpoint(), db) as far:
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            await edge.append(Stream.LIVE, 800)
            await edge.until(lambda _: far.tally.events >= 800)
            await edge.store.condemn("a test says so, before the receipts are on the disk")
        async with car(folder, Endpoint.parse("mqtt://127.0.0.1:1"), gate=keys) as edge:
            await edge.append(Stream.LIVE, 300)
            if twice:
                await edge.store.condemn("and again, while away")
        async with car(folder, broker.endpoint(), gate=keys) as edge:
            books = await edge.settled(1_100)
            assert (books.balanced, books.pending) == (True, 0)
    assert await asyncio.to_thread(rows_of_live, db) == 1_100
    assert await asyncio.to_thread(came_again, db) >= 800


def came_again(db: Path) -> int:
    """Events that had their effect under an earlier number."""
    with closing(open_beside(db)) as connection:
        (count,) = connection.execute("select value from counter where name = 'salvaged_repeated'").fetchone()
        return int(count)


def rows_of_live(db: Path) -> int:
    """Effects of the live stream, over all epochs; with no number in doubt."""
    with closing(open_beside(db)) as connection:
        assert [gaps for gaps in watch(connection) if gaps.missing()] == []
        found = [item for item in audit(connection) if item.key.stream is Stream.LIVE]
    assert all(item.faithful and not item.duplicates for item in found)
    return sum(item.effects for item in found)


def tell_new(taken: asyncio.Event, outcome: Outcome) -> None:
    """Sets the event when something took effect."""
    if outcome.new:
        taken.set()


async def test_the_cloud_goes_and_comes_again_and_again(tmp_path: Path) -> None:
    """Five lives of the cloud, events all the while: what was in flight is sent again and takes no second effect."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker, car(tmp_path / "car", broker.endpoint()) as edge:
        for _ in range(5):
            taken = asyncio.Event()
            async with cloud(broker.endpoint(), db, partial(tell_new, taken)):
                await edge.append(Stream.LIVE, 2_000)
                async with asyncio.timeout(20):
                    await taken.wait()
            await edge.append(Stream.LIVE, 500)
        async with cloud(broker.endpoint(), db):
            books = await edge.settled(12_500)
    assert (books.balanced, books.appended, books.pending) == (True, 12_500, 0)
    check(await asyncio.to_thread(counted, db), live=12_500)


async def test_a_broker_that_forgets_everything(tmp_path: Path) -> None:
    """Killed and wiped three times under load: both sides come back and the books agree."""
    db = tmp_path / "cloud.db"
    async with mosquitto() as broker, cloud(broker.endpoint(), db), car(tmp_path / "car", broker.endpoint()) as edge:
        for _ in range(3):
            await edge.append(Stream.LIVE, 2_000)
            await broker.kill()
            await edge.append(Stream.LIVE, 500)
            await broker.restart(wipe=True)
        async with asyncio.timeout(40):
            while (books := await edge.outbox.books()).settled < 7_500:
                edge.changed.clear()
                await edge.changed.wait()
    assert (books.balanced, books.pending) == (True, 0)
    check(await asyncio.to_thread(counted, db), live=7_500)


async def nobody_withdraws(subject: int, purposes: PurposeSet) -> object:
    """Nobody does here."""
    raise AssertionError("nobody withdraws here")


async def test_settled_events_come_again_on_request(tmp_path: Path) -> None:
    """events.resend is answered DONE; what the cloud holds already takes no second effect."""
    db, repeated = tmp_path / "cloud.db", asyncio.Event()

    def tell(outcome: Outcome) -> None:
        if outcome.repeated:
            repeated.set()

    async with (
        mosquitto() as broker,
        cloud(broker.endpoint(), db, tell) as made,
        car(tmp_path / "car", broker.endpoint(), retain=True) as edge,
    ):
        register_builtin(edge.router, edge.outbox.epoch, edge.uplink.resend, nobody_withdraws)
        await edge.append(Stream.LIVE, 1_000)
        await edge.settled(1_000)
        number = await made.commander.resend(DEVICE, edge.outbox.epoch, Stream.LIVE, SeqRange(1, 400))
        async with asyncio.timeout(15):
            reply = await made.commander.wait(number)
            assert (reply.stage, reply.reason) == (control_pb2.COMMAND_STAGE_DONE, "")
            assert control_pb2.Counters.FromString(reply.result).counts["events"] >= 400  # whole bags
            await repeated.wait()
    check(await asyncio.to_thread(counted, db), live=1_000)
