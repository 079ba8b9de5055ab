"""From the bags of one batch to the effects that are new; must never write anything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from forecourt.v1 import event_pb2

from gateway.cloud.dictionaries import Known
from gateway.cloud.numbers import SEQ_MAX
from gateway.cloud.poison import Poison, Reason
from gateway.cloud.sinks import Effects, only
from gateway.cloud.streams import StreamKey
from gateway.errors import InputError
from gateway.model import PurposeSet, SeqRange
from gateway.wire.codec import COLUMNS_ZSTD, IDENTITY, ROWS_ZSTD, decode

_CODECS = (IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a bag stands on."""

    subject: int
    purposes: PurposeSet
    boot: event_pb2.Boot
    records: tuple[str, ...] = ()


def standing(batch: event_pb2.EventBatch, bag: event_pb2.Bag) -> Standing:
    """The consent and the boot that a bag refers to; Poison where it refers to nothing."""
    if bag.consent >= len(batch.consents) or bag.boot >= len(batch.boots):
        raise Poison(Reason.BAG, "a bag refers to a consent or a boot that the batch does not hold")
    consent = batch.consents[bag.consent]
    purposes = 0
    for purpose in consent.purposes:
        if not 0 < purpose < 63:
            raise Poison(Reason.BAG, f"purpose {purpose}")
        purposes |= 1 << purpose
    return Standing(consent.subject, purposes, batch.boots[bag.boot], tuple(consent.records))


def span(bag: event_pb2.Bag) -> SeqRange:
    """The numbers of a bag; Poison where a stream cannot have them."""
    last = bag.first_seq + bag.count - 1
    if not 1 <= bag.first_seq <= last <= SEQ_MAX:
        raise Poison(Reason.NUMBERS, "a bag without numbers")
    return SeqRange(bag.first_seq, last)


def read(
    key: StreamKey, bag: event_pb2.Bag, stand: Standing, known: Known, missing: Sequence[SeqRange]
) -> Iterable[Effects]:
    """The effects of a bag, those of `missing` numbers only; Poison where it cannot be read."""
    if bag.codec not in _CODECS:
        raise Poison(Reason.LATER, f"codec {bag.codec}")
    body = bag.rows.SerializeToString() if bag.codec == event_pb2.CODEC_IDENTITY else bag.body
    try:
        groups = decode(bag.codec, body, bag.first_seq, bag.count, known.types)
        found = [
            Effects(
                device=key.device,
                epoch=key.epoch,
                stream=key.stream,
                boot=stand.boot.id,
                subject=stand.subject,
                purposes=stand.purposes,
                shape=known.shapes[group.shape],
                seqs=group.seqs,
                ts_us=group.ts_us,
                received_ms=group.received_ms,
                columns=group.columns,
            )
            for group in groups
        ]
    except (InputError, KeyError) as error:
        raise Poison(Reason.BAG, str(error)) from error
    whole = sum(part.size for part in missing) == bag.count
    return found if whole else [part for effect in found if (part := only(effect, missing)).seqs]
