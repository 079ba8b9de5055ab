from forecourt.v1 import classification_pb2 as _classification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProfileStamp(_message.Message):
    __slots__ = ("physical_ms", "counter", "node")
    PHYSICAL_MS_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    physical_ms: int
    counter: int
    node: str
    def __init__(self, physical_ms: _Optional[int] = ..., counter: _Optional[int] = ..., node: _Optional[str] = ...) -> None: ...

class ProfileTexts(_message.Message):
    __slots__ = ("texts",)
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, texts: _Optional[_Iterable[str]] = ...) -> None: ...

class ProfileValue(_message.Message):
    __slots__ = ("number", "whole", "text", "list", "flag")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    number: float
    whole: int
    text: str
    list: ProfileTexts
    flag: bool
    def __init__(self, number: _Optional[float] = ..., whole: _Optional[int] = ..., text: _Optional[str] = ..., list: _Optional[_Union[ProfileTexts, _Mapping]] = ..., flag: _Optional[bool] = ...) -> None: ...

class ProfileOrigin(_message.Message):
    __slots__ = ("device", "card", "revision", "raw")
    class RawEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ProfileValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ProfileValue, _Mapping]] = ...) -> None: ...
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    device: str
    card: str
    revision: int
    raw: _containers.MessageMap[str, ProfileValue]
    def __init__(self, device: _Optional[str] = ..., card: _Optional[str] = ..., revision: _Optional[int] = ..., raw: _Optional[_Mapping[str, ProfileValue]] = ...) -> None: ...

class ProfileRegister(_message.Message):
    __slots__ = ("key", "value", "stamp", "origin", "group", "seen")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STAMP_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: ProfileValue
    stamp: ProfileStamp
    origin: int
    group: str
    seen: ProfileStamp
    def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ProfileValue, _Mapping]] = ..., stamp: _Optional[_Union[ProfileStamp, _Mapping]] = ..., origin: _Optional[int] = ..., group: _Optional[str] = ..., seen: _Optional[_Union[ProfileStamp, _Mapping]] = ...) -> None: ...

class ProfileDocument(_message.Message):
    __slots__ = ("epoch", "version", "schema", "origins", "registers")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    REGISTERS_FIELD_NUMBER: _ClassVar[int]
    epoch: bytes
    version: int
    schema: int
    origins: _containers.RepeatedCompositeFieldContainer[ProfileOrigin]
    registers: _containers.RepeatedCompositeFieldContainer[ProfileRegister]
    def __init__(self, epoch: _Optional[bytes] = ..., version: _Optional[int] = ..., schema: _Optional[int] = ..., origins: _Optional[_Iterable[_Union[ProfileOrigin, _Mapping]]] = ..., registers: _Optional[_Iterable[_Union[ProfileRegister, _Mapping]]] = ...) -> None: ...

class ProfileEdit(_message.Message):
    __slots__ = ("number", "epoch", "group", "stamp", "seen", "origins", "changed", "carried", "origin")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STAMP_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    number: int
    epoch: bytes
    group: str
    stamp: ProfileStamp
    seen: ProfileStamp
    origins: _containers.RepeatedCompositeFieldContainer[ProfileOrigin]
    changed: _containers.RepeatedCompositeFieldContainer[ProfileRegister]
    carried: _containers.RepeatedCompositeFieldContainer[ProfileRegister]
    origin: int
    def __init__(self, number: _Optional[int] = ..., epoch: _Optional[bytes] = ..., group: _Optional[str] = ..., stamp: _Optional[_Union[ProfileStamp, _Mapping]] = ..., seen: _Optional[_Union[ProfileStamp, _Mapping]] = ..., origins: _Optional[_Iterable[_Union[ProfileOrigin, _Mapping]]] = ..., changed: _Optional[_Iterable[_Union[ProfileRegister, _Mapping]]] = ..., carried: _Optional[_Iterable[_Union[ProfileRegister, _Mapping]]] = ..., origin: _Optional[int] = ...) -> None: ...

