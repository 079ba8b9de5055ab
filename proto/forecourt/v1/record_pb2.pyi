from forecourt.v1 import classification_pb2 as _classification_pb2
from forecourt.v1 import profile_pb2 as _profile_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Record(_message.Message):
    __slots__ = ("trip", "link", "zone_visit", "arrival", "vehicle_presence", "match", "new_interest", "profile")
    TRIP_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    ZONE_VISIT_FIELD_NUMBER: _ClassVar[int]
    ARRIVAL_FIELD_NUMBER: _ClassVar[int]
    VEHICLE_PRESENCE_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    NEW_INTEREST_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    trip: Trip
    link: IdentityLink
    zone_visit: ZoneVisit
    arrival: Arrival
    vehicle_presence: VehiclePresence
    match: Match
    new_interest: NewInterest
    profile: _profile_pb2.SealedProfile
    def __init__(self, trip: _Optional[_Union[Trip, _Mapping]] = ..., link: _Optional[_Union[IdentityLink, _Mapping]] = ..., zone_visit: _Optional[_Union[ZoneVisit, _Mapping]] = ..., arrival: _Optional[_Union[Arrival, _Mapping]] = ..., vehicle_presence: _Optional[_Union[VehiclePresence, _Mapping]] = ..., match: _Optional[_Union[Match, _Mapping]] = ..., new_interest: _Optional[_Union[NewInterest, _Mapping]] = ..., profile: _Optional[_Union[_profile_pb2.SealedProfile, _Mapping]] = ...) -> None: ...

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

class ZoneVisit(_message.Message):
    __slots__ = ("zone", "phase", "dwell_s", "confidence", "modes")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[ZoneVisit.Phase]
        PHASE_ENTERED: _ClassVar[ZoneVisit.Phase]
        PHASE_LEFT: _ClassVar[ZoneVisit.Phase]
    PHASE_UNSPECIFIED: ZoneVisit.Phase
    PHASE_ENTERED: ZoneVisit.Phase
    PHASE_LEFT: ZoneVisit.Phase
    ZONE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DWELL_S_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MODES_FIELD_NUMBER: _ClassVar[int]
    zone: str
    phase: ZoneVisit.Phase
    dwell_s: float
    confidence: float
    modes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, zone: _Optional[str] = ..., phase: _Optional[_Union[ZoneVisit.Phase, str]] = ..., dwell_s: _Optional[float] = ..., confidence: _Optional[float] = ..., modes: _Optional[_Iterable[str]] = ...) -> None: ...

class Arrival(_message.Message):
    __slots__ = ("place", "vehicle", "confidence", "modes")
    class Place(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PLACE_UNSPECIFIED: _ClassVar[Arrival.Place]
        PLACE_LOT: _ClassVar[Arrival.Place]
        PLACE_BUILDING: _ClassVar[Arrival.Place]
        PLACE_VEHICLE: _ClassVar[Arrival.Place]
    PLACE_UNSPECIFIED: Arrival.Place
    PLACE_LOT: Arrival.Place
    PLACE_BUILDING: Arrival.Place
    PLACE_VEHICLE: Arrival.Place
    PLACE_FIELD_NUMBER: _ClassVar[int]
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MODES_FIELD_NUMBER: _ClassVar[int]
    place: Arrival.Place
    vehicle: str
    confidence: float
    modes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, place: _Optional[_Union[Arrival.Place, str]] = ..., vehicle: _Optional[str] = ..., confidence: _Optional[float] = ..., modes: _Optional[_Iterable[str]] = ...) -> None: ...

class VehiclePresence(_message.Message):
    __slots__ = ("vehicle", "state", "x_m", "y_m", "confidence", "modes")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[VehiclePresence.State]
        STATE_PRESENT: _ClassVar[VehiclePresence.State]
        STATE_ABSENT: _ClassVar[VehiclePresence.State]
        STATE_UNKNOWN: _ClassVar[VehiclePresence.State]
    STATE_UNSPECIFIED: VehiclePresence.State
    STATE_PRESENT: VehiclePresence.State
    STATE_ABSENT: VehiclePresence.State
    STATE_UNKNOWN: VehiclePresence.State
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MODES_FIELD_NUMBER: _ClassVar[int]
    vehicle: str
    state: VehiclePresence.State
    x_m: float
    y_m: float
    confidence: float
    modes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, vehicle: _Optional[str] = ..., state: _Optional[_Union[VehiclePresence.State, str]] = ..., x_m: _Optional[float] = ..., y_m: _Optional[float] = ..., confidence: _Optional[float] = ..., modes: _Optional[_Iterable[str]] = ...) -> None: ...

class Match(_message.Message):
    __slots__ = ("vehicle", "percent", "why", "criteria")
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    CRITERIA_FIELD_NUMBER: _ClassVar[int]
    vehicle: str
    percent: float
    why: str
    criteria: _containers.RepeatedCompositeFieldContainer[MatchCriterion]
    def __init__(self, vehicle: _Optional[str] = ..., percent: _Optional[float] = ..., why: _Optional[str] = ..., criteria: _Optional[_Iterable[_Union[MatchCriterion, _Mapping]]] = ...) -> None: ...

class MatchCriterion(_message.Message):
    __slots__ = ("id", "score", "weight")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    id: str
    score: float
    weight: float
    def __init__(self, id: _Optional[str] = ..., score: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...

class NewInterest(_message.Message):
    __slots__ = ("vehicle", "dwell_s", "percent", "differs")
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    DWELL_S_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    vehicle: str
    dwell_s: float
    percent: float
    differs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, vehicle: _Optional[str] = ..., dwell_s: _Optional[float] = ..., percent: _Optional[float] = ..., differs: _Optional[_Iterable[str]] = ...) -> None: ...
