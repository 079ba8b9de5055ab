"""What the golden files hold: a message of each kind, with values that are easy to get wrong; must be deterministic."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2, record_pb2

from gateway.model import Boot, ClockQuality, Event, OpenBag, Purpose, Stream, ValueType, purpose_set
from gateway.wire.batch import build_batch
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, Encoder
from gateway.wire.dictionary import Dictionary
from gateway.wire.messages import pack
from gateway.wire.topics import CLOUD_STATE
from tests.kit.wires import CLOUD_KEY, DEVICE_KEY, DRIVING, TOPICS, WALL_US, trip

RELEASE = "0.1"
EPOCH = 0x8000_0000_0000_0001
BOOT = 0xFFFF_FFFF_FFFF_FFFE
SUBJECT = 0x0123_4567_89AB_CDEF
LEAST, MOST = -(2**63), 2**63 - 1
TYPES = {
    "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": (ValueType.BOOL, ""),
    "Vehicle.TraveledDistance": (ValueType.INT, "m"),
    "Vehicle.Speed": (ValueType.FLOAT, "km/h"),
    "Vehicle.CurrentLocation.Latitude": (ValueType.DOUBLE, "degrees"),
    "Vehicle.Powertrain.Transmission.GearChangeMode": (ValueType.STRING, ""),
}
ODD = [
    (False, LEAST, -0.0, -0.0, ""),
    (True, MOST, math.nan, math.nan, "é\0 ☃"),
    (True, 0, math.inf, -math.inf, "SPORT"),
    (False, -1, 1e-45, 5e-324, "SPORT"),
    (False, 2**53 + 1, 3.4028234663852886e38, 1.7976931348623157e308, "SPORT"),
]


@dataclass(frozen=True)
class Golden:
    """A message: where it is published, whose key signs it, and its payload."""

    topic: str
    signer: Ed25519PrivateKey
    payload: bytes


def present() -> dict[str, Golden]:
    """Every message as today's encoder writes it, by the name of its file."""
    found = {
        name: Golden(TOPICS.events(stream), DEVICE_KEY, _batch(codec, stream))
        for name, codec, stream in (
            ("batch_columns", COLUMNS_ZSTD, Stream.LIVE),
            ("batch_rows", ROWS_ZSTD, Stream.BULK),
            ("batch_identity", IDENTITY, Stream.URGENT),
            ("batch_control", IDENTITY, Stream.CONTROL),
        )
    }
    for name, (topic, key, message) in _messages().items():
        found[name] = Golden(topic, key, pack(topic, message, key))
    return found


def _batch(codec: int, stream: Stream) -> bytes:
    dictionary = Dictionary()
    bags = [_control()] if stream is Stream.CONTROL else _bags(dictionary, codec, stream)
    boots = [Boot(BOOT, WALL_US - 5_000_000, ClockQuality.SYNCHRONISED), Boot(3, 0, ClockQuality.UNTRUSTED)]
    record: Callable[[int, Purpose], str] = lambda subject, purpose: f"record-{subject:x}-{purpose.word}"  # noqa: E731
    late: Callable[[OpenBag], bool] = lambda bag: bag.first_seq > 1  # noqa: E731
    return build_batch(TOPICS, stream, EPOCH, 12, dictionary, True, boots, bags, late, record, DEVICE_KEY)


