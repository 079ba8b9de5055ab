"""An old will never speaks for a new connection; must never go by the order of arrival alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from forecourt.v1 import downlink_pb2

from gateway.cloud.certify import forge
from gateway.cloud.fleet import Seen, devices, speaks
from gateway.cloud.outcome import Doubt
from gateway.cloud.schema import open_database
from gateway.model import ClockQuality
from tests.kit.cloudside import Car, Desk

CAR = Car()
KNOWN = Seen(online=True, epoch=11, boot=5, connect=7)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


@pytest.mark.parametrize(
    ("online", "epoch", "boot", "connect", "believed"),
    [
        (True, 11, 5, 8, True),
        (True, 11, 6, 8, True),
        (True, 11, 5, 7, True),
        (True, 11, 5, 6, False),
        (True, 12, 5, 1, True),
        (False, 11, 5, 7, True),
        (False, 11, 5, 6, False),
        (False, 11, 4, 7, False),
        (False, 12, 5, 7, False),
        (False, 11, 5, 8, False),
    ],
)
def test_who_speaks(online: bool, epoch: int, boot: int, connect: int, believed: bool) -> None:
    """Every combination of birth and will, older, equal and newer."""
    state = downlink_pb2.DeviceState(online=online, epoch=epoch, boot=boot, connect=connect)
    assert speaks(state, KNOWN) is believed
    assert speaks(state, None)


def will(connect: int) -> tuple[str, bytes]:
    """The will of a connection."""
    return CAR.state(downlink_pb2.DeviceState(online=False, epoch=11, boot=5, connect=connect))


def test_a_stale_will_loses(db: sqlite3.Connection) -> None:
    """The will of the connection before arrives after the new birth: the device stays online, and it is counted."""
    desk = Desk(CAR, db=db)
    desk.take(CAR.birth(connect=1))
    outcome = desk.take(CAR.birth(connect=2), will(1))
    assert [o.born is not None for o in outcome] == [True, False]
    assert [device.online for device in devices(db)] == [True]
    assert desk.counter("stale_states") == 1
    desk.take(will(2))
    assert [device.online for device in devices(db)] == [False]


def said(name: int, *before: int, connect: int = 1) -> tuple[str, bytes]:
    """A birth with a name."""
    made = downlink_pb2.DeviceState(online=True, epoch=11, boot=5, connect=connect, birth=name, births=before)
    return CAR.state(made)


def test_of_a_store_in_doubt_nothing_is_taken(db: sqlite3.Connection) -> None:
    """Its numbers were given before, for other events; each batch says so again, until a birth is known again."""
    desk = Desk(CAR, db=db)
    desk.take(said(1), said(3, 1, connect=2), CAR.letter(forge.bag(1, 5)))
    birth, batch, other = desk.take(
        said(2, 1, connect=9), CAR.letter(forge.bag(6, 5)), CAR.letter(forge.bag(1, 1), epoch=12)
    )
    assert (birth.doubted, batch.doubted) == (Doubt(11, 2), Doubt(11, 2))
    assert (birth.born, batch.key, batch.new, other.new) == (None, None, 0, 1)
    assert desk.effects(CAR.stream()) == [1, 2, 3, 4, 5]
    assert (desk.counter("old_copies"), desk.counter("doubted_batches")) == (1, 1)
    true, again = desk.take(said(4, 3, 1, connect=3), CAR.letter(forge.bag(6, 5)))
    assert true.born is not None
    assert again.new == 5


def test_a_device_that_names_no_birth_is_not_doubted(db: sqlite3.Connection) -> None:
    """It would not know the answer; an older connection of it is stale, as before."""
    desk = Desk(CAR, db=db)
    older = desk.take(CAR.birth(connect=5), CAR.birth(connect=4))[1]
    assert (older.doubted, older.born, desk.counter("stale_states")) == (None, None, 1)


def test_a_device_is_seen_by_its_batches(db: sqlite3.Connection) -> None:
    """Without a birth too; its clock's quality is that of its latest boot."""
    desk = Desk(CAR, db=db)
    desk.take(CAR.letter(forge.bag(1, 5)))
    first = devices(db)[0]
    assert (first.online, first.clock, first.seen_us) == (False, ClockQuality.SYNCHRONISED, desk.clock.wall_us())
    desk.clock.advance(60)
    desk.take(CAR.birth(connect=3))
    second = devices(db)[0]
    assert (second.online, second.connect, second.seen_us) == (True, 3, first.seen_us + 60_000_000)
    desk.clock.advance(60)
    desk.take(will(3))
    third = devices(db)[0]
    assert (third.online, third.seen_us, third.clock) == (False, second.seen_us, ClockQuality.SYNCHRONISED)
