"""Reads effects of SqliteSink as they come, beside a running inbox; must never write."""

import sqlite3
from dataclasses import dataclass
from typing import Any

from forecourt.v1 import record_pb2
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError

from gateway.cloud.schema import unsigned
from gateway.cloud.sinks import purposes_text
from gateway.model import Stream, ValueType

_FIELDS = "id, device, epoch, stream, seq, ts_us, shape, purposes, record"


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as it is held. `values` are in the order of the shape, by path."""

    device: str
    epoch: int
    stream: str
    seq: int
    ts_us: int
    kind: str
    purposes: str
    values: tuple[tuple[str, object], ...]


class Tail:
    """The events after those that were read before, in order of arrival."""

    def __init__(self, db: sqlite3.Connection, device: str | None = None) -> None:
        self._db, self._device = db, device
        self._after = 0
        self._shapes: dict[tuple[str, int, int], tuple[str, list[tuple[str, int]]]] = {}

    def skip(self, but: int) -> None:
        """Passes over all that is there but the last events, at most `but` of any device."""
        if self._ready():
            last = self._db.execute("select coalesce(max(rowid), 0) from effect_row").fetchone()[0]
            self._after = max(0, last - but)

    def next(self, limit: int = 1_000) -> list[Seen]:
        """The next events, at most `limit`; none when there is nothing new."""
        if not self._ready():
            return []
        values = [str(row[1]) for row in self._db.execute("pragma table_info(effect_row)") if row[1][1:].isdigit()]
        names = ", ".join([_FIELDS, *values])
        where = "id > ? and (? is null or device = ?) order by id limit ?"
        rows = self._db.execute(
            f"select {names} from effect where {where}", (self._after, self._device, self._device, limit)
        ).fetchall()
        if rows:
            self._after = rows[-1][0]
        return [self._seen(*row) for row in rows]

    def _ready(self) -> bool:
        return self._db.execute("select 1 from sqlite_master where name = 'effect'").fetchone() is not None

    def _seen(
        self,
        _: int,
        device: str,
        epoch: int,
        stream: int,
        seq: int,
        ts_us: int,
        shape: int,
        purposes: int,
        record: bytes | None,
        *values: Any,
    ) -> Seen:
        kind, signals = self._shape(device, epoch, shape)
        told: tuple[tuple[str, object], ...]
        if record is not None:
            told = (("record", _record_text(record)),)
        else:
            told = tuple(
                (path, bool(value) if type_ == ValueType.BOOL and value is not None else value)
                for (path, type_), value in zip(signals, values, strict=False)
            )
        return Seen(device, unsigned(epoch), Stream(stream).word, seq, ts_us, kind, purposes_text(purposes), told)

    def _shape(self, device: str, epoch: int, shape: int) -> tuple[str, list[tuple[str, int]]]:
        key = (device, epoch, shape)
        if key not in self._shapes:
            rows = self._db.execute(
                "select kind, path, type from effect_signal where device = ? and epoch = ? and shape = ?"
                " order by position",
                key,
            ).fetchall()
            kind = rows[0][0] if rows else f"shape {shape}"
            self._shapes[key] = (kind, [(path, type_) for _, path, type_ in rows if path is not None])
        return self._shapes[key]


def _record_text(record: bytes) -> str:
    try:
        return MessageToJson(record_pb2.Record.FromString(record), indent=None, preserving_proto_field_name=True)
    except DecodeError:
        return record.hex()
