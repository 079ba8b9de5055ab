"""What is admitted, what is put aside, and that both are one transaction; must never need a broker or a thread."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import cast

import pytest
from forecourt.v1 import classification_pb2, control_pb2, event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Effects
from gateway.cloud.sqlite_sink import SqliteSink
from gateway.limits import CLOUD_RANGES_KEPT_MAX
from gateway.model import Purpose, SeqRange, Stream
from tests.kit.cloudside import Car, Desk

CAR, OTHER = Car(), Car("car-2", epoch=22)
LIVE = CAR.stream()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An inbox database in memory."""
    with closing(open_database(":memory:")) as connection:
        yield connection


@pytest.fixture
def desk(db: sqlite3.Connection) -> Desk:
    """Admission that knows two devices."""
    return Desk(CAR, OTHER, db=db)


def test_a_batch_takes_effect_once(desk: Desk) -> None:
    """The same batch again adds nothing, and a receipt is owed for it all the same."""
    letter = CAR.letter(forge.bag(1, 10), forge.bag(11, 5))
    first, again = desk.take(letter)[0], desk.take(letter)[0]
    assert (first.new, first.repeated, first.key) == (15, 0, LIVE)
    assert (again.new, again.repeated, again.key) == (0, 15, LIVE)
    assert desk.effects(LIVE) == list(range(1, 16))
    assert (desk.counter("events"), desk.counter("repeated")) == (15, 15)


def test_a_copy_within_one_commit_takes_effect_once(desk: Desk) -> None:
    """Copies that are admitted together, or in one batch, are seen through as well."""
    letter = CAR.letter(forge.bag(1, 10), forge.bag(1, 10), forge.bag(6, 10))
    assert [outcome.new for outcome in desk.take(letter, letter)] == [15, 0]
    assert desk.effects(LIVE) == list(range(1, 16))


def test_of_an_overlap_only_the_missing_takes_effect(desk: Desk) -> None:
    """A bag around and between what is held is cut to what is missing, values and all."""
    desk.take(CAR.letter(forge.bag(5, 3), forge.bag(12, 2)))
    desk.take(CAR.letter(forge.bag(1, 20, event_pb2.CODEC_COLUMNS_ZSTD)))
    assert desk.effects(LIVE) == list(range(1, 21))
    assert desk.held(LIVE) == Numbers(20)
    speeds = desk.db.execute("select seq, v0 from effect order by seq").fetchall()
    assert speeds == [(seq, float(seq)) for seq in range(1, 21)]


@pytest.mark.parametrize(
    ("letter", "device", "reason"),
    [
        (("forecourt/v1/car-1/up/e/loud", b"x"), "", "topic"),
        (("forecourt/v1/car-9/up/e/live", b"x"), "", "stranger"),
        ((CAR.topics.events(Stream.LIVE), OTHER.letter(forge.bag(1, 5))[1]), "car-1", "signature"),
        ((CAR.topics.events(Stream.LIVE), Car(key=OTHER.key).letter(forge.bag(1, 5))[1]), "car-1", "signature"),
        ((CAR.topics.events(Stream.BULK), CAR.letter(forge.bag(1, 5))[1]), "car-1", "signature"),
        (CAR.sealed(forge.batch("car-2", 11, Stream.LIVE, [forge.bag(1, 5)])), "car-1", "malformed"),
        (CAR.sealed(forge.batch("car-1", 11, Stream.BULK, [forge.bag(1, 5)])), "car-1", "malformed"),
        ((CAR.topics.events(Stream.LIVE), b""), "car-1", "signature"),
        ((CAR.topics.state, b"\xff" * 80), "car-1", "signature"),
    ],
)
def test_what_is_not_believed_is_put_aside(desk: Desk, letter: tuple[str, bytes], device: str, reason: str) -> None:
    """No effect, no number, no receipt; kept with its reason."""
    outcome = desk.take(letter)[0]
    assert outcome.poison is not None
    assert (outcome.key, outcome.born, outcome.new) == (None, None, 0)
    assert desk.poison() == [(device, reason)]
    assert desk.counter(f"poison.{reason}") == 1
    assert desk.effects(LIVE) == []
    assert desk.effects(OTHER.stream()) == []


