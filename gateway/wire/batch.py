"""The envelope of bags: built and signed, checked and read; must never hand on a batch whose header contradicts it."""

from collections.abc import Callable, Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1 import control_pb2, event_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError, TooLarge
from gateway.limits import (
    BAG_DECODE_EVENTS_MAX,
    BATCH_BAGS_MAX,
    BATCH_BOOTS_MAX,
    BATCH_CONSENTS_MAX,
    DICTIONARY_SHAPES_MAX,
    DICTIONARY_SIGNALS_MAX,
    EVENT_VALUES_MAX,
    MESSAGE_BYTES_MAX,
)
from gateway.model import WITHOUT_CONSENT, Boot, ClockQuality, OpenBag, Purpose, PurposeSet, Stream, purposes_of
from gateway.wire.codec import IDENTITY
from gateway.wire.dictionary import Dictionary
from gateway.wire.signing import sign, verify
from gateway.wire.topics import Topics, parse_up

Records = Callable[[int, Purpose], str]


def build_batch(
    topics: Topics,
    stream: Stream,
    epoch: int,
    number: int,
    dictionary: Dictionary,
    with_dictionary: bool,
    boots: Iterable[Boot],
    bags: Sequence[OpenBag],
    replayed: Callable[[OpenBag], bool],
    records: Records,
    key: Ed25519PrivateKey,
) -> bytes:
    """A signed payload for `topics.events(stream)`.

    `boots`: those known; only the ones that bags name are sent. `records(subject, purpose)`: the id of the record of
    consent that a purpose stands on.
    """
    message = event_pb2.EventBatch(device=topics.device, epoch=epoch, number=number, dictionary=dictionary.digest)
    message.stream = int(stream)  # type: ignore[assignment]
    if with_dictionary:
        message.signals.extend(dictionary.signals)
        message.shapes.extend(dictionary.shapes)
    known = {boot.id: boot for boot in boots}
    boot_index: dict[int, int] = {}
    consent_index: dict[tuple[int, PurposeSet], int] = {}
    for bag in bags:
        entry = message.bags.add(
            first_seq=bag.first_seq,
            count=bag.count,
            consent=consent_index.setdefault((bag.subject, bag.purposes), len(consent_index)),
            boot=boot_index.setdefault(bag.boot_id, len(boot_index)),
            replayed=replayed(bag),
        )
        entry.codec = bag.codec  # type: ignore[assignment]
        if bag.origin is not None:
            entry.origin_epoch, entry.origin_first = bag.origin
        _fill(entry, bag)
    for boot_id in boot_index:
        boot = known.get(boot_id, Boot(boot_id, 0, ClockQuality.UNTRUSTED))
        message.boots.add(id=boot.id, wall_at_boot_us=boot.wall_at_boot_us).quality = int(boot.quality)  # type: ignore[assignment]
    for subject, purposes in consent_index:
        named = purposes_of(purposes)
        with_record = [records(subject, purpose) for purpose in named if not WITHOUT_CONSENT >> purpose & 1]
        message.consents.add(subject=subject, purposes=[int(p) for p in named], records=with_record)
    return sign(key, topics.events(stream), message.SerializeToString())


def _fill(entry: event_pb2.Bag, bag: OpenBag) -> None:
    """Clear content goes into typed fields, so that a generic decoder shows it."""
    if bag.codec != IDENTITY:
        entry.body = bag.body
    elif bag.stream is Stream.CONTROL:
        entry.control.CopyFrom(control_pb2.ControlRecords.FromString(bag.body))
    else:
        entry.rows.CopyFrom(event_pb2.Rows.FromString(bag.body))


def mark_of(payload: bytes) -> int:
    """The name of a payload that ends with its signature: the last 8 bytes, little-endian."""
    return int.from_bytes(payload[-8:], "little")


def read_batch(topic: str, payload: bytes, key: Ed25519PublicKey) -> event_pb2.EventBatch:
    """The batch of a payload.

    Raises TooLarge over a bound, SignatureError unless the device of the topic signed it, InputError when it is
    malformed or its device or stream are not those of the topic.
    """
    if len(payload) > MESSAGE_BYTES_MAX:
        raise TooLarge(f"a batch has at most {MESSAGE_BYTES_MAX} bytes")
    verify(key, topic, payload)
    where = parse_up(topic)
    try:
        batch = event_pb2.EventBatch.FromString(payload)
    except DecodeError:
        raise InputError("the payload is not an EventBatch") from None
    if batch.device != where.device or where.stream is None or batch.stream != int(where.stream):
        raise InputError("device or stream differ between topic and header")
    _check_header(batch)
    for bag in batch.bags:
        if not 0 < bag.count <= BAG_DECODE_EVENTS_MAX or bag.first_seq == 0:
            raise InputError("a bag without events, with too many, or numbered from 0")
        if bag.consent >= len(batch.consents) or bag.boot >= len(batch.boots):
            raise InputError("a bag refers to a consent or boot that the header lacks")
    return batch


def _check_header(batch: event_pb2.EventBatch) -> None:
    """Raises TooLarge where a list is longer than any honest device makes it: each entry costs memory and work."""
    if (
        len(batch.bags) > BATCH_BAGS_MAX
        or len(batch.consents) > BATCH_CONSENTS_MAX
        or len(batch.boots) > BATCH_BOOTS_MAX
        or len(batch.signals) > DICTIONARY_SIGNALS_MAX
        or len(batch.shapes) > DICTIONARY_SHAPES_MAX
    ):
        raise TooLarge("a list in the header is over its bound")
    if any(len(shape.signals) > EVENT_VALUES_MAX for shape in batch.shapes):
        raise TooLarge(f"a shape has at most {EVENT_VALUES_MAX} signals")
