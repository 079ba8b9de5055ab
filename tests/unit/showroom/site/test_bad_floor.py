"""A whole site under what goes wrong on its floor: clocks, floods, silent receivers, a plan without an exit."""

from dataclasses import replace

from showroom_agent.site import Derived
from showroom_agent.site.running import tell_problems
from tests.kit.showroom import BOTH, World, core, example, hello, play, walking


def test_a_wrong_clock_and_a_flood_change_nothing_that_is_told() -> None:
    """A hub whose wall clock is a year behind; a thousand tags of nobody in each frame of another: the same events."""

    def told(*, damaged: bool) -> list[Derived]:
        world = World(seed=6)
        site = core(world)
        world.tags["jan"] = [walking([(22.0, 13.0), (14.0, 19.0)], begin_s=8.0)]
        if damaged:
            world.skew_us["hub-02"] = -365 * 86_400 * 1_000_000
            world.noise = {"hub-03": [f"stranger-{number}" for number in range(1_000)]}

        def come(at_ms: int) -> None:
            site.request(at_ms, 7, hello("jan"))
            site.allow(7, BOTH)

        found = play(world, site, 20.0, at={4: come})
        assert (site.counters["unknown_tag"] >= 1_000) is damaged
        assert (list(site.hubs.wrong_clocks()) == ["hub-02"]) is damaged
        return found

    clean = told(damaged=False)
    assert told(damaged=True) == clean
    assert {one.kind for one in clean} >= {"vehicle_presence", "zone_visit", "match"}


def test_a_receiver_that_falls_silent_for_40_s_is_named_and_costs_no_visit() -> None:
    """The guest stands near it; he is followed by the others, and what is told meanwhile says who was deaf."""
    world = World(seed=2)
    site = core(world)
    world.tags["jan"] = [walking([(8.0, 22.0), (8.0, 22.0), (10.0, 22.0), (10.0, 28.0)], begin_s=30.0)]

    def come(at_ms: int) -> None:
        site.request(at_ms, 7, hello("jan"))
        site.allow(7, BOTH)

    def silent(_: int) -> None:
        world.deaf = {"hub-05"}

    def back(_: int) -> None:
        world.deaf = set()

    play(world, site, 20.0, at={2: come, 12: silent})
    view = site.guests[7].view
    assert view is not None
    assert view.modes == ("no_survey", "hub_deaf:hub-05:silent")
    assert view.position is not None
    assert site.guests[7].zone == "electric"
    play(world, site, 35.0, begin_s=20.0, at={52: back})
    view = site.guests[7].view
    assert view is not None
    assert view.modes == ("no_survey",)
    assert site.guests[7].zone == "electric"


def test_a_plan_without_an_exit_is_told_when_the_site_starts() -> None:
    """It runs all the same: guests in the showroom are located; the sound example has nothing to tell."""
    parts = example()
    assert tell_problems(parts) == 0
    assert tell_problems(replace(parts, floor=replace(parts.floor, exits=()))) == 1
