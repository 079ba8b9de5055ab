"""The outbox as it is meant, in memory: the model that the stored one is tested against; must never be less exact.

It keeps nothing over a crash of the process, knows no bytes, and so evicts nothing by itself: `lose` takes what is
named. Everything else answers as the stored one does, at once.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from forecourt.v1 import control_pb2

from gateway.clock import Clock
from gateway.limits import BAG_EVENTS_MAX, TAKE_BAGS_MAX
from gateway.model import Appended, Books, Event, GapReason, Kind, Lane, OpenBag, PurposeSet, SeqRange, Stream
from gateway.outbox.core import IDENTITY, Gate
from gateway.outbox.handout import Taken
from gateway.outbox.heads import Head
from gateway.outbox.ranges import merged
from gateway.outbox.settle import Settle
from gateway.outbox.ttl import Saved, TtlClock
from gateway.outbox.withdraw import Narrowing, Withdrawn
from gateway.wire.codec import Encoder
from gateway.wire.dictionary import Dictionary


@dataclass(frozen=True, slots=True)
class Kept:
    """A bag with its events in clear."""

    stream: Stream
    first_seq: int
    subject: int
    purposes: PurposeSet
    expires: int
    events: tuple[Event, ...]
    records: tuple[control_pb2.ControlRecord, ...] = ()

    @property
    def count(self) -> int:
        """How many events or records."""
        return len(self.events) or len(self.records)

    @property
    def numbers(self) -> SeqRange:
        """Its numbers."""
        return SeqRange(self.first_seq, self.first_seq + self.count - 1)


class MemoryOutbox:
    """The model. One append is one commit."""

    def __init__(self, gate: Gate, encoder: Encoder, clock: Clock, *, epoch: int = 1) -> None:
        self._gate, self._encoder, self._clock = gate, encoder, clock
        self._ttl = TtlClock(clock, None)
        self.epoch = epoch
        self.dictionary = Dictionary()
        self.counters: Counter[str] = Counter()
        self.heads = {stream: Head(stream) for stream in Stream}
        self.bags: dict[Stream, dict[int, Kept]] = {stream: {} for stream in Stream}
        self.gaps: dict[tuple[Stream, GapReason], list[SeqRange]] = {}
        self._flights: dict[Stream, set[int]] = {stream: set() for stream in Stream}
        gate.bind(self.dictionary)
        encoder.bind(self.dictionary)

    # Appending

    def append(self, event: Event) -> "asyncio.Future[Appended]":
        """One event."""
        return self.append_many((event,))

    def append_many(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """A future that is resolved already."""
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        future.set_result(self.keep(events))
        return future

    def keep(self, events: Sequence[Event]) -> Appended:
        """Keeps what the gate allows and the encoder can write."""
        denied = refused = 0
        sacks: dict[tuple[Stream, int, int, bool], tuple[Lane, list[Event]]] = {}
        for event in events:
            lane = self._gate.lane(event.kind, event.subject)
            if lane is None:
                denied += 1
                continue
            fitted = event if lane.picks is None else _narrow(event, lane.kind, lane.picks)
            if self._encoder.check(lane.kind, [fitted.values], [fitted.ts_us], [fitted.received_ms]):
                refused += 1
                continue
            key = (lane.kind.stream, lane.key_id, self._ttl.expiry(lane.kind.ttl_s), not lane.kind.signals)
            sacks.setdefault(key, (lane, []))[1].append(fitted)
        for (stream, _, expires, _), (lane, own) in sacks.items():
            for start in range(0, len(own), BAG_EVENTS_MAX):
                part = tuple(own[start : start + BAG_EVENTS_MAX])
                self._put(Kept(stream, 0, lane.subject, lane.purposes, expires, part))
        return Appended(len(events) - denied - refused, denied, refused)

    def append_control(self, record: control_pb2.ControlRecord) -> None:
        """One record."""
        self._put(Kept(Stream.CONTROL, 0, 0, 0, 0, (), (record,)))

    # Handing out and settling

    async def take(self, stream: Stream, after: int, up_to: int | None, bytes_max: int) -> Taken:
        """The next bags with numbers above `after`; `bytes_max` of bodies."""
        bags: list[OpenBag] = []
        size, scanned_to = 0, after if up_to is None else max(after, up_to)
        rows = [bag for first, bag in sorted(self.bags[stream].items()) if bag.numbers.last > after]
        rows = [bag for bag in rows if up_to is None or bag.first_seq <= up_to]
        for seen, bag in enumerate(rows):
            if seen and (size >= bytes_max or seen >= TAKE_BAGS_MAX):
                return Taken(bags, scanned_to, self._gate.version, True)
            scanned_to = bag.numbers.last
            if stream != Stream.CONTROL and not self._gate.may_leave(bag.subject, bag.purposes):
                continue
            opened = self._opened(bag)
            size += len(opened.body)
            bags.append(opened)
            self._flights[stream].add(bag.first_seq)
        return Taken(bags, scanned_to, self._gate.version, False)

    def release(self, stream: Stream, bags: Iterable[SeqRange] | None = None) -> None:
        """In flight no more."""
        if bags is None:
            self._flights[stream].clear()
        else:
            self._flights[stream].difference_update(bag.first for bag in bags)

    def in_flight(self, stream: Stream) -> set[int]:
        """First numbers of bags in flight."""
        return set(self._flights[stream])

    def settle(self, stream: Stream, floor: int, above: Sequence[SeqRange] = ()) -> bool:
        """A receipt; False when it names a number that was never given."""
        if not Settle(stream, floor, tuple(above)).honest(self.heads[stream].last):
            self.counters["bad_receipts"] += 1
            return False
        for covered in merged([*above, *([SeqRange(1, floor)] if floor else [])]):
            for bag in list(self.bags[stream].values()):
                if covered.first <= bag.first_seq and bag.numbers.last <= covered.last:
                    self._drop(bag)
                    self.heads[stream].settled += bag.count
        return True

    # Losing

    def expire(self) -> int:
        """Takes dead bags off the shelf, those in flight excepted; returns how many."""
        dead = [
            bag
            for stream in Stream
            for bag in self.bags[stream].values()
            if 0 < bag.expires <= self._ttl.bucket() and bag.first_seq not in self._flights[stream]
        ]
        for stream in Stream:
            self.lose(([bag for bag in dead if bag.stream == stream], GapReason.EXPIRED))
        return len(dead)

    def lose(self, *losses: tuple[Sequence[Kept], GapReason]) -> None:
        """Bags leave without being settled: a gap for each stream and reason, told together in control."""
        found: dict[tuple[Stream, GapReason], list[SeqRange]] = {}
        for bags, reason in losses:
            for bag in bags:
                self._drop(bag)
                found.setdefault((bag.stream, reason), []).append(bag.numbers)
                self.heads[bag.stream].count_gap(reason, bag.count)
        records = []
        for (stream, reason), ranges in found.items():
            self.gaps.setdefault((stream, reason), []).extend(ranges)
            pairs = [control_pb2.Range(first=one.first, last=one.last) for one in merged(ranges)]
            gap = control_pb2.Gap(epoch=self.epoch, stream=stream, ranges=pairs, reason=f"GAP_REASON_{reason.name}")
            records.append(control_pb2.ControlRecord(at_us=self._clock.wall_us(), gap=gap))
        if records:
            self._put(Kept(Stream.CONTROL, 0, 0, 0, 0, (), tuple(records)))

    def withdraw(self, subject: int, gone: PurposeSet, narrowing: Narrowing | None) -> Withdrawn:
        """Shrinks or purges the bags of a subject that stand on a purpose in `gone`."""
        purged: list[Kept] = []
        resealed = 0
        for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
            for bag in list(self.bags[stream].values()):
                if bag.subject != subject or not bag.purposes & gone:
                    continue
                smaller = None if narrowing is None else self._narrowed(bag, narrowing)
                if smaller is None:
                    purged.append(bag)
                else:
                    self.bags[stream][bag.first_seq] = smaller
                    resealed += bag.count
        self.lose((purged, GapReason.REVOKED))
        return Withdrawn(sum(bag.count for bag in purged), resealed, self._left(subject) - resealed)

    # What is known of it

    @property
    def last(self) -> Mapping[Stream, int]:
        """The last number of each stream."""
        return {stream: head.last for stream, head in self.heads.items()}

    @property
    def floor(self) -> Mapping[Stream, int]:
        """Per stream, the number up to which every one is settled or gone."""
        return {stream: min(self.bags[stream], default=head.last + 1) - 1 for stream, head in self.heads.items()}

    async def books_by_stream(self) -> dict[Stream, Books]:
        """The books of each stream."""
        return {
            stream: head.books(sum(bag.count for bag in self.bags[stream].values()))
            for stream, head in self.heads.items()
        }

    def reopened(self, ttl_ms: int) -> None:
        """What a crash forgets: marks of flight, and maybe some time on the TTL clock, which goes on at `ttl_ms`."""
        clock = self._clock
        now = Saved(ttl_ms, clock.boot_id(), int(clock.boottime_s() * 1_000), clock.wall_us(), int(clock.quality()))
        self._ttl = TtlClock(clock, now)
        for marks in self._flights.values():
            marks.clear()

    def _put(self, bag: Kept) -> None:
        head = self.heads[bag.stream]
        placed = replace(bag, first_seq=head.last + 1)
        self.bags[bag.stream][placed.first_seq] = placed
        head.last = placed.numbers.last

    def _drop(self, bag: Kept) -> None:
        del self.bags[bag.stream][bag.first_seq]
        self._flights[bag.stream].discard(bag.first_seq)

    def _opened(self, bag: Kept) -> OpenBag:
        if bag.records:
            codec, body = IDENTITY, control_pb2.ControlRecords(records=bag.records).SerializeToString()
        else:
            codec, body = self._encoder.encode(bag.events)
        boot = self._clock.boot_id()
        return OpenBag(bag.stream, bag.first_seq, bag.count, bag.subject, bag.purposes, boot, codec, body)

    def _narrowed(self, bag: Kept, narrowing: Narrowing) -> Kept | None:
        rest = narrowing.rest(bag.purposes)
        if not rest or narrowing.key(rest) is None:
            return None
        events = []
        for event in bag.events:
            picks = narrowing.picks(event.kind, rest)
            if picks is None:
                return None
            if isinstance(event.values, bytes):
                events.append(event._replace(values=narrowing.record(event.values, rest)))
            else:
                events.append(_narrow(event, self.dictionary.adopt(event.kind, picks), picks))
        return replace(bag, purposes=rest, events=tuple(events))

    def _left(self, subject: int) -> int:
        return sum(bag.count for bags in self.bags.values() for bag in bags.values() if bag.subject == subject)


def _narrow(event: Event, kind: Kind, picks: Sequence[int]) -> Event:
    assert not isinstance(event.values, bytes)
    return event._replace(kind=kind, values=tuple(event.values[index] for index in picks))
