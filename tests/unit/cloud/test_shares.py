"""What one device can make the tables of the inbox hold; must never lose a number on the way."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from forecourt.v1 import control_pb2

from gateway.cloud.certify import forge
from gateway.cloud.explain import explain
from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import open_database, signed
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.limits import (
    CLOUD_ARRIVALS_MAX,
    CLOUD_BOOTS_MAX,
    CLOUD_CONTROL_BODIES_MAX,
    CLOUD_ERASURES_MAX,
    CLOUD_GAPS_MAX,
    CLOUD_RANGES_KEPT_MAX,
    CLOUD_REPLIES_MAX,
)
from gateway.model import Purpose, PurposeSet, SeqRange, Stream
from tests.kit.cloudside import Car, Desk

CAR = Car()
LIVE = CAR.stream()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Admission that knows one device."""
    db: sqlite3.Connection
    with closing(open_database(":memory:")) as db:
        yield Desk(CAR, db=db)


def fill(desk: Desk, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows as many messages would have left them."""
    desk.db.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)


def count(desk: Desk, table: str) -> int:
    """Rows of a table."""
    return int(desk.db.execute(f"select count(*) from {table}").fetchone()[0])


def test_gaps_beyond_the_bound_are_put_aside(desk: Desk) -> None:
    """The record counts as come, its numbers do not count as explained; a device beside it is not hindered."""
    other = Car("car-2")
    desk.keys["car-2"] = other.key.public_key()
    fill(desk, "gap", [(CAR.device, 11, 3, n, n, 1, 0) for n in range(1, 2 * CLOUD_GAPS_MAX, 2)])
    record = forge.gap(11, Stream.LIVE, SeqRange(1, 5))
    over, fine = desk.take(CAR.control(1, record), other.control(1, record))
    assert (over.new, fine.new) == (1, 1)
    assert (desk.held(LIVE), desk.held(other.stream())) == (Numbers(), Numbers(5))
    assert (desk.poison(), desk.counter("gap_over_bound")) == ([(CAR.device, "numbers")], 1)


def test_a_gap_far_above_too_many_ranges_comes_again_later(desk: Desk) -> None:
    """It is neither done nor receipted, as a bag there would be; when the floor has risen it is."""
    every_other = [forge.bag(2 * n, 1) for n in range(1, CLOUD_RANGES_KEPT_MAX + 1)]
    for start in range(0, len(every_other), 256):
        desk.take(CAR.letter(*every_other[start : start + 256]))
    far = CAR.control(1, forge.gap(11, Stream.LIVE, SeqRange(9_000_001, 9_000_001)))
    assert desk.take(far)[0].new == 0
    assert (desk.held(CAR.stream(Stream.CONTROL)), desk.counter("too_scattered")) == (Numbers(), 1)
    assert desk.take(CAR.control(2, forge.gap(11, Stream.LIVE, SeqRange(1, 9))))[0].new == 1
    assert desk.take(far)[0].new == 1
    assert desk.held(LIVE).head == 9_000_001


def test_old_control_records_keep_their_place_and_lose_their_content(desk: Desk) -> None:
    """So that the audit still counts them."""
    rows = [(CAR.device, 11, n, 0, 0, "gap", b"content") for n in range(1, CLOUD_CONTROL_BODIES_MAX + 300)]
    fill(desk, "control", rows)
    last = len(rows)
    for number in range(last + 1, last + 300, 50):
        records = [control_pb2.ControlRecord(at_us=1)] * 50
        desk.take(CAR.control(number, *records))
    assert count(desk, "control") == last + 300
    kept = desk.db.execute("select count(*), min(seq) from control where body <> x''").fetchone()
    assert CLOUD_CONTROL_BODIES_MAX <= kept[0] <= CLOUD_CONTROL_BODIES_MAX + 256
    assert kept[1] > 250
    assert desk.counter("control_bodies_forgotten") > 0


def test_old_arrivals_are_joined_and_still_explained(desk: Desk) -> None:
    """Of numbers long ago it is known that they came, and no longer in which batch."""
    rows = [(*LIVE.row, 2 * n + 1, 2 * n + 2, n, n) for n in range(CLOUD_ARRIVALS_MAX)]
    fill(desk, "admitted", rows)
    after = 2 * CLOUD_ARRIVALS_MAX
    desk.take(CAR.letter(forge.bag(after + 1, 5)))
    assert count(desk, "admitted") <= CLOUD_ARRIVALS_MAX // 2 + 2
    assert "long ago" in explain(desk.db, LIVE, 7).text
    assert "in batch 1;" not in explain(desk.db, LIVE, after + 3).text
    assert explain(desk.db, LIVE, after + 3).state == "delivered"
    ranges = desk.db.execute("select first, last from admitted order by first").fetchall()
    assert Numbers(0, ranges) == Numbers(after + 5)


def test_arrivals_that_cannot_be_joined_are_not_tried_again_each_time(desk: Desk) -> None:
    """Holes between them stay holes; the next try comes after as many new ones."""
    fill(desk, "admitted", [(*LIVE.row, 2 * n + 1, 2 * n + 1, n, n) for n in range(CLOUD_ARRIVALS_MAX)])
    desk.take(CAR.letter(forge.bag(9_000_001, 5)), CAR.letter(forge.bag(9_000_101, 5)))
    assert count(desk, "admitted") == CLOUD_ARRIVALS_MAX + 2
    assert desk.db.execute("select count(*) from admitted where batch = -1").fetchone()[0] > 0


def test_boots_beyond_the_bound_are_not_noted(desk: Desk) -> None:
    """The events of such a batch are taken all the same, and boots that are known are still corrected."""
    fill(desk, "boot", [(CAR.device, n, 5, 1) for n in range(1_000, 1_000 + CLOUD_BOOTS_MAX)])
    batch = forge.batch(CAR.device, 11, Stream.LIVE, [forge.bag(1, 5)])
    known = batch.boots.add(id=1_000, wall_at_boot_us=99)
    assert desk.take(CAR.sealed(batch))[0].new == 5
    assert (count(desk, "boot"), desk.counter("boot_over_bound")) == (CLOUD_BOOTS_MAX, 1)
    found = desk.db.execute("select wall_at_boot_us from boot where id = 1000").fetchone()
    assert found == (known.wall_at_boot_us,)


def test_a_withdrawal_is_always_done(desk: Desk) -> None:
    """Beyond the bound the oldest is forgotten by which late copies were known."""
    fill(desk, "erased", [(CAR.device, n, 8, 0, 0, 11, "{}") for n in range(1, CLOUD_ERASURES_MAX + 1)])
    batch = forge.batch(CAR.device, 11, Stream.LIVE, [forge.bag(1, 5)])
    batch.consents[0].subject = 77
    batch.consents[0].purposes[:] = [int(Purpose.DRIVING_BEHAVIOUR)]  # type: ignore[list-item]
    desk.take(CAR.sealed(batch))
    request = control_pb2.ErasureRequest(id=1, subject=77, purposes=[int(Purpose.DRIVING_BEHAVIOUR)])
    desk.take(CAR.control(1, control_pb2.ControlRecord(at_us=1, erasure=request)))
    assert desk.effects(LIVE) == []
    assert (count(desk, "erased"), desk.counter("erased_over_bound")) == (CLOUD_ERASURES_MAX, 1)
    assert desk.db.execute("select min(subject) from erased").fetchone() == (2,)


def test_answers_to_one_command_are_bounded(desk: Desk) -> None:
    """A device that answers for ever fills no table; its numbers are receipted, the stage is noted."""
    fill(desk, "command", [(signed(5), CAR.device, "k", 1, b"", 0, 1, 0)])
    answers = [
        control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=5, stage="COMMAND_STAGE_RUNNING"))
        for _ in range(CLOUD_REPLIES_MAX + 10)
    ]
    answers.append(control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=5, stage="COMMAND_STAGE_DONE")))
    outcome = desk.take(CAR.control(1, *answers))[0]
    assert (outcome.new, len(outcome.replies)) == (len(answers), len(answers))
    assert (count(desk, "reply"), desk.counter("replies_over_bound")) == (CLOUD_REPLIES_MAX, 11)
    assert desk.db.execute("select stage from command").fetchone() == (int(control_pb2.COMMAND_STAGE_DONE),)


class _Refusing(SqliteSink):
    """Erases nothing."""

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Fails."""
        raise RuntimeError("refuses")


def test_counts_follow_a_message_that_is_undone() -> None:
    """Room that was taken by what is not there is given back."""
    with closing(open_database(":memory:")) as db:
        desk = Desk(CAR, db=db, sink=_Refusing())
        fill(desk, "gap", [(CAR.device, 11, 3, n, n, 1, 0) for n in range(1, CLOUD_GAPS_MAX)])
        record = forge.gap(11, Stream.LIVE, SeqRange(1, 5))
        request = control_pb2.ErasureRequest(id=1, subject=77, purposes=[int(Purpose.DRIVING_BEHAVIOUR)])
        undone = CAR.control(1, record, control_pb2.ControlRecord(at_us=1, erasure=request))
        assert desk.take(undone)[0].new == 0
        assert desk.take(CAR.control(1, record))[0].new == 1
        assert (desk.counter("gap_over_bound"), desk.held(LIVE)) == (0, Numbers(5))
