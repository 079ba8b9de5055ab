"""A site in virtual time over the example showroom: events as promised, and the same again from its journal."""

from pathlib import Path

import pytest
from forecourt.v1 import classification_pb2, record_pb2, showroom_pb2

from gateway.clock import BUILD_TIME_US
from gateway.errors import ConfigError, InputError
from gateway.model import Purpose, purpose_set
from showroom_agent.site import Derived, SiteCore
from showroom_agent.site.inbox import FrameIn, GuestIn, Incoming
from showroom_agent.site.journal import forget, read_journal
from showroom_agent.site.outward import append_to, set_aside
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.replay import replay
from showroom_agent.site.stepper import Stepper
from tests.kit.showroom import BOTH, World, core, example, hello, play, standing, walking, way_to

JAN = 4711
CAR = "lumen-e-touring"


def records(events: list[Derived], kind: str) -> list[record_pb2.Record]:
    """The bodies of events of a kind."""
    return [record_pb2.Record.FromString(one.body) for one in events if one.kind == kind]


def visit(world: World, site: SiteCore, seconds: float = 90.0, purposes: int = BOTH) -> list[Derived]:
    """Jan comes from the lot to the car that fits him."""
    world.tags["jan"] = [walking(way_to(CAR), begin_s=20)]

    def come(at_ms: int) -> None:
        site.request(at_ms, JAN, hello("jan"))
        site.allow(JAN, purposes)

    return play(world, site, seconds, at={18: come})


@pytest.fixture(scope="module")
def told() -> list[Derived]:
    """The events of Jan's visit."""
    world = World()
    return visit(world, core(world), 75.0)


def test_cars_are_confirmed_first(told: list[Derived]) -> None:
    """Each that has a tag, once, about nobody."""
    found = records(told, "vehicle_presence")
    assert sorted(one.vehicle_presence.vehicle for one in found) == sorted(car.id for car in example().floor.cars)
    assert {one.vehicle_presence.state for one in found} == {record_pb2.VehiclePresence.STATE_PRESENT}
    assert {one.subject for one in told if one.kind == "vehicle_presence"} == {0}


def test_he_is_led_to_the_car_that_fits(told: list[Derived]) -> None:
    """Lot, building, car: each arrival once and in order; the match before."""
    (match,) = records(told, "match")
    assert (match.match.vehicle, match.match.why) == (CAR, "first")
    assert match.match.percent == 100
    arrivals = [one.arrival for one in records(told, "arrival")]
    places = record_pb2.Arrival
    assert [one.place for one in arrivals] == [places.PLACE_LOT, places.PLACE_BUILDING, places.PLACE_VEHICLE]
    assert arrivals[-1].vehicle == CAR


def test_zone_visits_are_entered_and_left_in_turn(told: list[Derived]) -> None:
    """A zone is left before the next is entered; dwell is the time between."""
    visits = [
        (one.at_ms, record_pb2.Record.FromString(one.body).zone_visit) for one in told if one.kind == "zone_visit"
    ]
    here, since_ms = "", 0
    for at_ms, one in visits:
        if one.phase == record_pb2.ZoneVisit.PHASE_ENTERED:
            assert here == ""
            here, since_ms = one.zone, at_ms
        else:
            assert one.zone == here
            assert one.dwell_s == pytest.approx((at_ms - since_ms) / 1_000)
            here = ""
    entered = [one.zone for _, one in visits if one.phase == record_pb2.ZoneVisit.PHASE_ENTERED]
    assert entered[0] == "lot"
    assert 2 <= len(entered) <= 5
    assert all("no_survey" in one.modes for _, one in visits)


def test_what_he_did_not_agree_to_is_not_concluded() -> None:
    """Without navigation no position, without offers no match; with nothing, nothing."""
    world = World()
    site = core(world)
    nothing = [one for one in visit(world, site, 26.0, 0) if one.subject]
    assert nothing == []
    assert site.guests == {}
    for purpose, kinds in (
        (Purpose.INDOOR_NAVIGATION, {"zone_visit", "arrival"}),
        (Purpose.PERSONALISED_OFFERS, {"match"}),
    ):
        world = World()
        found = [one for one in visit(world, core(world), 30.0, purpose_set([purpose])) if one.subject]
        assert {one.kind for one in found} == kinds


