"""What the parts of an outbox share, and one change of its books; must never decide what a part decides."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from forecourt.v1 import control_pb2

from gateway.clock import Clock
from gateway.errors import InputError
from gateway.limits import BAG_EVENTS_MAX, GAPS_KEPT_MAX, PAGE_BYTES
from gateway.model import AeadKey, GapReason, Kind, Lane, PurposeSet, SeqRange, Stream
from gateway.outbox import heads as head_table
from gateway.outbox.flights import Flights
from gateway.outbox.heads import Head
from gateway.outbox.origins import Origins
from gateway.outbox.ranges import merged
from gateway.outbox.references import References
from gateway.outbox.schema import PENDING, ROW_BYTES, Row, checked, insert
from gateway.outbox.ttl import TtlClock
from gateway.store.budget import Budget, row_bytes
from gateway.wire.codec import Encoder
from gateway.wire.dictionary import Dictionary
from gateway.wire.seal import Place, seal, unseal

IDENTITY = 1


class Gate(Protocol):
    """What the outbox asks of consent: `lane` on the loop, `harden` on the writer thread, the rest anywhere."""

    @property
    def version(self) -> int:
        """Rises with every change of what is in force."""
        ...

    def bind(self, dictionary: Dictionary) -> None:
        """Names the dictionary that learns the kinds of its lanes."""
        ...

    def lane(self, kind: Kind, subject: int) -> Lane | None:
        """Where such events go; None: not a byte may be kept."""
        ...

    def may_keep(self, lane: Lane) -> bool:
        """Whether events of a lane that was handed out earlier may still be written."""
        ...

    def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
        """Whether events kept for `purposes` may still leave."""
        ...

    def record(self, body: bytes, purposes: PurposeSet) -> bytes:
        """The record without the fields that `purposes` do not allow; raises InputError."""
        ...

    def key(self, key_id: int) -> AeadKey | None:
        """The data key of that id; None when it was destroyed or never known."""
        ...

    def control_key(self) -> tuple[int, AeadKey]:
        """Id and key of the control stream."""
        ...

    def harden(self) -> None:
        """Makes every key that was handed out durable; cheap when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Quotas:
    """How much of the store's budget each stream may take, as shares; urgent and control also have a reserve.

    Bulk and live together leave `reserved` of the budget to urgent and control, which may take all that is free.
    """

    bulk: float = 0.80
    live: float = 0.60
    reserved: float = 0.10

    def bytes_max(self, stream: Stream, budget_bytes: int) -> int:
        """Most bytes of the file that rows of a stream may take."""
        share = {Stream.BULK: self.bulk, Stream.LIVE: self.live}.get(stream, 1.0)
        return int(share * budget_bytes)


@dataclass(slots=True)
class Core:
    """The parts that all parts need."""

    device: str
    epoch: int
    gate: Gate
    encoder: Encoder
    dictionary: Dictionary
    clock: Clock
    ttl: TtlClock
    budget: Budget
    quotas: Quotas
    references: References
    retain: bool
    boot_id: int
    control: tuple[int, AeadKey]
    flights: Flights = field(default_factory=Flights)
    counters: Counter[str] = field(default_factory=Counter)
    origins: Origins = field(default_factory=dict)

    @property
    def budget_bytes(self) -> int:
        """The whole budget."""
        return self.budget.pages * PAGE_BYTES

    def sealed(self, stream: Stream, row: Row, key: AeadKey, body: bytes) -> Row:
        """The row with `body` sealed under `key`, and its check."""
        place = Place(self.device, self.epoch, stream, row.first_seq, row.events, row.key_id)
        return checked(stream, row._replace(sealed=seal(key, place, body)))

    def opened(self, stream: Stream, row: Row) -> bytes | None:
        """The body of a row; None when its key is gone. Raises SealBroken."""
        key = self.gate.key(row.key_id)
        if key is None:
            return None
        return unseal(key, Place(self.device, self.epoch, stream, row.first_seq, row.events, row.key_id), row.sealed)


