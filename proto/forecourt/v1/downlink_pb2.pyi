from forecourt.v1 import classification_pb2 as _classification_pb2
from forecourt.v1 import control_pb2 as _control_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RefusalReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_REASON_UNSPECIFIED: _ClassVar[RefusalReason]
    REFUSAL_REASON_UNREADABLE: _ClassVar[RefusalReason]
    REFUSAL_REASON_CONSENT: _ClassVar[RefusalReason]
REFUSAL_REASON_UNSPECIFIED: RefusalReason
REFUSAL_REASON_UNREADABLE: RefusalReason
REFUSAL_REASON_CONSENT: RefusalReason

class StreamReceipt(_message.Message):
    __slots__ = ("epoch", "stream", "floor", "above")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    stream: int
    floor: int
    above: _containers.RepeatedCompositeFieldContainer[_control_pb2.Range]
    def __init__(self, epoch: _Optional[int] = ..., stream: _Optional[int] = ..., floor: _Optional[int] = ..., above: _Optional[_Iterable[_Union[_control_pb2.Range, _Mapping]]] = ...) -> None: ...

class StreamRefusal(_message.Message):
    __slots__ = ("epoch", "stream", "ranges", "reason")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    stream: int
    ranges: _containers.RepeatedCompositeFieldContainer[_control_pb2.Range]
    reason: RefusalReason
    def __init__(self, epoch: _Optional[int] = ..., stream: _Optional[int] = ..., ranges: _Optional[_Iterable[_Union[_control_pb2.Range, _Mapping]]] = ..., reason: _Optional[_Union[RefusalReason, str]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("cloud_boot", "number", "streams", "unknown_dictionaries", "unknown_records", "refused", "doubted_epoch", "birth", "unreadable", "signature")
    CLOUD_BOOT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_DICTIONARIES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_RECORDS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    DOUBTED_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    UNREADABLE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    cloud_boot: int
    number: int
    streams: _containers.RepeatedCompositeFieldContainer[StreamReceipt]
    unknown_dictionaries: _containers.RepeatedScalarFieldContainer[int]
    unknown_records: _containers.RepeatedScalarFieldContainer[str]
    refused: _containers.RepeatedCompositeFieldContainer[StreamRefusal]
    doubted_epoch: int
    birth: int
    unreadable: _containers.RepeatedScalarFieldContainer[int]
    signature: bytes
    def __init__(self, cloud_boot: _Optional[int] = ..., number: _Optional[int] = ..., streams: _Optional[_Iterable[_Union[StreamReceipt, _Mapping]]] = ..., unknown_dictionaries: _Optional[_Iterable[int]] = ..., unknown_records: _Optional[_Iterable[str]] = ..., refused: _Optional[_Iterable[_Union[StreamRefusal, _Mapping]]] = ..., doubted_epoch: _Optional[int] = ..., birth: _Optional[int] = ..., unreadable: _Optional[_Iterable[int]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class CloudState(_message.Message):
    __slots__ = ("cloud_boot", "online", "seal_key", "signature")
    CLOUD_BOOT_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    SEAL_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    cloud_boot: int
    online: bool
    seal_key: bytes
    signature: bytes
    def __init__(self, cloud_boot: _Optional[int] = ..., online: _Optional[bool] = ..., seal_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("id", "kind", "issued_us", "not_after_us", "counter", "body", "signature")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ISSUED_US_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_US_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    issued_us: int
    not_after_us: int
    counter: int
    body: bytes
    signature: bytes
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., issued_us: _Optional[int] = ..., not_after_us: _Optional[int] = ..., counter: _Optional[int] = ..., body: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ResendEvents(_message.Message):
    __slots__ = ("epoch", "stream", "range")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    stream: int
    range: _control_pb2.Range
    def __init__(self, epoch: _Optional[int] = ..., stream: _Optional[int] = ..., range: _Optional[_Union[_control_pb2.Range, _Mapping]] = ...) -> None: ...

class WithdrawConsent(_message.Message):
    __slots__ = ("subject", "purposes")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    subject: int
    purposes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, subject: _Optional[int] = ..., purposes: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsentEpoch(_message.Message):
    __slots__ = ("epoch", "signature")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    signature: bytes
    def __init__(self, epoch: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class DeviceState(_message.Message):
    __slots__ = ("online", "boot", "connect", "epoch", "version", "capabilities", "heads", "birth", "births", "signature")
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    BIRTHS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    online: bool
    boot: int
    connect: int
    epoch: int
    version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    heads: _containers.RepeatedCompositeFieldContainer[StreamReceipt]
    birth: int
    births: _containers.RepeatedScalarFieldContainer[int]
    signature: bytes
    def __init__(self, online: _Optional[bool] = ..., boot: _Optional[int] = ..., connect: _Optional[int] = ..., epoch: _Optional[int] = ..., version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., heads: _Optional[_Iterable[_Union[StreamReceipt, _Mapping]]] = ..., birth: _Optional[int] = ..., births: _Optional[_Iterable[int]] = ..., signature: _Optional[bytes] = ...) -> None: ...
