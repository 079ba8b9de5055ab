"""A simulated device on the broker: sends what it is told and collects receipts; must never judge them."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import downlink_pb2, event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.numbers import Numbers
from gateway.errors import InputError, SignatureError
from gateway.identity import Identity
from gateway.link import Connection, Endpoint, Link, Message
from gateway.model import Stream
from gateway.wire.messages import read_cloud_state, read_receipt
from gateway.wire.signing import sign
from gateway.wire.topics import CLOUD_STATE, Topics

RANGES_MAX = 64
M = TypeVar("M")


@dataclass(slots=True)
class Heard:
    """What came down to one device."""

    held: dict[tuple[int, int], downlink_pb2.StreamReceipt] = field(default_factory=dict)
    receipts: int = 0
    unknown: set[int] = field(default_factory=set)
    boots: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refused: list[downlink_pb2.StreamRefusal] = field(default_factory=list)
    doubted: set[int] = field(default_factory=set)
    births: set[int] = field(default_factory=set)


class Player:
    """One device. `run` keeps it on the broker; the rest plays."""

    def __init__(self, identity: Identity, endpoint: Endpoint, patience_s: float) -> None:
        self.device, self.key = identity.device, identity.key
        self._cloud_keys, self._patience_s = identity.cloud_keys, patience_s
        self.topics = Topics(identity.device)
        self.heard = Heard()
        self.online = asyncio.Event()
        self._connect, self._boot = secrets.randbits(31), secrets.randbits(62) + 1
        self.epoch = 0
        self._news = asyncio.Event()
        self._link = Link(endpoint, identity.device, on_message=self._on_message)

    async def run(self) -> None:
        """Keeps the device on the broker until cancelled."""
        await self._link.run(self._session)

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(self.topics.receipt, CLOUD_STATE)
        self.online.set()
        await asyncio.shield(connection.closed)

    async def begin(self, heads: dict[Stream, int] | None = None) -> None:
        """A birth with a new epoch, as after a new store."""
        self.epoch = secrets.randbits(62) + 1
        await self.born(heads)

    async def born(
        self,
        heads: dict[Stream, int] | None = None,
        extra: bytes = b"",
        *,
        name: int = 0,
        before: Sequence[int] = (),
    ) -> None:
        """A birth of the present epoch, with a name and those before it where they are given."""
        self._connect += 1
        state = downlink_pb2.DeviceState(
            online=True, boot=self._boot, connect=self._connect, epoch=self.epoch, version="certify", birth=name
        )
        state.births.extend(before)
        for stream, head in (heads or {}).items():
            state.heads.add(epoch=self.epoch, stream=int(stream), floor=head)
        payload = sign(self.key, self.topics.state, state.SerializeToString() + extra)
        await self.raw(self.topics.state, payload, retain=True)

    async def send(self, *bags: event_pb2.Bag, stream: Stream = Stream.LIVE, with_dictionary: bool = True) -> None:
        """An ordinary batch of these bags."""
        made = forge.batch(self.device, self.epoch, stream, bags, with_dictionary=with_dictionary)
        await self.payload(forge.signed(self.key, made, stream), stream)

    async def payload(self, payload: bytes, stream: Stream = Stream.LIVE) -> int:
        """Any bytes on the topic of a stream; the reason code of the broker's acknowledgement."""
        return await self.raw(self.topics.events(stream), payload)

    async def raw(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Any bytes on any topic; the reason code of the broker's acknowledgement."""
        async with asyncio.timeout(self._patience_s):
            await self.online.wait()
            connection = self._link.connection
            assert connection is not None
            return await connection.publish(topic, payload, retain=retain)

    async def until(self, what: Callable[[Heard], bool]) -> bool:
        """Whether `what` comes true of what was heard, within the patience."""
        try:
            async with asyncio.timeout(self._patience_s):
                while not what(self.heard):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def until_held(self, floor: int, *above: tuple[int, int], stream: Stream = Stream.LIVE) -> str:
        """Empty when receipts come to exactly this; otherwise what they say instead."""
        wanted = Numbers(floor, above)
        if await self.until(lambda _: self.held(stream) == wanted):
            return ""
        return f"receipts should say {_words(wanted)}, and say {_words(self.held(stream))}"

    def held(self, stream: Stream = Stream.LIVE) -> Numbers:
        """What the receipts say of the present epoch."""
        found = self.heard.held.get((self.epoch, int(stream)))
        return Numbers(found.floor, [(r.first, r.last) for r in found.above]) if found else Numbers()

    def _on_message(self, connection: Connection, message: Message) -> None:
        connection.ack(message)
        try:
            if message.topic == CLOUD_STATE:
                state = self._believed(read_cloud_state, message)
                if state.online:
                    self._boot_is(state.cloud_boot)
            else:
                self._receipt(self._believed(read_receipt, message))
        except SignatureError:
            self._fault(f"{message.topic}: not signed by the cloud's key")
        except InputError as error:
            self._fault(f"{message.topic}: {error}")
        self._news.set()

    def _believed(self, read: Callable[[str, bytes, Ed25519PublicKey], M], message: Message) -> M:
        """The content, by one of the pinned keys."""
        *others, last = self._cloud_keys
        for key in others:
            with suppress(SignatureError):
                return read(message.topic, message.payload, key)
        return read(message.topic, message.payload, last)

    def _receipt(self, receipt: downlink_pb2.Receipt) -> None:
        self.heard.receipts += 1
        self._boot_is(receipt.cloud_boot)
        self.heard.unknown |= set(receipt.unknown_dictionaries)
        self.heard.births.add(receipt.birth)
        self.heard.doubted.add(receipt.doubted_epoch)
        self.heard.refused.extend(receipt.refused)
        if sum(len(part.ranges) for part in receipt.refused) > RANGES_MAX:
            self._fault(f"a receipt that refuses more than {RANGES_MAX} ranges")
        for part in receipt.streams:
            if len(part.above) > RANGES_MAX:
                self._fault(f"a receipt with {len(part.above)} ranges")
            ends = [part.floor, *(end for item in part.above for end in (item.first, item.last))]
            if ends != sorted(ends) or any(item.first <= part.floor for item in part.above):
                self._fault("a receipt whose ranges overlap or are not in order")
            known = self.heard.held.get((part.epoch, part.stream))
            if known is not None and part.floor < known.floor:
                self._fault(f"a floor that fell from {known.floor} to {part.floor}")
            self.heard.held[part.epoch, part.stream] = part

    def _boot_is(self, boot: int) -> None:
        if not self.heard.boots or self.heard.boots[-1] != boot:
            self.heard.boots.append(boot)

    def _fault(self, text: str) -> None:
        if len(self.heard.faults) < 100:
            self.heard.faults.append(text)


def _words(numbers: Numbers) -> str:
    parts = [f"1-{numbers.floor}"] if numbers.floor else []
    parts += [f"{first}-{last}" for first, last in numbers.above[:8]]
    return (", ".join(parts) or "nothing") + (" and more" if numbers.fragments > 8 else "")
