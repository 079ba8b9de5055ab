"""The envelope: what goes in comes out, and a batch that contradicts its topic or itself goes no further."""

from collections.abc import Callable

import pytest
from forecourt.v1 import control_pb2, event_pb2

from gateway.errors import InputError, SignatureError, TooLarge
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
from gateway.model import Boot, ClockQuality, OpenBag, Purpose, Stream, purpose_set
from gateway.wire.batch import build_batch, read_batch
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, Encoder
from gateway.wire.dictionary import Dictionary, shape_types
from gateway.wire.signing import sign
from tests.kit.wires import (
    CLOUD_KEY,
    DEVICE,
    DEVICE_KEY,
    DRIVING,
    EVERY_TYPE,
    TOPICS,
    event,
    expected,
    kind_of,
    read_back,
)

TOPIC = TOPICS.events(Stream.LIVE)
BOOTS = (Boot(77, 1_000, ClockQuality.SYNCHRONISED), Boot(88, 2_000, ClockQuality.HOLDOVER))
DICTIONARY = Dictionary()
KIND = kind_of(DICTIONARY, EVERY_TYPE)
EVENTS = [event(KIND, n, n > 1, n, n / 2, n / 4, str(n)) for n in range(4)]


def record_of(subject: int, purpose: Purpose) -> str:
    """The id of a record of consent."""
    return f"{subject}:{purpose.word}"


def built(*bags: OpenBag, stream: Stream = Stream.LIVE, with_dictionary: bool = True) -> bytes:
    """A payload of these bags."""
    return build_batch(
        TOPICS,
        stream,
        9,
        3,
        DICTIONARY,
        with_dictionary,
        BOOTS,
        bags,
        lambda bag: bag.first_seq > 4,
        record_of,
        DEVICE_KEY,
    )


def opened(
    first_seq: int, codec: int = COLUMNS_ZSTD, subject: int = 7, purposes: int = DRIVING, boot: int = 77
) -> OpenBag:
    """A bag of the events above."""
    used, body = Encoder(codec).encode(EVENTS)
    return OpenBag(Stream.LIVE, first_seq, len(EVENTS), subject, purposes, boot, used, body)


@pytest.mark.parametrize("codec", [COLUMNS_ZSTD, IDENTITY])
def test_a_batch_carries_its_bags_and_what_they_stand_on(codec: int) -> None:
    """Numbers, times and values; boots and consents are told once each; the dictionary explains the ids."""
    operation = purpose_set([Purpose.VEHICLE_OPERATION])
    both = purpose_set([Purpose.DRIVING_BEHAVIOUR, Purpose.VEHICLE_OPERATION])
    payload = built(
        opened(1, codec), opened(5, codec), opened(9, codec, 0, operation, 99), opened(13, codec, 7, both, 88)
    )
    batch = read_batch(TOPIC, payload, DEVICE)
    assert (batch.device, batch.epoch, batch.stream, batch.number) == ("golden-car", 9, int(Stream.LIVE), 3)
    assert batch.dictionary == DICTIONARY.digest
    assert [bag.first_seq for bag in batch.bags] == [1, 5, 9, 13]
    assert [bag.replayed for bag in batch.bags] == [False, True, True, True]
    assert [bag.consent for bag in batch.bags] == [0, 0, 1, 2]
    assert [(c.subject, list(c.purposes), list(c.records)) for c in batch.consents] == [
        (7, [1], ["7:driving_behaviour"]),
        (0, [20], []),
        (7, [1, 20], ["7:driving_behaviour"]),
    ]
    assert [(boot.id, boot.wall_at_boot_us, boot.quality) for boot in batch.boots] == [
        (77, 1_000, 3),
        (99, 0, 1),
        (88, 2_000, 2),
    ]
    types = shape_types(batch.signals, batch.shapes)
    for bag in batch.bags:
        body = bag.rows.SerializeToString() if codec == IDENTITY else bag.body
        assert read_back(bag.codec, body, bag.count, types) == expected(EVENTS)


def test_the_dictionary_is_left_out_when_it_is_known() -> None:
    """Then only its name is there."""
    batch = read_batch(TOPIC, built(opened(1), with_dictionary=False), DEVICE)
    assert (len(batch.signals), len(batch.shapes), batch.dictionary) == (0, 0, DICTIONARY.digest)


