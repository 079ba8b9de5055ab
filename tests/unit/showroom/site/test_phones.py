"""A phone that hears beacons is located as a tag that hubs hear is: the same observation with its ends swapped."""

import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from forecourt.v1 import record_pb2, showroom_pb2

from gateway.clock import BUILD_TIME_US
from gateway.errors import ConfigError, InputError
from gateway.model import Purpose, purpose_set
from showroom_agent.hearing import TagState
from showroom_agent.plan import load_floor, read_site
from showroom_agent.site import Derived, SiteCore, SiteParts
from showroom_agent.site.bounds import PHONE_BEACONS_MAX
from simulators.world import Air, PhoneEars, Place
from simulators.world.surveyor import survey
from tests.kit.floors import document, feature, hub
from tests.kit.showroom import BEACONS, beacon_floor, example

JAN, STEP_MS = 4711, 500
KEY = f"ibeacon:{BEACONS.replace('-', '')}:1:{{}}"
WAY = [(22.0, 13.0), (14.0, 18.0), (9.0, 24.0)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> SiteParts:
    """A floor of beacons alone, surveyed: nothing listens but phones."""
    folder = beacon_floor(tmp_path_factory.mktemp("phones") / "site", listen=False)
    floor = load_floor(folder / "site.geojson")
    survey(Air(floor.site, seed=4), floor, folder / "survey.csv", 3.5)
    return SiteParts.load(folder)


@cache
def walk_s() -> list[float]:
    """When he is at each corner of his way, at a slow pace."""
    times = [0.0]
    for a, b in pairwise(WAY):
        times.append(times[-1] + math.dist(a, b) / 0.8)
    return times


class Visit:
    """Jan, who has agreed to be led, and his phone."""

    def __init__(self, parts: SiteParts, gain_db: float = 0.0) -> None:
        self.core = SiteCore(parts, BUILD_TIME_US)
        self.ears = PhoneEars(Air(parts.floor.site, seed=4), gain_db)
        self.core.request(0, JAN, showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(language="en")))
        self.core.allow(JAN, purpose_set([Purpose.INDOOR_NAVIGATION]))
        self.at_ms = 1_000_000
        self.told: list[Derived] = []

    def say(self, said: showroom_pb2.PhoneSightings) -> None:
        self.core.request(self.at_ms, JAN, showroom_pb2.GuestRequest(sightings=said))

    def step(self, place: Place | None, *, reports: bool = True) -> tuple[float, float] | None:
        """Half a second; where he is said to be."""
        self.at_ms += STEP_MS
        if reports:
            said = showroom_pb2.PhoneSightings()
            for key, levels in (self.ears.hear(place, 0.5) if place is not None else {}).items():
                mean = sum(levels) / len(levels)
                said.beacons.add(beacon=key, best_dbm=max(levels), mean_dbm=mean, count=len(levels))
            self.say(said)
        self.told += self.core.tick(self.at_ms)
        position = self.core.guests[JAN].position
        return None if position is None else (position.x_m, position.y_m)


@pytest.mark.parametrize("gain_db", [0.0, -14.0])
def test_a_phone_is_followed_by_what_it_hears(parts: SiteParts, gain_db: float) -> None:
    """No hub listens; also a phone that hears 14 dB less than the surveyor's: within three metres in the median."""
    visit, errors = Visit(parts, gain_db), []
    xs, ys = zip(*WAY, strict=True)
    for number in range(round(2 * walk_s()[-1])):
        at = float(np.interp(number / 2, walk_s(), xs)), float(np.interp(number / 2, walk_s(), ys))
        found = visit.step(Place(*at))
        if found is not None and number > 10:
            errors.append(math.dist(found, at))
    view = visit.core.guests[JAN].view
    assert len(errors) > 30
    assert np.median(errors) <= 3.2
    assert view is not None
    assert view.modes == ()
    assert {one.kind for one in visit.told if one.subject} == {"zone_visit", "arrival"}


