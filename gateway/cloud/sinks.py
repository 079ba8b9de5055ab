"""Where effects go: the Sink protocol, the default into SQLite, and how others are found; must never decide on numbers.

A sink writes inside the transaction that also notes the numbers, on the inbox's thread. One that keeps its rows in
another place than `db` must take the same (device, epoch, stream, seq) twice without a second effect, since the
transaction may be rolled back after it wrote.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from itertools import chain, compress, repeat
from typing import Any, NamedTuple, Protocol

from gateway.cloud.schema import signed
from gateway.errors import ConfigError
from gateway.model import PurposeSet, SeqRange, Stream, Value, ValueType, purposes_of

ENTRY_POINTS = "forecourt.sinks"
_FIXED = ("device", "epoch", "stream", "seq", "ts_us", "received_ms", "boot", "shape", "subject", "purposes")
_RECORD = -1
_KNOWN_MAX = 10_000


class SignalInfo(NamedTuple):
    """One signal of a shape as the device described it."""

    path: str
    type: ValueType
    unit: str


@dataclass(frozen=True, slots=True)
class ShapeInfo:
    """What the values of an event mean. `signals` is empty for events that carry a record."""

    id: int
    kind: str
    signals: tuple[SignalInfo, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """New events of one shape from one bag, as columns of equal length.

    `columns` holds one list for each signal of the shape, or one list of serialised forecourt.v1.Record. `boot` is
    the device's boot from which `received_ms` counts. Unsigned numbers of 64 bits are as on the wire.
    """

    device: str
    epoch: int
    stream: Stream
    boot: int
    subject: int
    purposes: PurposeSet
    shape: ShapeInfo
    seqs: Sequence[int]
    ts_us: Sequence[int]
    received_ms: Sequence[int]
    columns: Sequence[Sequence[Value | bytes]]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """(seq, ts_us, received_ms, *values) of each event."""
        return zip(self.seqs, self.ts_us, self.received_ms, *self.columns, strict=True)


class Sink(Protocol):
    """Where effects go. Every call comes on the inbox's thread; what `write` raises makes the batch poison."""

    def open(self, db: sqlite3.Connection) -> None:
        """Prepares itself; `db` is the inbox's own database, for sinks that keep rows there.

        Called again after a rollback, within a transaction or not: forget what was remembered of `db`.
        """
        ...

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Takes new events, within the transaction that notes their numbers. Each number comes once."""
        ...

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Consent of `subject` was withdrawn for `purposes`: forgets what stood on it; how many events were touched."""
        ...

    def close(self) -> None:
        """Lets go of what `open` took; may be called twice."""
        ...


class Reading(NamedTuple):
    """One value of one signal."""

    device: str
    path: str
    ts_us: int
    value: Value | None


