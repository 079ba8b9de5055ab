"""What waits on the shelf about one subject, opened for that person (GDPR Art. 15); must never be given another's."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from forecourt.v1 import record_pb2
from google.protobuf.json_format import MessageToDict

from gateway.errors import InputError
from gateway.model import Stream, purposes_of
from gateway.outbox.core import body_of
from gateway.outbox.outbox import Outbox
from gateway.outbox.schema import COLUMNS, Row, proven, table
from gateway.wire.codec import decode


def events_of(outbox: Outbox, db: sqlite3.Connection, subject: int) -> Iterator[dict[str, Any]]:
    """The events of a subject that wait or are kept for requests, with values by path, or their record.

    Runs on the store's reader thread. A bag that does not open any more is left out: nobody can read it.
    """
    core = outbox._core
    if not subject:
        raise InputError("what is about nobody is nobody's to take along")
    for stream in Stream:
        query = f"select {COLUMNS} from {table(stream)} where subject = ? order by first_seq"
        for values in db.execute(query, (subject,)):
            row = proven(stream, Row(*values))
            body = body_of(core, stream, row)
            if body is None:
                continue
            purposes = [purpose.word for purpose in purposes_of(row.purposes)]
            for group in decode(row.codec, body, row.first_seq, row.events, core.dictionary.types):
                kind = core.dictionary.kind(group.shape)
                for _, ts_us, _, *found in group.rows():
                    event: dict[str, Any] = {"ts_us": ts_us, "kind": kind.name, "purposes": purposes}
                    if kind.signals:
                        event["values"] = {one.path: value for one, value in zip(kind.signals, found, strict=True)}
                    else:
                        event["record"] = MessageToDict(record_pb2.Record.FromString(found[0]))
                    yield event