def test_when_he_takes_it_back_nothing_of_him_is_left() -> None:
    """No event, no position, no tag; the next frames of his tag are a stranger's."""
    world = World()
    site = core(world)
    world.tags["jan"] = [standing(24.0, 14.0)]

    def come(at_ms: int) -> None:
        site.request(at_ms, JAN, hello("jan"))
        site.allow(JAN, BOTH)

    def no(at_ms: int) -> None:
        site.request(at_ms, JAN, showroom_pb2.GuestRequest(forget=True))

    found = play(world, site, 30.0, at={5: come, 20: no})
    assert [one for one in found if one.subject and one.at_ms >= world.begin_ms + 20_000] == []
    assert (site.guests, site._by_tag) == ({}, {})
    assert site.counters["unknown_tag"] > 0


def test_blind_is_not_absent() -> None:
    """All hubs fall silent: nobody has left, no car is gone; every event names the hubs that are deaf."""
    world = World()
    site = core(world)
    world.tags["jan"] = [standing(24.0, 14.0)]

    def come(at_ms: int) -> None:
        site.request(at_ms, JAN, hello("jan"))
        site.allow(JAN, BOTH)

    def deaf(_: int) -> None:
        world.deaf = {hub.id for hub in world.parts.floor.site.hubs}

    found = play(world, site, 100.0, at={5: come, 30: deaf})
    late = [one for one in found if one.at_ms > world.begin_ms + 31_000]
    states = [one.vehicle_presence.state for one in records(late, "vehicle_presence")]
    assert set(states) == {record_pb2.VehiclePresence.STATE_UNKNOWN}
    assert [one.zone_visit.phase for one in records(late, "zone_visit")] == []
    assert all(one.vehicle_presence.modes for one in records(late, "vehicle_presence"))


def test_the_next_best_when_his_car_leaves() -> None:
    """Told as a new match with its reason, and he is led there."""
    world = World()
    site = core(world)
    car = next(one for one in world.parts.floor.cars if one.id == CAR)
    world.tags[car.tag] = [standing(car.x_m, car.y_m, until_s=20.0)]
    world.tags["jan"] = [standing(24.0, 14.0)]

    def come(at_ms: int) -> None:
        site.request(at_ms, JAN, hello("jan"))
        site.allow(JAN, BOTH)

    found = play(world, site, 45.0, at={8: come})
    matches = [one.match for one in records(found, "match")]
    assert [one.vehicle for one in matches][:1] == [CAR]
    assert len(matches) == 2
    assert matches[1].vehicle != CAR
    assert site.guests[JAN].vehicle == matches[1].vehicle


def test_an_outage_of_a_minute_does_not_make_him_leave() -> None:
    """He is followed again afterwards, with no visit more than there were."""
    world = World()
    site = core(world)
    world.tags["jan"] = [standing(24.0, 14.0)]

    def come(at_ms: int) -> None:
        site.request(at_ms, JAN, hello("jan"))
        site.allow(JAN, BOTH)

    def deaf(_: int) -> None:
        world.deaf = {hub.id for hub in world.parts.floor.site.hubs}

    def back(_: int) -> None:
        world.deaf = set()

    found = play(world, site, 115.0, at={5: come, 20: deaf, 80: back})
    assert len(records(found, "zone_visit")) <= 3


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (showroom_pb2.GuestRequest(wishes="{"), "no such visit"),
        (showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(tag="x" * 200)), "at most"),
        (showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(wishes="{")), "not JSON"),
        (showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(wishes="x" * 9_000)), "at most"),
    ],
)
def test_a_request_that_cannot_be_is_refused(request_: showroom_pb2.GuestRequest, why: str) -> None:
    """With what to do; nothing has changed."""
    site = core(World())
    with pytest.raises(InputError, match=why):
        site.request(1, JAN, request_)
    assert site.guests == {}


