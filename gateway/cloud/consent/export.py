"""Everything the cloud holds of one visit, for the guest (GDPR Art. 15 and 20); must never leave out what is held."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from forecourt.v1 import record_pb2
from google.protobuf.json_format import MessageToDict

from gateway.cloud.schema import signed, unsigned
from gateway.cloud.sinks import purposes_text

FORM = "forecourt-export-1"


def events(db: sqlite3.Connection, subject: int) -> Iterator[dict[str, Any]]:
    """The events that the default sink holds of a subject, each with its values by VSS path, or its record."""
    if not db.execute("select 1 from sqlite_master where name = 'effect_origin'").fetchone():
        return
    origins = db.execute(
        "select id, device, epoch, shape, purposes from effect_origin where subject = ? order by id", (signed(subject),)
    ).fetchall()
    for origin, device, epoch, shape, purposes in origins:
        signals = db.execute(
            "select position, kind, path, unit from effect_signal where device = ? and epoch = ? and shape = ?"
            " order by position",
            (device, epoch, shape),
        ).fetchall()
        columns = "".join(f", v{position}" for position, _, path, _ in signals if path is not None)
        rows = db.execute(f"select ts_us, record{columns} from effect_row where origin = ? order by rowid", (origin,))
        for ts_us, record, *values in rows:
            event: dict[str, Any] = {"ts_us": ts_us, "kind": signals[0][1], "purposes": purposes_text(purposes)}
            if record is not None:
                event["record"] = MessageToDict(record_pb2.Record.FromString(record))
            else:
                event["values"] = {
                    path: {"value": value, "unit": unit}
                    for (_, _, path, unit), value in zip(signals, values, strict=True)
                    if value is not None
                }
            yield event


def bundle(db: sqlite3.Connection, subject: int, exported_us: int, records: list[bytes], erased: list[Any]) -> bytes:
    """The whole as JSON: records of consent as they were signed, the visit, links, erasures, events."""
    visit = db.execute(
        "select device, opened_us, ended_us from consent_session where subject = ?", (subject,)
    ).fetchone()
    link = db.execute(
        "select person, linked_us, unlinked_us from identity_link where subject = ?", (signed(subject),)
    ).fetchone()
    content = {
        "form": FORM,
        "subject": f"{unsigned(signed(subject)):016x}",
        "exported_us": exported_us,
        "visit": dict(zip(("device", "opened_us", "ended_us"), visit, strict=True)) if visit else None,
        "link": dict(zip(("person", "linked_us", "unlinked_us"), link, strict=True)) if link else None,
        "records": [json.loads(raw) for raw in records],
        "erasures": [dict(zip(("entry", "recipient", "tries", "confirmed_us"), row, strict=True)) for row in erased],
        "events": list(events(db, subject)),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode()
