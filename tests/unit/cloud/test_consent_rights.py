"""Proves double opt-in, identity links, erasure that outlives a restore, and export; must never keep an address."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from forecourt.v1 import consent_pb2, control_pb2, record_pb2

from gateway.cloud.certify import forge
from gateway.cloud.consent.desk import ConsentDesk, ConsentTerms
from gateway.cloud.consent.double_opt_in import LIFE_S, OPEN_MAX
from gateway.cloud.consent.erasure import ErasureLedger
from gateway.cloud.consent.export import bundle
from gateway.cloud.schema import open_database
from gateway.consent.parties import Parties
from gateway.errors import InputError, StoreError
from gateway.model import Purpose, Stream, purpose_set
from tests.kit.cloudside import Desk, Letter
from tests.kit.consent_desk import (
    CAR,
    DRIVING,
    EMAIL,
    LIVE,
    NOTICE,
    OTHER,
    SUBJECT,
    USAGE,
    give,
    ledger,
    letter,
    states,
)
from tests.kit.consents import AUTHORITY

ADDRESS = "Jan.Beispiel@example.org"
LINK, CDP = Purpose.IDENTITY_LINK, Purpose.CDP_PROFILE


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


def made(db: sqlite3.Connection, folder: Path, *recipients: str) -> Desk:
    """A consent authority with its ledger of erasures in `folder`."""
    return Desk(
        CAR, OTHER, db=db, consent=ConsentTerms(AUTHORITY, Parties.load(), folder / "erasures.jsonl", recipients)
    )


@pytest.fixture
def desk(db: sqlite3.Connection, tmp_path: Path) -> Iterator[Desk]:
    """A consent authority."""
    one = made(db, tmp_path, "cdp")
    yield one
    consents(one).close()


def consents(desk: Desk) -> ConsentDesk:
    """Its side of consent."""
    assert desk.admission.consent is not None
    return desk.admission.consent


# Double opt-in


def test_a_channel_is_open_once_its_address_has_confirmed_the_text(desk: Desk) -> None:
    """The record then holds the evidence, and nothing that anybody could write to."""
    asked = consents(desk).opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    assert (asked.channel, states(desk)) == ("email", {"marketing_email": "pending_confirmation"})
    consents(desk).opt_in.sent(asked.token, "<message-1>")
    record = consents(desk).opt_in.confirm(asked.token, NOTICE.sha256)
    assert record is not None
    found = record.of(EMAIL)
    assert found is not None
    assert found.state.word == "given"
    assert {"requested_us", "confirmed_us", "token_sha256", "address_sha256", "message_sha256"} <= set(found.evidence)
    assert consents(desk).opt_in.proves(SUBJECT, EMAIL, " jan.beispiel@EXAMPLE.org")
    assert not consents(desk).opt_in.proves(SUBJECT, EMAIL, "other@example.org")
    dump = "\n".join(desk.db.iterdump()).lower()
    for secret in (ADDRESS.lower(), ADDRESS.lower().encode().hex(), asked.token.lower()):
        assert secret not in dump


def test_a_confirmation_counts_once_in_time_and_for_its_own_text(desk: Desk) -> None:
    """Used, invented, late, or for another text: the channel stays shut."""
    opt_in = consents(desk).opt_in
    asked = opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    with pytest.raises(InputError, match="not the one"):
        opt_in.confirm(asked.token, "00" * 32)
    with pytest.raises(InputError, match="not known"):
        opt_in.confirm("guess", NOTICE.sha256)
    desk.clock.advance(LIFE_S + 1)
    with pytest.raises(InputError, match="too late"):
        opt_in.confirm(asked.token, NOTICE.sha256)
    assert states(desk) == {"marketing_email": "expired"}
    again = opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    opt_in.confirm(again.token, NOTICE.sha256)
    with pytest.raises(InputError, match="used already"):
        opt_in.confirm(again.token, NOTICE.sha256)


def test_requests_are_bounded_and_each_channel_stands_alone(desk: Desk) -> None:
    """Nobody is flooded with mails, and a yes by mail opens no phone."""
    opt_in = consents(desk).opt_in
    asked = opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    for _ in range(OPEN_MAX - 1):
        opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    with pytest.raises(InputError, match="too many"):
        opt_in.request(SUBJECT, EMAIL, ADDRESS, NOTICE, "kiosk")
    opt_in.confirm(asked.token, NOTICE.sha256)
    assert states(desk) == {"marketing_email": "given"}
    with pytest.raises(InputError, match="no channel"):
        opt_in.request(SUBJECT, DRIVING, ADDRESS, NOTICE, "kiosk")


# Identity links


def link(seq: int, person: str, subject: int, record_id: str, **fields: bool) -> Letter:
    """An event that joins a visit to a person."""
    raw = record_pb2.Record(link=record_pb2.IdentityLink(person=person, **fields))
    bag = forge.bag(seq, 1)
    del bag.rows.rows[0].values[:]
    bag.rows.rows[0].shape = 900
    bag.rows.rows[0].record.CopyFrom(raw)
    batch = forge.batch(CAR.device, CAR.epoch, Stream.LIVE, [bag], digest=900)
    batch.shapes.add(id=900, kind="identity.link")
    del batch.consents[:]
    batch.consents.add(subject=subject, purposes=[int(LINK)], records=[record_id])
    return CAR.sealed(batch)


def test_a_visit_belongs_to_one_person_at_most(desk: Desk) -> None:
    """The second person is refused and counted; taking the link back is for the first one."""
    record_id, links = give(desk, LINK), consents(desk).links
    assert desk.take(link(1, "person-a", SUBJECT, record_id))[0].new == 1
    desk.take(link(2, "person-b", SUBJECT, record_id), link(3, "person-b", SUBJECT, record_id, unlink=True))
    assert (links.person(SUBJECT), desk.counter("identity_links_refused")) == ("person-a", 2)
    desk.take(link(4, "person-a", SUBJECT, record_id, unlink=True))
    assert (links.person(SUBJECT), links.visits("person-a")) == (None, [])
    desk.take(link(5, "person-b", SUBJECT, record_id))
    assert links.person(SUBJECT) is None, "a handle that was somebody's is nobody else's"


def test_events_from_before_are_joined_only_if_they_allow_it_themselves(desk: Desk) -> None:
    """Backfill needs the link's word and each event's own purpose."""
    record_id, links = give(desk, LINK), consents(desk).links
    desk.take(link(1, "person-a", SUBJECT, record_id))
    now_us = desk.clock.wall_us()
    cdp, driving = purpose_set([CDP, DRIVING]), purpose_set([DRIVING])
    asked = [(cdp, now_us + 1), (cdp, now_us - 1), (driving, now_us + 1)]
    assert [links.may_join(SUBJECT, purposes, at) for purposes, at in asked] == [True, False, False]
    desk.take(link(2, "person-a", SUBJECT, record_id, backfill=True))
    assert [links.may_join(SUBJECT, purposes, at) for purposes, at in asked] == [True, True, False]


def test_a_thousand_test_drives_on_one_car_merge_nobody(desk: Desk) -> None:
    """Each guest has a handle of his own, half of them link themselves, some try to link somebody else's visit."""
    links = consents(desk).links
    letters, truth = [], {}
    for drive in range(1, 1_001):
        subject = drive * 7_919
        record_id = give(desk, LINK, subject=subject)
        ledger(desk).end_session(subject - 7_919) if drive > 1 else None
        if drive % 2:
            truth[subject] = f"person-{drive}"
            letters.append(link(2 * drive, f"person-{drive}", subject, record_id))
        if drive % 10 == 0 and drive > 1:
            intruder = subject - 7_919
            letters.append(link(2 * drive + 1, f"person-{drive}", intruder, record_id))
    outcomes = desk.take(*letters)
    assert {subject: links.person(subject) for subject in truth} == truth
    assert all(len(links.visits(person)) == 1 for person in truth.values())
    refused = sum(len(outcome.refused) for outcome in outcomes)
    assert (refused, desk.counter("identity_links_refused")) == (100, 0), "a visit's record speaks for that visit only"