def body_of(core: Core, stream: Stream, row: Row) -> bytes | None:
    """The opened body of a row; None when it does not open."""
    try:
        return core.opened(stream, row)
    except InputError:
        return None


def cost(sealed_bytes: int) -> int:
    """Bytes of the file that a bag takes."""
    return row_bytes(sealed_bytes + ROW_BYTES)


class Change:
    """One change of the books, inside a job: heads, gaps, and the control records that tell them."""

    def __init__(self, core: Core, db: sqlite3.Connection, heads: dict[Stream, Head]) -> None:
        self.core, self.db, self.heads = core, db, heads
        self._gaps: dict[tuple[Stream, GapReason], list[SeqRange]] = {}

    def put(self, stream: Stream, rows: list[Row]) -> None:
        """Puts new bags on the shelf, whose numbers follow the last one given."""
        head = self.heads[stream]
        insert(self.db, stream, rows)
        head.last = rows[-1].last_seq
        head.bytes += sum(cost(len(row.sealed)) for row in rows)

    def took(self, stream: Stream, rows: Iterable[tuple[int, int, int]], *, kept: bool = False) -> int:
        """Rows (first, count, sealed bytes) left the shelf: their events. `kept`: they were settled and retained."""
        head, events = self.heads[stream], 0
        for _, count, sealed_bytes in rows:
            events += count
            head.bytes -= cost(sealed_bytes)
            if kept:
                head.kept_bytes -= cost(sealed_bytes)
        return events

    def gap(self, stream: Stream, ranges: Iterable[SeqRange], reason: GapReason) -> None:
        """These numbers will never arrive: counted, told in the control stream, and remembered."""
        found = list(ranges)
        if not found:
            return
        self._gaps.setdefault((stream, reason), []).extend(found)
        self.heads[stream].count_gap(reason, sum(one.size for one in found))

    def control(self, records: Sequence[control_pb2.ControlRecord]) -> int:
        """Appends records to the control stream in this transaction; returns the number of the first."""
        core, head = self.core, self.heads[Stream.CONTROL]
        first, (key_id, key) = head.last + 1, core.control
        for start in range(0, len(records), BAG_EVENTS_MAX):
            part = records[start : start + BAG_EVENTS_MAX]
            row = Row(head.last + 1, len(part), 0, 0, key_id, core.boot_id, IDENTITY, 0, PENDING, 0, b"")
            body = control_pb2.ControlRecords(records=part).SerializeToString()
            self.put(Stream.CONTROL, [core.sealed(Stream.CONTROL, row, key, body)])
        return first

    def finish(self) -> None:
        """Writes the gaps of this change, and the references that its bags may need."""
        self.core.references.save_new(self.db)
        at_us = self.core.clock.wall_us()
        records, history = [], []
        for (stream, reason), ranges in self._gaps.items():
            told = merged(ranges)
            pairs = [control_pb2.Range(first=one.first, last=one.last) for one in told]
            gap = control_pb2.Gap(
                epoch=self.core.epoch, stream=stream, ranges=pairs, reason=f"GAP_REASON_{reason.name}"
            )
            records.append(control_pb2.ControlRecord(at_us=at_us, gap=gap))
            history += [(at_us, stream, one.first, one.last, reason) for one in told]
        if records:
            self.control(records)
            self.db.executemany("insert into gap(at_us, stream, first, last, reason) values(?, ?, ?, ?, ?)", history)
            self.db.execute("delete from gap where id <= (select max(id) from gap) - ?", (GAPS_KEPT_MAX,))


@contextmanager
def change(core: Core, db: sqlite3.Connection) -> Iterator[Change]:
    """One change; heads and gaps are written at its end, nothing when an error leaves it."""
    with head_table.changed(db, core.epoch) as heads:
        one = Change(core, db, heads)
        yield one
        one.finish()
