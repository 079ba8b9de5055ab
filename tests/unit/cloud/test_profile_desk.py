"""The authority's side of the streams, without a stream: what a vehicle says that cannot be, and what stays of it."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import profile_pb2, record_pb2

from gateway.clock import ManualClock
from gateway.cloud.profile.desk import SEALED_MAX, ProfileDesk
from gateway.cloud.profile.proofs import Codes
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.schema import open_database
from gateway.cloud.sinks import Effects, ShapeInfo
from gateway.errors import InputError
from gateway.limits import PROFILE_STAGES_MAX
from gateway.model import Stream
from gateway.profile import Document, Edit, Hlc, Origin
from gateway.profile.sealing import context, public_bytes, seal
from gateway.profile.wording import edit_bytes, edit_message

CAR, JAN = "car-1", 77


class World:
    """A desk with one visit that has a profile."""

    def __init__(self, db: sqlite3.Connection, folder: Path) -> None:
        self.db, self.clock, self.counts = db, ManualClock(), Counter[str]()
        terms = ProfileTerms.of(Ed25519PrivateKey.generate(), folder / "erasures.jsonl")
        self.key = public_bytes(terms.seal)
        self.terms, self.desk = terms, ProfileDesk(db, terms, self.clock, self._count)
        self.profile = self.desk.ledger.new()
        db.execute(
            "insert into profile_visit(subject, device, profile, session_key, opened_us) values(?, ?, ?, x'', 1)",
            (JAN, CAR, self.profile),
        )

    def _count(self, name: str, by: int) -> None:
        self.counts[name] += by

    @property
    def document(self) -> Document:
        """The profile as it is."""
        return self.desk.ledger.document(self.profile)

    def edit(self, value: float, after_ms: int = 0) -> Edit:
        """A change of the volume."""
        stamp = Hlc(self.clock.wall_us() // 1_000 + after_ms, 0, CAR)
        return self.document.edit("radio", {"radio.volume_pct": value}, stamp, Origin(CAR))

    def takes(self, number: int, edit: Edit) -> bool:
        """Whether the vehicle is to be told something after this edit."""
        return self.takes_plain(edit_bytes(number, self.document.epoch, edit))

    def takes_plain(self, plain: bytes) -> bool:
        """The same for bytes that may be no edit."""
        return self.takes_sealed(profile_pb2.SealedProfile(edit=seal(plain, self.key, context("edit", CAR, JAN))))

    def tells(self, result: profile_pb2.ProfileResult) -> None:
        """What became of the profile in the vehicle."""
        sealed = seal(result.SerializeToString(), self.key, context("result", CAR, JAN))
        self.takes_sealed(profile_pb2.SealedProfile(result=sealed))

    def takes_sealed(self, *sealed: profile_pb2.SealedProfile, subject: int = JAN) -> bool:
        """As it comes out of a bag."""
        raw = [record_pb2.Record(profile=one).SerializeToString() for one in sealed]
        shape, ones = ShapeInfo(1, "profile", ()), [1] * len(raw)
        effects = Effects(CAR, 1, Stream.LIVE, 1, subject, 8, shape, ones, ones, ones, [raw])
        rest, due = self.desk.take_effects([effects])
        assert rest == []
        return due

    def seen(self) -> int:
        """The number of the last edit that counts as taken."""
        ((number,),) = self.db.execute("select edits_seen from profile_visit").fetchall()
        return int(number)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new one."""
    with closing(open_database(":memory:")) as db:
        made = World(db, tmp_path)
        yield made
        made.desk.close()


def test_an_edit_that_makes_no_sense_holds_up_none_behind_it(world: World) -> None:
    """It is counted as seen, so that the next is taken and the vehicle does not send both for ever."""
    wrong = edit_message(1, world.document.epoch, world.edit(20.0))
    wrong.changed[0].value.number = 4_000.0
    assert world.takes_plain(wrong.SerializeToString())
    assert (world.counts["profile_refused.edit"], world.seen()) == (1, 1)
    assert world.takes(2, world.edit(30.0, 1))
    assert world.document.values == {"radio.volume_pct": 30.0}