def test_one_bad_message_costs_its_neighbours_nothing(desk: Desk) -> None:
    """In a commit of several messages the bad one alone is put aside."""
    outcomes = desk.take(
        CAR.letter(forge.bag(1, 5)), (CAR.topics.events(Stream.LIVE), b"\xff" * 99), OTHER.letter(forge.bag(1, 7))
    )
    assert [outcome.new for outcome in outcomes] == [5, 0, 7]
    assert desk.held(LIVE) == Numbers(5)
    assert desk.held(OTHER.stream()) == Numbers(7)


def test_one_bad_bag_costs_its_neighbours_nothing(desk: Desk) -> None:
    """A bag of an unknown codec, damaged, too short or a bomb is put aside alone; its numbers are not receipted."""
    damaged, short = forge.bag(21, 10, event_pb2.CODEC_COLUMNS_ZSTD), forge.bag(31, 10)
    damaged.body = damaged.body[:-3]
    short.count = 9
    bad = (forge.bag(11, 10, forge.NO_CODEC), damaged, short, forge.bomb(41))
    outcome = desk.take(CAR.letter(forge.bag(1, 10), *bad, forge.bag(61, 10)))[0]
    assert outcome.new == 20
    assert desk.held(LIVE) == Numbers(10, [(61, 70)])
    assert desk.effects(LIVE) == [*range(1, 11), *range(61, 71)]
    assert [reason for _, reason in desk.poison()] == ["later", "bag", "bag", "bag"]
    assert [refusal.numbers.first for refusal in outcome.refused] == [21, 31, 41], "a later version may read the other"


def test_an_unknown_dictionary_is_asked_for(desk: Desk) -> None:
    """Neither effect nor receipt until it came; then the same batch takes effect."""
    bare = CAR.letter(forge.bag(1, 5), known=False)
    outcome = desk.take(bare)[0]
    assert (outcome.key, outcome.unknown_dictionary, outcome.poison) == (None, forge.DIGEST, None)
    assert desk.held(LIVE) == Numbers()
    desk.take(CAR.letter(forge.bag(6, 5)))
    assert desk.take(bare)[0].new == 5
    assert desk.held(LIVE) == Numbers(10)


def test_a_dictionary_belongs_to_its_device(desk: Desk) -> None:
    """Another device's dictionary of the same digest does not count."""
    desk.take(CAR.letter(forge.bag(1, 5)))
    assert desk.take(OTHER.letter(forge.bag(1, 5), known=False))[0].unknown_dictionary == forge.DIGEST


def test_a_dictionary_keeps_its_meaning(desk: Desk) -> None:
    """Another content under a known digest is put aside, and the first stays."""
    desk.take(CAR.letter(forge.bag(1, 5)))
    other = forge.batch("car-1", 11, Stream.LIVE, [forge.bag(6, 5)])
    other.signals[0].path = "Vehicle.Height"
    assert desk.take(CAR.sealed(other))[0].new == 0
    assert desk.poison() == [("car-1", "dictionary")]
    assert desk.take(CAR.letter(forge.bag(6, 5)))[0].new == 5


def test_a_dictionary_survives_a_restart(desk: Desk, db: sqlite3.Connection) -> None:
    """A new process reads dictionaries and numbers back."""
    desk.take(CAR.letter(forge.bag(1, 5)))
    again = Desk(CAR, db=db)
    assert [o.new for o in again.take(CAR.letter(forge.bag(4, 5), known=False))] == [3]
    assert again.effects(LIVE) == list(range(1, 9))


def test_told_gaps_are_accounted_for(desk: Desk) -> None:
    """The floor passes a gap; of numbers that are effects already the gap takes none."""
    desk.take(CAR.letter(forge.bag(1, 5), forge.bag(11, 5)))
    desk.take(CAR.control(1, forge.gap(11, Stream.LIVE, SeqRange(4, 10))))
    assert desk.held(LIVE) == Numbers(15)
    assert desk.db.execute("select first, last, reason from gap").fetchall() == [(6, 10, 1)]
    assert desk.take(CAR.letter(forge.bag(6, 5)))[0].new == 0
    assert desk.effects(LIVE) == [*range(1, 6), *range(11, 16)]


