"""Late, untold and lost are told apart, and each number can be explained; must never be judged by counters."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.explain import effects, explain, parse_place
from gateway.cloud.gaps import HoleState, StreamGaps, watch
from gateway.cloud.schema import open_database
from gateway.errors import InputError
from gateway.model import SeqRange, Stream
from tests.kit.cloudside import Car, Desk

CAR = Car()
LIVE = CAR.stream()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


@pytest.fixture
def desk(db: sqlite3.Connection) -> Desk:
    """Holds 1-10 and 21-30 of the live stream."""
    made = Desk(CAR, db=db)
    made.take(CAR.letter(forge.bag(1, 10), forge.bag(21, 10)))
    return made


def head(stream: Stream, last: int, kept: int, epoch: int = 11) -> downlink_pb2.StreamReceipt:
    """What a birth tells of a stream."""
    oldest = control_pb2.Range(first=kept, last=max(kept, last))
    return downlink_pb2.StreamReceipt(epoch=epoch, stream=int(stream), floor=last, above=[oldest])


def live(db: sqlite3.Connection) -> StreamGaps:
    """The watch's word on the live stream."""
    return next(item for item in watch(db, "car-1") if item.key == LIVE)


def states(db: sqlite3.Connection) -> list[tuple[tuple[int, int], str]]:
    """The holes of the live stream."""
    return [(tuple(hole.numbers), str(hole.state)) for hole in live(db).holes]  # type: ignore[misc]


def test_a_hole_is_open_while_the_device_may_keep_it(desk: Desk) -> None:
    """Without a birth that says otherwise, and up to the head that a birth tells."""
    assert states(desk.db) == [((11, 20), "open")]
    desk.take(CAR.birth(heads=[head(Stream.LIVE, 35, kept=11)]))
    assert states(desk.db) == [((11, 20), "open"), ((31, 35), "open")]
    assert live(desk.db).missing(HoleState.OPEN) == 15


def test_a_hole_that_the_device_no_longer_keeps_is_unexplained(desk: Desk) -> None:
    """The birth names the oldest number kept; what lacks below it will never come."""
    desk.take(CAR.birth(heads=[head(Stream.LIVE, 30, kept=16)]))
    assert states(desk.db) == [((11, 15), "unexplained"), ((16, 20), "open")]
    assert explain(desk.db, LIVE, 12).state == "unexplained"
    assert explain(desk.db, LIVE, 17).state == "open"


def test_it_is_untold_while_control_records_are_on_their_way(desk: Desk) -> None:
    """The device's control stream has records that are not here; then the gap arrives and explains the hole."""
    desk.take(CAR.birth(heads=[head(Stream.LIVE, 30, kept=31), head(Stream.CONTROL, 1, kept=1)]))
    assert states(desk.db) == [((11, 20), "untold")]
    desk.take(CAR.control(1, forge.gap(11, Stream.LIVE, SeqRange(11, 20))))
    assert states(desk.db) == []
    assert live(desk.db).told == {"expired": 10}
    found = explain(desk.db, LIVE, 15)
    assert (found.state, found.at_us) == ("gap", desk.clock.wall_us())
    assert "expired" in found.text


def test_a_store_that_is_gone_explains_nothing(desk: Desk) -> None:
    """After a birth of another epoch the old one's holes cannot be filled."""
    newer = Car(epoch=12, key=CAR.key)
    desk.take(newer.birth(connect=1))
    assert states(desk.db) == [((11, 20), "unexplained")]


def test_a_delivered_number_is_explained(desk: Desk) -> None:
    """When it came, and that one row is held."""
    found = explain(desk.db, LIVE, 21)
    assert (found.state, found.at_us, found.rows) == ("delivered", desk.clock.wall_us(), 1)
    assert effects(desk.db, LIVE) == 20
    assert effects(desk.db, LIVE, 15) == 0


def test_an_erased_number_is_still_delivered(desk: Desk) -> None:
    """Its row is gone, and the explanation says so."""
    desk.db.execute("delete from effect_row where seq = 5")
    found = explain(desk.db, LIVE, 5)
    assert (found.state, found.rows) == ("delivered", 0)
    assert "erased" in found.text


def test_what_was_never_given_is_unknown(desk: Desk) -> None:
    """A number above the head, or of a stream of which nothing is known."""
    assert explain(desk.db, LIVE, 31).text == "the last number that is known to be given is 30"
    assert explain(desk.db, CAR.stream(Stream.BULK), 1).state == "unknown"


def test_places_are_read_and_mistakes_named() -> None:
    """DEVICE/EPOCH/STREAM, with or without a number."""
    assert parse_place("car-1/11/live/4") == (LIVE, 4)
    assert parse_place("car-1/11/control") == (CAR.stream(Stream.CONTROL), None)
    for wrong in ("car-1/11", "car-1/x/live/4", "car-1/11/fast/4", "car-1/11/live/-4", "car-1/11/live/4/5"):
        with pytest.raises(InputError, match="DEVICE/EPOCH/STREAM/NUMBER"):
            parse_place(wrong)


def test_the_audit_counts_rows(desk: Desk) -> None:
    """Duplicates, lost rows and rows that are gaps as well show, since each row is looked at."""
    desk.take(CAR.control(1, forge.gap(11, Stream.LIVE, SeqRange(11, 12))))
    sound = next(item for item in audit(desk.db) if item.key == LIVE)
    assert (sound.effects, sound.duplicates, sound.gaps, sound.both, sound.faithful) == (20, 0, 2, 0, True)
    assert sound.missing == (SeqRange(13, 20),)
    desk.db.execute("insert into effect_row select * from effect_row where seq in (3, 4)")
    desk.db.execute("delete from effect_row where seq = 9")
    desk.db.execute("update effect_row set seq = 11 where seq = 10")
    broken = next(item for item in audit(desk.db, "car-1") if item.key == LIVE)
    assert (broken.effects, broken.duplicates, broken.both, broken.faithful) == (21, 2, 1, False)
    assert broken.missing == (SeqRange(9, 10), SeqRange(13, 20))
    control = next(item for item in audit(desk.db) if item.key.stream is Stream.CONTROL)
    assert (control.effects, control.missing, control.faithful) == (1, (), True)
