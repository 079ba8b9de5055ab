"""Late copies of what was withdrawn are told by numbers, over rescues too; must never go by a clock that lies."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from forecourt.v1 import control_pb2, event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.schema import open_database
from gateway.model import Purpose, Stream
from tests.kit.cloudside import Car, Desk, Letter

OLD, NEW = 11, 22
CAR = Car(epoch=NEW)
BEFORE = Car(CAR.device, OLD, CAR.key)
FAR_PAST, FAR_FUTURE = 0, 4_000_000_000_000_000


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Admission that heard a device with two epochs, one after the other."""
    db: sqlite3.Connection
    with closing(open_database(":memory:")) as db:
        made = Desk(CAR, db=db)
        made.take(BEFORE.birth(connect=1), CAR.birth(connect=1))
        yield made


def guest(bag: event_pb2.Bag, epoch: int, origin: tuple[int, int] | None = None) -> Letter:
    """A bag about a guest."""
    if origin is not None:
        bag.origin_epoch, bag.origin_first = origin
    batch = forge.batch(CAR.device, epoch, Stream.LIVE, [bag])
    batch.consents[0].subject = 77
    batch.consents[0].purposes[:] = [int(Purpose.DRIVING_BEHAVIOUR)]  # type: ignore[list-item]
    return CAR.sealed(batch)


def request(at_us: int, last: int, epoch: int) -> control_pb2.ControlRecord:
    """The guest withdrew when so many numbers of an epoch were given."""
    record = control_pb2.ControlRecord(
        at_us=at_us,
        erasure=control_pb2.ErasureRequest(id=1, subject=77, purposes=[int(Purpose.DRIVING_BEHAVIOUR)], epoch=epoch),
    )
    record.erasure.heads.add(stream=int(Stream.LIVE), last=last)
    return record


@pytest.mark.parametrize("at_us", [FAR_PAST, FAR_FUTURE], ids=["clock at 1970", "clock of the next century"])
@pytest.mark.parametrize("told_in", [OLD, NEW], ids=["told before the rescue", "salvaged itself"])
def test_a_request_of_the_old_epoch_judges_both_epochs(desk: Desk, at_us: int, told_in: int) -> None:
    """Its numbers are those of the old epoch, in whichever it comes; what has no old number came after it."""
    car = BEFORE if told_in == OLD else CAR
    desk.take(car.control(1, request(at_us, 100, OLD)))
    assert desk.take(guest(forge.bag(96, 5), OLD))[0].new == 0, "a late copy"
    assert desk.take(guest(forge.bag(101, 5), OLD))[0].new == 5, "a new yes of the old epoch"
    assert desk.take(guest(forge.bag(1, 5), NEW, (OLD, 91)))[0].new == 0, "salvaged from before the request"
    assert desk.take(guest(forge.bag(6, 5), NEW, (OLD, 111)))[0].new == 5, "salvaged from after it"
    assert desk.take(guest(forge.bag(11, 5), NEW))[0].new == 5, "a new yes of the new epoch, with a small number"


@pytest.mark.parametrize("at_us", [FAR_PAST, FAR_FUTURE], ids=["clock at 1970", "clock of the next century"])
def test_a_request_of_the_new_epoch_judges_both_epochs(desk: Desk, at_us: int) -> None:
    """All of the old epoch was numbered before it, and what was salvaged too."""
    desk.take(CAR.control(1, request(at_us, 10, NEW)))
    assert desk.take(guest(forge.bag(5_000, 5), OLD))[0].new == 0
    assert desk.take(guest(forge.bag(6, 5), NEW, (OLD, 900)))[0].new == 0
    assert desk.take(guest(forge.bag(6, 5), NEW))[0].new == 0
    assert desk.take(guest(forge.bag(11, 5), NEW))[0].new == 5


def test_an_epoch_that_was_never_born_here_is_judged_by_time(desk: Desk) -> None:
    """Nothing else is known of it."""
    desk.take(CAR.control(1, request(FAR_FUTURE, 10, NEW)))
    assert desk.take(guest(forge.bag(1, 5), 33))[0].new == 0
    desk.take(CAR.control(2, request(FAR_PAST, 10, NEW)))
    assert desk.take(guest(forge.bag(6, 5), 33))[0].new == 0, "the first request still holds"


def test_a_later_epoch_is_known_by_its_birth(desk: Desk) -> None:
    """Events of an epoch that begins after the request stand on a new yes."""
    desk.take(CAR.control(1, request(FAR_FUTURE, 10, NEW)))
    assert desk.take(guest(forge.bag(1, 5), 33))[0].new == 0
    desk.take(Car(CAR.device, 33, CAR.key).birth(connect=1))
    assert desk.take(guest(forge.bag(1, 5), 33))[0].new == 5