def test_senseless_control_records_are_accounted_for(desk: Desk) -> None:
    """A gap in no stream or backwards changes nothing but its own number, and is put aside."""
    nowhere, backwards = forge.gap(11, Stream.LIVE, SeqRange(1, 2)), forge.gap(11, Stream.LIVE, SeqRange(9, 3))
    nowhere.gap.stream = 9
    assert desk.take(CAR.control(1, nowhere, backwards, control_pb2.ControlRecord()))[0].new == 3
    assert desk.held(CAR.stream(Stream.CONTROL)) == Numbers(3)
    assert desk.held(LIVE) == Numbers()
    assert [reason for _, reason in desk.poison()] == ["bag", "numbers"]


def test_too_scattered_numbers_are_not_taken(desk: Desk) -> None:
    """Memory for ranges is bounded: more holes than that are refused until lower ones are filled."""
    firsts = range(2, 2 + 2 * (CLOUD_RANGES_KEPT_MAX + 50), 2)
    for start in range(0, len(firsts), 250):
        desk.take(CAR.letter(*(forge.bag(first, 1) for first in firsts[start : start + 250])))
    assert desk.held(LIVE).fragments == CLOUD_RANGES_KEPT_MAX
    assert desk.counter("too_scattered") == 50
    assert desk.take(CAR.letter(forge.bag(1, 1)))[0].new == 1
    assert desk.held(LIVE).floor == 2


class _FailingSink(SqliteSink):
    """Fails when told, after it wrote."""

    error: Exception | None = None

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Writes, then fails."""
        super().write(db, effects)
        if self.error is not None:
            raise self.error


def test_what_the_disk_refuses_is_undone_whole(db: sqlite3.Connection) -> None:
    """No message of the commit is taken, no number held, and all of them take effect once when they come again."""
    sink = _FailingSink()
    desk = Desk(CAR, OTHER, db=db, sink=sink)
    letters = [CAR.letter(forge.bag(1, 5)), OTHER.letter(forge.bag(1, 5))]
    sink.error = sqlite3.OperationalError("disk I/O error")
    with pytest.raises(sqlite3.OperationalError):
        desk.take(*letters)
    assert (desk.held(LIVE), desk.effects(LIVE)) == (Numbers(), [])
    sink.error = None
    assert [outcome.new for outcome in desk.take(*letters)] == [5, 5]
    assert desk.effects(LIVE) == list(range(1, 6))


def _mistake() -> sqlite3.OperationalError:
    """What SQLite raises for a statement that names a table that is not there."""
    with closing(sqlite3.connect(":memory:")) as db, pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("select * from nowhere")
    return caught.value


@pytest.mark.parametrize("error", [RuntimeError("no"), _mistake()], ids=["its own", "a mistake in its SQL"])
def test_what_a_sink_refuses_is_put_aside(db: sqlite3.Connection, error: Exception) -> None:
    """A sink's own failure undoes the batch alone: no number is held, so nothing is receipted that has no effect."""
    sink = _FailingSink()
    desk = Desk(CAR, OTHER, db=db, sink=sink)
    sink.error = error
    outcomes = desk.take(CAR.letter(forge.bag(1, 5)))
    sink.error = None
    assert [(o.new, o.key) for o in outcomes] == [(0, None)]
    assert (desk.held(LIVE), desk.effects(LIVE), desk.poison()) == (Numbers(), [], [("car-1", "sink")])
    assert desk.take(CAR.letter(forge.bag(1, 5)))[0].new == 5


def person(bag: event_pb2.Bag, *purposes: Purpose, subject: int = 77) -> event_pb2.EventBatch:
    """A batch about a guest."""
    batch = forge.batch("car-1", 11, Stream.LIVE, [bag])
    batch.consents[0].subject = subject
    batch.consents[0].purposes[:] = cast(list[classification_pb2.Purpose], [int(purpose) for purpose in purposes])
    return batch


