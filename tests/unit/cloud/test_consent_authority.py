"""Proves what the authority believes of devices and what it keeps; must never need a broker or a thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2, control_pb2

from gateway.cloud.consent.desk import CHANGE_CONTEXT, ConsentTerms
from gateway.cloud.consent.history import verify_history
from gateway.cloud.consent.ledger import Change
from gateway.cloud.schema import open_database
from gateway.consent.parties import Parties
from gateway.consent.record import read_record, verify_chain
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.limits import CONSENT_SUBJECTS_MAX
from gateway.model import Purpose, Scope
from gateway.wire.signing import sign
from tests.kit.cloudside import Desk
from tests.kit.consent_desk import (
    CAR,
    DRIVING,
    EMAIL,
    GIVEN,
    NOTICE,
    OTHER,
    SUBJECT,
    USAGE,
    WITHDRAWN,
    give,
    ledger,
    said,
    states,
    take_back,
    told,
)
from tests.kit.consents import AUTHORITY


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


@pytest.fixture
def desk(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Desk]:
    """Admission of a consent authority that knows two devices."""
    made = Desk(CAR, OTHER, db=db, consent=ConsentTerms(AUTHORITY, Parties.load(), tmp_path / "erasures.jsonl"))
    yield made
    assert made.admission.consent is not None
    made.admission.consent.close()


def test_a_guest_says_yes_and_no_on_a_device(desk: Desk) -> None:
    """In order, each once, and the device is answered."""
    (first,) = desk.take(told(CAR, 1, consent=said(1, (DRIVING, GIVEN), (USAGE, GIVEN))))
    (second,) = desk.take(told(CAR, 2, consent=said(2, (USAGE, WITHDRAWN))))
    assert (first.consent_due, second.consent_due) == (True, True)
    assert states(desk) == {"driving_behaviour": "given", "usage_analytics": "withdrawn"}
    found = ledger(desk).session(SUBJECT)
    assert found is not None
    assert (found.device, found.changes_seen, ledger(desk).epoch(CAR.device)) == (CAR.device, 2, 3)
    assert verify_chain([read_record(raw, [AUTHORITY.public_key()]) for raw in ledger(desk).history(SUBJECT)]) == ""


def test_a_change_that_comes_again_or_late_changes_nothing(desk: Desk) -> None:
    """A yes that was overtaken by a no does not come back with a redelivery under another number."""
    desk.take(told(CAR, 1, consent=said(1, (DRIVING, GIVEN))), told(CAR, 2, consent=said(2, (DRIVING, WITHDRAWN))))
    desk.take(told(CAR, 3, consent=said(1, (DRIVING, GIVEN))))
    assert states(desk) == {"driving_behaviour": "withdrawn"}
    assert desk.counter("consent_changes_repeated") == 1


def test_a_yes_needs_the_device_s_signature_and_a_no_does_not(desk: Desk) -> None:
    """Whoever can write to the broker can take away, never give."""
    give(desk, USAGE)
    wrong = said(1, (DRIVING, GIVEN), (USAGE, WITHDRAWN), key=Ed25519PrivateKey.generate())
    desk.take(told(CAR, 1, consent=wrong))
    assert states(desk) == {"usage_analytics": "withdrawn"}
    assert desk.counter("consent_refused.signature") == 1


def test_a_device_speaks_for_its_own_visits_only(desk: Desk) -> None:
    """Another device can neither give, nor take away, nor end."""
    give(desk, DRIVING)
    ended = consent_pb2.SessionReport(subject=SUBJECT, phase=consent_pb2.SessionReport.PHASE_ENDED)
    desk.take(
        told(OTHER, 1, consent=said(1, (DRIVING, WITHDRAWN), car=OTHER)),
        told(OTHER, 2, session=ended),
        told(OTHER, 3, fetch=consent_pb2.ConsentFetch(subject=SUBJECT)),
    )
    assert states(desk) == {"driving_behaviour": "given"}
    assert desk.counter("consent_refused.foreign_session") == 1
    assert desk.counter("consent_refused.input") == 2


def test_nonsense_changes_nothing_and_is_counted(desk: Desk) -> None:
    """Unknown purposes and states, purposes without consent, moves that no state allows: each neighbour holds."""
    change = said(1, (DRIVING, GIVEN), (Purpose.SAFETY, GIVEN), (USAGE, ConsentState.RENEWED))
    change.changes.add(purpose=61, state=5)
    change.changes.add(purpose=2, state=77)
    change.ClearField("signature")
    change.signature = sign(CAR.key, CHANGE_CONTEXT, change.SerializeToString(deterministic=True))[-64:]
    desk.take(told(CAR, 1, consent=change))
    assert states(desk) == {"driving_behaviour": "given"}
    assert (desk.counter("consent_refused.unknown"), desk.counter("consent_refused.move")) == (2, 2)


def test_visits_of_a_device_are_bounded(desk: Desk) -> None:
    """A device that opens visits for ever fills no table."""
    opened = consent_pb2.SessionReport.PHASE_OPENED
    for start in range(1, CONSENT_SUBJECTS_MAX + 20, 10):
        reports = [consent_pb2.SessionReport(subject=subject, phase=opened) for subject in range(start, start + 10)]
        desk.take(CAR.control(start, *[control_pb2.ControlRecord(session=report) for report in reports]))
    assert desk.db.execute("select count(*) from consent_session").fetchone()[0] == CONSENT_SUBJECTS_MAX


# What the authority keeps


def test_advertising_waits_for_its_confirmation(desk: Desk) -> None:
    """A yes to a channel is pending until its double opt-in is confirmed, with the evidence in the record."""
    give(desk, EMAIL)
    assert states(desk) == {"marketing_email": "pending_confirmation"}
    confirmed = Change(
        EMAIL, GIVEN, Scope.CDP, NOTICE, "phone", evidence={"confirmed_us": 5, "token_sha256": "cd" * 32}
    )
    made = ledger(desk).change(SUBJECT, [confirmed], "guest")
    assert made is not None
    found = made.of(EMAIL)
    assert found is not None
    assert (found.state, found.scope, found.evidence["confirmed_us"]) == (GIVEN, Scope.CDP, 5)


@pytest.mark.parametrize(
    "change",
    [
        Change(Purpose.VEHICLE_OPERATION, GIVEN, notice=NOTICE),
        Change(DRIVING, GIVEN),
        Change(DRIVING, GIVEN, Scope.CDP, NOTICE),
        Change(DRIVING, ConsentState.RENEWED, notice=NOTICE),
        Change(DRIVING, ConsentState.REVOKED),
    ],
    ids=["needs none", "without its text", "too far", "renews nothing", "revokes nothing"],
)
def test_what_cannot_be_is_refused(desk: Desk, change: Change) -> None:
    """And nothing of it is kept."""
    with pytest.raises(InputError):
        ledger(desk).change(SUBJECT, [change], "staff")
    assert ledger(desk).history(SUBJECT) == []


def test_saying_the_same_no_again_makes_no_version(desk: Desk) -> None:
    """A guest who taps twice has one record."""
    give(desk, DRIVING)
    take_back(desk, DRIVING)
    take_back(desk, DRIVING)
    assert len(ledger(desk).history(SUBJECT)) == 2


def test_the_history_cannot_be_changed_unseen(desk: Desk, db: sqlite3.Connection) -> None:
    """The database refuses; and where somebody goes around it, the chain shows it."""
    give(desk, DRIVING)
    take_back(desk, DRIVING)
    assert verify_history(db) == ""
    for statement in (
        "update consent_history set what = 'x'",
        "delete from consent_history",
        "update consent_record set raw = x''",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(statement)
    db.execute("drop trigger consent_history_stays")
    db.execute("update consent_history set what = 'guest ' where n = 2")
    assert "entry 2 was altered" in verify_history(db)


def test_a_visit_that_is_handed_over_goes_on_elsewhere(desk: Desk) -> None:
    """Both devices have a new epoch; the first one no longer speaks for it."""
    give(desk, DRIVING)
    before = ledger(desk).epoch(CAR.device)
    ledger(desk).hand_over(SUBJECT, OTHER.device)
    assert (ledger(desk).epoch(CAR.device), ledger(desk).epoch(OTHER.device)) == (before + 1, 1)
    desk.take(told(CAR, 1, consent=said(1, (DRIVING, WITHDRAWN))))
    assert states(desk) == {"driving_behaviour": "given"}
    desk.take(told(OTHER, 1, consent=said(1, (DRIVING, WITHDRAWN), car=OTHER)))
    assert states(desk) == {"driving_behaviour": "withdrawn"}
