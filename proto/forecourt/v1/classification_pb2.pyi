from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_DRIVING_BEHAVIOUR: _ClassVar[Purpose]
    PURPOSE_USAGE_ANALYTICS: _ClassVar[Purpose]
    PURPOSE_PROFILE: _ClassVar[Purpose]
    PURPOSE_INDOOR_NAVIGATION: _ClassVar[Purpose]
    PURPOSE_PERSONALISED_OFFERS: _ClassVar[Purpose]
    PURPOSE_COCKPIT_MESSAGES: _ClassVar[Purpose]
    PURPOSE_CDP_PROFILE: _ClassVar[Purpose]
    PURPOSE_IDENTITY_LINK: _ClassVar[Purpose]
    PURPOSE_MARKETING_EMAIL: _ClassVar[Purpose]
    PURPOSE_MARKETING_PHONE: _ClassVar[Purpose]
    PURPOSE_MARKETING_MESSAGE: _ClassVar[Purpose]
    PURPOSE_VEHICLE_OPERATION: _ClassVar[Purpose]
    PURPOSE_SAFETY: _ClassVar[Purpose]

class DataTier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATA_TIER_UNSPECIFIED: _ClassVar[DataTier]
    DATA_TIER_TECHNICAL: _ClassVar[DataTier]
    DATA_TIER_BEHAVIOUR: _ClassVar[DataTier]
    DATA_TIER_PERSONAL: _ClassVar[DataTier]
    DATA_TIER_FORBIDDEN: _ClassVar[DataTier]
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_DRIVING_BEHAVIOUR: Purpose
PURPOSE_USAGE_ANALYTICS: Purpose
PURPOSE_PROFILE: Purpose
PURPOSE_INDOOR_NAVIGATION: Purpose
PURPOSE_PERSONALISED_OFFERS: Purpose
PURPOSE_COCKPIT_MESSAGES: Purpose
PURPOSE_CDP_PROFILE: Purpose
PURPOSE_IDENTITY_LINK: Purpose
PURPOSE_MARKETING_EMAIL: Purpose
PURPOSE_MARKETING_PHONE: Purpose
PURPOSE_MARKETING_MESSAGE: Purpose
PURPOSE_VEHICLE_OPERATION: Purpose
PURPOSE_SAFETY: Purpose
DATA_TIER_UNSPECIFIED: DataTier
DATA_TIER_TECHNICAL: DataTier
DATA_TIER_BEHAVIOUR: DataTier
DATA_TIER_PERSONAL: DataTier
DATA_TIER_FORBIDDEN: DataTier
PERSONAL_FIELD_NUMBER: _ClassVar[int]
personal: _descriptor.FieldDescriptor

class Classification(_message.Message):
    __slots__ = ("tier", "purposes")
    TIER_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    tier: DataTier
    purposes: _containers.RepeatedScalarFieldContainer[Purpose]
    def __init__(self, tier: _Optional[_Union[DataTier, str]] = ..., purposes: _Optional[_Iterable[_Union[Purpose, str]]] = ...) -> None: ...
