"""The default sink: a row for each event in the inbox's own file; must never refuse a duplicate, since it must show.

    effect_row     origin, seq, ts_us, received_ms, record, v0, v1, …   no unique key
    effect_origin  what rows have in common: device, epoch, stream, boot, shape, subject, purposes
    effect_signal  what v0, v1, … of a shape mean
    effect         view: rows with their origin
    reading        view: (device, epoch, stream, seq, path, ts_us, value), a row for each value

Origins keep rows narrow: a third less to write, and six values less to bind for each event.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

from gateway.cloud.schema import signed
from gateway.cloud.sinks import Effects
from gateway.model import PurposeSet, Value

_CACHED_MAX = 10_000
_RECORD = -1
_TABLES = """
create table if not exists effect_row (origin integer not null, seq integer not null, ts_us integer not null,
    received_ms integer not null, record blob);
create table if not exists effect_origin (id integer primary key, device text not null, epoch integer not null,
    stream integer not null, boot integer not null, shape integer not null, subject integer not null,
    purposes integer not null);
create index if not exists effect_origin_by_stream on effect_origin (device, epoch, stream);
create index if not exists effect_origin_by_subject on effect_origin (subject);
create table if not exists effect_signal (device text, epoch integer, shape integer, position integer,
    kind text not null, path text, type integer, unit text, primary key (device, epoch, shape, position)) without rowid;