# Erasure and export


def erase(desk: Desk, *purposes: Purpose, seq: int = 1) -> None:
    """The device asks for it, as after a withdrawal."""
    request = control_pb2.ErasureRequest(id=seq, subject=SUBJECT, purposes=map(int, purposes))
    desk.take(CAR.control(seq, control_pb2.ControlRecord(at_us=1, erasure=request)))


def test_a_restored_backup_does_not_bring_back_what_was_erased(tmp_path: Path) -> None:
    """The ledger beside the database erases again before anything is served."""
    path = tmp_path / "cloud.db"
    with closing(open_database(path)) as db:
        desk = made(db, tmp_path)
        desk.take(letter(1, [DRIVING], [give(desk, DRIVING)]))
        assert len(desk.effects(LIVE)) == 5
        backup = sqlite3.connect(tmp_path / "backup.db")
        db.backup(backup)
        backup.close()
        erase(desk, DRIVING)
        assert desk.effects(LIVE) == []
        consents(desk).close()
    with closing(open_database(tmp_path / "backup.db")) as db:
        assert db.execute("select count(*) from effect").fetchone()[0] == 5
        desk = made(db, tmp_path)
        assert desk.effects(LIVE) == []
        consents(desk).close()


def test_a_ledger_that_is_cut_altered_or_older_is_not_relied_on(tmp_path: Path) -> None:
    """Half a line was never promised; anything else stops the start, with a word."""
    path = tmp_path / "erasures.jsonl"
    one = ErasureLedger(path)
    for subject in (5, 6, 7):
        one.append(1, subject, 2)
    one.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    cut = ErasureLedger(path)
    assert (cut.last, path.read_bytes()) == (3, whole)
    cut.close()
    path.write_bytes(whole.replace(b'"subject":6', b'"subject":9'))
    with pytest.raises(StoreError, match="line 2 was altered"):
        ErasureLedger(path)
    with closing(open_database(tmp_path / "cloud.db")) as db:
        path.write_bytes(whole)
        consents(made(db, tmp_path)).close()
        path.write_bytes(whole[: whole.index(b"\n") + 1])
        with pytest.raises(StoreError, match="behind the database"):
            made(db, tmp_path)


