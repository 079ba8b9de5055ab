"""A hub that was moved is told of within minutes; an hour in which none was, a car that was, or people, say nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US
from gateway.errors import InputError
from showroom_agent.example import FOLDER
from showroom_agent.hearing import MovedWatch, Otherwise
from showroom_agent.plan import Site, load_floor
from showroom_agent.site.core import SiteCore
from showroom_agent.site.moved_hubs import Memory, moved_hubs, tell_moved
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.state import state_of
from simulators.world import Air, SimHubs
from simulators.world.radio import Place

FLOOR = load_floor(FOLDER / "site.geojson")
EAST = replace(FLOOR.site, hubs=tuple(hub for hub in FLOOR.site.hubs if hub.x_m > 14 and hub.y_m > 10), index={})
"""The eastern hubs of the example, which are enough and take less time."""
CARS = {car.tag: Place(car.x_m, car.y_m) for car in FLOOR.cars}
NUMBERS = {tag: number for number, tag in enumerate(CARS)}
SPAN_S = 10.0
MOVED = EAST.index["hub-07"]


def elsewhere(dx_m: float, dy_m: float) -> Site:
    """One hub alone, that far from its place."""
    hub = EAST.hubs[MOVED]
    return replace(EAST, hubs=(replace(hub, x_m=hub.x_m + dx_m, y_m=hub.y_m + dy_m),), index={})


class Hall:
    """The example's cars and hubs, and a watch. `is_moved`: whether hub-07 hangs 6 m farther now."""

    def __init__(self, seed: int) -> None:
        self.now_s, self.is_moved = 0.0, False
        self.watch = MovedWatch(len(CARS), len(EAST.hubs))
        self.air, self.other = Air(EAST, seed), Air(elsewhere(-4.2, 4.2), seed + 1_000)
        self.other.offsets[:] = self.air.offsets[MOVED]
        self.cars: dict[str, Place] = dict(CARS)

    def live(self, seconds: float) -> dict[int, Otherwise]:
        """Time passes."""
        for _ in range(round(seconds / SPAN_S)):
            self.now_s += SPAN_S
            for hub in range(len(EAST.hubs)):
                air, place = (self.other, 0) if self.is_moved and hub == MOVED else (self.air, hub)
                for tag, car in self.cars.items():
                    levels = air.levels(place, car, air.adverts(SPAN_S))
                    if levels:
                        self.watch.heard(NUMBERS[tag], hub, sum(levels) / len(levels), len(levels))
            self.watch.step(self.now_s)
        return dict(self.watch.moved)


def test_a_moved_hub_is_told_of_within_minutes_and_an_unmoved_hour_says_nothing() -> None:
    """By 6 m; the right hub and no other; it ends once the hub hangs where it hung."""
    hall = Hall(9)
    assert hall.live(3_600) == {}
    hall.is_moved = True
    found = hall.live(600)
    assert list(found) == [MOVED]
    assert found[MOVED].tags >= 2
    assert found[MOVED].most_db >= 5
    hall.is_moved = False
    assert hall.live(750) == {}


def test_cars_that_are_moved_or_leave_and_batteries_move_no_hub() -> None:
    """What changes at all hubs is the tag's."""
    hall = Hall(3)
    hall.live(400)
    tags = list(CARS)
    hall.cars[tags[0]] = Place(40.0, 27.0)
    assert hall.live(400) == {}
    hall.cars[tags[1]] = Place(30.0, 18.0)
    del hall.cars[tags[2]]
    assert hall.live(500) == {}
    hall.cars[tags[2]] = CARS[tags[2]]
    assert hall.live(500) == {}


def test_hubs_that_are_deaf_for_a_while_are_not_moved() -> None:
    """Nothing heard by one that does not listen says nothing."""
    watch = MovedWatch(4, 4)
    for at in range(10, 2_000, 10):
        deaf = [1] if 900 <= at < 1_500 else []
        for tag in range(4):
            for hub in range(4):
                if hub not in deaf:
                    watch.heard(tag, hub, -60.0 - tag - hub, 5)
        watch.step(float(at), deaf)
        assert watch.moved == {}


def test_a_hub_that_was_moved_overnight_is_told_of_in_the_morning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """How it was is kept in a file of one plan; the event names the hub and says what to do; maps show it."""
    caplog.set_level("INFO")
    parts = SiteParts.load(FOLDER)
    core = SiteCore(replace(parts, floor=replace(parts.floor, site=EAST)), BUILD_TIME_US)
    evening, morning = Hall(5), Hall(5)
    evening.live(500)
    core.vehicles.moved = evening.watch
    Memory(tmp_path / "heard.json", core).save()
    core.vehicles.moved = morning.watch
    assert Memory(tmp_path / "heard.json", core).load()
    morning.is_moved = True
    assert list(morning.live(500)) == [MOVED]
    moved = moved_hubs(core)
    tell_moved({}, moved)
    tell_moved(moved, {})
    told = {record.getMessage(): record.__dict__ for record in caplog.records}
    assert told.keys() == {"hub_moved", "hub_in_place"}
    assert "hub-07" in str(told["hub_moved"])
    assert "survey again" in str(told["hub_moved"])
    for hub in EAST.hubs:
        core.hubs.watch.alive(hub.id, 1_000.0)
    assert [hub.id for hub in state_of(core, 1_000_000).hubs if hub.trouble.startswith("moved?")] == ["hub-07"]


def test_a_memory_of_another_plan_or_a_damaged_one_is_left_alone(tmp_path: Path) -> None:
    """The site learns anew then."""
    core = SiteCore(SiteParts.load(FOLDER), BUILD_TIME_US)
    path = tmp_path / "heard.json"
    memory = Memory(path, core)
    assert not memory.load()
    digest = core.parts.digest.hex()
    for text in (
        "{",
        "[]",
        '{"site": "00"}',
        f'{{"site": "{digest}"}}',
        f'{{"site": "{digest}", "heard": {{"form": 1, "tables": [[1]]}}}}',
    ):
        path.write_text(text)
        assert not memory.load()
    with pytest.raises(InputError):
        core.vehicles.moved.restore({"form": 2, "tables": []})


def test_a_site_watches_by_its_cars() -> None:
    """What hubs tell of the cars in frames is what is learnt from."""
    core, hubs = SiteCore(SiteParts.load(FOLDER), BUILD_TIME_US), SimHubs(Air(FLOOR.site, 1), 7)
    for second in range(1_010, 1_090, 10):
        for frame in hubs.frames(second, BUILD_TIME_US + second * 1_000_000, CARS, SPAN_S):
            core.frame(second * 1_000, frame)
        core.tick(second * 1_000)
    level, looks = core.vehicles.moved.usual()["tables"]
    assert len(looks) == len(CARS)
    assert all(len(row) == len(FLOOR.site.hubs) for row in looks)
    assert max(map(max, looks)) >= 1
    assert -95 < min(map(min, level)) < max(map(max, level)) <= 0
