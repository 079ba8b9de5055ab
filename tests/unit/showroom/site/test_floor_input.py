"""Whom a site believes: signatures, hubs, clocks, doubles; everything else is counted, and bounded."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import showroom_pb2

from gateway.wire import sign
from showroom_agent.radio.bounds import RSSI_DBM_MIN
from showroom_agent.site.bounds import FRAME_TAGS_MAX, WAITING_MAX
from showroom_agent.site.hubs import Hubs, Sighting
from showroom_agent.site.inbox import FrameIn, GuestIn, Inbox
from showroom_agent.site.tags import Tag
from tests.kit.showroom import World, core, example, play, standing

KEYS = {name: Ed25519PrivateKey.generate() for name in ("hub-1", "hub-2", "phone-1")}
WALL_US = 1_800_000_000_000_000


def inbox() -> Inbox:
    """Two hubs of the plan, one phone, all enrolled."""
    public = {name: key.public_key() for name, key in KEYS.items()}
    return Inbox(public.get, ["hub-1", "hub-2"])


def said(device: str, kind: str, message: object, key: str = "") -> tuple[str, bytes]:
    """A message as it comes: topic and payload, signed by its sender or by another."""
    topic = f"forecourt/v1/{device}/up/{kind}"
    return topic, sign(KEYS[key or device], topic, message.SerializeToString())  # type: ignore[attr-defined]


def frame(
    hub: str = "hub-1", number: int = 1, boot: int = 7, boottime_ms: int = 0, **more: object
) -> showroom_pb2.SightingFrame:
    """A frame of a hub."""
    at_ms = boottime_ms or number * 500
    found = showroom_pb2.SightingFrame(
        hub=hub, boot=boot, frame=number, boottime_ms=at_ms, wall_us=WALL_US + at_ms * 1_000
    )
    found.mode = showroom_pb2.SCANNER_MODE_ACTIVE
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_what_is_signed_is_taken_in_order() -> None:
    """Frames of hubs, requests of phones, health."""
    box = inbox()
    box.take(*said("hub-1", "s", frame()))
    box.take(*said("phone-1", "guest", showroom_pb2.GuestRequest(number=1, bye=True)))
    box.take(*said("hub-2", "h", showroom_pb2.HubHealth(hub="hub-2", cause="silent")))
    assert [type(one) for one in box.swap()] == [FrameIn, GuestIn]
    assert [one.cause for one in box.health] == ["silent"]
    assert (box.swap(), box.counters) == ([], {})


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        (*said("hub-1", "s", frame(), "hub-2"), "bad_signature"),
        (said("hub-1", "s", frame())[0], said("hub-2", "s", frame("hub-2"))[1], "bad_signature"),
        ("forecourt/v1/hub-9/up/s", b"x" * 80, "unreadable"),
        ("forecourt/v1/phone-9/up/guest", b"x" * 80, "bad_signature"),
        (*said("hub-1", "guest", showroom_pb2.GuestRequest(number=1, bye=True)), "unreadable"),
        (*said("phone-1", "s", frame("phone-1")), "unreadable"),
        (*said("hub-1", "s", frame("hub-2")), "unreadable"),
        ("forecourt/v1/hub-1/up/e", b"", "unreadable"),
        ("other/topic", b"", "unreadable"),
        ("forecourt/v1/hub-1/up/s", b"", "bad_signature"),
        ("forecourt/v1/hub-1/up/s", b"x" * 70_000, "unreadable"),
    ],
    ids=[
        "another_s_key", "another_topic", "no_such_hub", "no_such_phone", "hub_as_guest", "phone_as_hub",
        "names_another",
        "other_kind", "other_topic", "empty", "too_large",
    ],
)  # fmt: skip
def test_what_is_not_is_counted(topic: str, payload: bytes, why: str) -> None:
    """Forged, moved to another topic, of nobody, as somebody else, too large."""
    box = inbox()
    box.take(topic, payload)
    assert box.swap() == []
    assert box.counters == {why: 1}


def test_a_request_that_is_played_again_is_left_out() -> None:
    """Numbers rise."""
    box = inbox()
    for number in (1, 2, 2, 1, 3):
        box.take(*said("phone-1", "guest", showroom_pb2.GuestRequest(number=number, bye=True)))
    assert [one.request.number for one in box.swap() if isinstance(one, GuestIn)] == [1, 2, 3]
    assert box.counters["repeated_request"] == 2


def test_a_flood_is_bounded() -> None:
    """What there is no room for is counted; the next step takes up again."""
    box = inbox()
    topic, payload = said("hub-1", "s", frame())
    for _ in range(WAITING_MAX + 10):
        box.take(topic, payload)
    assert len(box.swap()) == WAITING_MAX
    assert box.counters["no_room"] == 10
    box.take(topic, payload)
    assert len(box.swap()) == 1


def hubs() -> Hubs:
    """Two hubs."""
    return Hubs(["hub-1", "hub-2"], WALL_US)


def heard(tag: str = "t", mean: float = -60.0, best: int = -60, count: int = 1) -> showroom_pb2.TagSighting:
    """A sighting."""
    return showroom_pb2.TagSighting(tag=tag, mean_dbm=mean, best_dbm=best, count=count)


@pytest.mark.parametrize(
    "one",
    [
        heard(mean=42, best=42), heard(mean=0, best=0), heard(mean=-127, best=-127), heard(count=0),
        heard(mean=-50, best=-60), heard(mean=RSSI_DBM_MIN - 1), heard(mean=float("nan")), heard(tag=""),
        heard(tag="x" * 99),
    ],
)  # fmt: skip
def test_levels_and_tags_that_cannot_be(one: showroom_pb2.TagSighting) -> None:
    """+42, 0, -127, none, a mean above the best, not a number, no name: left out and counted; others are used."""
    found, sent = hubs(), frame()
    sent.tags.extend([one, heard("good")])
    assert [sighting.tag for sighting in found.take(500, sent)] == ["good"]
    assert found.counters["impossible_sighting"] + found.counters["impossible_tag"] == 1


def test_a_wrong_wall_clock_shifts_nothing() -> None:
    """It is told of; frames count by the time since boot."""
    found = hubs()
    for number in range(1, 6):
        sent = frame(number=number, wall_us=0)
        sent.tags.append(heard())
        assert len(found.take(1_000_000 + number * 500, sent)) == 1
    assert list(found.wrong_clocks()) == ["hub-1"]


def test_old_and_repeated_frames_are_left_out() -> None:
    """A frame that took eleven seconds, and one that came before."""
    found = hubs()
    assert found.take(10_000, frame(number=1, boottime_ms=1_000)) == []
    assert found.counters["frames"] == 1
    found.take(10_500, frame(number=1, boottime_ms=1_000))
    assert found.counters["repeated_frame"] == 1
    found.take(22_500, frame(number=3, boottime_ms=2_000))
    assert (found.counters["stale_frame"], found.counters["frames_missing"]) == (1, 1)


def test_two_machines_with_one_id_are_not_believed() -> None:
    """Their boots alternate; a restart of one machine does not."""
    found = hubs()
    for number in range(1, 5):
        found.take(number * 500, frame(number=number, boot=1, boottime_ms=number * 500))
    for number in range(1, 5):
        found.take(2_000 + number * 500, frame(number=number, boot=2, boottime_ms=number * 500))
    assert "two_hubs" not in found.counters
    found.take(4_500, frame(number=9, boot=1, boottime_ms=4_500))
    found.take(5_000, frame(number=9, boot=2, boottime_ms=5_000))
    assert found.counters["two_hubs"] == 2
    assert found.deaf(5_000)[0] == "two_hubs"


def test_a_receiver_that_is_silent_for_40_s_is_deaf() -> None:
    """And hears again with its next frame; a scanner that is down says why."""
    found = hubs()
    found.take(1_000, frame())
    assert found.deaf(5_000) == {1: "never_seen"}
    assert found.deaf(41_000) == {0: "silent", 1: "never_seen"}
    found.take(41_500, frame(number=2, boottime_ms=41_000))
    assert found.deaf(42_000) == {1: "never_seen"}
    down = frame(number=3, boottime_ms=42_000, mode=showroom_pb2.SCANNER_MODE_DOWN, fault="adapter_off")
    found.take(42_500, down)
    assert found.deaf(43_000)[0] == "adapter_off"


def test_a_hub_that_is_not_in_the_plan_is_counted() -> None:
    """It says nothing about anybody."""
    found = hubs()
    assert found.take(500, frame("hub-9")) == []
    assert found.counters["unknown_hub"] == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_tag_in_two_places_is_flagged_and_not_followed(seed: int) -> None:
    """A copy of a car's tag at the other end of the hall; without the copy it is followed again."""
    world = World(seed=seed)
    site = core(world)
    car = world.parts.floor.cars[0]
    world.tags[car.tag] = [standing(car.x_m, car.y_m), standing(38.0, 20.0, since_s=15.0, until_s=40.0)]
    play(world, site, 15.0)
    assert car.id in site.vehicles.confirmed()
    play(world, site, 20.0, begin_s=15.0)
    assert car.id not in site.vehicles.confirmed()
    play(world, site, 30.0, begin_s=35.0)
    assert car.id in site.vehicles.confirmed()