class ProfileOutcome(_message.Message):
    __slots__ = ("field", "kind", "reason", "wanted", "set", "read_back")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    READ_BACK_FIELD_NUMBER: _ClassVar[int]
    field: str
    kind: str
    reason: str
    wanted: ProfileValue
    set: ProfileValue
    read_back: ProfileValue
    def __init__(self, field: _Optional[str] = ..., kind: _Optional[str] = ..., reason: _Optional[str] = ..., wanted: _Optional[_Union[ProfileValue, _Mapping]] = ..., set: _Optional[_Union[ProfileValue, _Mapping]] = ..., read_back: _Optional[_Union[ProfileValue, _Mapping]] = ...) -> None: ...

class ProfileResult(_message.Message):
    __slots__ = ("epoch", "version", "card", "outcomes")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    epoch: bytes
    version: int
    card: str
    outcomes: _containers.RepeatedCompositeFieldContainer[ProfileOutcome]
    def __init__(self, epoch: _Optional[bytes] = ..., version: _Optional[int] = ..., card: _Optional[str] = ..., outcomes: _Optional[_Iterable[_Union[ProfileOutcome, _Mapping]]] = ...) -> None: ...

class SealedProfile(_message.Message):
    __slots__ = ("edit", "result")
    EDIT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    edit: bytes
    result: bytes
    def __init__(self, edit: _Optional[bytes] = ..., result: _Optional[bytes] = ...) -> None: ...

class ProfileKeyProof(_message.Message):
    __slots__ = ("public_key", "signature")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    signature: bytes
    def __init__(self, public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ProfileProof(_message.Message):
    __slots__ = ("token", "code", "key")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    token: str
    code: str
    key: ProfileKeyProof
    def __init__(self, token: _Optional[str] = ..., code: _Optional[str] = ..., key: _Optional[_Union[ProfileKeyProof, _Mapping]] = ...) -> None: ...

class ProfileRequest(_message.Message):
    __slots__ = ("subject", "request", "session_key", "proof", "sign_out")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    SIGN_OUT_FIELD_NUMBER: _ClassVar[int]
    subject: int
    request: int
    session_key: bytes
    proof: bytes
    sign_out: bool
    def __init__(self, subject: _Optional[int] = ..., request: _Optional[int] = ..., session_key: _Optional[bytes] = ..., proof: _Optional[bytes] = ..., sign_out: _Optional[bool] = ...) -> None: ...

class ProfileAnswer(_message.Message):
    __slots__ = ("subject", "request", "refused", "sealed", "received_ms", "sent_ms")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_MS_FIELD_NUMBER: _ClassVar[int]
    SENT_MS_FIELD_NUMBER: _ClassVar[int]
    subject: int
    request: int
    refused: str
    sealed: bytes
    received_ms: int
    sent_ms: int
    def __init__(self, subject: _Optional[int] = ..., request: _Optional[int] = ..., refused: _Optional[str] = ..., sealed: _Optional[bytes] = ..., received_ms: _Optional[int] = ..., sent_ms: _Optional[int] = ...) -> None: ...

class ProfileState(_message.Message):
    __slots__ = ("document", "edits_seen", "notice", "ahead")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    EDITS_SEEN_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    document: ProfileDocument
    edits_seen: int
    notice: int
    ahead: bool
    def __init__(self, document: _Optional[_Union[ProfileDocument, _Mapping]] = ..., edits_seen: _Optional[int] = ..., notice: _Optional[int] = ..., ahead: _Optional[bool] = ...) -> None: ...

class ProfileChanged(_message.Message):
    __slots__ = ("subject", "notice")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    subject: int
    notice: int
    def __init__(self, subject: _Optional[int] = ..., notice: _Optional[int] = ...) -> None: ...

class ProfileStage(_message.Message):
    __slots__ = ("id", "hint", "sealed", "lease_s", "until_us")
    ID_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    hint: str
    sealed: bytes
    lease_s: int
    until_us: int
    def __init__(self, id: _Optional[bytes] = ..., hint: _Optional[str] = ..., sealed: _Optional[bytes] = ..., lease_s: _Optional[int] = ..., until_us: _Optional[int] = ...) -> None: ...

class ProfileUnstage(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    def __init__(self, id: _Optional[bytes] = ...) -> None: ...
