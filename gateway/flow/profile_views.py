"""How a visit's profile stands, and how often a code may be tried; must never show a value of the guest."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeVar

from forecourt.v1 import profile_pb2
from google.protobuf.message import DecodeError, Message

from gateway.errors import InputError
from gateway.profile import Document, Moment, Value
from gateway.profile.wording import value_message

M = TypeVar("M", bound=Message)

CODE_TRIES_MAX: Final = 5
CODE_TRIES_S: Final = 60.0
_OF_THE_VISIT: Final = frozenset({"sign_in", "no_consent", "other_device"})
_OF_THE_PROOF: Final = frozenset({"unknown_code", "token_refused", "unknown_key", "not_opened"})


class Phase(Enum):
    """How the visit's profile stands."""

    NONE = "none"
    ASKING = "asking"
    OPEN = "open"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ProfileStatus:
    """A snapshot, without a value of the guest. `waiting`: edits that the authority has not taken yet."""

    phase: Phase
    reason: str
    version: int
    waiting: int
    staged: int
    counters: Mapping[str, int]


class OnDocument(Protocol):
    """Who applies the profile in the vehicle."""

    def __call__(self, document: Document, groups: frozenset[str]) -> None:
        """The document is this now; `groups` are those that changed, all at a sign-in, also where there are none.

        Called on the loop.
        """
        ...


class Told(Protocol):
    """What became of one field, as vehicle_agent.cabin.Outcome says it."""

    @property
    def field(self) -> str:
        """Which."""
        ...

    @property
    def kind(self) -> Enum:
        """applied, already, clamped, partial, skipped, refused or failed."""
        ...

    @property
    def reason(self) -> str:
        """Why, in a word or a few."""
        ...

    @property
    def values(self) -> tuple[Value | bool | None, Value | bool | None, Value | bool | None]:
        """Wanted, set, and read back at the end."""
        ...


class Tries:
    """Wrong codes of late; there are few enough of them that nobody guesses one."""

    def __init__(self) -> None:
        self._at_s: list[float] = []

    def check(self, now_s: float) -> None:
        """InputError when there were too many."""
        self._at_s = [at_s for at_s in self._at_s if now_s - at_s < CODE_TRIES_S]
        if len(self._at_s) >= CODE_TRIES_MAX:
            raise InputError("too many wrong codes: wait a minute")

    def wrong(self, now_s: float) -> None:
        """One more."""
        self._at_s.append(now_s)


@dataclass(slots=True)
class Asked:
    """A request that waits for its answer. `by_guest`: a sign-in, which is the guest's to repeat."""

    number: int
    sent: Moment
    by_guest: bool
    done: "asyncio.Future[str]"


def forgets(reason: str, *, by_guest: bool) -> bool:
    """Whether a visit has no profile after this refusal.

    What a guest shows beside what is open already takes nothing from him; what was staged, and is shown for him later,
    does. Words such as `later` say nothing about the visit.
    """
    return reason in _OF_THE_VISIT or (reason in _OF_THE_PROOF and not by_guest)


def read_body(message: M, body: bytes) -> M:
    """The body of a command; InputError where it is none."""
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise InputError("the body cannot be read") from error
    return message


def result_message(document: Document, card: str, outcomes: Iterable[Told]) -> profile_pb2.ProfileResult:
    """What became of a document, field by field."""
    message = profile_pb2.ProfileResult(epoch=document.epoch, version=document.version, card=card)
    for one in outcomes:
        told = message.outcomes.add(field=one.field, kind=str(one.kind.value), reason=one.reason)
        for into, value in zip((told.wanted, told.set, told.read_back), one.values, strict=True):
            if value is not None:
                into.CopyFrom(value_message(value))
    return message
