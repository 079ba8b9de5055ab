"""What guests and devices say to a consent authority, for tests; must never sign with a key that was not chosen."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2, control_pb2

from gateway.cloud.certify import forge
from gateway.cloud.consent.desk import CHANGE_CONTEXT
from gateway.cloud.consent.ledger import Change, ConsentLedger
from gateway.consent.record import NoticeRef
from gateway.consent.states import ConsentState
from gateway.model import Purpose, Scope, Stream
from gateway.wire.signing import SIGNATURE_BYTES, sign
from tests.kit.cloudside import Car, Desk, Letter

CAR, OTHER = Car(), Car("car-2", epoch=22)
LIVE = CAR.stream()
SUBJECT = 77
NOTICE = NoticeRef("urn:test", "ab" * 32, "de", "1")
DRIVING, USAGE, EMAIL = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.MARKETING_EMAIL
GIVEN, WITHDRAWN = ConsentState.GIVEN, ConsentState.WITHDRAWN


def ledger(desk: Desk) -> ConsentLedger:
    """Its records."""
    assert desk.admission.consent is not None
    return desk.admission.consent.ledger


def yes(purpose: Purpose, scope: Scope = Scope.CLOUD) -> Change:
    """A guest's yes."""
    return Change(purpose, GIVEN, scope, NOTICE, "kiosk")


def give(desk: Desk, *purposes: Purpose, subject: int = SUBJECT) -> str:
    """Consent that is in force; the id of its record."""
    ledger(desk).open_session(subject, CAR.device)
    made = ledger(desk).change(subject, [yes(purpose) for purpose in purposes], "guest")
    assert made is not None
    return made.record_id


def take_back(desk: Desk, *purposes: Purpose) -> None:
    """The guest says no."""
    ledger(desk).change(SUBJECT, [Change(purpose, WITHDRAWN) for purpose in purposes], "guest")


def letter(first: int, purposes: Sequence[Purpose], records: Sequence[str], subject: int = SUBJECT) -> Letter:
    """A batch of five events about a subject."""
    batch = forge.batch(CAR.device, CAR.epoch, Stream.LIVE, [forge.bag(first, 5)], with_dictionary=True)
    del batch.consents[:]
    batch.consents.add(subject=subject, purposes=[int(one) for one in purposes], records=records)
    return CAR.sealed(batch)


def told(car: Car, first: int, **record: object) -> Letter:
    """A control record of a device."""
    return car.control(first, control_pb2.ControlRecord(at_us=1, **record))  # type: ignore[arg-type]


def said(
    number: int, *changes: tuple[Purpose, ConsentState], car: Car = CAR, key: Ed25519PrivateKey | None = None
) -> consent_pb2.ConsentChange:
    """What a guest said on a device, signed by it."""
    change = consent_pb2.ConsentChange(subject=SUBJECT, number=number, surface=consent_pb2.CONSENT_SURFACE_HEAD_UNIT)
    for purpose, state in changes:
        change.changes.add(
            purpose=int(purpose),
            state=int(state),
            scope=consent_pb2.CONSENT_SCOPE_CLOUD,
            notice_sha256=b"\xab" * 32,
            language="de",
        )
    signed = sign(key or car.key, CHANGE_CONTEXT, change.SerializeToString(deterministic=True))
    change.signature = signed[-SIGNATURE_BYTES + 2 :]
    return change


def states(desk: Desk) -> dict[str, str]:
    """What is in force, in words."""
    found = ledger(desk).current(SUBJECT)
    return {one.purpose.word: one.state.word for one in found.purposes} if found else {}
