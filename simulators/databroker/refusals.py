"""Why the databroker says no, in the words of each of its protocols; must never hold state."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import grpc
from forecourt.kuksa.v1 import val_pb2 as v1
from forecourt.kuksa.v2 import val_pb2 as v2

_Code = grpc.StatusCode


class Why(Enum):
    """Reasons."""

    NOT_FOUND = "Path not found"
    WRONG_TYPE = "Wrong type provided"
    TYPE_BOUNDS = "Value out of type bounds"
    BOUNDS = "Value out of min/max bounds"
    NOT_ALLOWED = "Value out of allowed bounds"
    NO_ACTUATOR = "Tried to set a value for a non-actuator"
    NO_PROVIDER = "Provider does not exist"
    TAKEN = "Provider already registered"
    UNCLAIMED = "Provider has not claimed yet the signals, please call ProvideSignalRequest first"
    DENIED = "Permission denied"
    EXPIRED = "Permission expired"
    UNAUTHENTICATED = "Unauthenticated"
    MALFORMED = "Invalid argument"


@dataclass(frozen=True, slots=True)
class _Words:
    """A reason as gRPC status, as v1 code and reason, as v2 code."""

    status: grpc.StatusCode
    code: int
    reason: str
    v2_code: "v2.ErrorCode"


_BAD_REQUEST: Final = (_Code.INVALID_ARGUMENT, 400)
_WORDS: Final = {
    Why.NOT_FOUND: _Words(_Code.NOT_FOUND, 404, "not_found", v2.ERROR_CODE_NOT_FOUND),
    Why.WRONG_TYPE: _Words(*_BAD_REQUEST, "type mismatch", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.TYPE_BOUNDS: _Words(*_BAD_REQUEST, "value out of type bounds", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.BOUNDS: _Words(*_BAD_REQUEST, "value out of min/max bounds", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.NOT_ALLOWED: _Words(*_BAD_REQUEST, "value out of allowed bounds", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.NO_ACTUATOR: _Words(*_BAD_REQUEST, "bad_request", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.NO_PROVIDER: _Words(_Code.UNAVAILABLE, 503, "unavailable", v2.ERROR_CODE_NOT_FOUND),
    Why.TAKEN: _Words(_Code.ALREADY_EXISTS, 409, "already_exists", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.UNCLAIMED: _Words(_Code.ABORTED, 409, "aborted", v2.ERROR_CODE_INVALID_ARGUMENT),
    Why.DENIED: _Words(_Code.PERMISSION_DENIED, 403, "forbidden", v2.ERROR_CODE_PERMISSION_DENIED),
    Why.EXPIRED: _Words(_Code.UNAUTHENTICATED, 401, "unauthorized", v2.ERROR_CODE_PERMISSION_DENIED),
    Why.UNAUTHENTICATED: _Words(_Code.UNAUTHENTICATED, 401, "unauthorized", v2.ERROR_CODE_PERMISSION_DENIED),
    Why.MALFORMED: _Words(*_BAD_REQUEST, "bad_request", v2.ERROR_CODE_INVALID_ARGUMENT),
}


class Refused(Exception):
    """The databroker does not do what was asked."""

    def __init__(self, why: Why, what: str = "") -> None:
        """`what`: the signal, and the value where it matters."""
        super().__init__(f"{why.value}: {what}" if what else why.value)
        self.why = why

    @property
    def status(self) -> grpc.StatusCode:
        """How a call ends."""
        return _WORDS[self.why].status

    def as_v1(self, path: str) -> v1.DataEntryError:
        """In the answer of a v1 call."""
        words = _WORDS[self.why]
        return v1.DataEntryError(path=path, error=v1.Error(code=words.code, reason=words.reason, message=str(self)))

    def as_v2(self) -> v2.Error:
        """In an answer of a provider's stream."""
        return v2.Error(code=_WORDS[self.why].v2_code, message=str(self))
