"""Profiles as protobuf and back; must never let in what `check_document` or `check_edit` would refuse."""

from collections.abc import Iterable, Mapping

from forecourt.v1 import profile_pb2
from google.protobuf.message import DecodeError, Message

from gateway.errors import InputError
from gateway.limits import RECORD_BYTES_MAX
from gateway.profile.document import Document, check_document, check_edit
from gateway.profile.fields import Value
from gateway.profile.hlc import Hlc
from gateway.profile.register import Edit, Origin, Raw, Register

PROFILE_BYTES_MAX = 24_576
"""A document as it travels; with seal and envelope it fits into the body of a command."""
EDIT_BYTES_MAX = RECORD_BYTES_MAX - 128
"""An edit or a result as it travels; with seal and envelope it fits into an event."""


def document_bytes(one: Document) -> bytes:
    """The document as it travels; InputError where it is too large to."""
    origins = _Origins()
    message = profile_pb2.ProfileDocument(
        epoch=one.epoch,
        version=one.version,
        schema=one.schema,
        registers=[_register(each, origins) for each in one.registers.values()],
    )
    message.origins.extend(origins.messages())
    return _bounded(message)


def read_document(raw: bytes) -> Document:
    """The document that `document_bytes` was given, checked; InputError."""
    message = profile_pb2.ProfileDocument()
    _parse(message, raw)
    origins = [_read_origin(each) for each in message.origins]
    registers = [_read_register(each, origins) for each in message.registers]
    return check_document(
        Document(message.epoch, message.version, {each.key: each for each in registers}, message.schema)
    )


def edit_message(number: int, epoch: bytes, one: Edit) -> profile_pb2.ProfileEdit:
    """An edit of a visit, by its number."""
    origins = _Origins()
    message = profile_pb2.ProfileEdit(
        number=number,
        epoch=epoch,
        group=one.group,
        stamp=_stamp(one.hlc),
        origin=origins.number(one.origin),
        changed=[profile_pb2.ProfileRegister(key=key, value=_or_none(value)) for key, value in one.values.items()],
        carried=[_register(each, origins) for each in one.carried.values()],
    )
    if one.seen is not None:
        message.seen.CopyFrom(_stamp(one.seen))
    message.origins.extend(origins.messages())
    return message


def edit_bytes(number: int, epoch: bytes, one: Edit, *, spare: int = 0) -> bytes:
    """An edit as it travels; InputError where it is too large to. `spare`: by so much it may grow later."""
    return _bounded(edit_message(number, epoch, one), EDIT_BYTES_MAX - spare)


def read_edit(raw: bytes) -> tuple[int, bytes, Edit]:
    """Number, epoch and the edit, checked; InputError."""
    message = profile_pb2.ProfileEdit()
    _parse(message, raw)
    number = _number(message)
    if not message.group:
        raise InputError("an edit names its group")
    origins = [_read_origin(each) for each in message.origins]
    carried = [_read_register(each, origins) for each in message.carried]
    edit = Edit(
        group=message.group,
        values={each.key: read_value(each.value) if each.HasField("value") else None for each in message.changed},
        hlc=_read_stamp(message.stamp),
        origin=_nth(origins, message.origin),
        carried={each.key: each for each in carried},
        seen=_read_stamp(message.seen) if message.HasField("seen") else None,
    )
    return number, message.epoch, check_edit(edit)


def edit_head(raw: bytes) -> tuple[int, bytes]:
    """Number and epoch of an edit, also of one whose content cannot be; InputError where there are none."""
    message = profile_pb2.ProfileEdit()
    _parse(message, raw)
    return _number(message), message.epoch


def value_message(value: Value | bool) -> profile_pb2.ProfileValue:
    """A value of a field, of a reading or of an outcome."""
    if isinstance(value, bool):
        return profile_pb2.ProfileValue(flag=value)
    if isinstance(value, str):
        return profile_pb2.ProfileValue(text=value)
    if isinstance(value, int):
        return profile_pb2.ProfileValue(whole=value)
    if isinstance(value, float):
        return profile_pb2.ProfileValue(number=value)
    return profile_pb2.ProfileValue(list=profile_pb2.ProfileTexts(texts=value))


