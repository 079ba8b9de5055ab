"""What a surface is shown of a visit, and how what it says is read; must never hold a state of its own."""

from dataclasses import dataclass

from forecourt.v1 import consent_pb2

from gateway.consent.notices import notice
from gateway.consent.purposes import PurposeRegister
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.guest.session import SessionState
from gateway.model import WITHOUT_CONSENT, Purpose, Scope, Stream

LANGUAGES = ("de", "en")
SURFACES = {
    "head_unit": consent_pb2.CONSENT_SURFACE_HEAD_UNIT,
    "kiosk": consent_pb2.CONSENT_SURFACE_KIOSK,
    "phone": consent_pb2.CONSENT_SURFACE_PHONE,
    "staff": consent_pb2.CONSENT_SURFACE_STAFF,
}


@dataclass(frozen=True, slots=True)
class SessionView:
    """The visit as a surface may show it; the handle goes to the guest's own surface only."""

    state: SessionState
    subject: int
    opened_us: int
    surface: str
    language: str
    lease_s: int


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One purpose: what is in force (`scope`), what the guest asked for (`asked`), and whether that is confirmed."""

    purpose: Purpose
    state: ConsentState
    scope: Scope
    asked: Scope
    since_us: int
    basis: str
    needs_double_opt_in: bool
    confirmed: bool


@dataclass(frozen=True, slots=True)
class ConsentView:
    """All purposes that need consent."""

    subject: int
    version: int
    rows: tuple[ConsentRow, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """Events that left in one hour (its start, microseconds since 1970 UTC), for what, and on which records."""

    hour_us: int
    stream: Stream
    purposes: tuple[Purpose, ...]
    events: int
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did here, in events and keys, and how long it took; the cloud is asked as well."""

    purged: int
    keys_destroyed: int
    seconds: float


def surface_of(word: str) -> consent_pb2.ConsentSurface:
    """The surface of that name; raises InputError."""
    try:
        return SURFACES[word]
    except KeyError:
        raise InputError(f"surfaces are {', '.join(SURFACES)}") from None


def yes_to(purpose: Purpose, scope: Scope | None, language: str) -> consent_pb2.PurposeChange:
    """A yes to the text of `purpose` in a language, as far as it may go or `scope` says; raises InputError."""
    if WITHOUT_CONSENT >> purpose & 1:
        raise InputError(f"{purpose.word} needs no consent")
    if language not in LANGUAGES:
        raise InputError(f"languages are {', '.join(LANGUAGES)}")
    reach = min(scope or Scope.CDP, PurposeRegister.load()[purpose].scope_max)
    return consent_pb2.PurposeChange(
        purpose=int(purpose),  # type: ignore[arg-type]
        state=int(ConsentState.GIVEN),  # type: ignore[arg-type]
        scope=int(reach),  # type: ignore[arg-type]
        notice_sha256=bytes.fromhex(notice(purpose, language).sha256),
        language=language,
    )
