"""From events to rows: what joins a commit, and what becomes of each append; must never fail one append for another."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.errors import ForecourtError, InputError
from gateway.limits import BAG_EVENTS_MAX
from gateway.model import Event, Lane, Stream
from gateway.outbox.core import Change, Core, Gate, change, cost
from gateway.outbox.cut import bags_of
from gateway.outbox.evict import Claims, make_room, release_claims
from gateway.outbox.schema import PENDING, Row
from gateway.outbox.tickets import Outcome, Part
from gateway.store import Store, savepoint
from gateway.store.damage import Damaged

_SEAL_BYTES = 28


@dataclass(slots=True)
class _Sack:
    """What may share bags: events of one key and one expiry."""

    lane: Lane
    expires: int
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class _Made:
    """What became of parts, by their index, and the bodies of their bags: (sack, events, codec, body)."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    lanes: list[Lane] = field(default_factory=list)
    bodies: list[tuple[_Sack, int, int, bytes]] = field(default_factory=list)
    whole: bool = False

    def holds(self, gate: Gate) -> bool:
        """Whether it is finished, and all of it may still be kept."""
        return self.whole and all(gate.may_keep(lane) for lane in self.lanes)


@contextmanager
def _as_ours() -> Iterator[None]:
    """What a bad value raises becomes an InputError; errors of the disk and of ours stay what they are."""
    try:
        yield
    except (sqlite3.Error, ForecourtError):
        raise
    except Exception as error:
        raise InputError(f"{type(error).__name__}: {error}") from error


class Batch:
    """A job: the parts of one stream that share a commit."""

    def __init__(self, core: Core, store: Store, stream: Stream, lock: threading.Lock) -> None:
        self._core, self._store, self._stream, self._lock = core, store, stream, lock
        self.parts: list[Part] = []
        self.events = 0
        self.closed = False
        self._outcomes: list[Outcome | Exception] = []
        self._claims: Claims = []
        self._made = _Made()
        self._slices: Iterator[None] | None = None

    def prepare(self) -> bool:
        """Encodes a bag ahead of the commit, so that an urgent one waits for a bag at most; False when all are.

        The gate is asked here and again by `run`, in the transaction.
        """
        if self._slices is None:
            self._close()
            self._slices = self._encode(self._made, range(len(self.parts)))
        try:
            next(self._slices)
        except StopIteration:
            self._made.whole = True
            return False
        except Exception:  # noqa: BLE001 - whose fault it is shows in `run`, which begins again
            return False
        return True

    def run(self, db: sqlite3.Connection) -> None:
        """All parts at once; when one of them cannot be written, each append by itself. Raises what a lone one does."""
        self._close()
        self._core.gate.harden()
        everything = range(len(self.parts))
        self._outcomes = [Outcome() for _ in self.parts]
        if len(self.parts) == 1:
            with _as_ours():
                self._write(db, everything)
            return
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
        """Tells each append; a batch that a dead store never ran is closed here."""
        with self._lock:
            self.closed = True
        release_claims(self._core, self._claims)
        outcomes: Iterable[Outcome | Exception] = self._outcomes
        if error is not None:
            outcomes = [error] * len(self.parts)
        for part, outcome in zip(self.parts, outcomes, strict=True):
            part.ticket.part_done(outcome)

    def _close(self) -> None:
        """Nothing is added any more."""
        with self._lock:
            self.closed = True
        self._store.withdraw(self)

    def _try(self, db: sqlite3.Connection, indices: Sequence[int]) -> Exception | None:
        """Writes parts; what cannot be encoded or has no room is undone and returned."""
        try:
            with savepoint(db), _as_ours():
                self._write(db, indices)
        except Damaged:
            raise
        except ForecourtError as error:
            return error
        return None

    def _write(self, db: sqlite3.Connection, indices: Sequence[int]) -> None:
        core, stream, made = self._core, self._stream, self._made
        if len(indices) < len(self.parts) or not made.holds(core.gate):
            made = _Made()
            for _ in self._encode(made, indices):
                pass
        for index, outcome in made.outcomes.items():
            self._outcomes[index] = outcome
        bodies = made.bodies
        if not bodies:
            return
        need = sum(cost(len(body) + _SEAL_BYTES) for _, _, _, body in bodies)
        with change(core, db) as one:
            make_room(one, stream, need, self._claims)
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

    def _encode(self, made: _Made, indices: Iterable[int]) -> Iterator[None]:
        """Fills `made`, a step for what makes a bag."""
        sacks: dict[tuple[int, int, bool], _Sack] = {}
        yield from self._sort(made, indices, sacks)
        for sack in sacks.values():
            for part, encoded in bags_of(self._core, sack.events):
                made.bodies.append((sack, len(part), *encoded))
                yield

    def _sort(self, made: _Made, indices: Iterable[int], sacks: dict[tuple[int, int, bool], _Sack]) -> Iterator[None]:
        """The events that may be kept and can be encoded, by what may share a bag; counts the others."""
        core = self._core
        allowed: dict[int, bool] = {}
        for run in self._runs(indices):
            lane = self.parts[run[0]].lane
            may = allowed.get(id(lane))
            if may is None:
                may = allowed[id(lane)] = core.gate.may_keep(lane)
                if may:
                    made.lanes.append(lane)
            if not may:
                made.outcomes.update({index: Outcome(denied=len(self.parts[index].events)) for index in run})
                continue
            expires = core.ttl.expiry(lane.kind.ttl_s)
            key = (lane.key_id, expires, not lane.kind.signals)
            if key not in sacks:
                sacks[key] = _Sack(lane, expires)
            sacks[key].events += self._fitting(made, lane, run)
            yield

    def _runs(self, indices: Iterable[int]) -> Iterator[list[int]]:
        """Parts that follow each other in one lane, as many as make a bag."""
        run: list[int] = []
        size = 0
        for index in indices:
            part = self.parts[index]
            if run and (size >= BAG_EVENTS_MAX or part.lane is not self.parts[run[0]].lane):
                yield run
                run, size = [], 0
            run.append(index)
            size += len(part.events)
        if run:
            yield run

    def _fitting(self, made: _Made, lane: Lane, run: Sequence[int]) -> Sequence[Event]:
        """What can be encoded of a run: looked at together, and one by one only where something is wrong."""
        events = [event for index in run for event in self.parts[index].events]
        fit = _fit(self._core, lane, events)
        if len(fit) < len(events) and len(run) > 1:
            return [event for index in run for event in self._fitting(made, lane, (index,))]
        for index in run:
            count = len(self.parts[index].events)
            kept = count if len(run) > 1 else len(fit)
            made.outcomes[index] = Outcome(kept=kept, refused=count - kept)
        return fit


def _fit(core: Core, lane: Lane, events: Sequence[Event]) -> Sequence[Event]:
    """The events as the lane allows them, without those whose values or times have a wrong type or size."""
    if not lane.kind.signals:
        events = _stripped(core, lane, events)
    if not events:
        return events
    _, _, stamps, received, values = zip(*events, strict=True)
    bad = core.encoder.check(lane.kind, values, stamps, received)
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