class SqliteSink:
    """A row for each event in table `effect`, which has no unique key: a duplicate would show.

    `allowed` tells for which purposes a signal's path may be used. With it a partial withdrawal keeps the signals that
    other purposes still allow; without it every event that stood on a withdrawn purpose is deleted whole.
    NaN is stored as NULL, as SQLite does.
    """

    def __init__(self, allowed: Callable[[str], PurposeSet] | None = None) -> None:
        self._allowed = allowed
        self._width = 0
        self._known: set[tuple[str, int, int]] = set()
        self._inserts: dict[int, str] = {}

    def open(self, db: sqlite3.Connection) -> None:
        """Makes the tables where they are missing."""
        db.execute(
            "create table if not exists effect (device text not null, epoch integer not null, stream integer not null,"
            " seq integer not null, ts_us integer not null, received_ms integer not null, boot integer not null,"
            " shape integer not null, subject integer not null, purposes integer not null, record blob)"
        )
        db.execute(
            "create table if not exists effect_signal (device text, epoch integer, shape integer, position integer,"
            " kind text not null, path text, type integer, unit text,"
            " primary key (device, epoch, shape, position)) without rowid"
        )
        names = [str(row[1]) for row in db.execute("pragma table_info(effect)")]
        self._width = sum(name[0] == "v" and name[1:].isdigit() for name in names)
        self._known.clear()
        self._inserts.clear()
        if not db.execute("select 1 from sqlite_master where name = 'reading'").fetchone():
            self._make_view(db)

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Inserts the rows, those of equal width in one go."""
        by_width: dict[int, list[Iterable[tuple[Any, ...]]]] = {}
        for effect in effects:
            place = (effect.device, effect.epoch, effect.shape.id)
            if place not in self._known:
                self._learn(db, effect)
            width = len(effect.shape.signals) or _RECORD
            by_width.setdefault(width, []).append(_rows(effect))
        for width, rows in by_width.items():
            db.executemany(self._insert(width), chain.from_iterable(rows))

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Deletes or narrows the rows of the subject that stood on one of the purposes; how many."""
        where = "subject = ? and purposes & ? <> 0"
        key = (signed(subject), purposes)
        if self._allowed is None:
            return db.execute(f"delete from effect where {where}", key).rowcount
        groups = db.execute(f"select distinct device, epoch, shape, purposes from effect where {where}", key).fetchall()
        return sum(self._narrow(db, signed(subject), purposes, *group) for group in groups)

    def close(self) -> None:
        """Nothing is held."""

    def _narrow(
        self, db: sqlite3.Connection, subject: int, gone: PurposeSet, device: str, epoch: int, shape: int, had: int
    ) -> int:
        assert self._allowed is not None
        where = "device = ? and epoch = ? and shape = ? and subject = ? and purposes = ?"
        key = (device, epoch, shape, subject, had)
        left = had & ~gone
        signals = db.execute(
            "select position, path from effect_signal"
            " where device = ? and epoch = ? and shape = ? and path is not null",
            (device, epoch, shape),
        ).fetchall()
        kept = [position for position, path in signals if self._allowed(path) & left]
        if not left or not kept:  # a record has no signals: it goes whole
            return db.execute(f"delete from effect where {where}", key).rowcount
        cleared = "".join(f", v{position} = null" for position, _ in signals if position not in kept)
        return db.execute(f"update effect set purposes = ?{cleared} where {where}", (left, *key)).rowcount

    def _insert(self, width: int) -> str:
        if width not in self._inserts:
            values = ("record",) if width == _RECORD else tuple(f"v{i}" for i in range(width))
            columns = (*_FIXED, *values)
            self._inserts[width] = f"insert into effect ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"
        return self._inserts[width]

    def _learn(self, db: sqlite3.Connection, effect: Effects) -> None:
        """Notes what a shape means and widens the table for it."""
        shape = effect.shape
        signals: list[tuple[Any, ...]] = [(i, s.path, int(s.type), s.unit) for i, s in enumerate(shape.signals)]
        db.executemany(
            "insert or ignore into effect_signal values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (effect.device, signed(effect.epoch), shape.id, position, shape.kind, *rest)
                for position, *rest in signals or [(0, None, None, None)]
            ],
        )
        names = {str(row[1]) for row in db.execute("pragma table_info(effect)")}
        new = [f"v{i}" for i in range(len(signals)) if f"v{i}" not in names]
        for name in new:
            db.execute(f"alter table effect add column {name}")
        if new:
            self._width = len(signals)
            self._make_view(db)
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add((effect.device, effect.epoch, shape.id))

    def _make_view(self, db: sqlite3.Connection) -> None:
        """View `reading` (device, epoch, stream, seq, path, ts_us, value): one row for each value."""
        parts = [
            "select e.device, e.epoch, e.stream, e.seq, s.path, e.ts_us,"
            f" e.v{i} as value from effect e join effect_signal s on s.device = e.device and s.epoch = e.epoch"
            f" and s.shape = e.shape and s.position = {i} and s.path is not null"
            for i in range(self._width)
        ]
        db.execute("drop view if exists reading")
        if parts:
            db.execute(f"create view reading as {' union all '.join(parts)}")


def readings(db: sqlite3.Connection, where: str = "1", parameters: Sequence[object] = ()) -> Iterator[Reading]:
    """Values that SqliteSink holds, one for each signal; `where` is SQL over the columns of view `reading`."""
    if db.execute("select 1 from sqlite_master where name = 'reading'").fetchone():
        found = db.execute(f"select device, path, ts_us, value from reading where {where}", parameters)
        yield from map(Reading._make, found)


def find_sinks() -> dict[str, Callable[[], Sink]]:
    """The sinks that installed packages offer under entry point group `forecourt.sinks`, and `sqlite`, by name."""
    found: dict[str, Callable[[], Sink]] = {"sqlite": SqliteSink}
    for entry in entry_points(group=ENTRY_POINTS):
        found[entry.name] = entry.load
    return found


def make_sink(name: str) -> Sink:
    """The sink of that name; ConfigError when nothing offers it or it cannot be loaded."""
    sinks = find_sinks()
    if name not in sinks:
        raise ConfigError(f"no sink is called {name!r}; installed are: {', '.join(sorted(sinks))}")
    if name == "sqlite":
        return SqliteSink()
    try:
        made: Sink = sinks[name]()()  # type: ignore[operator]
    except Exception as error:
        raise ConfigError(f"sink {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return made


def only(effect: Effects, keep: Sequence[SeqRange]) -> Effects:
    """The events of `effect` whose numbers lie in `keep`."""
    chosen = [any(first <= seq <= last for first, last in keep) for seq in effect.seqs]
    return replace(
        effect,
        seqs=list(compress(effect.seqs, chosen)),
        ts_us=list(compress(effect.ts_us, chosen)),
        received_ms=list(compress(effect.received_ms, chosen)),
        columns=[list(compress(column, chosen)) for column in effect.columns],
    )


def _rows(effect: Effects) -> Iterable[tuple[Any, ...]]:
    """Rows for `effect`'s insert, put together in C."""
    return zip(
        repeat(effect.device),
        repeat(signed(effect.epoch)),
        repeat(int(effect.stream)),
        effect.seqs,
        effect.ts_us,
        effect.received_ms,
        repeat(signed(effect.boot)),
        repeat(effect.shape.id),
        repeat(signed(effect.subject)),
        repeat(effect.purposes),
        *effect.columns,
    )


def purposes_text(purposes: PurposeSet) -> str:
    """A set of purposes in words, unknown bits as numbers."""
    try:
        return "+".join(purpose.word for purpose in purposes_of(purposes)) or "none"
    except ValueError:
        return "+".join(str(bit) for bit in range(64) if purposes >> bit & 1)
