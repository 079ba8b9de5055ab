"""Records of consent: what a guest agreed to, as the authority signed it; must never believe one that is not signed.

A record is the whole state of one subject at one version. Its fields are those of ISO/IEC TS 27560 and its terms those
of the W3C Data Privacy Vocabulary, see docs/schemas/consent-record.schema.json. It travels as canonical JSON:

    {"record": {...}, "signature": {"alg": "Ed25519", "key": "<id>", "value": "<128 hex digits>"}}

The signature covers the context, a zero byte and the canonical form of `record`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.consent import record_form
from gateway.consent.canonical import canonical, parse
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.limits import CONSENT_RECORD_BYTES_MAX
from gateway.model import Purpose, Scope

SCHEMA = 1
CONTEXT = b"forecourt/v1/consent-record"
ALGORITHM = "Ed25519"


class Refused(StrEnum):
    """Why a record is not believed; each is counted by its name."""

    MALFORMED = "malformed"
    SCHEMA = "schema"
    SIGNATURE = "signature"
    SUBJECT = "subject"
    FUTURE = "future"
    REPLAYED = "replayed"
    FORKED = "forked"


class RecordRefused(InputError):
    """A record that changes nothing: what it would have allowed stays denied."""

    def __init__(self, reason: Refused, detail: str = "") -> None:
        super().__init__(f"a record of consent is refused ({reason}){': ' + detail if detail else ''}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NoticeRef:
    """The exact text that a guest was shown: where it is, the SHA-256 of its UTF-8 bytes (hex), language, version."""

    uri: str
    sha256: str
    language: str
    version: str


@dataclass(frozen=True, slots=True)
class PurposeConsent:
    """Consent for one purpose. Times are microseconds since 1970 UTC by the authority's clock, the end excluded.

    `record_id` names the record in which the state was entered: events refer to it. `evidence` holds hashes and times
    only, never an address or a token. `facts` are what the register said of the purpose when the record was written
    (empty: what it says now).
    """

    purpose: Purpose
    state: ConsentState
    scope: Scope
    since_us: int
    record_id: str
    valid_until_us: int | None = None
    notice: NoticeRef | None = None
    surface: str = "system"
    evidence: Mapping[str, str | int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def allows(self) -> bool:
        """Whether this is a yes that reaches anywhere."""
        return self.state.allows and self.scope > Scope.NONE


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """The state of all purposes of one subject at one version.

    `previous` is the digest of the version before, empty for the first: together they are a chain. `purposes` holds
    each purpose at most once. `parties` are the controllers, joint controllers and recipients as the operator named
    them, `place` the jurisdiction, storage and rights, both as in the JSON form.
    """

    record_id: str
    subject: int
    version: int
    previous: str
    issued_us: int
    purposes: tuple[PurposeConsent, ...]
    parties: tuple[Mapping[str, str], ...]
    place: Mapping[str, Any]
    read_digest: str = ""

    def of(self, purpose: Purpose) -> PurposeConsent | None:
        """What stands there of a purpose."""
        return next((one for one in self.purposes if one.purpose is purpose), None)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex; the next version names it. As read, with what we do not understand."""
        return self.read_digest or hashlib.sha256(canonical(record_form.to_json(self))).hexdigest()


def key_id(key: Ed25519PublicKey) -> str:
    """The first 8 bytes of the SHA-256 of a public key, in hex."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign_record(key: Ed25519PrivateKey, record: ConsentRecord) -> bytes:
    """The record as it travels; raises InputError for one that has no canonical form or is too large."""
    body = record_form.to_json(record)
    value = key.sign(CONTEXT + b"\0" + canonical(body)).hex()
    raw = canonical({"record": body, "signature": {"alg": ALGORITHM, "key": key_id(key.public_key()), "value": value}})
    if len(raw) > CONSENT_RECORD_BYTES_MAX:
        raise InputError(f"a record of consent has at most {CONSENT_RECORD_BYTES_MAX} bytes")
    return raw


def read_record(raw: bytes, keys: Sequence[Ed25519PublicKey]) -> ConsentRecord:
    """The record in `raw`, if one of `keys` signed it; raises RecordRefused, and then it allows nothing."""
    return _understood(authentic(raw, keys))


def authentic(raw: bytes, keys: Sequence[Ed25519PublicKey]) -> Mapping[str, Any]:
    """What one of `keys` signed, though it may not be understood; raises RecordRefused."""
    body, name, value = _opened(raw)
    if not any(key_id(key) == name and _signed(key, canonical(body), value) for key in keys):
        raise RecordRefused(Refused.SIGNATURE)
    return body


@lru_cache(maxsize=64)
def unsigned(raw: bytes) -> ConsentRecord:
    """The record in bytes whose signature was checked before they were kept; raises RecordRefused."""
    return _understood(_opened(raw)[0])


def _opened(raw: bytes) -> tuple[Mapping[str, Any], str, bytes]:
    """What was signed, the name of the key and the signature; each has one form only."""
    try:
        content = parse(raw, CONSENT_RECORD_BYTES_MAX)
        body, signature = content["record"], content["signature"]
        value = bytes.fromhex(signature["value"])
        well = set(content) == {"record", "signature"} and set(signature) == {"alg", "key", "value"}
        well = well and signature["alg"] == ALGORITHM and isinstance(body, dict) and signature["value"] == value.hex()
        name = signature["key"]
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordRefused(Refused.MALFORMED) from error
    if not well:
        raise RecordRefused(Refused.MALFORMED)
    return body, name, value


def _understood(body: Mapping[str, Any]) -> ConsentRecord:
    if body.get("schema") != SCHEMA:
        raise RecordRefused(Refused.SCHEMA, "written by another version")
    try:
        read = record_form.from_json(body)
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordRefused(Refused.MALFORMED) from error
    return replace(read, read_digest=hashlib.sha256(canonical(body)).hexdigest())


def verify_chain(records: Sequence[ConsentRecord]) -> str:
    """Why records, oldest first, are not one unbroken history of one subject; empty when they are."""
    before: ConsentRecord | None = None
    for record in records:
        if before is None:
            if record.version == 1 and record.previous:
                return "the first record names one before it"
        elif record.subject != before.subject:
            return f"version {record.version} is of another subject"
        elif record.version != before.version + 1:
            return f"version {record.version} follows version {before.version}"
        elif record.previous != before.digest:
            return f"version {record.version} does not follow from version {before.version}: one of them was altered"
        before = record
    return ""


def _signed(key: Ed25519PublicKey, body: bytes, value: bytes) -> bool:
    try:
        key.verify(value, CONTEXT + b"\0" + body)
    except InvalidSignature:
        return False
    return True
