from forecourt.v1 import classification_pb2 as _classification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConsentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_STATE_UNSPECIFIED: _ClassVar[ConsentState]
    CONSENT_STATE_UNKNOWN: _ClassVar[ConsentState]
    CONSENT_STATE_REQUESTED: _ClassVar[ConsentState]
    CONSENT_STATE_DEFERRED: _ClassVar[ConsentState]
    CONSENT_STATE_PENDING_CONFIRMATION: _ClassVar[ConsentState]
    CONSENT_STATE_GIVEN: _ClassVar[ConsentState]
    CONSENT_STATE_RENEWED: _ClassVar[ConsentState]
    CONSENT_STATE_REFUSED: _ClassVar[ConsentState]
    CONSENT_STATE_WITHDRAWN: _ClassVar[ConsentState]
    CONSENT_STATE_REVOKED: _ClassVar[ConsentState]
    CONSENT_STATE_EXPIRED: _ClassVar[ConsentState]
    CONSENT_STATE_INVALIDATED: _ClassVar[ConsentState]

class ConsentScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_SCOPE_UNSPECIFIED: _ClassVar[ConsentScope]
    CONSENT_SCOPE_IN_VEHICLE: _ClassVar[ConsentScope]
    CONSENT_SCOPE_SITE: _ClassVar[ConsentScope]
    CONSENT_SCOPE_CLOUD: _ClassVar[ConsentScope]
    CONSENT_SCOPE_CDP: _ClassVar[ConsentScope]

class ConsentSurface(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_SURFACE_UNSPECIFIED: _ClassVar[ConsentSurface]
    CONSENT_SURFACE_HEAD_UNIT: _ClassVar[ConsentSurface]
    CONSENT_SURFACE_KIOSK: _ClassVar[ConsentSurface]
    CONSENT_SURFACE_PHONE: _ClassVar[ConsentSurface]
    CONSENT_SURFACE_STAFF: _ClassVar[ConsentSurface]
    CONSENT_SURFACE_SYSTEM: _ClassVar[ConsentSurface]
CONSENT_STATE_UNSPECIFIED: ConsentState
CONSENT_STATE_UNKNOWN: ConsentState
CONSENT_STATE_REQUESTED: ConsentState
CONSENT_STATE_DEFERRED: ConsentState
CONSENT_STATE_PENDING_CONFIRMATION: ConsentState
CONSENT_STATE_GIVEN: ConsentState
CONSENT_STATE_RENEWED: ConsentState
CONSENT_STATE_REFUSED: ConsentState
CONSENT_STATE_WITHDRAWN: ConsentState
CONSENT_STATE_REVOKED: ConsentState
CONSENT_STATE_EXPIRED: ConsentState
CONSENT_STATE_INVALIDATED: ConsentState
CONSENT_SCOPE_UNSPECIFIED: ConsentScope
CONSENT_SCOPE_IN_VEHICLE: ConsentScope
CONSENT_SCOPE_SITE: ConsentScope
CONSENT_SCOPE_CLOUD: ConsentScope
CONSENT_SCOPE_CDP: ConsentScope
CONSENT_SURFACE_UNSPECIFIED: ConsentSurface
CONSENT_SURFACE_HEAD_UNIT: ConsentSurface
CONSENT_SURFACE_KIOSK: ConsentSurface
CONSENT_SURFACE_PHONE: ConsentSurface
CONSENT_SURFACE_STAFF: ConsentSurface
CONSENT_SURFACE_SYSTEM: ConsentSurface

class PurposeChange(_message.Message):
    __slots__ = ("purpose", "state", "scope", "notice_sha256", "language")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    NOTICE_SHA256_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    purpose: _classification_pb2.Purpose
    state: ConsentState
    scope: ConsentScope
    notice_sha256: bytes
    language: str
    def __init__(self, purpose: _Optional[_Union[_classification_pb2.Purpose, str]] = ..., state: _Optional[_Union[ConsentState, str]] = ..., scope: _Optional[_Union[ConsentScope, str]] = ..., notice_sha256: _Optional[bytes] = ..., language: _Optional[str] = ...) -> None: ...

class ConsentChange(_message.Message):
    __slots__ = ("subject", "number", "at_us", "surface", "changes", "on_version", "signature")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    ON_VERSION_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    subject: int
    number: int
    at_us: int
    surface: ConsentSurface
    changes: _containers.RepeatedCompositeFieldContainer[PurposeChange]
    on_version: int
    signature: bytes
    def __init__(self, subject: _Optional[int] = ..., number: _Optional[int] = ..., at_us: _Optional[int] = ..., surface: _Optional[_Union[ConsentSurface, str]] = ..., changes: _Optional[_Iterable[_Union[PurposeChange, _Mapping]]] = ..., on_version: _Optional[int] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ConsentFetch(_message.Message):
    __slots__ = ("subject", "epoch", "record")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    subject: int
    epoch: int
    record: bytes
    def __init__(self, subject: _Optional[int] = ..., epoch: _Optional[int] = ..., record: _Optional[bytes] = ...) -> None: ...

class SessionReport(_message.Message):
    __slots__ = ("subject", "phase", "reason", "events", "keys", "bytes_searched", "tracers_found", "took_ms")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[SessionReport.Phase]
        PHASE_OPENED: _ClassVar[SessionReport.Phase]
        PHASE_ENDED: _ClassVar[SessionReport.Phase]
        PHASE_WIPED: _ClassVar[SessionReport.Phase]
        PHASE_WIPE_FAILED: _ClassVar[SessionReport.Phase]
    PHASE_UNSPECIFIED: SessionReport.Phase
    PHASE_OPENED: SessionReport.Phase
    PHASE_ENDED: SessionReport.Phase
    PHASE_WIPED: SessionReport.Phase
    PHASE_WIPE_FAILED: SessionReport.Phase
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    BYTES_SEARCHED_FIELD_NUMBER: _ClassVar[int]
    TRACERS_FOUND_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    subject: int
    phase: SessionReport.Phase
    reason: str
    events: int
    keys: int
    bytes_searched: int
    tracers_found: int
    took_ms: int
    def __init__(self, subject: _Optional[int] = ..., phase: _Optional[_Union[SessionReport.Phase, str]] = ..., reason: _Optional[str] = ..., events: _Optional[int] = ..., keys: _Optional[int] = ..., bytes_searched: _Optional[int] = ..., tracers_found: _Optional[int] = ..., took_ms: _Optional[int] = ...) -> None: ...

class PutConsent(_message.Message):
    __slots__ = ("record", "epoch", "changes_seen", "lease_s", "opens_session")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CHANGES_SEEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    OPENS_SESSION_FIELD_NUMBER: _ClassVar[int]
    record: bytes
    epoch: int
    changes_seen: int
    lease_s: int
    opens_session: bool
    def __init__(self, record: _Optional[bytes] = ..., epoch: _Optional[int] = ..., changes_seen: _Optional[int] = ..., lease_s: _Optional[int] = ..., opens_session: _Optional[bool] = ...) -> None: ...

class EndSession(_message.Message):
    __slots__ = ("subject", "reason")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    subject: int
    reason: str
    def __init__(self, subject: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