def test_control_records_ride_in_clear_fields() -> None:
    """So that a stranger's `protoc --decode` shows a gap."""
    records = control_pb2.ControlRecords(
        records=[
            control_pb2.ControlRecord(
                at_us=5, gap=control_pb2.Gap(epoch=9, stream=2, reason=control_pb2.GAP_REASON_EXPIRED)
            )
        ]
    )
    bag = OpenBag(Stream.CONTROL, 1, 1, 0, 0, 77, IDENTITY, records.SerializeToString())
    batch = read_batch(TOPICS.events(Stream.CONTROL), built(bag, stream=Stream.CONTROL), DEVICE)
    assert batch.bags[0].control == records
    assert not batch.bags[0].HasField("rows")


def test_size_and_signature_come_before_the_content() -> None:
    """Over the bound, unsigned, signed by another, moved to another topic: none is parsed."""
    payload = built(opened(1))
    with pytest.raises(TooLarge):
        read_batch(TOPIC, bytes(MESSAGE_BYTES_MAX + 1), DEVICE)
    with pytest.raises(SignatureError):
        read_batch(TOPIC, payload[:-1], DEVICE)
    with pytest.raises(SignatureError):
        read_batch(TOPIC, sign(CLOUD_KEY, TOPIC, payload[:-66]), DEVICE)
    with pytest.raises(SignatureError):
        read_batch(TOPICS.events(Stream.URGENT), payload, DEVICE)
    with pytest.raises(SignatureError):
        read_batch(TOPIC.replace("golden", "iron"), payload, DEVICE)


Edit = Callable[[event_pb2.EventBatch], object]


def repeated(field: str, times: int) -> Edit:
    """Puts `times` empty entries into a list of the header."""
    return lambda batch: [getattr(batch, field).add() for _ in range(times)]


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda batch: setattr(batch, "device", "iron-car"), InputError),
        (lambda batch: batch.ClearField("device"), InputError),
        (lambda batch: setattr(batch, "stream", 1), InputError),
        (lambda batch: setattr(batch, "stream", 0), InputError),
        (lambda batch: setattr(batch.bags[0], "first_seq", 0), InputError),
        (lambda batch: setattr(batch.bags[0], "count", 0), InputError),
        (lambda batch: setattr(batch.bags[0], "count", BAG_DECODE_EVENTS_MAX + 1), InputError),
        (lambda batch: setattr(batch.bags[0], "count", 2**32 - 1), InputError),
        (lambda batch: setattr(batch.bags[0], "consent", 1), InputError),
        (lambda batch: setattr(batch.bags[0], "boot", 1), InputError),
        (repeated("bags", BATCH_BAGS_MAX), TooLarge),
        (repeated("consents", BATCH_CONSENTS_MAX), TooLarge),
        (repeated("boots", BATCH_BOOTS_MAX), TooLarge),
        (repeated("signals", DICTIONARY_SIGNALS_MAX), TooLarge),
        (repeated("shapes", DICTIONARY_SHAPES_MAX), TooLarge),
        (lambda batch: batch.shapes[0].signals.extend([1] * EVENT_VALUES_MAX), TooLarge),
    ],
)
def test_a_header_that_contradicts_goes_no_further(edit: Edit, error: type[InputError]) -> None:
    """Signed by the right device and still wrong: refused before anything is decoded."""
    batch = read_batch(TOPIC, built(opened(1)), DEVICE)
    batch.ClearField("signature")
    read_batch(TOPIC, sign(DEVICE_KEY, TOPIC, batch.SerializeToString()), DEVICE)
    edit(batch)
    with pytest.raises(error):
        read_batch(TOPIC, sign(DEVICE_KEY, TOPIC, batch.SerializeToString()), DEVICE)


@pytest.mark.parametrize("message", [b"\xff", b"\x0a\xff\xff", b"\x0a\x01\xff", b"\x52\x00" * 9 + b"\x52"])
def test_signed_noise_is_malformed_input(message: bytes) -> None:
    """A device with a valid key may still send anything."""
    with pytest.raises(InputError):
        read_batch(TOPIC, sign(DEVICE_KEY, TOPIC, message), DEVICE)


def test_a_batch_on_another_topic_is_malformed_input() -> None:
    """Signed for a topic that no batch may come on."""
    message = built(opened(1))[:-66]
    for topic in (TOPICS.state, TOPICS.receipt, "cars/golden-car"):
        with pytest.raises(InputError):
            read_batch(topic, sign(DEVICE_KEY, topic, message), DEVICE)
    with pytest.raises(InputError):
        read_batch(TOPICS.state, sign(DEVICE_KEY, TOPICS.state, event_pb2.EventBatch().SerializeToString()), DEVICE)


def test_fields_of_a_later_version_are_let_pass() -> None:
    """What this version does not know is no reason to lose what it knows."""
    message = built(opened(1))[:-66] + b"\xf2\x07\x03new"
    assert read_batch(TOPIC, sign(DEVICE_KEY, TOPIC, message), DEVICE).bags[0].count == 4
