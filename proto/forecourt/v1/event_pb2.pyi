from forecourt.v1 import classification_pb2 as _classification_pb2
from forecourt.v1 import control_pb2 as _control_pb2
from forecourt.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Stream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STREAM_UNSPECIFIED: _ClassVar[Stream]
    STREAM_URGENT: _ClassVar[Stream]
    STREAM_LIVE: _ClassVar[Stream]
    STREAM_BULK: _ClassVar[Stream]
    STREAM_CONTROL: _ClassVar[Stream]

class ValueType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALUE_TYPE_UNSPECIFIED: _ClassVar[ValueType]
    VALUE_TYPE_BOOL: _ClassVar[ValueType]
    VALUE_TYPE_INT: _ClassVar[ValueType]
    VALUE_TYPE_FLOAT: _ClassVar[ValueType]
    VALUE_TYPE_DOUBLE: _ClassVar[ValueType]
    VALUE_TYPE_STRING: _ClassVar[ValueType]

class ClockQuality(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLOCK_QUALITY_UNSPECIFIED: _ClassVar[ClockQuality]
    CLOCK_QUALITY_UNTRUSTED: _ClassVar[ClockQuality]
    CLOCK_QUALITY_HOLDOVER: _ClassVar[ClockQuality]
    CLOCK_QUALITY_SYNCHRONISED: _ClassVar[ClockQuality]

class Codec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODEC_UNSPECIFIED: _ClassVar[Codec]
    CODEC_IDENTITY: _ClassVar[Codec]
    CODEC_ROWS_ZSTD: _ClassVar[Codec]
    CODEC_COLUMNS_ZSTD: _ClassVar[Codec]
STREAM_UNSPECIFIED: Stream
STREAM_URGENT: Stream
STREAM_LIVE: Stream
STREAM_BULK: Stream
STREAM_CONTROL: Stream
VALUE_TYPE_UNSPECIFIED: ValueType
VALUE_TYPE_BOOL: ValueType
VALUE_TYPE_INT: ValueType
VALUE_TYPE_FLOAT: ValueType
VALUE_TYPE_DOUBLE: ValueType
VALUE_TYPE_STRING: ValueType
CLOCK_QUALITY_UNSPECIFIED: ClockQuality
CLOCK_QUALITY_UNTRUSTED: ClockQuality
CLOCK_QUALITY_HOLDOVER: ClockQuality
CLOCK_QUALITY_SYNCHRONISED: ClockQuality
CODEC_UNSPECIFIED: Codec
CODEC_IDENTITY: Codec
CODEC_ROWS_ZSTD: Codec
CODEC_COLUMNS_ZSTD: Codec

class Signal(_message.Message):
    __slots__ = ("id", "path", "type", "unit")
    ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    id: int
    path: str
    type: ValueType
    unit: str
    def __init__(self, id: _Optional[int] = ..., path: _Optional[str] = ..., type: _Optional[_Union[ValueType, str]] = ..., unit: _Optional[str] = ...) -> None: ...

class Shape(_message.Message):
    __slots__ = ("id", "kind", "signals")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    signals: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., signals: _Optional[_Iterable[int]] = ...) -> None: ...

class Boot(_message.Message):
    __slots__ = ("id", "wall_at_boot_us", "quality")
    ID_FIELD_NUMBER: _ClassVar[int]
    WALL_AT_BOOT_US_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    id: int
    wall_at_boot_us: int
    quality: ClockQuality
    def __init__(self, id: _Optional[int] = ..., wall_at_boot_us: _Optional[int] = ..., quality: _Optional[_Union[ClockQuality, str]] = ...) -> None: ...

class ConsentReference(_message.Message):
    __slots__ = ("subject", "purposes", "records")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    subject: int
    purposes: _containers.RepeatedScalarFieldContainer[_classification_pb2.Purpose]
    records: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, subject: _Optional[int] = ..., purposes: _Optional[_Iterable[_Union[_classification_pb2.Purpose, str]]] = ..., records: _Optional[_Iterable[str]] = ...) -> None: ...

