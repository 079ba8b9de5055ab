"""What each field of a record tells about a person, as the contract says; must never let an unclassified one pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from forecourt.v1 import classification_pb2, record_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gateway.consent.policy import Classified, fault
from gateway.errors import InputError
from gateway.model import DataTier, PurposeSet, purpose_set

OWN = "forecourt."
_PERSONAL: Any = classification_pb2.personal
_RECORD = cast("Descriptor", record_pb2.Record.DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class Finding:
    """A field that the gate cannot judge: `forecourt.v1.Trip.id`, and why."""

    field: str
    why: str


def classification(field: FieldDescriptor) -> tuple[int, PurposeSet] | None:
    """Tier and purposes as the contract states them; None where it is silent."""
    options = field.GetOptions()
    if not options.HasExtension(_PERSONAL):
        return None
    said: classification_pb2.Classification = options.Extensions[_PERSONAL]
    return said.tier, purpose_set(said.purposes)


def descends(field: FieldDescriptor) -> bool:
    """Whether the fields of this message are judged one by one; messages of others are judged as a whole."""
    inner = field.message_type
    return inner is not None and (inner.full_name.startswith(OWN) or inner.GetOptions().map_entry)


def check_contract(root: Descriptor = _RECORD) -> list[Finding]:
    """Fields below `root` that are not classified, or cannot be as they are; an empty list lets the build pass."""
    return [finding for message in _messages(root, set()) for field in message.fields for finding in _judge(field)]


def _messages(message: Descriptor, seen: set[str]) -> Iterator[Descriptor]:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    yield message
    for field in message.fields:
        if field.message_type is not None and descends(field):
            yield from _messages(field.message_type, seen)


def _judge(field: FieldDescriptor) -> Iterator[Finding]:
    said = classification(field)
    if said is None:
        if not descends(field):
            yield Finding(field.full_name, "is not classified")
        return
    if said[0] == DataTier.FORBIDDEN:
        yield Finding(field.full_name, "is forbidden, so that it has no place in the contract")
    elif why := fault(*said):
        yield Finding(field.full_name, why)


class FieldPolicy:
    """Which fields of a record may stay for which purposes."""

    def __init__(self, root: type[Message] = record_pb2.Record) -> None:
        """Reads the classification of every field below `root`, a message of the contract."""
        self._root = root
        self._rules: dict[str, Classified | None] = {}
        self.purposes: PurposeSet = 0
        for message in _messages(cast("Descriptor", root.DESCRIPTOR), set()):
            for field in message.fields:
                said = classification(field)
                usable = said is not None and not fault(*said)
                rule = Classified(DataTier(said[0]), said[1]) if said is not None and usable else None
                self._rules[field.full_name] = rule
                self.purposes |= rule.purposes if rule else 0

    def classify(self, field: str) -> Classified | None:
        """What a field such as `forecourt.v1.Trip.id` tells; None where it is denied or judged by its own fields."""
        return self._rules.get(field)

    def allowed(self, purposes: PurposeSet) -> list[str]:
        """Names of the fields that may stay for one of `purposes`."""
        return sorted(name for name, rule in self._rules.items() if rule is not None and rule.purposes & purposes)

    def strip(self, body: bytes, purposes: PurposeSet) -> bytes:
        """The record without fields that none of `purposes` allows; `body` itself when nothing has to go.

        Fields that this version does not know go too. Raises InputError when the bytes are no record.
        """
        record = self._root()
        try:
            record.ParseFromString(body)
        except DecodeError as error:
            raise InputError("a record cannot be read") from error
        changed = self._clear(record, purposes)
        return record.SerializeToString(deterministic=True) if changed else body

    def _clear(self, message: Message, purposes: PurposeSet) -> bool:
        changed = len(UnknownFieldSet(message)) > 0
        if changed:
            message.DiscardUnknownFields()
        for field, value in message.ListFields():
            rule = self._rules.get(field.full_name)
            allowed = rule is not None and bool(rule.purposes & purposes)
            if not (allowed or (rule is None and descends(field) and classification(field) is None)):
                message.ClearField(field.name)
                changed = True
            elif descends(field):
                for inner in _values(value):
                    changed |= self._clear(inner, purposes)
        return changed


def _values(value: Any) -> list[Message]:
    """The messages in a field, whether it holds one, a list or a map of them."""
    if isinstance(value, Message):
        return [value]
    items = value.values() if hasattr(value, "values") else value
    return [item for item in items if isinstance(item, Message)]