def test_a_car_s_tag_is_no_guest_s() -> None:
    """Nor is another guest's."""
    world = World()
    site = core(world)
    with pytest.raises(InputError, match="another's"):
        site.request(1, JAN, hello(world.parts.floor.cars[0].tag))
    site.request(1, JAN, hello("jan"))
    with pytest.raises(InputError, match="another's"):
        site.request(1, JAN + 1, hello("jan"))


# The journal


def stepped(world: World, stepper: Stepper, seconds: float) -> tuple[list[Derived], int]:
    """A visit through the stepper: the events, and the handle that the site gave it."""
    found: list[Derived] = []
    subject = 0
    for step in range(1, round(seconds * 2) + 1):
        at_ms = world.begin_ms + step * 500
        came: list[Incoming] = [FrameIn(frame) for frame in world.frames(at_ms)]
        if step == 10:
            request = hello("jan")
            wanted = [classification_pb2.PURPOSE_INDOOR_NAVIGATION, classification_pb2.PURPOSE_PERSONALISED_OFFERS]
            request.hello.purposes.extend(wanted)
            came.append(GuestIn("phone-1", request))
        if step == 30:
            came.append(GuestIn("phone-1", showroom_pb2.GuestRequest(wishes='{"body": ["suv"]}')))
        if step == 31:
            came.append(GuestIn("phone-1", showroom_pb2.GuestRequest(wishes="{")))
        told = stepper.step(at_ms, came)
        for subject, _ in told.began:
            stepper.allow(at_ms, subject, BOTH)
        found += told.derived
    return found, subject


def test_the_journal_replays_to_the_same_events(tmp_path: Path) -> None:
    """Bit for bit, refused requests included; of another plan it is refused."""
    world = World(seed=3)
    world.tags["jan"] = [walking(way_to(CAR), begin_s=6)]
    stepper = Stepper(world.parts, BUILD_TIME_US, journal=True)
    live, subject = stepped(world, stepper, 30.0)
    assert stepper.journal is not None
    path = tmp_path / "journal"
    path.write_bytes(stepper.journal.take())
    assert [one for one in live if one.subject]
    assert list(replay(world.parts, read_journal(path))) == live

    changed = forget(path, subject)
    assert changed > 10
    assert b"jan" not in path.read_bytes()
    assert subject.to_bytes(8, "little") not in path.read_bytes()
    again = list(replay(world.parts, read_journal(path)))
    assert again == [one for one in live if not one.subject]


def test_a_journal_of_another_site_or_of_none(tmp_path: Path) -> None:
    """Clear words for each."""
    world = World()
    stepper = Stepper(world.parts, BUILD_TIME_US, journal=True)
    stepper.step(world.begin_ms, [])
    assert stepper.journal is not None
    data = stepper.journal.take()
    path = tmp_path / "journal"
    path.write_bytes(data[:-1])
    assert len(list(read_journal(path))) == 1  # a tail that was cut is left out
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="no log of a site"):
        list(read_journal(path))
    path.write_bytes(data[:8] + b"\xff\xff\xff\xff" + data[12:])
    with pytest.raises(InputError, match="damaged"):
        list(read_journal(path))
    path.write_bytes(data)
    other = SiteParts(world.parts.floor, world.parts.locator, world.parts.catalogue, world.parts.places, b"other")
    with pytest.raises(ConfigError, match="another plan"):
        list(replay(other, read_journal(path)))


def test_a_new_run_sets_the_journal_of_the_last_aside(tmp_path: Path) -> None:
    """One journal is one run; the one before is kept, the one before that is not."""
    path = tmp_path / "journal"
    set_aside(path)
    for run in (b"first", b"second", b"third"):
        set_aside(path)
        assert append_to(path, run) == len(run)
    assert path.read_bytes() == b"third"
    assert (tmp_path / "journal.before").read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
