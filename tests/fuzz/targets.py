"""Every decoder of the wire with good input to damage; must never accept another answer than InputError.

What is damaged is signed again by the right key: the code behind the signature is what has to stand it.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import zstandard
from forecourt.v1 import control_pb2, downlink_pb2, event_pb2, profile_pb2, record_pb2, showroom_pb2
from google.protobuf.message import Message

from gateway.cloud.audit import audit
from gateway.cloud.poison import Reason
from gateway.cloud.schema import open_database
from gateway.errors import InputError
from gateway.model import Kind, Stream, ValueType
from gateway.wire.batch import read_batch
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, Encoder, decode
from gateway.wire.dictionary import Dictionary, Types, shape_types
from gateway.wire.messages import read_cloud_state, read_command, read_consent_epoch, read_receipt, read_state
from gateway.wire.seal import Place, aead, seal, unseal
from gateway.wire.signing import SIGNATURE_BYTES, sign, verify
from gateway.wire.topics import Topics, parse_up
from tests.fuzz import accounts, floor, profiles
from tests.fuzz.mutate import mutated, reshaped
from tests.golden.content import present
from tests.kit.cloudside import Car, Desk
from tests.kit.wires import DEVICE, DEVICE_KEY, TOPICS

CAR = Car(TOPICS.device, key=DEVICE_KEY)
KEY, PLACE = aead(bytes(32)), Place("car", 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Target:
    """A decoder: its name, inputs it takes, the call that raises InputError or nothing, and the message it reads.

    `lead`: how many bytes of an input stand before the message. `remade` makes of good input that is no message one
    that is well formed and says something else.
    """

    name: str
    good: Sequence[bytes]
    call: Callable[[bytes], object]
    message: type[Message] | None = None
    lead: int = 0
    remade: Callable[[bytes, Random], bytes] | None = None

    def damaged(self, number: int) -> bytes:
        """Input number n, always the same: bytes are damaged, or the message says something else."""
        rng = Random(f"{self.name} {number}")
        if self.remade is not None and rng.random() < 0.6:
            return self.remade(rng.choice(self.good), rng)
        if self.message is None or rng.random() < 0.5:
            return mutated(self.good, rng)
        data = rng.choice(self.good)
        return data[: self.lead] + reshaped(self.message.FromString(data[self.lead :]), rng)


@cache
def targets() -> dict[str, Target]:
    """All of them by name."""
    golden = present()
    batches = [golden[name] for name in golden if name.startswith("batch")]
    found = [
        Target("batch", [batch.payload[:-SIGNATURE_BYTES] for batch in batches], _batch, event_pb2.EventBatch),
        Target("inbox", [batch.payload[:-SIGNATURE_BYTES] for batch in batches], _inbox, event_pb2.EventBatch),
        Target("signature", [batch.payload for batch in batches], lambda data: verify(DEVICE, TOPICS.state, data)),
        Target("topic", [Topics("car").events(stream).encode() for stream in Stream] + [TOPICS.state.encode()], _topic),
        Target("seal", [seal(KEY, PLACE, b"a body")], lambda data: unseal(KEY, PLACE, data)),
        Target("record", _records(), _record, record_pb2.Record),
    ]
    for name, codec in (("columns", COLUMNS_ZSTD), ("rows", ROWS_ZSTD), ("identity", IDENTITY)):
        bags, types = _bags(golden[f"batch_{name}"].payload)
        bags = [bag for bag in bags if bag.codec == codec]  # records are rows whatever the codec
        kind = event_pb2.Columns if codec == COLUMNS_ZSTD else event_pb2.Rows
        found.append(Target(f"{name}_body", [_led(bag, _plain(bag)) for bag in bags], _body(codec, types), kind, 1))
        if codec != IDENTITY:
            found.append(Target(f"{name}_frame", [_led(bag, bag.body) for bag in bags], _frame(codec, types)))
    for name, read, message in (
        ("receipt", read_receipt, downlink_pb2.Receipt),
        ("cloud_state", read_cloud_state, downlink_pb2.CloudState),
        ("command", read_command, downlink_pb2.Command),
        ("epoch", read_consent_epoch, downlink_pb2.ConsentEpoch),
        ("birth", read_state, downlink_pb2.DeviceState),
    ):
        found.append(
            Target(name, [golden[name].payload[:-SIGNATURE_BYTES]], _message(read, golden[name].topic), message)
        )
    frame = showroom_pb2.SightingFrame(hub="hub-1", boot=7, frame=1, boottime_ms=500)
    frame.tags.add(tag="car-3", best_dbm=-60, mean_dbm=-62.5, count=2)
    found += [
        Target("advert", floor.ADVERTS, floor.advert),
        Target("sighting_frame", [frame.SerializeToString()], floor.frame, showroom_pb2.SightingFrame),
        Target("hub_log", floor.LOG, floor.log),
        Target("guest_request", floor.requests(), floor.request, showroom_pb2.GuestRequest),
        Target("account_token", accounts.tokens(), accounts.token),
        Target("account_claims", accounts.statements(), accounts.statement, remade=accounts.remade),
        Target("account_keys", accounts.key_sets(), accounts.keys, remade=accounts.remade),
        Target("account_answer", accounts.answers(), accounts.answer),
        Target("profile_document", profiles.documents(), profiles.document, profile_pb2.ProfileDocument),
        Target("profile_edit", profiles.edits(), profiles.edit, profile_pb2.ProfileEdit),
        Target("profile_sealed", profiles.edits(), profiles.sealed, profile_pb2.ProfileEdit),
        Target("profile_record", profiles.records(), profiles.record, record_pb2.Record),
        Target("profile_request", profiles.requests(), profiles.request, control_pb2.ControlRecord),
    ]
    return {target.name: target for target in found}


def _batch(data: bytes) -> None:
    """Header, dictionary and every bag, as the cloud reads them."""
    for stream in (Stream.LIVE, Stream.BULK, Stream.URGENT, Stream.CONTROL):
        topic = TOPICS.events(stream)
        try:
            batch = read_batch(topic, sign(DEVICE_KEY, topic, data), DEVICE)
        except InputError:
            continue
        types = shape_types(batch.signals, batch.shapes)
        for bag in batch.bags if stream is not Stream.CONTROL else ():
            body = bag.rows.SerializeToString() if bag.codec == IDENTITY else bag.body
            _judge(bag.codec, body, bag.first_seq, bag.count, types)
        return
    raise InputError("on no topic")


def _inbox(data: bytes) -> None:
    """The whole way into the cloud's database: what was admitted is there, once, and the books are right."""
    with closing(open_database(":memory:")) as db:
        desk, new = Desk(CAR, db=db), 0
        for stream in Stream:
            topic = TOPICS.events(stream)
            new += sum(outcome.new for outcome in desk.take((topic, sign(DEVICE_KEY, topic, data))))
        found = audit(db)
        assert sum(item.effects for item in found) == new, "effects and books differ"
        assert all(item.faithful and not item.duplicates for item in found), "an effect is altered or doubled"
        caught = [why for _, why in desk.poison() if why == Reason.UNFORESEEN]
        assert not caught, "an error that nobody foresaw was caught at the last net"
    if not new:
        raise InputError("on no topic")