class SignalValue(_message.Message):
    __slots__ = ("id", "bool", "int", "float", "double", "string")
    ID_FIELD_NUMBER: _ClassVar[int]
    BOOL_FIELD_NUMBER: _ClassVar[int]
    INT_FIELD_NUMBER: _ClassVar[int]
    FLOAT_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_FIELD_NUMBER: _ClassVar[int]
    STRING_FIELD_NUMBER: _ClassVar[int]
    id: int
    bool: bool
    int: int
    float: float
    double: float
    string: str
    def __init__(self, id: _Optional[int] = ..., bool: _Optional[bool] = ..., int: _Optional[int] = ..., float: _Optional[float] = ..., double: _Optional[float] = ..., string: _Optional[str] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("ts_us", "received_ms", "shape", "values", "record")
    TS_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ts_us: int
    received_ms: int
    shape: int
    values: _containers.RepeatedCompositeFieldContainer[SignalValue]
    record: _record_pb2.Record
    def __init__(self, ts_us: _Optional[int] = ..., received_ms: _Optional[int] = ..., shape: _Optional[int] = ..., values: _Optional[_Iterable[_Union[SignalValue, _Mapping]]] = ..., record: _Optional[_Union[_record_pb2.Record, _Mapping]] = ...) -> None: ...

class Rows(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[Row]
    def __init__(self, rows: _Optional[_Iterable[_Union[Row, _Mapping]]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("deltas", "exponent", "planes", "words")
    DELTAS_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    deltas: _containers.RepeatedScalarFieldContainer[int]
    exponent: int
    planes: bytes
    words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deltas: _Optional[_Iterable[int]] = ..., exponent: _Optional[int] = ..., planes: _Optional[bytes] = ..., words: _Optional[_Iterable[str]] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("shape", "columns")
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    shape: int
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    def __init__(self, shape: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ...) -> None: ...

class Columns(_message.Message):
    __slots__ = ("ts_us", "received_ms", "shapes", "groups")
    TS_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MS_FIELD_NUMBER: _ClassVar[int]
    SHAPES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    ts_us: Column
    received_ms: Column
    shapes: _containers.RepeatedScalarFieldContainer[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    def __init__(self, ts_us: _Optional[_Union[Column, _Mapping]] = ..., received_ms: _Optional[_Union[Column, _Mapping]] = ..., shapes: _Optional[_Iterable[int]] = ..., groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ...) -> None: ...

class Bag(_message.Message):
    __slots__ = ("first_seq", "count", "consent", "boot", "replayed", "codec", "body", "rows", "control", "origin_epoch", "origin_first")
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_EPOCH_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIRST_FIELD_NUMBER: _ClassVar[int]
    first_seq: int
    count: int
    consent: int
    boot: int
    replayed: bool
    codec: Codec
    body: bytes
    rows: Rows
    control: _control_pb2.ControlRecords
    origin_epoch: int
    origin_first: int
    def __init__(self, first_seq: _Optional[int] = ..., count: _Optional[int] = ..., consent: _Optional[int] = ..., boot: _Optional[int] = ..., replayed: _Optional[bool] = ..., codec: _Optional[_Union[Codec, str]] = ..., body: _Optional[bytes] = ..., rows: _Optional[_Union[Rows, _Mapping]] = ..., control: _Optional[_Union[_control_pb2.ControlRecords, _Mapping]] = ..., origin_epoch: _Optional[int] = ..., origin_first: _Optional[int] = ...) -> None: ...

class EventBatch(_message.Message):
    __slots__ = ("device", "epoch", "stream", "number", "dictionary", "signals", "shapes", "boots", "consents", "bags", "signature")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    SHAPES_FIELD_NUMBER: _ClassVar[int]
    BOOTS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    BAGS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    device: str
    epoch: int
    stream: Stream
    number: int
    dictionary: int
    signals: _containers.RepeatedCompositeFieldContainer[Signal]
    shapes: _containers.RepeatedCompositeFieldContainer[Shape]
    boots: _containers.RepeatedCompositeFieldContainer[Boot]
    consents: _containers.RepeatedCompositeFieldContainer[ConsentReference]
    bags: _containers.RepeatedCompositeFieldContainer[Bag]
    signature: bytes
    def __init__(self, device: _Optional[str] = ..., epoch: _Optional[int] = ..., stream: _Optional[_Union[Stream, str]] = ..., number: _Optional[int] = ..., dictionary: _Optional[int] = ..., signals: _Optional[_Iterable[_Union[Signal, _Mapping]]] = ..., shapes: _Optional[_Iterable[_Union[Shape, _Mapping]]] = ..., boots: _Optional[_Iterable[_Union[Boot, _Mapping]]] = ..., consents: _Optional[_Iterable[_Union[ConsentReference, _Mapping]]] = ..., bags: _Optional[_Iterable[_Union[Bag, _Mapping]]] = ..., signature: _Optional[bytes] = ...) -> None: ...
