from forecourt.v1 import classification_pb2 as _classification_pb2
from forecourt.v1 import consent_pb2 as _consent_pb2
from forecourt.v1 import profile_pb2 as _profile_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GAP_REASON_UNSPECIFIED: _ClassVar[GapReason]
    GAP_REASON_EXPIRED: _ClassVar[GapReason]
    GAP_REASON_EVICTED: _ClassVar[GapReason]
    GAP_REASON_REVOKED: _ClassVar[GapReason]
    GAP_REASON_CORRUPT: _ClassVar[GapReason]
    GAP_REASON_QUARANTINED: _ClassVar[GapReason]
    GAP_REASON_WIPED: _ClassVar[GapReason]
    GAP_REASON_MOVED: _ClassVar[GapReason]
    GAP_REASON_REPEATED: _ClassVar[GapReason]

class CommandStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMAND_STAGE_UNSPECIFIED: _ClassVar[CommandStage]
    COMMAND_STAGE_ACCEPTED: _ClassVar[CommandStage]
    COMMAND_STAGE_RUNNING: _ClassVar[CommandStage]
    COMMAND_STAGE_DONE: _ClassVar[CommandStage]
    COMMAND_STAGE_FAILED: _ClassVar[CommandStage]
GAP_REASON_UNSPECIFIED: GapReason
GAP_REASON_EXPIRED: GapReason
GAP_REASON_EVICTED: GapReason
GAP_REASON_REVOKED: GapReason
GAP_REASON_CORRUPT: GapReason
GAP_REASON_QUARANTINED: GapReason
GAP_REASON_WIPED: GapReason
GAP_REASON_MOVED: GapReason
GAP_REASON_REPEATED: GapReason
COMMAND_STAGE_UNSPECIFIED: CommandStage
COMMAND_STAGE_ACCEPTED: CommandStage
COMMAND_STAGE_RUNNING: CommandStage
COMMAND_STAGE_DONE: CommandStage
COMMAND_STAGE_FAILED: CommandStage

class ControlRecord(_message.Message):
    __slots__ = ("at_us", "gap", "reply", "erasure", "counters", "consent", "fetch", "session", "profile")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    gap: Gap
    reply: CommandReply
    erasure: ErasureRequest
    counters: Counters
    consent: _consent_pb2.ConsentChange
    fetch: _consent_pb2.ConsentFetch
    session: _consent_pb2.SessionReport
    profile: _profile_pb2.ProfileRequest
    def __init__(self, at_us: _Optional[int] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., reply: _Optional[_Union[CommandReply, _Mapping]] = ..., erasure: _Optional[_Union[ErasureRequest, _Mapping]] = ..., counters: _Optional[_Union[Counters, _Mapping]] = ..., consent: _Optional[_Union[_consent_pb2.ConsentChange, _Mapping]] = ..., fetch: _Optional[_Union[_consent_pb2.ConsentFetch, _Mapping]] = ..., session: _Optional[_Union[_consent_pb2.SessionReport, _Mapping]] = ..., profile: _Optional[_Union[_profile_pb2.ProfileRequest, _Mapping]] = ...) -> None: ...

class ControlRecords(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[ControlRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[ControlRecord, _Mapping]]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("epoch", "stream", "ranges", "reason")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    stream: int
    ranges: _containers.RepeatedCompositeFieldContainer[Range]
    reason: GapReason
    def __init__(self, epoch: _Optional[int] = ..., stream: _Optional[int] = ..., ranges: _Optional[_Iterable[_Union[Range, _Mapping]]] = ..., reason: _Optional[_Union[GapReason, str]] = ...) -> None: ...

class CommandReply(_message.Message):
    __slots__ = ("command", "stage", "reason", "result")
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    command: int
    stage: CommandStage
    reason: str
    result: bytes
    def __init__(self, command: _Optional[int] = ..., stage: _Optional[_Union[CommandStage, str]] = ..., reason: _Optional[str] = ..., result: _Optional[bytes] = ...) -> None: ...

class StreamHead(_message.Message):
    __slots__ = ("stream", "last")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    stream: int
    last: int
    def __init__(self, stream: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class ErasureRequest(_message.Message):
    __slots__ = ("id", "subject", "purposes", "heads", "epoch")
    ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    id: int
    subject: int
    purposes: _containers.RepeatedScalarFieldContainer[int]
    heads: _containers.RepeatedCompositeFieldContainer[StreamHead]
    epoch: int
    def __init__(self, id: _Optional[int] = ..., subject: _Optional[int] = ..., purposes: _Optional[_Iterable[int]] = ..., heads: _Optional[_Iterable[_Union[StreamHead, _Mapping]]] = ..., epoch: _Optional[int] = ...) -> None: ...

class Counters(_message.Message):
    __slots__ = ("counts",)
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.ScalarMap[str, int]
    def __init__(self, counts: _Optional[_Mapping[str, int]] = ...) -> None: ...
