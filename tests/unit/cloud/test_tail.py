"""Effects are read beside a writer, with their names; must never miss or repeat one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import event_pb2, record_pb2

from gateway.cloud.certify import forge
from gateway.cloud.enrolled import Enrolled
from gateway.cloud.schema import open_beside, open_database
from gateway.cloud.tail import Tail
from gateway.identity import load_cloud
from gateway.identity.pki import make_dev_pki
from gateway.model import Stream
from tests.kit.cloudside import Car, Desk

CAR, OTHER = Car(), Car("car-2")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Admission on a file."""
    with closing(open_database(tmp_path / "cloud.db")) as db:
        yield Desk(CAR, OTHER, db=db)


@pytest.fixture
def beside(desk: Desk, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A second connection that only reads."""
    with closing(open_beside(tmp_path / "cloud.db")) as db:
        yield db


def test_events_come_once_in_order_of_arrival(desk: Desk, beside: sqlite3.Connection) -> None:
    """Also those that arrived late, and only those of one device when asked."""
    tail, one = Tail(beside), Tail(beside, "car-2")
    assert tail.next() == []
    desk.take(CAR.letter(forge.bag(11, 2)), OTHER.letter(forge.bag(1, 1)))
    assert [(seen.device, seen.seq) for seen in tail.next()] == [("car-1", 11), ("car-1", 12), ("car-2", 1)]
    desk.take(CAR.letter(forge.bag(7, 1)))
    assert [(seen.kind, seen.purposes, seen.stream) for seen in tail.next()] == [
        ("certify", "vehicle_operation", "live")
    ]
    assert tail.next() == []
    assert [seen.seq for seen in one.next()] == [1]


def test_values_have_names_and_types(desk: Desk, beside: sqlite3.Connection) -> None:
    """A bool is a bool again; skip leaves the last ones."""
    desk.take(CAR.letter(forge.bag(1, 7)))
    tail = Tail(beside)
    tail.skip(but=1)
    (seen,) = tail.next()
    assert seen.values == (("Vehicle.Speed", 7.0), ("Vehicle.Cabin.Door.Row1.DriverSide.IsOpen", True))


def test_records_are_shown_as_json(desk: Desk, beside: sqlite3.Connection) -> None:
    """A record keeps its bytes in the table and is read for people."""
    bag = event_pb2.Bag(first_seq=1, count=1, codec=event_pb2.CODEC_IDENTITY)
    record = record_pb2.Record(trip=record_pb2.Trip(id=5, phase=record_pb2.Trip.PHASE_BEGAN))
    bag.rows.rows.add(ts_us=1, received_ms=1, shape=9, record=record)
    batch = forge.batch("car-1", 11, Stream.LIVE, [bag])
    batch.shapes.add(id=9, kind="trip")
    desk.take(CAR.sealed(batch))
    (seen,) = Tail(beside).next()
    assert seen.kind == "trip"
    assert '"phase": "PHASE_BEGAN"' in str(dict(seen.values)["record"])
    assert desk.db.execute("select record from effect").fetchone() == (record.SerializeToString(),)


def test_a_reader_cannot_write(beside: sqlite3.Connection) -> None:
    """The verbs beside a service change nothing."""
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        beside.execute("delete from meta")


def test_new_enrolments_are_found(tmp_path: Path) -> None:
    """A device enrolled later is known without a restart, and strangers do not make the disk busy."""
    pki = make_dev_pki(tmp_path, ["car-1"])
    patient, eager = (Enrolled(load_cloud(pki.cloud), refresh_s=s) for s in (3_600.0, 0.0))
    assert eager("car-2") is None
    make_dev_pki(tmp_path, ["car-2"])
    assert eager("car-2") is not None
    assert patient("car-2") is None
    assert patient("car-1") is not None
    assert Ed25519PrivateKey.generate().public_key() != eager("car-1")
