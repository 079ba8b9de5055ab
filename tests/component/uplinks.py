"""A device with its uplink, and a small cloud that a test can make lie; must never share code with gateway.cloud."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2, event_pb2

from gateway.clock import ManualClock
from gateway.flow.budget import Budget
from gateway.flow.commands import CommandRouter
from gateway.flow.presence import Presence
from gateway.flow.ranges import merged
from gateway.flow.schema import schema
from gateway.flow.status import UplinkStatus
from gateway.flow.uplink import Uplink, UplinkSettings
from gateway.identity import Identity, TlsFiles
from gateway.link import Connection, Endpoint, Message, Will
from gateway.model import Books, SeqRange, Stream
from gateway.outbox import Outbox
from gateway.store import Store
from gateway.wire.batch import read_batch
from gateway.wire.codec import Encoder
from gateway.wire.signing import sign
from gateway.wire.topics import CLOUD_STATE, UP_EVENTS_FILTER, UP_STATE_FILTER, Topics, parse_up
from tests.kit.gates import AllowAll
from tests.kit.links import connected
from tests.kit.outboxes import events, kind

DEVICE = "device-1"
DEVICE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CLOUD_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TOPICS = Topics(DEVICE)
_NO_FILE = Path("none")
ME = Identity(DEVICE, DEVICE_KEY, (CLOUD_KEY.public_key(),), TlsFiles(_NO_FILE, _NO_FILE, _NO_FILE))


@dataclass
class Car:
    """The open parts of one life of a device."""

    store: Store
    outbox: Outbox
    gate: AllowAll
    uplink: Uplink
    router: CommandRouter
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> UplinkStatus:
        """How the uplink stands."""
        return self.uplink.status()

    async def append(self, stream: Stream, count: int, subject: int = 7) -> None:
        """Events of one kind, durable when it returns."""
        await self.outbox.append_many(events(kind(self.outbox.dictionary, stream), count, subject=subject))

    async def settled(self, count: int) -> Books:
        """The books once so many events are settled; settlements ride on commits."""
        async with asyncio.timeout(10):
            while (books := await self.outbox.books()).settled < count:
                self.changed.clear()
                await self.changed.wait()
        return books

    async def until(self, holds: Callable[[UplinkStatus], bool], timeout_s: float = 15.0) -> UplinkStatus:
        """Returns when the status is as wanted; looked at after each commit and receipt, and at times."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(status := self.status):
                    self.changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.1):
                            await self.changed.wait()
                return status
        except TimeoutError:
            raise AssertionError(f"never so: {self.status}") from None


@contextlib.asynccontextmanager
async def car(
    folder: Path,
    endpoint: Endpoint,
    *,
    gate: AllowAll | None = None,
    settings: UplinkSettings | None = None,
    budget: Budget | None = None,
    store_bytes: int = 16 << 20,
    retain: bool = False,
    encoder: Encoder | None = None,
) -> AsyncIterator[Car]:
    """A device that is running; the end of the block stops it as a cancel does."""
    gate, clock = gate or AllowAll(), ManualClock()
    store = await Store.open(folder, clock=clock, bytes_max=store_bytes, migrations=[Outbox.migrations, schema])
    try:
        outbox = await Outbox.open(
            store, device=DEVICE, gate=gate, encoder=encoder or Encoder(), clock=clock, retain_after_receipt=retain
        )
        router = CommandRouter(store, outbox, clock, TOPICS.command, ME.cloud_keys)
        presence = Presence(
            store,
            boot=clock.boot_id(),
            version="test",
            capabilities=lambda: router.kinds,
            pack=lambda state: sign(DEVICE_KEY, TOPICS.state, state.SerializeToString()),
        )
        uplink = Uplink(
            store,
            outbox,
            gate,
            ME,
            endpoint,
            clock=clock,
            presence=presence,
            records=lambda subject, purpose: f"record-{subject}-{purpose}",
            budget=budget,
            settings=settings or UplinkSettings(resync_s=0.1),
            on_command=router.offer,
        )
        found = Car(store, outbox, gate, uplink, router)
        store.on_commit.append(found.changed.set)
        uplink.on_receipt.append(found.changed.set)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(uplink.run()), group.create_task(router.run())]
            try:
                yield found
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await store.aclose()


@dataclass
class Arrival:
    """A batch as it came."""

    stream: Stream
    batch: event_pb2.EventBatch
    at_s: float

    @property
    def numbers(self) -> list[SeqRange]:
        """The numbers of its bags."""
        return [SeqRange(bag.first_seq, bag.first_seq + bag.count - 1) for bag in self.batch.bags]