"""
_ORIGIN = "device = ? and epoch = ? and stream = ? and boot = ? and shape = ? and subject = ? and purposes = ?"
Origin = tuple[str, int, int, int, int, int, int]


class Reading(NamedTuple):
    """One value of one signal."""

    device: str
    path: str
    ts_us: int
    value: Value | None


class SqliteSink:
    """Keeps every event with its values, in the inbox's file.

    `allowed` tells for which purposes a signal's path may be used. With it a partial withdrawal keeps the signals that
    other purposes still allow; without it every event that stood on a withdrawn purpose is deleted whole.
    NaN is stored as NULL, as SQLite does.
    """

    def __init__(self, allowed: Callable[[str], PurposeSet] | None = None) -> None:
        self._allowed = allowed
        self._width = 0
        self._origins: dict[Origin, int] = {}
        self._inserts: dict[int, str] = {}

    def open(self, db: sqlite3.Connection) -> None:
        """Makes the tables where they are missing."""
        for statement in _TABLES.split(";"):
            db.execute(statement)
        self._width = _width(db)
        self._origins.clear()
        if not db.execute("select 1 from sqlite_master where name = 'effect'").fetchone():
            _make_views(db, self._width)

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Inserts the rows, those of equal width in one go."""
        by_width: dict[int, list[Iterable[tuple[Any, ...]]]] = {}
        for effect in effects:
            rows = zip(repeat(self._origin(db, effect)), effect.seqs, effect.ts_us, effect.received_ms, *effect.columns)
            by_width.setdefault(len(effect.shape.signals) or _RECORD, []).append(rows)
        for width, found in by_width.items():
            db.executemany(self._insert(width), chain.from_iterable(found))

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Deletes or narrows the rows of the subject that stood on one of the purposes; how many."""
        origins = db.execute(
            "select id, device, epoch, shape, purposes from effect_origin where subject = ? and purposes & ? <> 0",
            (signed(subject), purposes),
        ).fetchall()
        self._origins.clear()
        return sum(self._erase_origin(db, purposes, *origin) for origin in origins)

    def close(self) -> None:
        """Nothing is held."""

    def _erase_origin(
        self, db: sqlite3.Connection, gone: PurposeSet, origin: int, device: str, epoch: int, shape: int, had: int
    ) -> int:
        left = had & ~gone
        kept, cleared = self._split(db, left, device, epoch, shape) if left else ([], [])
        if not kept:  # a record has no signals: it goes whole
            db.execute("delete from effect_origin where id = ?", (origin,))
            return db.execute("delete from effect_row where origin = ?", (origin,)).rowcount
        db.execute("update effect_origin set purposes = ? where id = ?", (left, origin))
        changes = "".join(f", v{position} = null" for position in cleared)
        return db.execute(f"update effect_row set origin = origin{changes} where origin = ?", (origin,)).rowcount

    def _split(
        self, db: sqlite3.Connection, left: PurposeSet, device: str, epoch: int, shape: int
    ) -> tuple[list[int], list[int]]:
        """Positions of the signals that `left` still allows, and of the others."""
        kept: list[int] = []
        cleared: list[int] = []
        if self._allowed is not None:
            signals = db.execute(
                "select position, path from effect_signal"
                " where device = ? and epoch = ? and shape = ? and path is not null",
                (device, epoch, shape),
            )
            for position, path in signals:
                (kept if self._allowed(path) & left else cleared).append(position)
        return kept, cleared

    def _origin(self, db: sqlite3.Connection, effect: Effects) -> int:
        key: Origin = (
            effect.device,
            signed(effect.epoch),
            int(effect.stream),
            signed(effect.boot),
            effect.shape.id,
            signed(effect.subject),
            effect.purposes,
        )
        number = self._origins.get(key)
        if number is None:
            self._learn(db, effect)
            row = db.execute(f"select id from effect_origin where {_ORIGIN}", key).fetchone()
            row = (
                row
                or db.execute(
                    "insert into effect_origin (device, epoch, stream, boot, shape, subject, purposes)"
                    " values (?, ?, ?, ?, ?, ?, ?) returning id",
                    key,
                ).fetchone()
            )
            number = int(row[0])
            if len(self._origins) >= _CACHED_MAX:
                self._origins.clear()
            self._origins[key] = number
        return number

    def _learn(self, db: sqlite3.Connection, effect: Effects) -> None:
        """Notes what a shape means and widens the table for it."""
        shape, place = effect.shape, (effect.device, signed(effect.epoch), effect.shape.id)
        meanings: list[tuple[int, str | None, int | None, str | None]] = [
            (position, signal.path, int(signal.type), signal.unit) for position, signal in enumerate(shape.signals)
        ]
        db.executemany(
            "insert or ignore into effect_signal (device, epoch, shape, kind, position, path, type, unit)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [(*place, shape.kind, *meaning) for meaning in meanings or [(0, None, None, None)]],
        )
        if len(shape.signals) > self._width:
            db.execute("drop view if exists reading")
            db.execute("drop view if exists effect")
            for position in range(self._width, len(shape.signals)):
                db.execute(f"alter table effect_row add column v{position}")
            self._width = len(shape.signals)
            _make_views(db, self._width)

    def _insert(self, width: int) -> str:
        if width not in self._inserts:
            values = ("record",) if width == _RECORD else tuple(f"v{i}" for i in range(width))
            names = ("origin", "seq", "ts_us", "received_ms", *values)
            self._inserts[width] = f"insert into effect_row ({', '.join(names)}) values ({', '.join('?' * len(names))})"
        return self._inserts[width]


def readings(db: sqlite3.Connection, where: str = "1", parameters: Sequence[object] = ()) -> Iterator[Reading]:
    """Values that SqliteSink holds, one for each signal; `where` is SQL over the columns of view `reading`."""
    if db.execute("select 1 from sqlite_master where name = 'reading'").fetchone():
        found = db.execute(f"select device, path, ts_us, value from reading where {where}", parameters)
        yield from map(Reading._make, found)


def _width(db: sqlite3.Connection) -> int:
    names = [str(row[1]) for row in db.execute("pragma table_info(effect_row)")]
    return sum(name[0] == "v" and name[1:].isdigit() for name in names)


def _make_views(db: sqlite3.Connection, width: int) -> None:
    values = "".join(f", r.v{i}" for i in range(width))
    db.execute(
        "create view effect as select r.rowid as id, o.device, o.epoch, o.stream, r.seq, r.ts_us, r.received_ms,"
        f" o.boot, o.shape, o.subject, o.purposes, r.record{values}"
        " from effect_row r join effect_origin o on o.id = r.origin"
    )
    parts = [
        "select o.device, o.epoch, o.stream, r.seq, s.path, r.ts_us,"
        f" r.v{i} as value from effect_row r join effect_origin o on o.id = r.origin join effect_signal s"
        f" on s.device = o.device and s.epoch = o.epoch and s.shape = o.shape and s.position = {i}"
        for i in range(width)
    ]
    if parts:
        db.execute(f"create view reading as {' union all '.join(parts)}")
