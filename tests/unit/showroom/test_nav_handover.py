"""From the satellites on the lot to the beacons inside."""

import math
from itertools import pairwise

import pytest

from showroom_agent.example import FOLDER
from showroom_agent.nav import Handover, Plane, Position
from showroom_agent.plan import Floor, Georeference, load_floor

LOT = (8.0, 3.0)
INSIDE = (10.0, 20.0)


def floor() -> Floor:
    """The showroom that comes along."""
    return load_floor(FOLDER / "site.geojson")


def fix(handover: Handover, at_s: float, x_m: float, y_m: float, accuracy_m: float) -> None:
    """The phone's fix of a point of the plan."""
    reference = floor().georeference
    assert reference is not None
    handover.gps(at_s, *Plane(reference).earth(x_m, y_m), accuracy_m)


def test_the_plane_agrees_with_the_ellipsoid() -> None:
    """A minute of latitude at 45 degrees is 1,852.2 m and one of longitude 1,314.2 m on WGS 84."""
    plane = Plane(Georeference(45.0, 9.0))
    assert plane.local(45.0 + 1 / 60, 9.0) == pytest.approx((0.0, 1852.2), abs=0.3)
    assert plane.local(45.0, 9.0 + 1 / 60) == pytest.approx((1314.2, 0.0), abs=0.3)


def test_a_bearing_turns_the_plane() -> None:
    """With the y axis to the east, what lies east lies up and what lies north lies left."""
    plane = Plane(Georeference(45.0, 9.0, 90.0))
    x, y = plane.local(45.0, 9.001)
    assert (round(x), round(y)) == (0, 79)
    x, y = plane.local(45.001, 9.0)
    assert (round(x), round(y)) == (-111, 0)


def test_there_and_back_is_the_same_point() -> None:
    """Also across the date line."""
    for reference in (Georeference(52.4, 9.7, 12.0), Georeference(-17.0, 179.9999, 200.0)):
        plane = Plane(reference)
        assert plane.local(*plane.earth(123.0, -45.0)) == pytest.approx((123.0, -45.0), abs=1e-6)


def test_the_guest_is_handed_over_at_the_door_once() -> None:
    """Walking in: satellites first, hubs when they are better for two seconds, and no way back while they are."""
    handover = Handover(floor())
    sources = []
    for tick in range(120):
        now, share = tick / 2, tick / 120
        x, y = LOT[0] + share * (INSIDE[0] - LOT[0]), LOT[1] + share * (INSIDE[1] - LOT[1])
        fix(handover, now, x, y, 4.0 if y < 10 else 20.0)
        handover.hubs(Position(now, x, y, 9.0 if y < 8 else 2.0))
        position = handover.position(now)
        assert position is not None
        sources.append(position.source)
    changes = [b for a, b in pairwise(sources) if a != b]
    assert sources[0] == "gps"
    assert changes == ["hubs"]


def test_a_fix_inside_the_building_is_distrusted() -> None:
    """Satellites under a roof name a place off the lot with much confidence: hubs of the same radius are believed."""
    handover = Handover(floor())
    fix(handover, 0.0, *INSIDE, 3.0)
    handover.hubs(Position(0.0, 15.0, 22.0, 3.0))
    position = handover.position(0.0)
    assert position is not None
    assert position.source == "hubs"
    alone = Handover(floor())
    fix(alone, 0.0, *INSIDE, 3.0)
    only = alone.position(0.0)
    assert only is not None
    assert only.modes == ("gps_off_lot",)


def test_when_one_falls_silent_the_other_takes_over_and_then_nobody_knows() -> None:
    """Old positions are no positions."""
    handover = Handover(floor())
    handover.hubs(Position(0.0, 5.0, 5.0, 1.0))
    fix(handover, 1.0, *LOT, 5.0)
    first, later = handover.position(1.0), handover.position(4.0)
    assert first is not None
    assert later is not None
    assert (first.source, later.source) == ("hubs", "gps")
    assert handover.position(10.0) is None


def test_fixes_that_cannot_be_are_counted_and_left_out() -> None:
    """Not a number, off the globe, too coarse, out of order, or on a plan that does not know where it lies."""
    handover = Handover(floor())
    handover.gps(5.0, math.nan, 9.7, 5.0)
    handover.gps(5.0, 95.0, 9.7, 5.0)
    handover.gps(5.0, 52.4, 9.7, 0.0)
    handover.gps(5.0, 52.4, 9.7, 500.0)
    fix(handover, 5.0, *LOT, 5.0)
    fix(handover, 4.0, *LOT, 5.0)
    assert handover.left_out == {"no_fix": 2, "too_coarse": 2, "out_of_order": 1}
    nowhere = Handover(Floor(floor().site))
    nowhere.gps(1.0, 52.4, 9.7, 5.0)
    assert nowhere.left_out == {"no_georeference": 1}
