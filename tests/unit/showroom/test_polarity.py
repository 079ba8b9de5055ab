"""A plan that marks as blocked where people walk is found out: as it is read by its cars, and by how people walk."""

import numpy as np
import pytest

from gateway.errors import ConfigError
from gateway.model import Purpose, purpose_set
from showroom_agent.example import FOLDER
from showroom_agent.locator import Locator, PolarityWatch, Settings
from showroom_agent.plan import Site, load_floor, read_floor, read_site
from showroom_agent.site.state import PLAN_WRONG, state_of
from showroom_agent.views.chart import chart
from tests.kit import floors
from tests.kit.floors import floor, polygon, rectangle
from tests.kit.showroom import BOTH, World, core, hello, play, walking

ISLAND = rectangle(2.5, 2.5, 7.5, 5.5)
ROUND = [(1.2, 1.2), (8.8, 1.2), (8.8, 6.8), (1.2, 6.8), (1.2, 1.2)]
COARSE = Settings(cell_m=0.5)


def exchanged() -> Site:
    """The ring around the island blocked, the island free."""
    around = ((0, 0, 10, 2.5), (0, 5.5, 10, 8), (0, 2.5, 2.5, 5.5), (7.5, 2.5, 10, 5.5))
    return floor(*(polygon("blocked", str(n), rectangle(*corners)) for n, corners in enumerate(around)))


def walked(site: Site, seconds: float = 240.0, seed: int = 1) -> PolarityWatch:
    """Two people who go round and round, and what the plan's watch makes of it."""
    watch, rng = PolarityWatch(Locator(site, None, COARSE)), np.random.default_rng(seed)
    way = walking(ROUND * 40, pace_m_s=1.1)
    for step in range(round(seconds * 2)):
        x_m, y_m = way(step / 2) or (0.0, 0.0)
        for hub in range(len(site.hubs)):
            level = floors.level(site, hub, x_m, y_m) + rng.normal(0, 3)
            watch.heard(1 + (step > seconds), hub, float(level), 2)
        watch.step(step / 2, [1] if step <= seconds else [2])
    return watch


def test_a_plan_that_is_right_is_never_contradicted_and_an_exchanged_one_is() -> None:
    """The same walk, the same hubs; who leaves is followed by the next, and what was seen is kept."""
    right = walked(floor(polygon("blocked", "island", ISLAND)))
    assert right.judges
    assert not right.contradicted
    wrong = walked(exchanged())
    assert wrong.judges
    assert wrong.contradicted
    assert wrong.share > 0.8 > 0.5 > right.share


def test_a_plan_whose_aisles_are_narrower_than_the_locator_sees_is_not_judged() -> None:
    """Nor one with nothing blocked, or all of it: nobody can tell."""
    stripes = [polygon("blocked", str(n), rectangle(n + 0.5, 0, n + 1, 8)) for n in range(10)]
    for site in (floor(*stripes), floor(), floor(polygon("blocked", "all", rectangle(0, 0, 10, 8)))):
        watch = PolarityWatch(Locator(site, None, COARSE))
        assert not watch.judges
        watch.heard(1, 0, -60.0, 1)
        assert not watch.step(1.0, [1])
        assert watch.share == 0.0


def test_one_who_stands_says_nothing() -> None:
    """Leaning on a desk for an hour is no walk."""
    site = exchanged()
    watch = PolarityWatch(Locator(site, None, COARSE))
    for step in range(400):
        for hub in range(len(site.hubs)):
            watch.heard(1, hub, floors.level(site, hub, 1.2, 1.2), 2)
        watch.step(step / 2, [1])
    assert watch.share == 0.0
    assert not watch.contradicted


def test_a_plan_whose_cars_and_exits_are_in_blocked_areas_is_refused() -> None:
    """Cars on stands alone are not: their exits are free."""
    point = {"type": "Point", "coordinates": [1.2, 1.2]}
    cars = [floors.feature("car", f"c{n}", {"type": "Point", "coordinates": [2.0 + 2 * n, 6.5]}) for n in range(3)]
    stand = polygon("blocked", "stand", rectangle(0, 5.5, 10, 8))
    document = floors.document(*cars, stand, floors.feature("exit", "door", point))
    assert len(read_floor(document, read_site(document)).cars) == 3
    document = floors.document(*cars, stand, floors.feature("exit", "door", point), polygon("blocked", "f", ISLAND))
    assert read_floor(document, read_site(document)).exits
    lower = polygon("blocked", "lower", rectangle(0, 0, 10, 2.5))
    document = floors.document(*cars, stand, lower, floors.feature("exit", "door", point))
    with pytest.raises(ConfigError, match="100% of cars and exits lie in blocked areas"):
        read_floor(document, read_site(document))


def test_a_site_says_so() -> None:
    """In its state, which maps show, with what to do."""
    world = World()
    site = core(world)
    assert not site.polarity.contradicted
    assert state_of(site, world.begin_ms).warnings == ()
    site.polarity.contradicted = True
    state = state_of(site, world.begin_ms)
    assert state.warnings == (PLAN_WRONG,)
    assert any(PLAN_WRONG in line for line in chart(load_floor(FOLDER / "site.geojson"), state))


class Listening(PolarityWatch):
    """Notes who is watched."""

    def __init__(self, locator: Locator) -> None:
        super().__init__(locator)
        self.walkers: set[int] = set()

    def heard(self, walker: int, hub: int, mean_dbm: float, adverts: int) -> None:
        """As ever."""
        self.walkers.add(walker)
        super().heard(walker, hub, mean_dbm, adverts)


def test_only_those_who_may_be_located_are_watched() -> None:
    """A visit without that yes is not followed, here neither."""
    world = World()
    site = core(world)
    watch = site.polarity = Listening(world.parts.locator)
    world.tags |= {"t": [walking([(24.0, 13.0), (30.0, 13.0)])], "u": [walking([(24.0, 13.0), (30.0, 13.0)])]}

    def come(at_ms: int) -> None:
        for subject, tag in ((5, "t"), (6, "u")):
            site.request(at_ms, subject, hello(tag))
        site.allow(5, BOTH)
        site.allow(6, purpose_set([Purpose.PERSONALISED_OFFERS]))

    play(world, site, 3.0, at={1.0: come})
    assert watch.walkers == {5}
