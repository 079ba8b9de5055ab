"""What vehicles and authorities tell of profiles; must never let in what could not be told again."""

import sqlite3
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import consent_pb2, control_pb2, profile_pb2, record_pb2

from gateway.clock import ManualClock
from gateway.cloud.profile.desk import REQUESTS_MAX, ProfileDesk
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Effects, ShapeInfo
from gateway.errors import InputError
from gateway.model import Stream
from gateway.profile import Document, Edit, Hlc, Origin, Register, Value, rebuilt, take
from gateway.profile.sealing import context, public_bytes, seal
from gateway.profile.wording import document_bytes, edit_bytes, edit_head, read_document, read_edit

NOW_MS = ManualClock().wall_us() // 1_000
EPOCH, CAR, JAN = bytes(range(16)), "car-1", 7
_SUV = Origin(CAR, "suv", 1, {"Vehicle.Cabin.Seat.Row1.DriverSide.Position": 153, "Vehicle.Mode": "comfort"})


def _profile(epoch: bytes) -> Document:
    """One with fields of each kind, a tombstone, and what only a newer version knows."""
    found = Document(epoch, 3)
    groups: list[tuple[str, dict[str, Value | None], Origin]] = [
        ("posture", {"seat.leg_mm": 812.0, "seat.torso_deg": 24.5, "posture.massage_level": 3}, _SUV),
        ("radio", {"radio.presets": ("fm:d3a1@88700", "dab:e0.10bc"), "radio.frequency_khz": 88_700}, Origin("app")),
        ("home", {"home.address": "Marktplatz 1", "home.latitude": None}, Origin("app")),
    ]
    for number, (group, values, origin) in enumerate(groups):
        found = take(found, found.edit(group, values, Hlc(NOW_MS, number, "app"), origin)).document
    return found


def documents() -> list[bytes]:
    """As they travel."""
    return [document_bytes(_profile(EPOCH)), document_bytes(Document(EPOCH))]


def edits(epoch: bytes = EPOCH) -> list[bytes]:
    """Of a group with and without others, of a tombstone, of what nobody knows."""
    before, stamp = _profile(epoch), Hlc(NOW_MS, 9, CAR)
    return [
        edit_bytes(1, epoch, one)
        for one in (
            before.edit("posture", {"seat.leg_mm": 700.0}, stamp, _SUV),
            before.edit("radio", {"radio.presets": None}, stamp, Origin(CAR)),
            Edit("new.group", {"new.group.field": ("a", "b")}, stamp, Origin(CAR)),
        )
    ]


def document(data: bytes) -> None:
    """What is read says the same when it is told again."""
    found = read_document(data)
    again = read_document(document_bytes(found))
    assert again == found, "a document changed on its way"


def edit(data: bytes) -> None:
    """What is read can be taken, shown, told again, and is the same then."""
    number, epoch, found = read_edit(data)
    assert edit_head(data) == (number, epoch)
    assert read_edit(edit_bytes(number, epoch, found)) == (number, epoch, found), "an edit changed on its way"
    here = _profile(EPOCH)
    there = take(here, found).document
    others = {key: one for key, one in here.registers.items() if one.group != found.group and key not in found.values}
    assert all(_at(there, key) == one for key, one in others.items() if key not in found.carried), (
        "another group changed"
    )
    assert rebuilt(there, []) == there


def _at(one: Document, key: str) -> Register | None:
    return one.registers.get(key)


@cache
def desk() -> tuple[sqlite3.Connection, ProfileDesk, bytes, Counter[str]]:
    """One that holds a visit with a profile; each input is undone again."""
    db, counts = open_database(":memory:"), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix="forecourt-fuzz-"))
    terms = ProfileTerms.of(Ed25519PrivateKey.from_private_bytes(bytes(32)), folder / "erasures.jsonl")

    def count(name: str, by: int) -> None:
        counts[name] += by

    made = ProfileDesk(db, terms, ManualClock(), count)
    profile = made.ledger.new()
    db.execute("update profile set epoch = ?", (EPOCH,))
    made.ledger._keep(profile, _profile(EPOCH), "app", ["posture"])
    db.execute(
        "insert into profile_visit(subject, device, profile, session_key, opened_us) values(?, ?, ?, x'', 1)",
        (JAN, CAR, profile),
    )
    return db, made, public_bytes(terms.seal), counts


def requests() -> list[bytes]:
    """Control records that a profile desk looks at."""
    asks = profile_pb2.ProfileRequest(subject=JAN, request=9, session_key=bytes(31) + b"\1", proof=b"sealed")
    out = profile_pb2.ProfileRequest(subject=JAN, request=9, sign_out=True)
    over = consent_pb2.SessionReport(subject=JAN, phase=consent_pb2.SessionReport.PHASE_WIPED)
    return [
        control_pb2.ControlRecord(profile=asks).SerializeToString(),
        control_pb2.ControlRecord(profile=out).SerializeToString(),
        control_pb2.ControlRecord(session=over).SerializeToString(),
    ]


def request(data: bytes) -> None:
    """A desk takes any record, twice, and keeps little of it."""
    try:
        record = control_pb2.ControlRecord.FromString(data)
    except Exception as error:
        raise InputError("no record") from error
    db, made, _, _ = desk()
    db.execute("begin")
    try:
        due = [made.take(CAR, record), made.take("car-2", record), made.take(CAR, record)]
        (rows,) = db.execute("select count(*) from profile_request").fetchone()
        assert rows <= REQUESTS_MAX
        assert rows == any(due), "somebody is to be answered, and nobody asked"
    finally:
        db.execute("rollback")
    if record.WhichOneof("record") not in {"profile", "session"}:
        raise InputError("none of a profile's")


def sealed(data: bytes) -> None:
    """A desk takes any edit and any result, and the profile can be read afterwards."""
    db, made, key, counts = desk()
    counts.clear()
    edit_of = seal(data, key, context("edit", CAR, JAN))
    result = seal(data, key, context("result", CAR, JAN))
    records = [
        record_pb2.Record(profile=one).SerializeToString()
        for one in (profile_pb2.SealedProfile(edit=edit_of), profile_pb2.SealedProfile(result=result))
    ]
    db.execute("begin")
    try:
        shape = ShapeInfo(1, "profile", ())
        made.take_effects([Effects(CAR, 1, Stream.LIVE, 1, JAN, 8, shape, [1, 2], [1, 1], [1, 1], [records])])
        (profile,) = db.execute("select id from profile").fetchone()
        document(document_bytes(made.ledger.document(profile)))
    finally:
        db.execute("rollback")
    if not counts["profile_edits"]:
        raise InputError("no edit that changes anything")


def record(data: bytes) -> None:
    """The record itself is damaged."""
    db, made, _, counts = desk()
    counts.clear()
    db.execute("begin")
    try:
        shape = ShapeInfo(1, "profile", ())
        made.take_effects([Effects(CAR, 1, Stream.LIVE, 1, JAN, 8, shape, [1], [1], [1], [[data]])])
    finally:
        db.execute("rollback")
    if not counts["profile_edits"]:
        raise InputError("no edit that changes anything")


def records() -> list[bytes]:
    """Sealed edits."""
    key = desk()[2]
    found = [seal(one, key, context("edit", CAR, JAN)) for one in edits()]
    return [record_pb2.Record(profile=profile_pb2.SealedProfile(edit=one)).SerializeToString() for one in found]
