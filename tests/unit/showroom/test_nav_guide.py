"""Routes on a floor of cars, and a guest who follows them, strays, arrives, and finds cars in his way."""

import math
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from showroom_agent.example import FOLDER
from showroom_agent.nav import (
    Guidance,
    Guide,
    NoRoute,
    Position,
    Route,
    Router,
    Turn,
    Walk,
    Why,
    say,
    steps_of,
)
from showroom_agent.nav.guide import OFF_PATH_M
from showroom_agent.nav.position import share_within
from showroom_agent.plan import load_floor, read_floor, read_site
from tests.kit.floors import document, feature, polygon, rectangle

LOT = (8.0, 3.0)


def example() -> Router:
    """The showroom that comes along."""
    return Router(load_floor(FOLDER / "site.geojson"))


def small(*features: object) -> Router:
    """The test floor of 10 m x 8 m with more on it."""
    plan = document(*features)  # type: ignore[arg-type]
    return Router(read_floor(plan, read_site(plan)))


def car(ident: str, x_m: float, y_m: float, **properties: object) -> dict[str, object]:
    """A car as a point of a plan."""
    return feature("car", ident, {"type": "Point", "coordinates": [x_m, y_m]}, **properties)


def exit_at(x_m: float, y_m: float) -> dict[str, object]:
    """A way out."""
    return feature("exit", "door", {"type": "Point", "coordinates": [x_m, y_m]})


def routed(router: Router, target: str, at: tuple[float, float] = LOT) -> Route:
    """A route that there must be."""
    found = router.route(*at, router.target(target))
    assert isinstance(found, Route)
    return found


def along(points: list[tuple[float, float]], pace_m_s: float = 1.2, step_s: float = 0.5) -> Iterator[tuple[float, ...]]:
    """Somebody who walks along points: t_s, x_m, y_m."""
    now = 0.0
    for a, b in pairwise(points):
        steps = max(1, round(math.dist(a, b) / pace_m_s / step_s))
        for step in range(steps):
            share = step / steps
            yield now, a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
            now += step_s
    yield now, *points[-1]


def test_every_car_of_the_example_is_reached_from_the_lot() -> None:
    """Each ends beside the car and not in it, and no place of the plan is shut in."""
    router = example()
    assert router.problems() == []
    for name in router.cars:
        route = routed(router, name)
        assert all(router.cells.raster.is_free(*point) for point in route.points)
        assert router.passable(route)


@pytest.mark.parametrize(
    ("at", "target", "why"),
    [
        ((50.0, 3.0), "piccolo", Why.OFF_PLAN),
        ((math.nan, 3.0), "piccolo", Why.OFF_PLAN),
        (LOT, "unicorn", Why.UNKNOWN_TARGET),
    ],
)
def test_where_there_is_no_route_it_says_why(at: tuple[float, float], target: str, why: Why) -> None:
    """A reason with a sentence in both languages."""
    router = example()
    found = router.route(*at, router.target(target))
    assert isinstance(found, NoRoute)
    assert found.why is why
    assert found.text("de") != found.text("en")


def test_a_plan_without_an_exit_and_one_that_is_shut_in_are_told() -> None:
    """No exit at all; an exit that a wall cuts off; a target and a start that cars stand around."""
    assert [one.why for one in small().problems()] == [Why.NO_EXIT]
    wall = feature("wall", "w", {"type": "LineString", "coordinates": [[5, 0], [5, 8]]})
    cut = small(wall, exit_at(9, 4), car("left", 1.5, 6.0, length_m=1, width_m=1))
    assert {(one.target, one.why) for one in cut.problems()} == {("left", Why.NO_WAY), ("west", Why.NO_WAY)}
    found = cut.route(1, 1, cut.target("exit"))
    assert isinstance(found, NoRoute)
    assert found.why is Why.NO_WAY
    filled = small(polygon("blocked", "all", rectangle(0, 0, 10, 8)), exit_at(9, 4))
    assert isinstance(filled.target("exit"), NoRoute)
    heap = small(polygon("blocked", "heap", rectangle(0, 0, 6, 8)), exit_at(9, 4))
    shut = heap.route(1, 4, heap.target("exit"))
    assert isinstance(shut, NoRoute)
    assert shut.why is Why.SHUT_IN


