"""Devices and messages for tests of the cloud's end; must never sign with a key that the test did not choose."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1 import control_pb2, downlink_pb2, event_pb2

from gateway.clock import ManualClock
from gateway.cloud.admission import Admission
from gateway.cloud.certify import forge
from gateway.cloud.consent.desk import ConsentTerms
from gateway.cloud.numbers import Numbers
from gateway.cloud.outcome import Outcome
from gateway.cloud.schema import signed
from gateway.cloud.sinks import Sink
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.cloud.streams import StreamKey
from gateway.model import Stream
from gateway.wire.signing import sign
from gateway.wire.topics import Topics

Letter = tuple[str, bytes]


@dataclass(frozen=True)
class Car:
    """A device with its own key."""

    device: str = "car-1"
    epoch: int = 11
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def topics(self) -> Topics:
        """Its topics."""
        return Topics(self.device)

    def stream(self, stream: Stream = Stream.LIVE, epoch: int | None = None) -> StreamKey:
        """One of its streams."""
        return StreamKey(self.device, epoch or self.epoch, stream)

    def letter(
        self, *bags: event_pb2.Bag, stream: Stream = Stream.LIVE, epoch: int | None = None, known: bool = True
    ) -> Letter:
        """A batch of these bags."""
        return self.sealed(forge.batch(self.device, epoch or self.epoch, stream, bags, with_dictionary=known), stream)

    def sealed(self, batch: event_pb2.EventBatch, stream: Stream = Stream.LIVE) -> Letter:
        """Any batch, signed by this device for the stream's topic."""
        topic = self.topics.events(stream)
        return topic, sign(self.key, topic, batch.SerializeToString())

    def control(self, first: int, *records: control_pb2.ControlRecord) -> Letter:
        """A batch of the control stream."""
        return self.letter(forge.control_bag(first, records), stream=Stream.CONTROL, known=False)

    def state(self, state: downlink_pb2.DeviceState) -> Letter:
        """A birth, a farewell or a will."""
        return self.topics.state, sign(self.key, self.topics.state, state.SerializeToString())

    def birth(self, connect: int = 1, boot: int = 5, heads: Sequence[downlink_pb2.StreamReceipt] = ()) -> Letter:
        """A birth."""
        return self.state(
            downlink_pb2.DeviceState(online=True, epoch=self.epoch, boot=boot, connect=connect, heads=heads)
        )


class Desk:
    """An inbox without its thread: admission over one connection."""

    def __init__(
        self,
        *cars: Car,
        db: sqlite3.Connection,
        sink: Sink | None = None,
        consent: ConsentTerms | None = None,
    ) -> None:
        self.db, self.clock = db, ManualClock()
        self.keys: dict[str, Ed25519PublicKey] = {car.device: car.key.public_key() for car in cars}
        self.admission = Admission(db, self.keys.get, sink or SqliteSink(), self.clock, consent)

    def take(self, *letters: Letter) -> list[Outcome]:
        """Admits the letters in one commit."""
        return self.admission.admit(letters)

    def held(self, key: StreamKey) -> Numbers:
        """What receipts would say."""
        return self.admission.streams.held(key)

    def effects(self, key: StreamKey) -> list[int]:
        """The numbers of the rows that are held, each as often as it is, in order."""
        found = self.db.execute(
            "select seq from effect where device = ? and epoch = ? and stream = ? order by seq", key.row
        )
        return [row[0] for row in found]

    def poison(self) -> list[tuple[str, str]]:
        """Device and reason of what was put aside, oldest first."""
        return [(row[0], row[1]) for row in self.db.execute("select device, reason from poison order by rowid")]

    def counter(self, name: str) -> int:
        """A durable counter."""
        row = self.db.execute("select value from counter where name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0


def rows_of(db: sqlite3.Connection, car: Car) -> int:
    """How many rows a device has in table `effect`."""
    found = db.execute("select count(*) from effect where device = ? and epoch = ?", (car.device, signed(car.epoch)))
    return int(found.fetchone()[0])