def test_an_edit_for_which_a_profile_has_no_room_holds_up_none_behind_it(world: World) -> None:
    """One document has so many bytes; the edit that would go beyond is dropped, and the vehicle is told."""
    stamp, origin = Hlc(world.clock.wall_us() // 1_000, 0, CAR), Origin(CAR)
    for number in (1, 2, 3):
        values = {f"g{number}.f{each}": ("x" * 250,) * 20 for each in range(2)}
        edit = world.document.edit(f"g{number}", values, replace_counter(stamp, number), origin)
        assert world.takes(number, edit)
    assert world.counts["profile_refused.edit"] == 1
    assert world.takes(4, world.edit(30.0, 1))
    assert world.document.values["radio.volume_pct"] == 30.0


def test_no_edit_makes_a_profile_that_nobody_can_read(world: World) -> None:
    """So many fields are read and no more, so no more are ever written; and what is there can be erased."""
    stamp, origin = Hlc(world.clock.wall_us() // 1_000, 0, CAR), Origin(CAR)
    for number in (1, 2):
        values = {f"g{number}.f{each}": each for each in range(150)}
        edit = Edit(f"g{number}", values, replace_counter(stamp, number), origin)
        assert world.takes(number, edit)
    assert world.counts["profile_refused.edit"] == 1
    assert len(world.document.registers) == 150


def test_an_edit_without_a_group_changes_nothing(world: World) -> None:
    """It would go by the stamps of all and of none."""
    assert world.takes(1, world.edit(20.0, 10))
    plain = edit_message(2, world.document.epoch, world.edit(30.0))
    plain.group = ""
    assert world.takes_plain(plain.SerializeToString())
    assert world.document.values == {"radio.volume_pct": 20.0}


def test_a_profile_that_cannot_be_read_can_be_erased(world: World) -> None:
    """Damage does not keep anybody's data."""
    world.takes(1, world.edit(20.0))
    world.db.execute("update profile_version set body = x'ff'")
    with pytest.raises(InputError):
        world.desk.ledger.document(world.profile)
    world.desk.ledger.erase(world.profile)
    assert world.document.values == {}


def test_an_older_result_does_not_stand_in_for_a_newer_one(world: World) -> None:
    """After an outage what is fresh overtakes what waited."""
    epoch = world.document.epoch
    for version in (5, 3):
        told = profile_pb2.ProfileResult(epoch=epoch, version=version)
        told.outcomes.add(field="radio.volume_pct", kind="applied", reason=f"at {version}")
        world.tells(told)
    ((version, raw),) = world.db.execute("select reported_version, result from profile_visit").fetchall()
    assert (version, profile_pb2.ProfileResult.FromString(raw).outcomes[0].reason) == (5, "at 5")


def test_a_number_that_was_given_twice_loses_no_edit(world: World) -> None:
    """After a restore a vehicle counts anew, while what it sent before comes again under the numbers of then."""
    assert world.takes(1, world.edit(20.0))
    other = world.document.edit(
        "home", {"home.latitude": 52.0}, Hlc(world.clock.wall_us() // 1_000, 5, CAR), Origin(CAR)
    )
    assert world.takes(1, other)
    assert not world.takes(1, other)
    assert world.document.values == {"radio.volume_pct": 20.0, "home.latitude": 52.0}
    assert (world.seen(), world.counts["profile_edits_repeated"]) == (1, 2)


def test_so_many_seals_of_a_batch_are_opened(world: World) -> None:
    """Each costs as much as a hundred events, and a vehicle keeps fewer; without a visit none is opened at all."""
    sealed = [profile_pb2.SealedProfile(edit=b"none of ours")] * (SEALED_MAX + 20)
    world.takes_sealed(*sealed)
    assert world.counts == {"profile_refused.sealed": SEALED_MAX, "profile_refused.too_many": 20}
    world.counts.clear()
    world.takes_sealed(*sealed[:10], subject=JAN + 1)
    assert world.counts == {"profile_refused.no_visit": 10}


def test_no_more_is_staged_than_a_vehicle_keeps(world: World) -> None:
    """The seventeenth would push out another guest's, whose code would open nothing."""
    codes = Codes(world.db, world.terms, world.desk.ledger, world.clock)
    for number in range(PROFILE_STAGES_MAX):
        codes.new(world.profile, CAR, 600, number.to_bytes(8, "big"))
    with pytest.raises(InputError, match="unstage"):
        codes.new(world.profile, CAR, 600, bytes(7) + b"\xff")
    codes.new(world.profile, "car-2", 600, bytes(7) + b"\xff")
    codes.new(world.profile, CAR, 600)
    codes.drop_stage(bytes(8), CAR)
    codes.new(world.profile, CAR, 600, bytes(7) + b"\xfe")


def replace_counter(stamp: Hlc, counter: int) -> Hlc:
    """A later stamp."""
    return stamp._replace(counter=counter)


def test_an_erasure_that_the_disk_undid_is_made_good(world: World) -> None:
    """It was promised in the ledger of erasures: the next one carries it out, and a restart finds none open."""
    world.takes(1, world.edit(20.0))
    world.db.execute("begin")
    world.desk.ledger.erase(world.profile)
    world.db.execute("rollback")
    assert world.document.values == {"radio.volume_pct": 20.0}
    world.desk.ledger.erase(world.desk.ledger.new())
    assert world.document.values == {}


def test_an_authority_whose_clock_was_set_back_takes_edits_still(world: World) -> None:
    """What follows upon a stamp that it took itself is not ahead of what it believes; what runs away from it is."""
    assert world.takes(1, world.edit(20.0))
    world.clock.jump(-3_600)
    (known,) = {one.hlc for one in world.document.registers.values()}
    after = world.document.edit("radio", {"radio.volume_pct": 30.0}, known.next(CAR), Origin(CAR))
    assert world.takes(2, after)
    assert world.document.values == {"radio.volume_pct": 30.0}
    ahead = replace_counter(known, 0)._replace(physical_ms=known.physical_ms + 1)
    assert world.takes(3, world.document.edit("radio", {"radio.volume_pct": 40.0}, ahead, Origin(CAR)))
    assert world.counts["profile_refused.ahead"] == 1
    assert world.document.values == {"radio.volume_pct": 30.0}
