"""The numbers of every stream, cached over their table, changed and undone with a transaction; must never decide."""

import json
import sqlite3
from collections import OrderedDict
from typing import NamedTuple

from gateway.cloud.numbers import Numbers
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.schema import signed, unsigned
from gateway.limits import CLOUD_EPOCHS_MAX, CLOUD_STREAMS_CACHED_MAX
from gateway.model import Stream


class StreamKey(NamedTuple):
    """One sequence of numbers; `epoch` as on the wire."""

    device: str
    epoch: int
    stream: Stream

    @property
    def row(self) -> tuple[str, int, int]:
        """Its columns."""
        return self.device, signed(self.epoch), int(self.stream)


class Streams:
    """What is held of each stream. Changes are made on copies between `save` and `keep` or `drop`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._cache: OrderedDict[StreamKey, Numbers] = OrderedDict()
        self._changing: dict[StreamKey, Numbers] = {}
        self._epochs: dict[str, set[int]] = {}

    def held(self, key: StreamKey) -> Numbers:
        """What is held; not to be changed."""
        found = self._changing.get(key) or self._cache.get(key)
        if found is None:
            row = self._db.execute(
                "select floor, above from stream where device = ? and epoch = ? and stream = ?", key.row
            ).fetchone()
            found = Numbers(row[0], json.loads(row[1])) if row else Numbers()
            self._cache[key] = found
            if len(self._cache) > CLOUD_STREAMS_CACHED_MAX:
                self._cache.popitem(last=False)
        return found

    def to_change(self, key: StreamKey) -> Numbers:
        """A copy that becomes true with `keep`. Poison when a device has more epochs than it may have."""
        if key not in self._changing:
            self._check(key)
            self._changing[key] = self.held(key).copy()
        return self._changing[key]

    def save(self) -> None:
        """Writes what was changed, in the caller's transaction."""
        self._db.executemany(
            "insert into stream (device, epoch, stream, floor, above, head) values (?, ?, ?, ?, ?, ?)"
            " on conflict do update set floor = excluded.floor, above = excluded.above,"
            " head = max(head, excluded.head)",
            [
                (*key.row, numbers.floor, json.dumps(numbers.above, separators=(",", ":")), numbers.head)
                for key, numbers in self._changing.items()
            ],
        )

    def keep(self) -> None:
        """The changes hold."""
        for key, numbers in self._changing.items():
            self._cache[key] = numbers
            self._cache.move_to_end(key)
        while len(self._cache) > CLOUD_STREAMS_CACHED_MAX:
            self._cache.popitem(last=False)
        self._changing.clear()

    def drop(self) -> None:
        """The changes since the last `keep` are void."""
        self._changing.clear()
        self._epochs.clear()

    def forget(self) -> None:
        """The transaction of kept changes was undone: the table is the truth."""
        self._cache.clear()
        self._changing.clear()
        self._epochs.clear()

    def expect(self, key: StreamKey, head: int, kept: int) -> None:
        """The device gave numbers up to `head`, and keeps none below `kept` (0: it does not say). Poison as above."""
        self._check(key)
        self._db.execute(
            "insert into stream values (?, ?, ?, 0, '[]', ?, ?) on conflict do update set"
            " head = max(head, excluded.head), kept = max(kept, excluded.kept)",
            (*key.row, head, kept),
        )

    def _check(self, key: StreamKey) -> None:
        epochs = self._epochs.get(key.device)
        if epochs is None:
            found = self._db.execute("select distinct epoch from stream where device = ?", (key.device,))
            epochs = self._epochs[key.device] = {row[0] for row in found}
        if signed(key.epoch) in epochs:
            return
        if len(epochs) >= CLOUD_EPOCHS_MAX and not self._forget_oldest(key.device, epochs):
            raise Poison(Reason.HEADER, f"a device has at most {CLOUD_EPOCHS_MAX} epochs")
        epochs.add(signed(key.epoch))

    def _forget_oldest(self, device: str, epochs: set[int]) -> bool:
        """Forgets the oldest epoch in which nothing is missing; whether there was one. The present one stays."""
        row = self._db.execute(
            "select s.epoch from stream s left join born b on b.device = s.device and b.epoch = s.epoch"
            " where s.device = ?1 and s.epoch <> coalesce((select epoch from device where device = ?1), 0)"
            " group by s.epoch having max(s.floor < s.head or s.above <> '[]') = 0 order by b.rank limit 1",
            (device,),
        ).fetchone()
        if row is None:
            return False
        for stream in Stream:
            key = StreamKey(device, unsigned(row[0]), stream)
            if key in self._changing:
                return False
            self._cache.pop(key, None)
        self._db.execute("delete from stream where device = ? and epoch = ?", (device, row[0]))
        epochs.discard(row[0])
        return True

    def of_epoch(self, device: str, epoch: int) -> list[StreamKey]:
        """The streams known of one epoch of a device."""
        rows = self._db.execute(
            "select stream from stream where device = ? and epoch = ?", (device, signed(epoch))
        ).fetchall()
        return [StreamKey(device, epoch, Stream(number)) for (number,) in rows]
