from forecourt.v1 import classification_pb2 as _classification_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Record(_message.Message):
    __slots__ = ("trip", "link")
    TRIP_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    trip: Trip
    link: IdentityLink
    def __init__(self, trip: _Optional[_Union[Trip, _Mapping]] = ..., link: _Optional[_Union[IdentityLink, _Mapping]] = ...) -> None: ...

class Trip(_message.Message):
    __slots__ = ("id", "phase", "distance_m")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[Trip.Phase]
        PHASE_BEGAN: _ClassVar[Trip.Phase]
        PHASE_ENDED: _ClassVar[Trip.Phase]
    PHASE_UNSPECIFIED: Trip.Phase
    PHASE_BEGAN: Trip.Phase
    PHASE_ENDED: Trip.Phase
    ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_M_FIELD_NUMBER: _ClassVar[int]
    id: int
    phase: Trip.Phase
    distance_m: float
    def __init__(self, id: _Optional[int] = ..., phase: _Optional[_Union[Trip.Phase, str]] = ..., distance_m: _Optional[float] = ...) -> None: ...

class IdentityLink(_message.Message):
    __slots__ = ("person", "unlink", "backfill")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    UNLINK_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    person: str
    unlink: bool
    backfill: bool
    def __init__(self, person: _Optional[str] = ..., unlink: _Optional[bool] = ..., backfill: _Optional[bool] = ...) -> None: ...