def read_value(message: profile_pb2.ProfileValue) -> Value:
    """The value; InputError where there is none."""
    match message.WhichOneof("value"):
        case "number":
            return message.number
        case "whole":
            return message.whole
        case "text":
            return message.text
        case "list":
            return tuple(message.list.texts)
    raise InputError("a value is a number, a text or a list of texts")


def _number(message: profile_pb2.ProfileEdit) -> int:
    if not 0 < message.number < 1 << 62:
        raise InputError("edits are counted from 1")
    return message.number


class _Origins:
    """The origins of one message, each once."""

    def __init__(self) -> None:
        self._found: list[Origin] = []

    def number(self, one: Origin) -> int:
        """Where it stands in the message."""
        if one not in self._found:
            self._found.append(one)
        return self._found.index(one)

    def messages(self) -> Iterable[profile_pb2.ProfileOrigin]:
        """All that were named."""
        for one in self._found:
            raw = {path: value_message(value) for path, value in one.raw.items()}
            yield profile_pb2.ProfileOrigin(device=one.device, card=one.card, revision=one.revision, raw=raw)


def _register(one: Register, origins: _Origins) -> profile_pb2.ProfileRegister:
    message = profile_pb2.ProfileRegister(
        key=one.key,
        value=_or_none(one.value),
        stamp=_stamp(one.hlc),
        origin=origins.number(one.origin),
        group=one.group,
    )
    if one.seen is not None:
        message.seen.CopyFrom(_stamp(one.seen))
    return message


def _or_none(value: Value | None) -> profile_pb2.ProfileValue | None:
    return None if value is None else value_message(value)


def _stamp(one: Hlc) -> profile_pb2.ProfileStamp:
    return profile_pb2.ProfileStamp(physical_ms=one.physical_ms, counter=one.counter, node=one.node)


def _read_stamp(message: profile_pb2.ProfileStamp) -> Hlc:
    return Hlc(message.physical_ms, message.counter, message.node)


def _read_register(message: profile_pb2.ProfileRegister, origins: list[Origin]) -> Register:
    return Register(
        key=message.key,
        value=read_value(message.value) if message.HasField("value") else None,
        hlc=_read_stamp(message.stamp),
        origin=_nth(origins, message.origin),
        group=message.group,
        seen=_read_stamp(message.seen) if message.HasField("seen") else None,
    )


def _read_origin(message: profile_pb2.ProfileOrigin) -> Origin:
    return Origin(message.device, message.card, message.revision, _raw(message.raw))


def _raw(found: Mapping[str, profile_pb2.ProfileValue]) -> dict[str, Raw]:
    raw: dict[str, Raw] = {}
    for path, message in found.items():
        value = read_value(message)
        if isinstance(value, tuple):
            raise InputError("a reading of an origin is a number or a text")
        raw[path] = value
    return raw


def _nth(origins: list[Origin], number: int) -> Origin:
    if number >= len(origins):
        raise InputError("a register names an origin that is not there")
    return origins[number]


def _bounded(message: Message, bytes_max: int = PROFILE_BYTES_MAX) -> bytes:
    raw = message.SerializeToString(deterministic=True)
    if len(raw) > bytes_max:
        raise InputError(f"a profile of {len(raw)} bytes; {bytes_max} are allowed: leave out long texts")
    return raw


def _parse(message: Message, raw: bytes) -> None:
    if len(raw) > PROFILE_BYTES_MAX:
        raise InputError(f"a profile has at most {PROFILE_BYTES_MAX} bytes")
    try:
        message.ParseFromString(raw)
    except DecodeError as error:
        raise InputError("this is no profile") from error
