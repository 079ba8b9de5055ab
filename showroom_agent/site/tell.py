"""Events of a site for people and programs; must never add to what an event says."""

import json

from forecourt.v1 import record_pb2
from google.protobuf.json_format import MessageToDict

from showroom_agent.site.derived import Derived


def line_of(one: Derived, *, as_json: bool) -> str:
    """One line. A visit is shown by the first half of its handle."""
    record = record_pb2.Record.FromString(one.body)
    name = record.WhichOneof("record") or one.kind
    body = MessageToDict(getattr(record, name), preserving_proto_field_name=True)
    if as_json:
        return json.dumps({"at_ms": one.at_ms, "kind": one.kind, "subject": f"{one.subject:016x}", name: body})
    words = " ".join(f"{key}={_short(value)}" for key, value in body.items())
    return (
        f"{one.at_ms / 1_000:>10.1f} s  {one.kind:<17} {f'{one.subject:016x}'[:8] if one.subject else '-':<9} {words}"
    )


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
