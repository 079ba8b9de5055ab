"""Proves which events the authority lets in; must never need a broker or a thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2, event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.consent.desk import ConsentTerms
from gateway.cloud.schema import open_database
from gateway.consent.parties import Parties
from gateway.consent.record import sign_record
from gateway.model import Purpose, RefusalReason, Scope, Stream
from tests.kit.cloudside import Desk
from tests.kit.consent_desk import (
    CAR,
    DRIVING,
    LIVE,
    OTHER,
    SUBJECT,
    USAGE,
    give,
    ledger,
    letter,
    states,
    take_back,
    told,
    yes,
)
from tests.kit.consents import AUTHORITY, consent, record


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


def test_events_need_a_record_that_is_in_force(desk: Desk) -> None:
    """With it they have their effect; one purpose without, and they have none."""
    one = give(desk, DRIVING)
    assert desk.take(letter(1, [DRIVING], [one]))[0].new == 5
    for purposes, records in [
        ([DRIVING, USAGE], [one, one]),
        ([DRIVING], []),
        ([USAGE], [one]),
        ([DRIVING, USAGE], [one]),
    ]:
        (outcome,) = desk.take(letter(6, purposes, records))
        assert [(item.numbers, item.reason) for item in outcome.refused] == [((6, 10), RefusalReason.CONSENT)]
        assert (outcome.new, outcome.key) == (0, LIVE)
    assert desk.effects(LIVE) == [1, 2, 3, 4, 5]
    assert desk.poison() == [], "what nobody may have is not kept aside"


def test_a_record_of_another_visit_allows_nothing(desk: Desk) -> None:
    """Two guests on one device do not stand in for each other."""
    give(desk, DRIVING)
    other = give(desk, DRIVING, subject=88)
    assert desk.take(letter(1, [DRIVING], [other]))[0].refused != []


def test_a_yes_that_stays_in_the_car_lets_nothing_in(desk: Desk) -> None:
    """Scope in_vehicle is no yes to the cloud."""
    ledger(desk).open_session(SUBJECT, CAR.device)
    made = ledger(desk).change(SUBJECT, [yes(DRIVING, Scope.IN_VEHICLE)], "guest")
    assert made is not None
    assert desk.take(letter(1, [DRIVING], [made.record_id]))[0].refused != []


def test_a_record_that_is_not_known_is_asked_for(desk: Desk) -> None:
    """Neither effect nor receipt nor refusal; once the device shows its copy, the bag comes again and is taken."""
    lost = record(consent(DRIVING), subject=SUBJECT)
    (outcome,) = desk.take(letter(1, [DRIVING], ["record-1"]))
    assert (outcome.new, outcome.refused, outcome.unknown_record) == (0, [], "record-1")
    fetch = consent_pb2.ConsentFetch(subject=SUBJECT, record=sign_record(AUTHORITY, lost))
    (answer,) = desk.take(told(CAR, 1, fetch=fetch))
    assert answer.consent_due
    assert desk.take(letter(1, [DRIVING], ["record-1"]))[0].new == 5


def test_a_copy_that_we_did_not_sign_is_not_taken_back(desk: Desk) -> None:
    """A device cannot make its own authority."""
    forged = sign_record(Ed25519PrivateKey.generate(), record(consent(DRIVING), subject=SUBJECT))
    desk.take(told(CAR, 1, fetch=consent_pb2.ConsentFetch(subject=SUBJECT, record=forged)))
    assert states(desk) == {}
    assert desk.counter("consent_refused.signature") == 1


def test_a_withdrawal_closes_the_door_and_a_new_yes_does_not_open_it_for_what_came_before(desk: Desk) -> None:
    """What was captured under the first yes is refused after the no, also when there is a second yes."""
    first = give(desk, DRIVING)
    take_back(desk, DRIVING)
    assert desk.take(letter(1, [DRIVING], [first]))[0].refused != []
    second = give(desk, DRIVING)
    assert desk.take(letter(1, [DRIVING], [first]))[0].refused != []
    assert desk.take(letter(1, [DRIVING], [second]))[0].new == 5


def test_a_renewal_keeps_what_the_first_yes_allowed(desk: Desk) -> None:
    """Events under the yes before it and under the renewal are taken."""
    first = give(desk, DRIVING)
    desk.clock.advance(10)
    second = give(desk, DRIVING)
    assert first != second
    assert states(desk) == {"driving_behaviour": "renewed"}
    assert [desk.take(letter(number, [DRIVING], [one]))[0].new for number, one in ((1, first), (6, second))] == [5, 5]


def test_what_was_on_its_way_when_the_visit_ended_is_taken(desk: Desk) -> None:
    """The end of a session ends collection; what was collected under a yes and flushed still arrives."""
    one = give(desk, DRIVING)
    report = consent_pb2.SessionReport(subject=SUBJECT, phase=consent_pb2.SessionReport.PHASE_WIPED)
    desk.take(told(CAR, 1, session=report))
    assert states(desk) == {"driving_behaviour": "expired"}
    assert desk.take(letter(1, [DRIVING], [one]))[0].new == 5


def test_what_needs_no_consent_comes_in_without(desk: Desk) -> None:
    """Technical data about nobody."""
    batch = forge.batch(CAR.device, CAR.epoch, Stream.LIVE, [forge.bag(1, 5)], with_dictionary=True)
    del batch.consents[:]
    batch.consents.append(event_pb2.ConsentReference(purposes=[int(Purpose.VEHICLE_OPERATION)]))  # type: ignore[list-item]
    assert desk.take(CAR.sealed(batch))[0].new == 5


def test_a_transaction_that_is_undone_leaves_no_memory_of_its_yes(desk: Desk) -> None:
    """The door asks the tables again after a rollback."""
    one = give(desk, DRIVING)
    assert desk.take(letter(1, [DRIVING], [one]))[0].new == 5
    take_back(desk, DRIVING)
    assert desk.take(letter(6, [DRIVING], [one]))[0].refused != []