def _judge(codec: int, body: bytes, first_seq: int, count: int, types: Types) -> None:
    """What is decoded has each number once and values of the types that the shape says."""
    seen = []
    for group in decode(codec, body, first_seq, count, types):
        for seq, ts_us, received_ms, *values in group.rows():
            seen.append(seq)
            assert type(ts_us) is type(received_ms) is int
            kinds = types[group.shape]
            assert [type(value) for value in values] == ([_PYTHON[kind] for kind in kinds] or [bytes])
    assert sorted(seen) == list(range(first_seq, first_seq + count)), "numbers are missing or come twice"


_PYTHON: dict[ValueType, type] = dict(zip(ValueType, (bool, int, float, float, str), strict=True))


def _bags(payload: bytes) -> tuple[list[event_pb2.Bag], Types]:
    batch = event_pb2.EventBatch.FromString(payload)
    return list(batch.bags), shape_types(batch.signals, batch.shapes)


def _plain(bag: event_pb2.Bag) -> bytes:
    if bag.codec == IDENTITY:
        return bag.rows.SerializeToString()
    return zstandard.ZstdDecompressor().decompress(bag.body)


def _led(bag: event_pb2.Bag, body: bytes) -> bytes:
    """The number of events as a first byte, so that damage may hit it too."""
    return bytes([bag.count]) + body


def _body(codec: int, types: Types) -> Callable[[bytes], None]:
    """The content of a frame is damaged, the frame is whole."""
    pack: Callable[[bytes], bytes] = zstandard.ZstdCompressor(1).compress
    return lambda data: _judge(codec, data[1:] if codec == IDENTITY else pack(data[1:]), 1, sum(data[:1]), types)


def _frame(codec: int, types: Types) -> Callable[[bytes], None]:
    """The frame itself is damaged."""
    return lambda data: _judge(codec, data[1:], 1, sum(data[:1]), types)


def _message(read: Callable[..., Any], topic: str) -> Callable[[bytes], None]:
    return lambda data: read(topic, sign(DEVICE_KEY, topic, data), DEVICE)


def _topic(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    parse_up(text)
    verify(DEVICE, text, sign(DEVICE_KEY, text, b""))


def _records() -> list[bytes]:
    rows = event_pb2.EventBatch.FromString(present()["batch_identity"].payload).bags[-1].rows.rows
    return [row.record.SerializeToString() for row in rows]


def _record(data: bytes) -> None:
    kind: Kind = Dictionary().intern_kind("trip", Stream.LIVE, 2)
    if Encoder().check(kind, [data]):
        raise InputError("refused")
