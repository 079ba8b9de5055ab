"""Values that every room shares, frozen; must never do I/O, tell the time or know a codec."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeAlias

Value: TypeAlias = bool | int | float | str
PurposeSet: TypeAlias = int
"""A set of purposes: bit n is the Purpose with number n."""


class Stream(IntEnum):
    """The class of an event, fixed when it is appended; numbers equal those of forecourt.v1.Stream."""

    URGENT = 1
    LIVE = 2
    BULK = 3
    CONTROL = 4

    @property
    def word(self) -> str:
        """The name in topics, settings and metrics, such as `live`."""
        return self.name.lower()


class ValueType(IntEnum):
    """Type of a signal's values; numbers equal those of forecourt.v1.ValueType."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    DOUBLE = 4
    STRING = 5


class Purpose(IntEnum):
    """Why data is processed; numbers equal those of forecourt.v1.Purpose."""

    DRIVING_BEHAVIOUR = 1
    USAGE_ANALYTICS = 2
    PROFILE = 3
    INDOOR_NAVIGATION = 4
    PERSONALISED_OFFERS = 5
    COCKPIT_MESSAGES = 6
    CDP_PROFILE = 7
    IDENTITY_LINK = 8
    MARKETING_EMAIL = 9
    MARKETING_PHONE = 10
    MARKETING_MESSAGE = 11
    VEHICLE_OPERATION = 20
    SAFETY = 21

    @property
    def word(self) -> str:
        """The name in settings and on screen, such as `driving_behaviour`."""
        return self.name.lower()


WITHOUT_CONSENT: PurposeSet = 1 << Purpose.VEHICLE_OPERATION | 1 << Purpose.SAFETY
"""Purposes whose legal basis is not consent (GDPR Art. 6(1)(b), (c), (d)); data for them is about no guest."""


def purpose_set(purposes: Iterable[Purpose | int]) -> PurposeSet:
    """The set of `purposes` as bits."""
    bits = 0
    for purpose in purposes:
        bits |= 1 << purpose
    return bits


def purposes_of(bits: PurposeSet) -> tuple[Purpose, ...]:
    """The purposes of a set in order of their numbers; raises ValueError for a bit without a purpose."""
    found = tuple(purpose for purpose in Purpose if bits >> purpose & 1)
    if purpose_set(found) != bits:
        raise ValueError("a set of purposes holds a bit that no purpose has")
    return found


class Scope(IntEnum):
    """How far data may go, each step including those before; numbers equal those of forecourt.v1.ConsentScope."""

    NONE = 0
    IN_VEHICLE = 1
    SITE = 2
    CLOUD = 3
    CDP = 4

    @property
    def word(self) -> str:
        """The name in settings and on screen, such as `in_vehicle`."""
        return self.name.lower()


class DataTier(IntEnum):
    """How much a datum tells about a person; numbers equal those of forecourt.v1.DataTier."""

    TECHNICAL = 1
    BEHAVIOUR = 2
    PERSONAL = 3
    FORBIDDEN = 4


class AeadKey(Protocol):
    """A key of authenticated encryption, such as cryptography's AESGCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Ciphertext with its tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Plain text; raises when the tag does not fit."""
        ...


class ClockQuality(IntEnum):
    """How far the wall clock is to be believed; numbers equal those of forecourt.v1.ClockQuality."""

    UNTRUSTED = 1
    HOLDOVER = 2
    SYNCHRONISED = 3


class GapReason(IntEnum):
    """Why numbers will never arrive; numbers equal those of forecourt.v1.GapReason."""

    EXPIRED = 1
    EVICTED = 2
    REVOKED = 3
    CORRUPT = 4
    QUARANTINED = 5
    WIPED = 6
    MOVED = 7
    REPEATED = 8


class RefusalReason(IntEnum):
    """Why the cloud put a bag aside; numbers equal those of forecourt.v1.RefusalReason."""

    UNREADABLE = 1
    CONSENT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """A signal of the dictionary. Compared by identity: one object per signal and process."""

    id: int
    path: str
    type: ValueType
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """What an event is. Compared by identity (five times cheaper in the gate): one object per kind and process.

    A draft has the id 0, and so have its signals, until the gate lets it through: see gateway.wire.drafts.

    `signals` names the values of an event in order; it is empty for events that carry a record.
    `ttl_s` is how long an event is worth keeping, counted from its append; None keeps it until it is settled.
    """

    id: int
    name: str
    stream: Stream
    purposes: PurposeSet
    signals: tuple[Signal, ...] = ()
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """What the gate allows of a kind for a subject: the events of one lane may share a bag and its key.

    `kind` is the kind as it may be kept, with fewer signals than asked where some have no grant; then `picks` are the
    indices of the values that stay, in order (None: all stay). `purposes` are those granted.
    """

    kind: Kind
    subject: int
    purposes: PurposeSet
    picks: tuple[int, ...] | None
    key_id: int
    key: AeadKey


class Event(NamedTuple):
    """One event. A tuple, since a frozen dataclass costs four times as much to make and zip() transposes tuples in C.

    `subject`: random handle of a guest's visit, 0 for none. `ts_us`: microseconds since 1970 UTC as the source dated
    it. `received_ms`: milliseconds of CLOCK_BOOTTIME at receipt. `values`: in the order of `kind.signals`, or one
    serialised forecourt.v1.Record where the kind has no signals.
    """

    kind: Kind
    subject: int
    ts_us: int
    received_ms: int
    values: tuple[Value, ...] | bytes


class Boot(NamedTuple):
    """One run of the kernel: its random id, the wall time at which it began (microseconds), and how sure that is."""

    id: int
    wall_at_boot_us: int
    quality: ClockQuality


class SeqRange(NamedTuple):
    """Consecutive numbers, both ends included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


class Appended(NamedTuple):
    """What became of the events of one append, once it is durable."""

    kept: int
    denied: int
    refused: int


@dataclass(frozen=True, slots=True)
class OpenBag:
    """A bag on its way out: decrypted, its content as the codec left it (`codec` is a number of forecourt.v1.Codec).

    `origin`: epoch and first number under which it may have been sent before a rescue numbered it anew.
    """

    stream: Stream
    first_seq: int
    count: int
    subject: int
    purposes: PurposeSet
    boot_id: int
    codec: int
    body: bytes
    origin: tuple[int, int] | None = None

    @property
    def last_seq(self) -> int:
        """The number of its last event."""
        return self.first_seq + self.count - 1


@dataclass(frozen=True, slots=True)
class Books:
    """The law of the house: every number that was given is accounted for. Counts of events."""

    appended: int
    settled: int
    pending: int
    evicted: int
    expired: int
    purged: int
    quarantined: int

    @property
    def balanced(self) -> bool:
        """Whether appended = settled + pending + evicted + expired + purged + quarantined."""
        gone = self.evicted + self.expired + self.purged + self.quarantined
        return self.appended == self.settled + self.pending + gone