def test_recipients_are_told_until_they_confirm(desk: Desk) -> None:
    """Each erasure has a status for each of them (Art. 19)."""
    desk.take(letter(1, [DRIVING], [give(desk, DRIVING)]))
    erase(desk, DRIVING)
    erasures = consents(desk).erasures
    ((entry, name),) = erasures.untold()
    assert (entry.subject, entry.purposes, name) == (SUBJECT, purpose_set([DRIVING]), "cdp")
    erasures.told(entry.n, name, None)
    assert erasures.untold() == [(entry, "cdp")]
    erasures.told(entry.n, name, 99)
    assert (erasures.untold(), erasures.status(SUBJECT)) == ([], [(1, "cdp", 2, 99)])


def test_a_guest_gets_all_that_is_held(desk: Desk) -> None:
    """Records as signed, the visit, the link, erasures, and the events with their values; of nobody else."""
    record_id = give(desk, DRIVING, LINK)
    other = give(desk, USAGE, subject=88)
    desk.take(
        letter(1, [DRIVING], [record_id]), letter(6, [USAGE], [other], subject=88), link(20, "p", SUBJECT, record_id)
    )
    found = json.loads(bundle(desk.db, SUBJECT, 7, ledger(desk).history(SUBJECT), []))
    assert found["subject"] == f"{SUBJECT:016x}"
    assert [len(found[name]) for name in ("records", "events")] == [1, 6]
    assert found["visit"]["device"] == CAR.device
    assert found["link"]["person"] == "p"
    assert found["events"][0]["values"]
    assert found["events"][-1]["record"]["link"]["person"] == "p"
    assert f"{88:016x}" not in json.dumps(found)


def test_a_report_that_the_wipe_failed_is_an_alarm(desk: Desk) -> None:
    """The visit is over all the same."""
    give(desk, DRIVING)
    report = consent_pb2.SessionReport(subject=SUBJECT, phase=consent_pb2.SessionReport.PHASE_WIPE_FAILED)
    desk.take(CAR.control(1, control_pb2.ControlRecord(session=report)))
    assert (desk.counter("wipes_failed"), states(desk)) == (1, {"driving_behaviour": "expired"})
