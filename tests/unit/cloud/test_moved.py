"""Proves that an event which a rescue numbered anew has one effect, whatever the order in which its numbers come."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations

import pytest

from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.schema import open_database
from gateway.model import GapReason, SeqRange, Stream
from tests.kit.cloudside import Car, Desk, Letter

CAR = Car(epoch=22)
OLD = 11
LIVE = CAR.stream()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


def salvaged(first: int, count: int, origin: int, epoch: int = OLD) -> Letter:
    """A bag of the new epoch whose events had numbers from `origin` on."""
    bag = forge.bag(first, count)
    bag.origin_epoch, bag.origin_first = epoch, origin
    return CAR.letter(bag)


LATE = CAR.letter(forge.bag(1, 10), epoch=OLD)
GAP = CAR.control(1, forge.gap(OLD, Stream.LIVE, SeqRange(1, 10)))
MOVED = salvaged(101, 10, 1)


@pytest.mark.parametrize("held", [0, 6, 10])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_one_effect_in_any_order(db: sqlite3.Connection, held: int, order: tuple[int, ...]) -> None:
    """A late copy, the gap that the rescue tells, the salvaged bag, and it again: ten events, ten effects."""
    desk = Desk(CAR, db=db)
    if held:
        desk.take(CAR.letter(forge.bag(1, held), epoch=OLD))
    letters = [LATE, GAP, MOVED, MOVED]
    for index in order:
        desk.take(letters[index])
    effects = len(desk.effects(CAR.stream(epoch=OLD))) + len(desk.effects(LIVE))
    assert effects == 10
    for item in audit(db):
        first_of_epoch = 100 if item.key == LIVE else 0
        assert [one for one in item.missing if one.last > first_of_epoch] == []
        assert (item.duplicates, item.both, item.faithful) == (0, 0, True)


def test_both_numbers_are_explained(db: sqlite3.Connection) -> None:
    """Six had their effect before, four have it now; each other number says where its event is."""
    desk = Desk(CAR, db=db)
    desk.take(CAR.letter(forge.bag(1, 6), epoch=OLD), MOVED)
    assert (desk.effects(CAR.stream(epoch=OLD)), desk.effects(LIVE)) == (list(range(1, 7)), list(range(107, 111)))
    told = db.execute("select epoch, first, last, reason from gap order by epoch").fetchall()
    assert told == [(OLD, 7, 10, GapReason.MOVED), (22, 101, 106, GapReason.REPEATED)]
    assert desk.counter("salvaged_repeated") == 6


def test_a_bag_that_was_moved_twice_names_its_first_number(db: sqlite3.Connection) -> None:
    """What had its effect on the way is not repeated by the second rescue."""
    desk, later = Desk(CAR, db=db), Car(CAR.device, 33, CAR.key)
    desk.take(MOVED)
    again = forge.bag(1, 10)
    again.origin_epoch, again.origin_first = OLD, 1
    desk.take(later.letter(again))
    assert desk.effects(later.stream()) == []
    assert len(desk.effects(LIVE)) == 10


@pytest.mark.parametrize(("epoch", "origin"), [(22, 1), (OLD, 0), (OLD, (1 << 63) - 1), (OLD, (1 << 64) - 1)])
def test_an_origin_that_cannot_be_is_poison(db: sqlite3.Connection, epoch: int, origin: int) -> None:
    """The same epoch, no number, or one beyond all: the bag is put aside, and nothing is held."""
    desk = Desk(CAR, db=db)
    outcome = desk.take(salvaged(101, 10, origin, epoch))[0]
    assert outcome.poison is not None
    assert (outcome.new, desk.effects(LIVE)) == (0, [])