def test_a_start_inside_a_car_is_moved_to_the_floor_beside_it() -> None:
    """Positions reach into cars; the route begins where one can stand, and tells by how much it was moved."""
    router = example()
    one = router.cars["strato-suv"]
    route = routed(router, "exit", (one.x_m, one.y_m))
    assert 0.9 < route.snapped_m < 2.5
    assert router.cells.raster.is_free(*route.points[0])


def test_steps_name_landmarks_in_both_languages() -> None:
    """A start, an entrance, a turn at a pillar, an arrival; their distances add up to the route."""
    router = example()
    route = routed(router, "vaga-estate")
    steps = steps_of(route, router)
    assert [step.turn for step in steps] == [Turn.START, Turn.SLIGHT_LEFT, Turn.THROUGH, Turn.SLIGHT_LEFT, Turn.ARRIVE]
    assert sum(step.then_m for step in steps) == pytest.approx(route.length_m)
    german, english = ([say(step, language) for step in steps] for language in ("de", "en"))
    assert german[2].startswith("Durch „Haupteingang“ gehen")
    assert english[3].startswith("At “Pillar with the ring of light” bear left")
    assert german[-1] == "Ziel erreicht: „Vaga Kombi“ auf der rechten Seite."
    assert english[-1] == "You have arrived: “Vaga Estate” is on your right."


def test_left_is_left_and_right_is_right() -> None:
    """Around a wall: from below to the right one turns right, and left on the way back."""
    wall = feature("wall", "w", {"type": "LineString", "coordinates": [[5, 0], [5, 6]]})
    router = small(wall, exit_at(9.5, 0.5))
    there = steps_of(routed(router, "exit", (1, 5.5)), router)
    assert {step.turn for step in there[1:-1]} <= {Turn.RIGHT, Turn.SHARP_RIGHT, Turn.SLIGHT_RIGHT}
    found = router.route(9.5, 0.5, router.at(1, 5.5))
    assert isinstance(found, Route)
    back = steps_of(found, router)
    assert {step.turn for step in back[1:-1]} <= {Turn.LEFT, Turn.SHARP_LEFT, Turn.SLIGHT_LEFT}
    assert len(there) > 2
    assert len(back) > 2


