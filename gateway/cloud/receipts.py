"""What is owed to devices, and the receipts that say it; must never build one from numbers that are not hardened."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from forecourt.v1 import control_pb2, downlink_pb2

from gateway.cloud.inbox import Hardened
from gateway.cloud.numbers import Numbers
from gateway.cloud.outcome import Outcome, Refusal
from gateway.cloud.streams import StreamKey
from gateway.limits import RECEIPT_EVENTS, RECEIPT_RANGES_MAX
from gateway.model import SeqRange

UNKNOWN_DICTIONARIES_MAX = 64
UNKNOWN_RECORDS_MAX = 16
UNREADABLE_MAX = 64
STREAMS_OF_RECEIPT_MAX = 32


@dataclass(slots=True)
class Owed:
    """What devices wait for since the last receipts. `events` counts those taken in, new and repeated."""

    events: int = 0
    streams: set[StreamKey] = field(default_factory=set)
    births: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, set[int]] = field(default_factory=dict)
    refused: dict[str, set[Refusal]] = field(default_factory=dict)
    doubted: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, set[int]] = field(default_factory=dict)
    records: dict[str, set[str]] = field(default_factory=dict)

    def note(self, outcome: Outcome) -> None:
        """Adds what a message's outcome calls for."""
        self.events += outcome.new + outcome.repeated
        if outcome.key is not None:
            self.streams.add(outcome.key)
        if outcome.born is not None:
            self.births[outcome.device] = outcome.born.epoch
            self.names[outcome.device] = outcome.born.birth
        if outcome.unknown_dictionary is not None:
            asked = self.unknown.setdefault(outcome.device, set())
            if len(asked) < UNKNOWN_DICTIONARIES_MAX:
                asked.add(outcome.unknown_dictionary)
        if outcome.unknown_record:
            asked_for = self.records.setdefault(outcome.device, set())
            if len(asked_for) < UNKNOWN_RECORDS_MAX:
                asked_for.add(outcome.unknown_record)
        if outcome.unreadable is not None:
            marks = self.unreadable.setdefault(outcome.device, set())
            if len(marks) < UNREADABLE_MAX:
                marks.add(outcome.unreadable)
        if outcome.doubted is not None:
            self.doubted[outcome.device] = outcome.doubted.epoch
            self.names[outcome.device] = outcome.doubted.birth
        for refusal in outcome.refused:
            named = self.refused.setdefault(outcome.device, set())
            if len(named) < RECEIPT_RANGES_MAX:
                named.add(refusal)

    def __bool__(self) -> bool:
        return bool(self.streams or _addressed(self))

    def due_at_once(self, events_max: int = RECEIPT_EVENTS) -> bool:
        """Whether so many events wait that senders may run dry."""
        return self.events >= events_max


def _addressed(owed: Owed) -> tuple[str, ...]:
    return *owed.births, *owed.unknown, *owed.refused, *owed.doubted, *owed.records, *owed.unreadable


def receipts(
    owed: Owed, hardened: Hardened, cloud_boot: int, doubted: Mapping[str, int] | None = None
) -> Iterator[tuple[str, downlink_pb2.Receipt]]:
    """The receipts to send, by device. Of an epoch that is `doubted` no number is receipted."""
    doubted = doubted or {}
    by_device: dict[str, list[StreamKey]] = {device: [] for device in _addressed(owed)}
    for key in sorted(hardened.held):
        if doubted.get(key.device) == key.epoch:
            continue
        by_device.setdefault(key.device, []).append(key)
    for device, keys in by_device.items():
        unknown = sorted(owed.unknown.get(device, ()))
        for start in range(0, len(keys) or 1, STREAMS_OF_RECEIPT_MAX):
            receipt = downlink_pb2.Receipt(
                cloud_boot=cloud_boot, number=hardened.number, unknown_dictionaries=() if start else unknown
            )
            for key in keys[start : start + STREAMS_OF_RECEIPT_MAX]:
                receipt.streams.append(stream_receipt(key, hardened.held[key]))
            receipt.doubted_epoch = doubted.get(device, 0)
            receipt.birth = owed.names.get(device, 0)
            if not start:
                receipt.unreadable.extend(sorted(owed.unreadable.get(device, ())))
                receipt.unknown_records.extend(sorted(owed.records.get(device, ())))
                receipt.refused.extend(stream_refusals(owed.refused.get(device, ())))
            yield device, receipt


def stream_refusals(refused: Iterable[Refusal]) -> Iterator[downlink_pb2.StreamRefusal]:
    """Bags that were put aside, by stream and reason."""
    for (key, reason), group in groupby(sorted(refused, key=_by_reason), key=lambda item: (item.key, item.reason)):
        yield downlink_pb2.StreamRefusal(
            epoch=key.epoch,
            stream=int(key.stream),
            reason=f"REFUSAL_REASON_{reason.name}",
            ranges=[control_pb2.Range(first=item.numbers.first, last=item.numbers.last) for item in group],
        )


def _by_reason(refusal: Refusal) -> tuple[StreamKey, int, SeqRange]:
    return refusal.key, refusal.reason, refusal.numbers


def stream_receipt(key: StreamKey, numbers: Numbers) -> downlink_pb2.StreamReceipt:
    """What is held of one stream. Of many ranges the lowest, so that the floor rises and makes room for the others."""
    return downlink_pb2.StreamReceipt(
        epoch=key.epoch,
        stream=int(key.stream),
        floor=numbers.floor,
        above=[control_pb2.Range(first=first, last=last) for first, last in numbers.above[:RECEIPT_RANGES_MAX]],
    )