def _bags(dictionary: Dictionary, codec: int, stream: Stream) -> list[OpenBag]:
    signals = [dictionary.intern_signal(path, kind, unit) for path, (kind, unit) in TYPES.items()]
    whole = dictionary.intern_kind("drive", stream, DRIVING, signals)
    part = dictionary.narrowed(whole, [2, 3])
    trips = dictionary.intern_kind("trip", stream, DRIVING)
    calm = [
        Event(whole, 0, WALL_US + 100_000 * n + n % 3, 5_000 + 100 * n, (n > 9, 7, n / 4, 48.1234567 + n / 1e7, "ECO"))
        for n in range(12)
    ]
    mixed = [
        Event(part, 0, WALL_US - n, 9, (n * 0.1, math.pi)) if n % 2 else calm[n]._replace(received_ms=9)
        for n in range(5)
    ]
    odd = [
        Event(whole, 0, stamp, n, row) for n, (stamp, row) in enumerate(zip([0, LEAST, MOST, 1, 2], ODD, strict=True))
    ]
    ended = record_pb2.Trip.PHASE_ENDED
    records = [
        trip(trips, 0, id=MOST, phase=record_pb2.Trip.PHASE_BEGAN),
        trip(trips, 1, id=5, phase=ended, distance_m=0.1),
    ]
    encoder, out, first = Encoder(codec), [], 1
    operation = purpose_set([Purpose.VEHICLE_OPERATION])
    for events, subject, purposes in (
        (calm, SUBJECT, DRIVING),
        (odd, 0, operation),
        (mixed, SUBJECT, DRIVING),
        (records, 5, DRIVING),
    ):
        used, body = encoder.encode(events)
        out.append(OpenBag(stream, first, len(events), subject, purposes, BOOT, used, body))
        first += len(events)
    return out


def _control() -> OpenBag:
    record, ranges = control_pb2.ControlRecord, _ranges((4, 9), (11, MOST))
    gap = control_pb2.Gap(epoch=EPOCH, stream=int(Stream.BULK), ranges=ranges, reason=control_pb2.GAP_REASON_REVOKED)
    failed = control_pb2.CommandReply(
        command=9, stage=control_pb2.COMMAND_STAGE_FAILED, reason="expired", result=b"\0\xff"
    )
    body = control_pb2.ControlRecords(
        records=[
            record(at_us=WALL_US, gap=gap),
            record(at_us=-1, reply=failed),
            record(at_us=0, erasure=control_pb2.ErasureRequest(id=1, subject=SUBJECT, purposes=[1, 8])),
            record(at_us=WALL_US, counters=control_pb2.Counters(counts={"events.refused": 2**64 - 1})),
        ]
    )
    return OpenBag(Stream.CONTROL, 100, 4, 0, 0, 3, IDENTITY, body.SerializeToString(deterministic=True))


def _ranges(*bounds: tuple[int, int]) -> Sequence[control_pb2.Range]:
    return [control_pb2.Range(first=first, last=last) for first, last in bounds]


def _messages() -> dict[str, tuple[str, Ed25519PrivateKey, Any]]:
    held = downlink_pb2.StreamReceipt(
        epoch=EPOCH, stream=int(Stream.LIVE), floor=10, above=_ranges((12, 12), (20, MOST))
    )
    resend = downlink_pb2.ResendEvents(epoch=EPOCH, stream=int(Stream.BULK), range=_ranges((3, 4))[0])
    command = downlink_pb2.Command(
        id=EPOCH,
        kind="events.resend",
        issued_us=WALL_US,
        not_after_us=WALL_US + 1,
        counter=3,
        body=resend.SerializeToString(),
    )
    birth = downlink_pb2.DeviceState(
        online=True, boot=BOOT, connect=4, epoch=EPOCH, version="0.1.0", capabilities=["events.resend"], heads=[held]
    )
    return {
        "receipt": (
            TOPICS.receipt,
            CLOUD_KEY,
            downlink_pb2.Receipt(cloud_boot=BOOT, number=7, streams=[held], unknown_dictionaries=[EPOCH]),
        ),
        "cloud_state": (CLOUD_STATE, CLOUD_KEY, downlink_pb2.CloudState(cloud_boot=BOOT, online=True)),
        "command": (TOPICS.command, CLOUD_KEY, command),
        "epoch": (TOPICS.epoch, CLOUD_KEY, downlink_pb2.ConsentEpoch(epoch=2**64 - 1)),
        "birth": (TOPICS.state, DEVICE_KEY, birth),
        "will": (TOPICS.state, DEVICE_KEY, downlink_pb2.DeviceState(boot=BOOT, connect=4)),
    }