def erasure(at_us: int, *purposes: Purpose, subject: int = 77) -> control_pb2.ControlRecord:
    """The guest withdraws."""
    return control_pb2.ControlRecord(
        at_us=at_us, erasure=control_pb2.ErasureRequest(id=1, subject=subject, purposes=[int(p) for p in purposes])
    )


def test_an_erasure_erases_and_keeps_the_numbers(desk: Desk) -> None:
    """The guest's rows go, the numbers stay accounted for, and put-aside copies go as well."""
    desk.take(CAR.sealed(person(forge.bag(1, 5), Purpose.DRIVING_BEHAVIOUR)), (CAR.topics.state, b"odd"))
    desk.take(CAR.letter(forge.bag(6, 5)))
    desk.take(CAR.control(1, erasure(2 * forge._BASE_US, Purpose.DRIVING_BEHAVIOUR)))
    assert desk.effects(LIVE) == list(range(6, 11))
    assert desk.held(LIVE) == Numbers(10)
    assert desk.poison() == []
    assert desk.db.execute("select subject, events from erased").fetchall() == [(77, 5)]


def test_an_erasure_of_nobody_erases_nothing(desk: Desk) -> None:
    """Subject 0 is no guest: such a request must not empty the table."""
    desk.take(CAR.letter(forge.bag(1, 5)))
    desk.take(CAR.control(1, erasure(1, Purpose.VEHICLE_OPERATION, subject=0), erasure(1)))
    assert desk.effects(LIVE) == list(range(1, 6))
    assert desk.counter("erasures_of_nobody") == 2


def test_a_copy_on_its_way_when_consent_was_withdrawn_has_no_effect(desk: Desk) -> None:
    """It is not receipted either: what is still allowed comes again under the same numbers, as does a later yes."""
    both = person(forge.bag(1, 5), Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS)
    before = both.boots[0].wall_at_boot_us + 1_000 * 3_000
    desk.take(CAR.control(1, erasure(before, Purpose.DRIVING_BEHAVIOUR)))
    assert desk.take(CAR.sealed(both))[0].new == 0
    assert (desk.held(LIVE), desk.effects(LIVE)) == (Numbers(), [])
    narrowed = person(forge.bag(1, 5), Purpose.USAGE_ANALYTICS)
    assert desk.take(CAR.sealed(narrowed))[0].new == 5
    again = person(forge.bag(4_000, 5), Purpose.DRIVING_BEHAVIOUR)
    assert desk.take(CAR.sealed(again))[0].new == 5
    assert desk.take(CAR.sealed(person(forge.bag(6, 5), Purpose.DRIVING_BEHAVIOUR, subject=78)))[0].new == 5


@pytest.mark.parametrize("at_us", [0, 4_000_000_000_000_000], ids=["clock at 1970", "clock of the next century"])
def test_numbers_tell_a_late_copy_from_a_new_yes_whatever_the_clock_said(desk: Desk, at_us: int) -> None:
    """The clock was wrong when the guest withdrew: copies up to the head are late, what follows is a new yes."""
    record = erasure(at_us, Purpose.DRIVING_BEHAVIOUR)
    record.erasure.heads.add(stream=int(Stream.LIVE), last=5)
    desk.take(CAR.control(1, record))
    assert desk.take(CAR.sealed(person(forge.bag(1, 5), Purpose.DRIVING_BEHAVIOUR)))[0].new == 0
    assert desk.take(CAR.sealed(person(forge.bag(6, 5), Purpose.DRIVING_BEHAVIOUR)))[0].new == 5
    assert desk.effects(LIVE) == list(range(6, 11))


def test_boots_are_noted_as_known_by_now(desk: Desk) -> None:
    """A later batch corrects the wall time at which a boot began."""
    desk.take(CAR.letter(forge.bag(1, 1)))
    later = forge.batch("car-1", 11, Stream.LIVE, [forge.bag(2, 1)])
    later.boots[0].wall_at_boot_us += 7
    desk.take(CAR.sealed(later))
    assert desk.db.execute("select wall_at_boot_us, quality from boot").fetchall() == [(forge._BASE_US + 7, 3)]
