"""A subscriber that records what a broker carries and reads it as a stranger could; must never answer anybody.

It trusts no counter of the product: what left is what it heard.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from forecourt.v1 import downlink_pb2, event_pb2

from gateway.errors import InputError
from gateway.link import Connection, Endpoint, Message
from gateway.model import PurposeSet, Stream, Value, purpose_set
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, decode
from gateway.wire.dictionary import shape_types
from gateway.wire.topics import parse_up

EVERYTHING: Final = "forecourt/v1/#"
MARK_TOPIC: Final = "forecourt/v1/witness/mark"
ECHO_S: Final = 10.0


class Heard(NamedTuple):
    """A message as it came."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """An event in clear: who it is about, what it stands on, and its values by path (or its record)."""

    device: str
    epoch: int
    stream: Stream
    seq: int
    subject: int
    purposes: PurposeSet
    records: tuple[str, ...]
    kind: str
    ts_us: int
    values: Mapping[str, Value]
    record: bytes = b""


class Mark(NamedTuple):
    """A place in what was heard."""

    at: int


BEGINNING: Final = Mark(0)


class _Dictionary(NamedTuple):
    batch: event_pb2.EventBatch
    shapes: dict[int, tuple[str, list[str]]]


@dataclass(slots=True)
class Witness:
    """Everything heard so far, in order. Made by `witness`. `dozing`: keeps only what explains later batches."""

    heard: list[Heard] = field(default_factory=list)
    dozing: bool = False
    _echo: dict[bytes, asyncio.Future[int]] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _connection: Connection | None = None

    async def mark(self) -> Mark:
        """Now, in the broker's order: what it took before this stands before the mark. LinkError when it is gone."""
        assert self._connection is not None, "nobody listens"
        token = secrets.token_bytes(8)
        echo = self._echo[token] = asyncio.get_running_loop().create_future()
        self._connection.publish(MARK_TOPIC, token)
        async with asyncio.timeout(ECHO_S):
            return Mark(await echo)

    async def until(self, count: int, limit_s: float = ECHO_S) -> None:
        """Returns when so many messages were heard."""
        async with asyncio.timeout(limit_s):
            while len(self.heard) < count:
                self._changed.clear()
                await self._changed.wait()

    def born_after(self, mark: Mark, device: str) -> Mark:
        """The next connection of `device` after the mark: all before is of the one that was closed. Else the end."""
        for at in range(mark.at, len(self.heard)):
            topic, payload = self.heard[at]
            up = parse_up(topic) if "/up/" in topic else None
            if up and up.device == device and up.stream is None and downlink_pb2.DeviceState.FromString(payload).online:
                return Mark(at)
        return Mark(len(self.heard))

    def batches(self) -> Iterator[tuple[int, event_pb2.EventBatch]]:
        """Every batch of events, with its place."""
        for at, (topic, payload) in enumerate(self.heard):
            up = parse_up(topic) if "/up/" in topic else None
            if up is not None and up.stream is not None:
                yield at, event_pb2.EventBatch.FromString(payload)

    def events(self, since: Mark = BEGINNING, device: str | None = None) -> Iterator[Seen]:
        """Every event heard since the mark; raises InputError for one that nobody could read."""
        known: dict[tuple[str, int], _Dictionary] = {}
        for at, batch in self.batches():
            if batch.signals or batch.shapes:
                known[batch.device, batch.dictionary] = _learn(batch)
            if at >= since.at and Stream(batch.stream) is not Stream.CONTROL and device in (None, batch.device):
                dictionary = known.get((batch.device, batch.dictionary))
                if dictionary is None:
                    raise InputError("a batch came before its dictionary")
                yield from _events(batch, dictionary)

    def _take(self, connection: Connection, message: Message) -> None:
        connection.ack(message)
        if message.topic == MARK_TOPIC:
            echo = self._echo.pop(message.payload, None)
            if echo is not None and not echo.done():
                echo.set_result(len(self.heard))
            return
        if self.dozing and not _explains(message):
            return
        self.heard.append(Heard(message.topic, message.payload))
        self._changed.set()


@contextlib.asynccontextmanager
async def witness(endpoint: Endpoint, *, dozing: bool = False) -> AsyncIterator[Witness]:
    """Listens to everything while the block runs; raises LinkError when the broker refuses."""
    one = Witness(dozing=dozing)
    connection = Connection(
        endpoint, f"witness-{secrets.token_hex(4)}", on_message=one._take, receive_maximum=1_000, window_max=16
    )
    try:
        async with asyncio.timeout(endpoint.connect_timeout_s):
            await connection.dial()
            await connection.greet()
        await connection.subscribe(EVERYTHING)
        one._connection = connection
        yield one
    finally:
        connection.abort("the witness has heard enough")


def standing_on(events: Iterable[Seen], subject: int, gone: PurposeSet) -> list[Seen]:
    """Those about `subject` that name one of the purposes in `gone`."""
    return [event for event in events if event.subject == subject and event.purposes & gone]


def _explains(message: Message) -> bool:
    up = parse_up(message.topic) if "/up/" in message.topic else None
    if up is None or up.stream in (None, Stream.CONTROL):
        return False
    batch = event_pb2.EventBatch.FromString(message.payload)
    return bool(batch.signals or batch.shapes)


def _learn(batch: event_pb2.EventBatch) -> _Dictionary:
    paths = {signal.id: signal.path for signal in batch.signals}
    return _Dictionary(batch, {shape.id: (shape.kind, [paths[i] for i in shape.signals]) for shape in batch.shapes})


def _events(batch: event_pb2.EventBatch, dictionary: _Dictionary) -> Iterator[Seen]:
    types = shape_types(dictionary.batch.signals, dictionary.batch.shapes)
    for bag in batch.bags:
        consent = batch.consents[bag.consent]
        if bag.codec not in (IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD):
            raise InputError("a bag in a codec that nobody knows")
        body = bag.rows.SerializeToString() if bag.codec == IDENTITY else bag.body
        for part in decode(bag.codec, body, bag.first_seq, bag.count, types):
            kind, paths = dictionary.shapes[part.shape]
            for seq, ts_us, _, *values in part.rows():
                yield Seen(
                    batch.device, batch.epoch, Stream(batch.stream), seq, consent.subject,
                    purpose_set(consent.purposes), tuple(consent.records), kind, ts_us,
                    dict(zip(paths, values, strict=True)) if paths else {},
                    b"" if paths else bytes(values[0]),
                )  # fmt: skip
