"""From events to rows: what joins a commit, and what becomes of each append; must never fail one append for another."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from gateway.errors import ForecourtError, InputError, StoreError
from gateway.limits import (
    BAG_BYTES_MAX,
    BAG_EVENTS_MAX,
    LINGER_BULK_S,
    LINGER_CONTROL_S,
    LINGER_EVENTS_MAX,
    LINGER_LIVE_S,
    LINGER_URGENT_S,
    WAITING_EVENTS_MAX,
)
from gateway.model import Appended, Event, Lane, Stream
from gateway.outbox.core import Change, Core, change, cost
from gateway.outbox.evict import Claims, make_room, release_claims
from gateway.outbox.schema import PENDING, Row
from gateway.store import Store, savepoint

LINGER_S = {
    Stream.URGENT: LINGER_URGENT_S,
    Stream.LIVE: LINGER_LIVE_S,
    Stream.BULK: LINGER_BULK_S,
    Stream.CONTROL: LINGER_CONTROL_S,
}
_SEAL_BYTES = 28
_lane_of = itemgetter(0, 1)


@dataclass(slots=True)
class Ticket:
    """One append: resolved when the last of its parts is durable, with the first error that any had."""

    future: "asyncio.Future[Appended]"
    denied: int = 0
    kept: int = 0
    refused: int = 0
    parts_left: int = 0
    error: Exception | None = None

    def part_done(self, outcome: "Outcome | Exception") -> None:
        """On the loop."""
        self.parts_left -= 1
        if isinstance(outcome, Exception):
            self.error = self.error or outcome
        else:
            self.kept += outcome.kept
            self.denied += outcome.denied
            self.refused += outcome.refused
        if self.parts_left == 0 and not self.future.done():
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(Appended(self.kept, self.denied, self.refused))


@dataclass(slots=True)
class Outcome:
    """What became of a part."""

    kept: int = 0
    denied: int = 0
    refused: int = 0


@dataclass(slots=True)
class Part:
    """Events of one lane of one append."""

    lane: Lane
    events: Sequence[Event]
    ticket: Ticket


@dataclass(slots=True)
class _Sack:
    """What may share bags: events of one key and one expiry."""

    lane: Lane
    expires: int
    events: list[Event] = field(default_factory=list)


class Batch:
    """A job: the parts of one stream that share a commit."""

    def __init__(self, core: Core, store: Store, stream: Stream, lock: threading.Lock) -> None:
        self._core, self._store, self._stream, self._lock = core, store, stream, lock
        self.parts: list[Part] = []
        self.events = 0
        self.closed = False
        self._outcomes: list[Outcome | Exception] = []
        self._claims: Claims = []

    def run(self, db: sqlite3.Connection) -> None:
        """All parts at once; when one of them cannot be written, each append by itself."""
        with self._lock:
            self.closed = True
        self._store.withdraw(self)
        self._core.gate.harden()
        everything = range(len(self.parts))
        self._outcomes = [Outcome() for _ in self.parts]
        error = self._try(db, everything)
        if error is None:
            return
        tickets: dict[int, list[int]] = {}
        for index in everything:
            tickets.setdefault(id(self.parts[index].ticket), []).append(index)
        for indices in tickets.values():
            if len(tickets) > 1:
                error = self._try(db, indices)
            for index in indices:
                if error is not None:
                    self._outcomes[index] = error

    def done(self, error: Exception | None) -> None:
        """Tells each append."""
        release_claims(self._core, self._claims)
        outcomes: Iterable[Outcome | Exception] = self._outcomes
        if error is not None:
            outcomes = [error] * len(self.parts)
        for part, outcome in zip(self.parts, outcomes, strict=True):
            part.ticket.part_done(outcome)

    def _try(self, db: sqlite3.Connection, indices: Iterable[int]) -> Exception | None:
        """Writes parts; what cannot be encoded or has no room is undone and returned."""
        try:
            with savepoint(db):
                self._write(db, indices)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - one bad value never fails its neighbours
            return error if isinstance(error, ForecourtError) else InputError(f"{type(error).__name__}: {error}")
        return None

    def _write(self, db: sqlite3.Connection, indices: Iterable[int]) -> None:
        sacks = self._sort(indices)
        bodies = [(sack, len(part), *encoded) for sack in sacks for part, encoded in bags_of(self._core, sack.events)]
        if not bodies:
            return
        need = sum(cost(len(body) + _SEAL_BYTES) for _, _, _, body in bodies)
        core, stream = self._core, self._stream
        with change(core, db) as one:
            make_room(one, stream, need, self._claims)
            core.references.save_new(db)
            one.put(stream, self._rows(one, bodies))

    def _rows(self, one: Change, bodies: list[tuple[_Sack, int, int, bytes]]) -> list[Row]:
        core, stream = self._core, self._stream
        first, rows = one.heads[stream].last + 1, []
        for sack, count, codec, body in bodies:
            lane = sack.lane
            row = Row(
                first,
                count,
                lane.subject,
                lane.purposes,
                lane.key_id,
                core.boot_id,
                codec,
                sack.expires,
                PENDING,
                0,
                b"",
            )
            rows.append(core.sealed(stream, row, lane.key, body))
            first += count
        return rows

    def _sort(self, indices: Iterable[int]) -> list[_Sack]:
        """The events that may be kept and can be encoded, by what may share a bag; counts the others."""
        core = self._core
        sacks: dict[tuple[int, int, bool], _Sack] = {}
        allowed: dict[int, bool] = {}
        for index in indices:
            part, outcome = self.parts[index], Outcome()
            self._outcomes[index] = outcome
            lane, events = part.lane, part.events
            may = allowed.get(id(lane))
            if may is None:
                may = allowed[id(lane)] = core.gate.may_keep(lane)
            if not may:
                outcome.denied = len(events)
                continue
            events = _fit(core, lane, events)
            outcome.kept, outcome.refused = len(events), len(part.events) - len(events)
            expires = core.ttl.expiry(lane.kind.ttl_s)
            key = (lane.key_id, expires, not lane.kind.signals)
            if key not in sacks:
                sacks[key] = _Sack(lane, expires)
            sacks[key].events += events
        return [sack for sack in sacks.values() if sack.events]


def _fit(core: Core, lane: Lane, events: Sequence[Event]) -> Sequence[Event]:
    """The events as the lane allows them, without those whose values have a wrong type or size."""
    if not lane.kind.signals:
        events = _stripped(core, lane, events)
    bad = core.encoder.check(lane.kind, [event.values for event in events])
    if not bad:
        return events
    wrong = set(bad)
    return [event for index, event in enumerate(events) if index not in wrong]


def _stripped(core: Core, lane: Lane, events: Sequence[Event]) -> list[Event]:
    kept = []
    for event in events:
        try:
            if isinstance(event.values, bytes):
                kept.append(event._replace(values=core.gate.record(event.values, lane.purposes)))
        except InputError:
            continue
    return kept


def bags_of(core: Core, events: list[Event]) -> Iterable[tuple[list[Event], tuple[int, bytes]]]:
    """Events cut into bags that a message can carry, with their codec and body; raises TooLarge for one that cannot."""
    for start in range(0, len(events), BAG_EVENTS_MAX):
        yield from _cut(core, events[start : start + BAG_EVENTS_MAX])


def _cut(core: Core, events: list[Event]) -> Iterable[tuple[list[Event], tuple[int, bytes]]]:
    codec, body = core.encoder.encode(events)
    if len(body) <= BAG_BYTES_MAX or len(events) == 1:
        yield events, (codec, body)
        return
    middle = len(events) // 2
    yield from _cut(core, events[:middle])
    yield from _cut(core, events[middle:])


class Appender:
    """Takes events on the loop and hands them to the writer, each stream at its own pace."""

    def __init__(self, core: Core, store: Store) -> None:
        self._core, self._store = core, store
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._open: dict[Stream, Batch] = {}
        self._waiting = 0

    def append(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """Resolves once the events that may be kept are durable."""
        ticket = Ticket(self._loop.create_future())
        parts = self._parts(events, ticket)
        ticket.parts_left = len(parts)
        if not parts:
            ticket.future.set_result(Appended(0, ticket.denied, 0))
        elif self._waiting + len(events) > WAITING_EVENTS_MAX:
            self._core.counters["append_refused"] += len(events)
            ticket.future.set_exception(StoreError(f"{self._waiting} events wait for the disk already"))
        else:
            self._waiting += len(events)
            ticket.future.add_done_callback(lambda _: self._over(len(events)))
            for part in parts:
                self._add(part)
        return ticket.future

    def _over(self, events: int) -> None:
        self._waiting -= events

    def _parts(self, events: Sequence[Event], ticket: Ticket) -> list[Part]:
        lane_of, parts = self._core.gate.lane, []
        for (kind, subject), group in groupby(events, _lane_of):
            lane, own = lane_of(kind, subject), list(group)
            if lane is None:
                ticket.denied += len(own)
                continue
            if lane.picks is not None:
                own = _picked(lane, own)
            parts.append(Part(lane, own, ticket))
        return parts

    def _add(self, part: Part) -> None:
        stream = part.lane.kind.stream
        with self._lock:
            batch = self._open.get(stream)
            fresh = batch is None or batch.closed
            if batch is None or fresh:
                batch = self._open[stream] = Batch(self._core, self._store, stream, self._lock)
            batch.parts.append(part)
            batch.events += len(part.events)
            if batch.events >= LINGER_EVENTS_MAX:
                self._store.schedule(batch)
            elif fresh:
                self._store.schedule(batch, LINGER_S[stream])


def _picked(lane: Lane, events: list[Event]) -> list[Event]:
    """The events with the values that the lane leaves them; one of a wrong length stays as it is and is refused."""
    kind, picks = lane.kind, lane.picks or ()
    need = max(picks, default=-1)
    return [
        Event(kind, subject, ts, received, tuple(values[i] for i in picks) if len(values) > need else ())
        for _, subject, ts, received, values in events
    ]
