"""Cars that move, leave and come back: the plan follows their tags."""

import math
import random

from showroom_agent.example import FOLDER
from showroom_agent.nav import CarWatch, NoRoute, Position, Route, Router, Why
from showroom_agent.plan import load_floor

LOT = (8.0, 3.0)


def example() -> Router:
    """The showroom that comes along."""
    return Router(load_floor(FOLDER / "site.geojson"))


def test_a_moved_car_updates_the_plan_within_ten_seconds() -> None:
    """Once its tag rests elsewhere; not while it drives, not for noise, not for a vague position."""
    router = example()
    watch, rng = CarWatch(router), random.Random(5)
    stood = router.cars["piccolo"]
    changed = [
        watch.heard("piccolo", Position(now / 2, stood.x_m + rng.gauss(0, 0.7), stood.y_m + rng.gauss(0, 0.7), 1.4))
        for now in range(120)
    ]
    assert not any(changed)
    for now in range(120, 140):
        assert not watch.heard("piccolo", Position(now / 2, stood.x_m - (now - 120), stood.y_m, 1.4))
    for now in range(140, 160):
        assert not watch.heard("piccolo", Position(now / 2, 26.0, 14.0, 5.0))
    rests_s = 80.0
    while not watch.heard("piccolo", Position(rests_s, 34 + rng.gauss(0, 0.5), 18 + rng.gauss(0, 0.5), 1.4)):
        rests_s += 0.5
    assert rests_s - 80.0 <= 10.0
    assert math.dist((router.cars["piccolo"].x_m, router.cars["piccolo"].y_m), (34, 18)) < 1.0
    assert isinstance(router.route(*LOT, router.target("piccolo")), Route)


def test_a_car_that_left_is_no_obstacle_and_no_target_until_it_is_back() -> None:
    """Absent is not blind: the caller says which; strangers' tags are none of its business."""
    router = example()
    watch = CarWatch(router)
    assert watch.absent("carga-van")
    assert not watch.absent("carga-van")
    gone = router.target("carga-van")
    assert isinstance(gone, NoRoute)
    assert gone.why is Why.UNKNOWN_TARGET
    back = [watch.heard("carga-van", Position(now / 2, 17.5, 22.8, 1.0)) for now in range(12)]
    assert back.count(True) == 1
    assert "carga-van" in router.cars
    assert not watch.heard("stranger", Position(0.0, 1.0, 1.0, 0.1))
    assert not watch.absent("stranger")
