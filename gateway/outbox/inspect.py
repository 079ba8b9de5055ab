"""A look at an outbox from outside, beside a running agent; must never write, and never keep a transaction open.

Functions take a read-only connection (`gateway.store.file.inspect_only`). Values need the keys, a callable.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from forecourt.v1 import control_pb2, event_pb2, record_pb2
from google.protobuf.json_format import MessageToDict

from gateway.errors import InputError, StoreError
from gateway.model import AeadKey, Books, GapReason, Stream, purposes_of
from gateway.outbox import heads
from gateway.outbox.owner import owner_of
from gateway.outbox.references import read_dictionary
from gateway.outbox.schema import COLUMNS, PENDING, Row, table
from gateway.wire.codec import decode
from gateway.wire.dictionary import shape_types
from gateway.wire.seal import Place, unseal

Keys = Callable[[int], AeadKey | None]
_PAGE = 256
_CODECS = {1: "identity", 2: "rows_zstd", 3: "columns_zstd"}


@dataclass(frozen=True, slots=True)
class StreamLook:
    """One stream as it lies on disk."""

    stream: Stream
    books: Books
    floor: int
    bags: int
    retained_bags: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Look:
    """The whole outbox from one snapshot."""

    device: str
    epoch: int
    streams: tuple[StreamLook, ...]
    quarantined_bags: int
    signals: int
    shapes: int


def stats(db: sqlite3.Connection) -> Look:
    """Counts of everything, `pending` counted from the rows."""
    db.execute("begin")
    try:
        epoch = _epoch(db)
        streams = tuple(_stream(db, head) for head in heads.load(db, epoch).values())
        (apart,) = db.execute("select count(*) from quarantined").fetchone()
        counts = dict(db.execute("select shape, count(*) from dictionary where rank >= 0 group by shape"))
        return Look(owner_of(db) or "", epoch, streams, apart, counts.get(0, 0), counts.get(1, 0))
    except sqlite3.Error as error:
        raise StoreError(f"no outbox that this version reads: {error}") from error
    finally:
        db.execute("rollback")


def bags(db: sqlite3.Connection, streams: Sequence[Stream], after: int = 0) -> Iterator[tuple[Stream, Row]]:
    """Bags with numbers above `after` in their order, read page by page while the agent goes on."""
    for stream in streams:
        query = (
            f"select {COLUMNS} from {table(stream)} where first_seq + count > ? and first_seq > ? order by first_seq"
        )
        first = 0
        while rows := db.execute(f"{query} limit {_PAGE}", (after + 1, first)).fetchall():
            for values in rows:
                yield stream, Row(*values)
            first = rows[-1][0]


def described(stream: Stream, row: Row) -> dict[str, Any]:
    """A bag without its content, and without the handle of its guest."""
    return {
        "stream": stream.word,
        "first": row.first_seq,
        "last": row.last_seq,
        "events": row.events,
        "guest": bool(row.subject),
        "purposes": [purpose.word for purpose in purposes_of(row.purposes)],
        "codec": _CODECS.get(row.codec, str(row.codec)),
        "bytes": len(row.sealed),
        "expires": bool(row.expires),
        "state": "pending" if row.state == PENDING else "settled",
    }


def gaps(db: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest losses, newest first."""
    rows = db.execute("select at_us, stream, first, last, reason from gap order by id desc limit ?", (limit,))
    return [
        {
            "at_us": at_us,
            "stream": Stream(stream).word,
            "first": first,
            "last": last,
            "events": last - first + 1,
            "reason": GapReason(reason).name.lower(),
        }
        for at_us, stream, first, last, reason in rows
    ]


class Reader:
    """Opens bags; one for a connection, since the dictionary only grows while it looks."""

    def __init__(self, db: sqlite3.Connection, keys: Keys) -> None:
        self._keys = keys
        self._device, self._epoch = owner_of(db) or "", _epoch(db)
        rows = db.execute("select rank, shape, body, body_check from dictionary").fetchall()
        signals, shapes, _ = read_dictionary(rows)
        self._types = shape_types(signals, shapes)
        self._kinds = {shape.id: _kind(shape, signals) for shape in shapes}

    def events(self, stream: Stream, row: Row) -> list[dict[str, Any]] | None:
        """The events of a bag by number; None when its key is gone or not here, or its dictionary came later."""
        key = self._keys(row.key_id)
        if key is None:
            return None
        place = Place(self._device, self._epoch, stream, row.first_seq, row.events, row.key_id)
        try:
            body = unseal(key, place, row.sealed)
            found = list(self._rows(stream, row, body))
        except (InputError, KeyError):
            return None
        return sorted(found, key=lambda event: int(event["seq"]))

    def _rows(self, stream: Stream, row: Row, body: bytes) -> Iterator[dict[str, Any]]:
        head = {"stream": stream.word, "subject": row.subject, "purposes": [p.word for p in purposes_of(row.purposes)]}
        if stream == Stream.CONTROL:
            for seq, record in enumerate(control_pb2.ControlRecords.FromString(body).records, row.first_seq):
                yield {**head, "seq": seq, "ts_us": record.at_us, "kind": "control", "values": MessageToDict(record)}
            return
        for group in decode(row.codec, body, row.first_seq, row.events, self._types):
            name, paths = self._kinds[group.shape]
            for seq, ts_us, received_ms, *values in group.rows():
                shown = dict(zip(paths, values, strict=True)) if paths else _record(values[0])
                yield {**head, "seq": seq, "ts_us": ts_us, "received_ms": received_ms, "kind": name, "values": shown}


def _kind(shape: event_pb2.Shape, signals: Sequence[event_pb2.Signal]) -> tuple[str, list[str]]:
    return shape.kind, [signals[number - 1].path for number in shape.signals]


def _record(body: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = MessageToDict(record_pb2.Record.FromString(body))
    return shown


def _stream(db: sqlite3.Connection, head: heads.Head) -> StreamLook:
    stream = Stream(head.stream)
    counted = dict(db.execute(f"select state, count(*) from {table(stream)} group by state"))
    (pending,) = db.execute(f"select coalesce(sum(count), 0) from {table(stream)} where state = {PENDING}").fetchone()
    bags_kept = sum(counted.values()) - counted.get(PENDING, 0)
    return StreamLook(stream, head.books(pending), head.floor, counted.get(PENDING, 0), bags_kept, head.bytes)


def _epoch(db: sqlite3.Connection) -> int:
    try:
        return int(db.execute("select epoch from store_state").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreError(f"no store that this version reads: {error}") from error