def test_a_single_tag_that_moves_is_not_flagged() -> None:
    """Nor one that is shadowed."""
    world = World(fading_db=5.0)
    site = core(world)
    play(world, site, 40.0)
    assert len(site.vehicles.confirmed()) == len(world.parts.floor.cars)


def test_a_tag_beyond_the_plan_is_no_error() -> None:
    """Heard faintly by all: somewhere at the edge, with the radius it has."""
    tag, parts = Tag(example()), example()
    for step in range(1, 20):
        for hub in range(len(parts.floor.site.hubs)):
            tag.heard(step / 2, _faint(hub))
        tag.step(step / 2, {})
    view = tag.step(10.0, {})
    assert view.estimate is not None
    assert view.estimate.radius_m > 0.5


def _faint(hub: int) -> Sighting:
    return Sighting(hub, "t", -94.0, -94, 1)


def test_a_frame_of_too_many_tags_is_refused() -> None:
    """One more than a frame may have; the bytes would be few enough."""
    sent = frame()
    for number in range(FRAME_TAGS_MAX + 1):
        sent.tags.add(tag=str(number), best_dbm=-60, mean_dbm=-60, count=1)
    box = inbox()
    box.take(*said("hub-1", "s", sent))
    assert (box.swap(), box.counters) == ([], {"unreadable": 1})