def test_a_phone_that_sleeps_is_not_gone_and_one_that_hears_nothing_is(parts: SiteParts) -> None:
    """No report: nobody can tell, and the visit goes on. Reports of nothing: he has left."""
    visit, place = Visit(parts), Place(9.0, 24.0)
    for _ in range(20):
        visit.step(place)
    told = [one for one in visit.told if one.subject]
    for _ in range(40):
        visit.step(place, reports=False)
    view = visit.core.guests[JAN].view
    assert view is not None
    assert (view.state, view.modes[-1]) == (TagState.BLIND, "phone_silent")
    assert [one for one in visit.told if one.subject] == told
    of_cars = [record_pb2.Record.FromString(one.body) for one in visit.told if not one.subject]
    assert {one.vehicle_presence.state for one in of_cars} == {record_pb2.VehiclePresence.STATE_UNKNOWN}
    assert visit.core.guests[JAN].zone
    for _ in range(20):
        visit.step(place)
    for _ in range(40):
        visit.step(None)
    view = visit.core.guests[JAN].view
    assert view is not None
    assert (view.state, "phone_silent" in view.modes) == (TagState.ABSENT, False)
    assert visit.core.guests[JAN].zone == ""


def test_what_a_phone_cannot_have_heard_is_counted(parts: SiteParts) -> None:
    """Beacons of others, levels of 0, +42 and none, one twice, too many; hub ids and odd spellings are understood."""
    visit, said = Visit(parts), showroom_pb2.PhoneSightings()
    for key, best, count in (
        (KEY.format(0), -60, 1), (KEY.format(1).upper().replace("IBEACON", "ibeacon"), -60, 1), (KEY.format(0), -50, 1),
        (KEY.format(2), 0, 1), (KEY.format(3), 42, 1), (KEY.format(4), -60, 0), (KEY.format(5), -127, 1),
        ("ibeacon:00:1:1", -60, 1), ("", -60, 1),
    ):  # fmt: skip
        said.beacons.add(beacon=key, best_dbm=best, mean_dbm=best, count=count)
    said.beacons.add(hub="hub-05", best_dbm=-70, mean_dbm=float("nan"), count=1)
    said.beacons.add(hub="hub-06", best_dbm=-70, mean_dbm=-70, count=1)
    said.beacons.add(hub="hub-99", best_dbm=-70, mean_dbm=-70, count=1)
    visit.say(said)
    assert dict(visit.core.counters) == {"unknown_beacon": 3, "impossible_sighting": 6}
    with pytest.raises(InputError, match="at most"):
        visit.say(showroom_pb2.PhoneSightings(beacons=[said.beacons[0]] * (PHONE_BEACONS_MAX + 1)))


def test_a_visit_is_followed_by_its_tag_or_by_its_phone() -> None:
    """Two receivers of different gain are not mixed: the phone is told what to do."""
    core = SiteCore(example(), BUILD_TIME_US)
    core.request(0, JAN, showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello(tag="jan")))
    core.allow(JAN, purpose_set([Purpose.INDOOR_NAVIGATION]))
    with pytest.raises(InputError, match="without one"):
        core.request(1, JAN, showroom_pb2.GuestRequest(sightings=showroom_pb2.PhoneSightings()))


def test_beacons_do_not_listen(parts: SiteParts, tmp_path: Path) -> None:
    """Nobody waits for their frames: none is deaf, no event names them; a hub that sends too is waited for."""
    assert SiteCore(parts, BUILD_TIME_US).hubs.deaf(60_000) == {}
    both = SiteParts.load(beacon_floor(tmp_path / "site", listen=True))
    assert len(SiteCore(both, BUILD_TIME_US).hubs.deaf(60_000)) == len(both.floor.site.hubs)


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"beacon": 5}, "is a text such as"),
        ({"beacon": "ibeacon"}, "is a text such as"),
        ({"beacon": "ibeacon:" + "0" * 300}, "at most"),
        ({"beacon": "ibeacon:AB:1:2"}, "another sends the same"),
        ({"listens": False}, "what does not listen sends a beacon"),
        ({"listens": "no", "beacon": "ibeacon:cd:1:2"}, "true or false"),
    ],
)
def test_a_beacon_that_cannot_be_is_refused(properties: dict[str, object], why: str) -> None:
    """The plan says what is wrong with it."""
    first = hub("x", 1, 1)
    first["properties"]["beacon"] = "ibeacon:ab:1:2"
    other = feature("hub", "y", {"type": "Point", "coordinates": [2, 2]}, **properties)
    with pytest.raises(ConfigError, match=why):
        read_site(document(first, other))