def test_who_follows_the_path_arrives_and_is_never_rerouted() -> None:
    """With half a metre of noise: what remains falls to nothing, the arrival comes at the end and once."""
    router, rng = example(), random.Random(4)
    points = list(routed(router, "vaga-estate").points)
    guide = Guide(router, "vaga-estate")
    seen: list[tuple[float, Guidance]] = []
    walked = [*along(points)]
    walked += [(walked[-1][0] + wait / 2, *points[-1]) for wait in range(1, 7)]
    for now, x, y in walked:
        position = Position(now, x + rng.gauss(0, 0.35), y + rng.gauss(0, 0.35), 0.8)
        seen.append((now, guide.update(position)))
    assert [one.new_route for _, one in seen if one.new_route] == ["start"]
    states = [one.state for _, one in seen]
    first = states.index(Walk.ARRIVED)
    assert set(states[first:]) == {Walk.ARRIVED}
    assert math.dist(walked[first][1:], points[-1]) < 2.0
    halfway = seen[len(seen) // 2][1]
    assert halfway.eta_s == pytest.approx(halfway.remaining_m / 1.2, rel=0.3)
    assert "Vaga Estate" in seen[-1][1].text("en")


def test_one_reading_before_the_car_is_no_arrival() -> None:
    """A jump to the car and back, and a position that could be anywhere, do not count."""
    router = example()
    end = routed(router, "piccolo").points[-1]
    guide = Guide(router, "piccolo")
    assert guide.update(Position(0.0, *LOT, 1.0)).state is Walk.ON_THE_WAY
    assert guide.update(Position(0.5, *end, 0.5)).state is Walk.ON_THE_WAY
    assert guide.update(Position(1.0, *LOT, 1.0)).state is not Walk.ARRIVED
    for tick in range(10):
        vague = guide.update(Position(2.0 + tick, *end, 6.0))
        assert vague.state is not Walk.ARRIVED
    sure = [guide.update(Position(20.0 + tick, *end, 0.5), near=0.9).state for tick in range(3)]
    assert sure[-1] is Walk.ARRIVED
    left = [guide.update(Position(30.0 + tick, *LOT, 0.5)).state for tick in range(5)]
    assert left[0] is Walk.ARRIVED
    assert left[-1] is not Walk.ARRIVED


def test_who_leaves_the_path_has_a_new_one_within_three_seconds() -> None:
    """Counted from the moment that he is three metres off it; a single jump changes nothing."""
    router = example()
    guide = Guide(router, "lumen-e-touring")
    guide.update(Position(0.0, *LOT, 1.0))
    route = guide.route
    assert isinstance(route, Route)
    jump = guide.update(Position(0.5, 30.0, 3.0, 1.0))
    assert jump.state is Walk.OFF_PATH
    assert guide.update(Position(1.0, *route.points[0], 1.0)).new_route == ""
    left_s = new_s = math.inf
    for now, x, y in along([route.points[0], (8.0, 0.6), (40.0, 0.6)]):
        off = guide.update(Position(2.0 + now, x, y, 1.0))
        if new_s == math.inf and off.off_path_m > OFF_PATH_M:
            left_s = min(left_s, 2.0 + now)
        if off.new_route == "off_path":
            new_s = 2.0 + now
            break
    assert new_s - left_s <= 3.0
    renewed = guide.route
    assert isinstance(renewed, Route)
    assert renewed is not route
    assert renewed.points[0] == pytest.approx((x, y), abs=0.3)


def test_a_car_that_moves_onto_the_path_makes_a_new_one() -> None:
    """At once, around it; one that moves elsewhere changes nothing; one that shuts the way is told, until it leaves."""
    wall = feature("wall", "w", {"type": "LineString", "coordinates": [[5, 0], [5, 5]]})
    size = {"length_m": 1.5, "width_m": 1.5}
    router = small(wall, exit_at(9.5, 0.5), car("one", 1.0, 6.8, **size))
    guide = Guide(router, "exit")
    assert guide.update(Position(0.0, 1.0, 1.0, 0.5)).new_route == "start"
    one = router.cars["one"]
    router.place(one.at(1.2, 6.8))
    assert guide.update(Position(0.5, 1.0, 1.0, 0.5)).new_route == ""
    router.place(one.at(4.6, 5.6))
    around = guide.update(Position(1.0, 1.0, 1.0, 0.5))
    assert around.new_route == "plan_changed"
    assert isinstance(guide.route, Route)
    assert router.passable(guide.route)
    wide = router.cars["one"]
    router.place(wide.at(5.0, 6.4))
    router.place(type(wide)("two", wide.names, 5.0, 7.6, 0.0, wide.shape))
    shut = guide.update(Position(1.5, 1.0, 1.0, 0.5))
    assert shut.state is Walk.NO_ROUTE
    assert shut.text("de") == "Zwischen Start und Ziel ist kein Weg, der breit genug ist."
    router.remove("two")
    router.remove("one")
    assert guide.update(Position(2.0, 1.0, 1.0, 0.5)).state is Walk.NO_ROUTE
    assert guide.update(Position(4.0, 1.0, 1.0, 0.5)).new_route == "found"


def test_another_target_on_the_way() -> None:
    """Redirected, the route begins where the guest is."""
    router = example()
    guide = Guide(router, "piccolo")
    guide.update(Position(0.0, *LOT, 1.0))
    guide.redirect("carga-van")
    told = guide.update(Position(0.5, 12.0, 3.0, 1.0))
    assert told.new_route == "start"
    assert isinstance(guide.route, Route)
    assert guide.route.target.id == "carga-van"


def test_the_share_of_a_normal_error_within_reach_is_that_of_rayleigh() -> None:
    """At the target itself: 1 - exp(-(reach/radius)^2); far away: nothing."""
    router = small(exit_at(5, 4))
    target = router.at(5, 4)
    assert not isinstance(target, NoRoute)
    for radius in (0.5, 1.5, 3.0):
        share = share_within(Position(0.0, 5.0, 4.0, radius), target.distance, 1.5)
        assert share == pytest.approx(1 - math.exp(-((1.5 / radius) ** 2)), abs=0.02)
    assert share_within(Position(0.0, 0.0, 0.0, 0.5), target.distance, 1.5) == 0.0
