"""What a golden file says, in a form that another language can say too; must differ where one bit differs.

Truth is true or false, integers are decimal text, numbers with a fraction the 16 hex digits of their binary64, texts
are themselves behind a `=`, and records hex digits.
"""

import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import event_pb2
from google.protobuf.json_format import MessageToDict

from gateway.wire.batch import read_batch
from gateway.wire.codec import decode
from gateway.wire.dictionary import shape_types
from gateway.wire.messages import read_cloud_state, read_command, read_consent_epoch, read_receipt, read_state

HERE = Path(__file__).resolve().parent
READERS = {
    "receipt": read_receipt,
    "cloud_state": read_cloud_state,
    "command": read_command,
    "epoch": read_consent_epoch,
    "birth": read_state,
    "will": read_state,
}


def releases() -> list[Path]:
    """The folders of golden files, the oldest release first."""
    return sorted(path.parent for path in HERE.glob("*/told.json"))


def tell(name: str, topic: str, payload: bytes, key: Ed25519PublicKey) -> Any:
    """What today's reader finds in a golden file."""
    if name not in READERS:
        batch = read_batch(topic, payload, key)
        return tell_events(batch) if batch.stream != event_pb2.STREAM_CONTROL else _fields(batch)
    return _fields(READERS[name](topic, payload, key))


def tell_events(batch: event_pb2.EventBatch) -> list[dict[str, Any]]:
    """The events of a batch in the order of their numbers."""
    types = shape_types(batch.signals, batch.shapes)
    paths = {signal.id: signal.path for signal in batch.signals}
    shapes = {shape.id: shape for shape in batch.shapes}
    found: dict[int, dict[str, Any]] = {}
    for bag in batch.bags:
        body = bag.rows.SerializeToString() if bag.codec == event_pb2.CODEC_IDENTITY else bag.body
        for group in decode(bag.codec, body, bag.first_seq, bag.count, types):
            shape = shapes[group.shape]
            for seq, ts_us, received_ms, *values in group.rows():
                names = [paths[number] for number in shape.signals] or ["record"]
                found[seq] = {
                    "seq": str(seq),
                    "kind": shape.kind,
                    "ts_us": str(ts_us),
                    "received_ms": str(received_ms),
                    "values": {path: _value(value) for path, value in zip(names, values, strict=True)},
                }
    return [found[seq] for seq in sorted(found)]


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return value.hex() if isinstance(value, bytes) else f"={value}" if isinstance(value, str) else str(value)


def _fields(message: Any) -> Any:
    return MessageToDict(message, always_print_fields_with_no_presence=True)