class Cloudlet:
    """Notes what comes and answers each batch with a receipt, unless told otherwise. Remembers over connections."""

    def __init__(self) -> None:
        self.key, self.boot = CLOUD_KEY, 100
        self.silent = False
        self.knows_nothing = False
        self.refuse_dictionaries = False
        self.arrivals: list[Arrival] = []
        self.states: list[downlink_pb2.DeviceState] = []
        self.replies: list[control_pb2.CommandReply] = []
        self.gaps: list[control_pb2.Gap] = []
        self.dictionaries: set[int] = set()
        self.held: dict[tuple[int, Stream], list[SeqRange]] = {}
        self.repeated = 0
        self.changed = asyncio.Event()
        self._connection: Connection | None = None

    @contextlib.asynccontextmanager
    async def online(self, endpoint: Endpoint, boot: int | None = None) -> AsyncIterator["Cloudlet"]:
        """Connected and subscribed inside the block; a new boot id each time."""
        self.boot = boot or self.boot + 1
        will = Will(CLOUD_STATE, self._state(online=False))
        async with connected(endpoint, "cloud", on_message=self._take, will=will) as connection:
            self._connection = connection
            await connection.subscribe(UP_EVENTS_FILTER, UP_STATE_FILTER)
            self.say_state()
            yield self

    def say_state(self) -> None:
        """Publishes the retained state with the present boot id."""
        self.send(CLOUD_STATE, self._state(online=True), retain=True)

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publishes anything."""
        assert self._connection is not None
        self._connection.publish(topic, payload, retain=retain)

    def receipt(self, *, key: Ed25519PrivateKey | None = None, unknown: Iterable[int] = (), **claims: int) -> bytes:
        """A signed receipt of everything held; `claims` are floors by the word of a stream, instead of the truth."""
        message = downlink_pb2.Receipt(cloud_boot=self.boot, unknown_dictionaries=unknown)
        for (epoch, stream), ranges in self.held.items():
            part = message.streams.add(epoch=epoch, stream=stream)
            whole = ranges[0].last if ranges and ranges[0].first == 1 else 0
            part.floor = claims.get(stream.word, whole)
            part.above.extend(
                control_pb2.Range(first=item.first, last=item.last) for item in ranges[-64:] if item.first > part.floor
            )
        return sign(key or self.key, TOPICS.receipt, message.SerializeToString())

    def count(self, stream: Stream) -> int:
        """How many numbers of a stream are held, of all epochs."""
        return sum(item.size for (_, of), ranges in self.held.items() if of is stream for item in ranges)

    async def holds(self, stream: Stream, count: int) -> None:
        """Returns when so many numbers of a stream are held."""
        await self.until(lambda: self.count(stream) >= count)

    async def until(self, holds: Callable[[], bool], timeout_s: float = 15.0) -> None:
        """Returns when it is so, which is asked after each message."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            held = {f"{stream.word}": ranges[:3] for (_, stream), ranges in self.held.items()}
            raise AssertionError(f"never so; {len(self.arrivals)} batches, held {held}") from None

    def _state(self, online: bool) -> bytes:
        state = downlink_pb2.CloudState(cloud_boot=self.boot, online=online)
        return sign(self.key, CLOUD_STATE, state.SerializeToString())

    def _take(self, connection: Connection, message: Message) -> None:
        up = parse_up(message.topic)
        if up.stream is None:
            self.states.append(downlink_pb2.DeviceState.FromString(message.payload))
            self.send(TOPICS.receipt, self.receipt())
        else:
            batch = read_batch(message.topic, message.payload, DEVICE_KEY.public_key())
            self._batch(Arrival(up.stream, batch, asyncio.get_running_loop().time()))
        connection.ack(message)
        self.changed.set()

    def _batch(self, came: Arrival) -> None:
        self.arrivals.append(came)
        batch = came.batch
        if self.knows_nothing:
            return
        if (batch.signals or batch.shapes) and not self.refuse_dictionaries:
            self.dictionaries.add(batch.dictionary)
        if came.stream is not Stream.CONTROL and batch.dictionary not in self.dictionaries:
            self.send(TOPICS.receipt, self.receipt(unknown=[batch.dictionary]))
            return
        place = (batch.epoch, came.stream)
        before = sum(item.size for item in self.held.get(place, []))
        self.held[place] = merged([*self.held.get(place, []), *came.numbers])
        new = sum(item.size for item in self.held[place]) - before
        self.repeated += sum(item.size for item in came.numbers) - new
        for bag in batch.bags:
            for record in bag.control.records if new else ():
                if record.HasField("reply"):
                    self.replies.append(record.reply)
                elif record.HasField("gap"):
                    self.gaps.append(record.gap)
        if not self.silent:
            self.send(TOPICS.receipt, self.receipt())
