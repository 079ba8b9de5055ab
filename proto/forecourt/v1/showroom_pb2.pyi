from forecourt.v1 import classification_pb2 as _classification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScannerMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCANNER_MODE_UNSPECIFIED: _ClassVar[ScannerMode]
    SCANNER_MODE_ACTIVE: _ClassVar[ScannerMode]
    SCANNER_MODE_ACTIVE_MONITORED: _ClassVar[ScannerMode]
    SCANNER_MODE_PASSIVE: _ClassVar[ScannerMode]
    SCANNER_MODE_DOWN: _ClassVar[ScannerMode]
SCANNER_MODE_UNSPECIFIED: ScannerMode
SCANNER_MODE_ACTIVE: ScannerMode
SCANNER_MODE_ACTIVE_MONITORED: ScannerMode
SCANNER_MODE_PASSIVE: ScannerMode
SCANNER_MODE_DOWN: ScannerMode

class SightingFrame(_message.Message):
    __slots__ = ("hub", "boot", "frame", "boottime_ms", "wall_us", "span_ms", "tags", "strangers", "mode", "fault", "late", "signature")
    HUB_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_MS_FIELD_NUMBER: _ClassVar[int]
    WALL_US_FIELD_NUMBER: _ClassVar[int]
    SPAN_MS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STRANGERS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    hub: str
    boot: int
    frame: int
    boottime_ms: int
    wall_us: int
    span_ms: int
    tags: _containers.RepeatedCompositeFieldContainer[TagSighting]
    strangers: int
    mode: ScannerMode
    fault: str
    late: int
    signature: bytes
    def __init__(self, hub: _Optional[str] = ..., boot: _Optional[int] = ..., frame: _Optional[int] = ..., boottime_ms: _Optional[int] = ..., wall_us: _Optional[int] = ..., span_ms: _Optional[int] = ..., tags: _Optional[_Iterable[_Union[TagSighting, _Mapping]]] = ..., strangers: _Optional[int] = ..., mode: _Optional[_Union[ScannerMode, str]] = ..., fault: _Optional[str] = ..., late: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class TagSighting(_message.Message):
    __slots__ = ("tag", "best_dbm", "mean_dbm", "count", "interval_ms")
    TAG_FIELD_NUMBER: _ClassVar[int]
    BEST_DBM_FIELD_NUMBER: _ClassVar[int]
    MEAN_DBM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    tag: str
    best_dbm: int
    mean_dbm: float
    count: int
    interval_ms: int
    def __init__(self, tag: _Optional[str] = ..., best_dbm: _Optional[int] = ..., mean_dbm: _Optional[float] = ..., count: _Optional[int] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class HubHealth(_message.Message):
    __slots__ = ("hub", "boot", "number", "boottime_ms", "wall_us", "cause", "recovered", "down_ms", "signature")
    HUB_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BOOTTIME_MS_FIELD_NUMBER: _ClassVar[int]
    WALL_US_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    DOWN_MS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    hub: str
    boot: int
    number: int
    boottime_ms: int
    wall_us: int
    cause: str
    recovered: bool
    down_ms: int
    signature: bytes
    def __init__(self, hub: _Optional[str] = ..., boot: _Optional[int] = ..., number: _Optional[int] = ..., boottime_ms: _Optional[int] = ..., wall_us: _Optional[int] = ..., cause: _Optional[str] = ..., recovered: _Optional[bool] = ..., down_ms: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class GuestRequest(_message.Message):
    __slots__ = ("number", "hello", "fix", "sightings", "wishes", "vehicle", "bye", "forget", "signature")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    SIGHTINGS_FIELD_NUMBER: _ClassVar[int]
    WISHES_FIELD_NUMBER: _ClassVar[int]
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    BYE_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    number: int
    hello: GuestHello
    fix: GpsFix
    sightings: PhoneSightings
    wishes: str
    vehicle: str
    bye: bool
    forget: bool
    signature: bytes
    def __init__(self, number: _Optional[int] = ..., hello: _Optional[_Union[GuestHello, _Mapping]] = ..., fix: _Optional[_Union[GpsFix, _Mapping]] = ..., sightings: _Optional[_Union[PhoneSightings, _Mapping]] = ..., wishes: _Optional[str] = ..., vehicle: _Optional[str] = ..., bye: _Optional[bool] = ..., forget: _Optional[bool] = ..., signature: _Optional[bytes] = ...) -> None: ...

class GuestHello(_message.Message):
    __slots__ = ("subject", "purposes", "tag", "language", "wishes")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    WISHES_FIELD_NUMBER: _ClassVar[int]
    subject: int
    purposes: _containers.RepeatedScalarFieldContainer[_classification_pb2.Purpose]
    tag: str
    language: str
    wishes: str
    def __init__(self, subject: _Optional[int] = ..., purposes: _Optional[_Iterable[_Union[_classification_pb2.Purpose, str]]] = ..., tag: _Optional[str] = ..., language: _Optional[str] = ..., wishes: _Optional[str] = ...) -> None: ...

class GpsFix(_message.Message):
    __slots__ = ("latitude_deg", "longitude_deg", "accuracy_m")
    LATITUDE_DEG_FIELD_NUMBER: _ClassVar[int]
    LONGITUDE_DEG_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_M_FIELD_NUMBER: _ClassVar[int]
    latitude_deg: float
    longitude_deg: float
    accuracy_m: float
    def __init__(self, latitude_deg: _Optional[float] = ..., longitude_deg: _Optional[float] = ..., accuracy_m: _Optional[float] = ...) -> None: ...

class PhoneSightings(_message.Message):
    __slots__ = ("beacons",)
    BEACONS_FIELD_NUMBER: _ClassVar[int]
    beacons: _containers.RepeatedCompositeFieldContainer[BeaconSighting]
    def __init__(self, beacons: _Optional[_Iterable[_Union[BeaconSighting, _Mapping]]] = ...) -> None: ...

class BeaconSighting(_message.Message):
    __slots__ = ("hub", "best_dbm", "mean_dbm", "count", "beacon")
    HUB_FIELD_NUMBER: _ClassVar[int]
    BEST_DBM_FIELD_NUMBER: _ClassVar[int]
    MEAN_DBM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    BEACON_FIELD_NUMBER: _ClassVar[int]
    hub: str
    best_dbm: int
    mean_dbm: float
    count: int
    beacon: str
    def __init__(self, hub: _Optional[str] = ..., best_dbm: _Optional[int] = ..., mean_dbm: _Optional[float] = ..., count: _Optional[int] = ..., beacon: _Optional[str] = ...) -> None: ...

class GuestView(_message.Message):
    __slots__ = ("subject", "number", "refused", "located", "x_m", "y_m", "radius_m", "confidence", "zone", "source", "modes", "text", "remaining_m", "eta_s", "route_m", "vehicle", "percent", "reasons", "points", "accessories", "arrived", "signature")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    LOCATED_FIELD_NUMBER: _ClassVar[int]
    X_M_FIELD_NUMBER: _ClassVar[int]
    Y_M_FIELD_NUMBER: _ClassVar[int]
    RADIUS_M_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_M_FIELD_NUMBER: _ClassVar[int]
    ETA_S_FIELD_NUMBER: _ClassVar[int]
    ROUTE_M_FIELD_NUMBER: _ClassVar[int]
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ACCESSORIES_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    subject: int
    number: int
    refused: str
    located: bool
    x_m: float
    y_m: float
    radius_m: float
    confidence: float
    zone: str
    source: str
    modes: _containers.RepeatedScalarFieldContainer[str]
    text: str
    remaining_m: float
    eta_s: float
    route_m: _containers.RepeatedScalarFieldContainer[float]
    vehicle: str
    percent: float
    reasons: _containers.RepeatedScalarFieldContainer[str]
    points: _containers.RepeatedScalarFieldContainer[str]
    accessories: _containers.RepeatedScalarFieldContainer[str]
    arrived: _containers.RepeatedScalarFieldContainer[str]
    signature: bytes
    def __init__(self, subject: _Optional[int] = ..., number: _Optional[int] = ..., refused: _Optional[str] = ..., located: _Optional[bool] = ..., x_m: _Optional[float] = ..., y_m: _Optional[float] = ..., radius_m: _Optional[float] = ..., confidence: _Optional[float] = ..., zone: _Optional[str] = ..., source: _Optional[str] = ..., modes: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., remaining_m: _Optional[float] = ..., eta_s: _Optional[float] = ..., route_m: _Optional[_Iterable[float]] = ..., vehicle: _Optional[str] = ..., percent: _Optional[float] = ..., reasons: _Optional[_Iterable[str]] = ..., points: _Optional[_Iterable[str]] = ..., accessories: _Optional[_Iterable[str]] = ..., arrived: _Optional[_Iterable[str]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class StaffNotice(_message.Message):
    __slots__ = ("visit", "place", "vehicle", "percent", "signature")
    VISIT_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    VEHICLE_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    visit: str
    place: str
    vehicle: str
    percent: float
    signature: bytes
    def __init__(self, visit: _Optional[str] = ..., place: _Optional[str] = ..., vehicle: _Optional[str] = ..., percent: _Optional[float] = ..., signature: _Optional[bytes] = ...) -> None: ...

class SiteEntry(_message.Message):
    __slots__ = ("at_ms", "header", "frame", "guest", "tick")
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    GUEST_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    at_ms: int
    header: SiteHeader
    frame: SightingFrame
    guest: GuestEntry
    tick: bool
    def __init__(self, at_ms: _Optional[int] = ..., header: _Optional[_Union[SiteHeader, _Mapping]] = ..., frame: _Optional[_Union[SightingFrame, _Mapping]] = ..., guest: _Optional[_Union[GuestEntry, _Mapping]] = ..., tick: _Optional[bool] = ...) -> None: ...

class SiteHeader(_message.Message):
    __slots__ = ("version", "wall_at_zero_us", "site")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WALL_AT_ZERO_US_FIELD_NUMBER: _ClassVar[int]
    SITE_FIELD_NUMBER: _ClassVar[int]
    version: int
    wall_at_zero_us: int
    site: bytes
    def __init__(self, version: _Optional[int] = ..., wall_at_zero_us: _Optional[int] = ..., site: _Optional[bytes] = ...) -> None: ...

class GuestEntry(_message.Message):
    __slots__ = ("subject", "request", "purposes")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    subject: int
    request: GuestRequest
    purposes: int
    def __init__(self, subject: _Optional[int] = ..., request: _Optional[_Union[GuestRequest, _Mapping]] = ..., purposes: _Optional[int] = ...) -> None: ...
