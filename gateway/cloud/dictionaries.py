"""What the ids in a device's bags mean, by (device, digest); must never take a second meaning for a known digest."""

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass

from forecourt.v1 import event_pb2

from gateway.cloud.poison import Poison, Reason
from gateway.cloud.schema import signed
from gateway.cloud.sinks import ShapeInfo, SignalInfo
from gateway.limits import CLOUD_DICTIONARIES_BYTES_MAX, CLOUD_DICTIONARIES_CACHED_MAX, CLOUD_DICTIONARIES_MAX
from gateway.model import ValueType


@dataclass(frozen=True, slots=True)
class Known:
    """A dictionary ready for use: the value types of each shape for the decoder, and what the shapes mean."""

    types: dict[int, tuple[ValueType, ...]]
    shapes: dict[int, ShapeInfo]


class Dictionaries:
    """Every dictionary that devices sent, stored, the latest used in memory."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._cache: OrderedDict[tuple[str, int], tuple[Known, bytes]] = OrderedDict()

    def learn(self, batch: event_pb2.EventBatch) -> None:
        """Stores the dictionary that a batch carries, in the caller's transaction; Poison for a contradiction."""
        if not batch.shapes:
            return
        body = _body(batch)
        held = self._held(batch.device, batch.dictionary)
        if held is None:
            known = _understand(batch)
            self._make_room(batch.device)
            self._db.execute(
                "insert into dictionary values (?, ?, ?, ?)",
                (batch.device, signed(batch.dictionary), signed(batch.epoch), body),
            )
            self._remember((batch.device, batch.dictionary), (known, body))
        elif held[1] != body and held[0] != _understand(batch):
            raise Poison(Reason.DICTIONARY, "another dictionary under a digest that is known")

    def find(self, device: str, digest: int) -> Known | None:
        """The dictionary of that digest, None when the device never sent it."""
        held = self._held(device, digest)
        return held[0] if held else None

    def forget(self) -> None:
        """A transaction was undone: the table is the truth."""
        self._cache.clear()

    def _held(self, device: str, digest: int) -> tuple[Known, bytes] | None:
        key = (device, digest)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        row = self._db.execute(
            "select body from dictionary where device = ? and digest = ?", (device, signed(digest))
        ).fetchone()
        if row is None:
            return None
        body: bytes = row[0]
        self._remember(key, (_understand(event_pb2.EventBatch.FromString(body)), body))
        return self._cache[key]

    def _make_room(self, device: str) -> None:
        """Forgets the dictionaries of a device that has too many; it sends again what it still uses."""
        query = "select count(*), coalesce(sum(length(body)), 0) from dictionary where device = ?"
        count, size = self._db.execute(query, (device,)).fetchone()
        if count >= CLOUD_DICTIONARIES_MAX or size >= CLOUD_DICTIONARIES_BYTES_MAX:
            self._db.execute("delete from dictionary where device = ?", (device,))
            self._cache.clear()

    def _remember(self, key: tuple[str, int], held: tuple[Known, bytes]) -> None:
        self._cache[key] = held
        if len(self._cache) > CLOUD_DICTIONARIES_CACHED_MAX:
            self._cache.popitem(last=False)


def _body(batch: event_pb2.EventBatch) -> bytes:
    """The dictionary alone, in the order in which it came."""
    return event_pb2.EventBatch(signals=batch.signals, shapes=batch.shapes).SerializeToString(deterministic=True)


def _understand(batch: event_pb2.EventBatch) -> Known:
    try:
        signals = {s.id: SignalInfo(s.path, ValueType(s.type), s.unit) for s in batch.signals}
        shapes = {
            shape.id: ShapeInfo(shape.id, shape.kind, tuple(signals[number] for number in shape.signals))
            for shape in batch.shapes
        }
    except (KeyError, ValueError) as error:
        raise Poison(Reason.DICTIONARY, f"a shape or signal cannot be understood ({error})") from error
    return Known({number: tuple(s.type for s in shape.signals) for number, shape in shapes.items()}, shapes)
