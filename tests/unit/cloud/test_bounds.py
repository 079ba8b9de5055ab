"""What one device can make the cloud keep; must never need a broker or a thread."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from forecourt.v1 import event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.schema import open_database
from gateway.limits import (
    CLOUD_DICTIONARIES_MAX,
    CLOUD_EPOCHS_MAX,
    POISON_KEPT_MAX,
    POISON_PAYLOAD_BYTES_MAX,
    POISON_UNPROVEN_MAX,
)
from gateway.model import SeqRange, Stream
from tests.kit.cloudside import Car, Desk

CAR = Car()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Admission that knows one device."""
    db: sqlite3.Connection
    with closing(open_database(":memory:")) as db:
        yield Desk(CAR, db=db)


def test_a_device_has_so_many_epochs_and_no_more(desk: Desk) -> None:
    """A device that leaves holes in all of them fills no table; its known epochs go on."""
    desk.take(*[CAR.letter(forge.bag(3, 1), epoch=epoch) for epoch in range(1, CLOUD_EPOCHS_MAX + 1)])
    over, gap = desk.take(
        CAR.letter(forge.bag(1, 1), epoch=7_000),
        Car(CAR.device, 1, CAR.key).control(1, forge.gap(8_000, Stream.LIVE, SeqRange(1, 9))),
    )
    assert over.poison is not None
    assert (over.new, gap.new) == (0, 1)
    assert desk.db.execute("select count(distinct epoch) from stream").fetchone()[0] == CLOUD_EPOCHS_MAX
    assert desk.take(CAR.letter(forge.bag(2, 1), epoch=5))[0].new == 1


def test_a_device_whose_store_is_made_anew_for_ever_goes_on(desk: Desk) -> None:
    """The oldest epoch in which nothing is missing makes room; one with a hole stays, and so does the present one."""
    desk.take(CAR.letter(forge.bag(3, 1), epoch=1))
    for epoch in range(2, CLOUD_EPOCHS_MAX + 30):
        desk.take(Car(CAR.device, epoch, CAR.key).birth(), CAR.letter(forge.bag(1, 5), epoch=epoch))
    found = [row[0] for row in desk.db.execute("select distinct epoch from stream order by epoch")]
    assert found == [1, *range(31, CLOUD_EPOCHS_MAX + 30)]
    assert desk.poison() == []
    assert desk.take(CAR.letter(forge.bag(1, 5), epoch=40))[0].repeated == 5


def test_a_device_has_so_many_dictionaries_and_no_more(desk: Desk) -> None:
    """Beyond the bound the older ones are forgotten and asked for again; the one that comes is known."""
    batch = event_pb2.EventBatch()
    for number in range(CLOUD_DICTIONARIES_MAX + 5):
        batch = forge.batch(CAR.device, CAR.epoch, Stream.LIVE, [forge.bag(number + 1, 1)], with_dictionary=True)
        batch.dictionary = number + 1
        assert desk.take(CAR.sealed(batch))[0].new == 1
    assert desk.db.execute("select count(*) from dictionary").fetchone()[0] <= CLOUD_DICTIONARIES_MAX
    batch.dictionary = 1
    batch.ClearField("shapes")
    assert desk.take(CAR.sealed(batch))[0].unknown_dictionary == 1


def test_the_poison_table_is_bounded(desk: Desk) -> None:
    """Neither many nor long messages fill the disk; the latest are kept, and strangers push out none of a device."""
    topic = CAR.topics.events(Stream.LIVE)
    flood = [(topic, bytes([n % 256]) * (POISON_PAYLOAD_BYTES_MAX + 10)) for n in range(POISON_KEPT_MAX + 20)]
    bad = forge.bag(1, 5)
    bag_of_nobody = [CAR.letter(event_pb2.Bag(first_seq=n, count=5, codec=bad.codec)) for n in (1, 6, 11)]
    desk.take(*bag_of_nobody, *flood)
    count, longest = desk.db.execute("select count(*), max(length(payload)) from poison").fetchone()
    assert (count, longest) == (POISON_UNPROVEN_MAX + 3, POISON_PAYLOAD_BYTES_MAX)
    assert desk.counter("poison.signature") == POISON_KEPT_MAX + 20


def test_what_comes_again_is_kept_once(desk: Desk) -> None:
    """A bag of a later version comes every minute: it does not push out what else was put aside."""
    later, other = CAR.letter(forge.bag(1, 5, forge.NO_CODEC)), CAR.letter(forge.bag(6, 5, forge.NO_CODEC))
    for _ in range(3):
        desk.clock.advance(60)
        desk.take(later, other)
    rows = desk.db.execute("select reason, at_us from poison").fetchall()
    assert rows == [("later", desk.clock.wall_us())] * 2
    assert desk.counter("poison.later") == 6
