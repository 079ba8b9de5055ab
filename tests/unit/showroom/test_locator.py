"""The locator on floors one can reckon with: it follows, keeps to the floor, bears what goes wrong, and never peeks."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import ConfigError
from showroom_agent.locator import Estimate, Locator, Settings, evaluate
from showroom_agent.locator.few import quantile
from showroom_agent.locator.grid import Grid
from showroom_agent.locator.memory import Echo, Gains, Offsets
from showroom_agent.locator.motion import Motion
from showroom_agent.locator.zones import ZoneHold
from showroom_agent.plan import Reading, Site, load_survey, read_site
from showroom_agent.plan.geometry import inside
from tests.kit.floors import feature, floor, level, polygon, rectangle, survey_of, walk

PATH = [(0.0, 1.0, 1.0), (20.0, 9.0, 1.0), (40.0, 9.0, 7.0), (60.0, 1.0, 7.0), (90.0, 1.0, 7.0)]


def survey(tmp_path: Path, site: Site, power: float = -58.0) -> Locator:
    """A locator with a survey of the floor."""
    path = tmp_path / "survey.csv"
    path.write_text(survey_of(site, power=power), "utf-8")
    return Locator(site, load_survey(path, site))


def errors(found: Sequence[tuple[float, Estimate]], path: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """How far off each estimate is, in metres."""
    times, xs, ys = zip(*path, strict=True)
    return np.array([math.hypot(e.x_m - np.interp(t, times, xs), e.y_m - np.interp(t, times, ys)) for t, e in found])


@pytest.mark.parametrize("power", [-58.0, -70.0])
def test_a_walk_is_followed_with_and_without_a_survey(tmp_path: Path, power: float) -> None:
    """Also a tag that is 12 dB weaker than that of the survey: its gain is learnt on the way."""
    site = floor()
    readings = walk(site, PATH, power)
    with_survey = errors(list(evaluate(survey(tmp_path, site), readings)), PATH)[10:]
    without = errors(list(evaluate(Locator(site), readings)), PATH)[10:]
    assert np.median(with_survey) < 0.7
    assert np.percentile(with_survey, 90) < 1.5
    assert np.median(without) < 0.9
    assert np.percentile(without, 90) < 2.0


def test_an_estimate_is_the_same_whatever_comes_later() -> None:
    """Causal: cutting the recording changes nothing before the cut."""
    site = floor()
    readings = walk(site, PATH[:3])
    whole = list(evaluate(Locator(site), readings))
    part = list(evaluate(Locator(site), [one for one in readings if one.t_s <= 20]))
    assert part[:40] == whole[:40]


def test_confidence_is_what_it_says(tmp_path: Path) -> None:
    """Of estimates that claim c, about c are within 2 m; a tag that nobody hears any more loses its confidence."""
    site = floor()
    locator = survey(tmp_path, site)
    found = list(evaluate(locator, walk(site, PATH)))
    near = errors(found, PATH) <= 2.0
    claimed = np.array([one.confidence for _, one in found])
    assert claimed.min() >= 0
    assert claimed.max() <= 1
    assert near.mean() >= claimed.mean() - 0.1
    track = locator.track()
    readings = walk(site, [(0, 3, 3), (10, 3, 3)])
    steps = []
    for number in range(1, 80):
        for reading in (one for one in readings if 0.5 * (number - 1) <= one.t_s < 0.5 * number):
            track.observe(reading.hub, reading.rssi_dbm)
        steps.append(track.step(0.5 * number))
    sure, later = steps[19], steps[-1]
    assert later.confidence < sure.confidence / 2
    assert later.radius_m > sure.radius_m
    assert later.age_s == pytest.approx(29.5)
    assert "stale" in later.modes


def test_walls_are_not_walked_through_and_blocked_areas_hardly_stood_in() -> None:
    """A belief on one side of a wall does not seep through it; most of the open floor is open."""
    wall = feature("wall", "w", {"type": "LineString", "coordinates": [[5, -1], [5, 9]]})
    desk = rectangle(1, 1, 3, 3)
    site = floor(wall, polygon("blocked", "desk", desk))
    grid = Grid(site, Settings())
    belief = np.where((grid.x < 5) & (grid.y > 4), 1.0, 0.0)
    for _ in range(50):
        belief = grid.walk(belief)
    assert belief.sum() == pytest.approx(np.where((grid.x < 5) & (grid.y > 4), 1.0, 0.0).sum())
    assert belief[grid.x > 5].sum() == 0
    on_desk = inside(tuple(desk), grid.x, grid.y)
    assert belief[on_desk].mean() < 0.1 * belief[~on_desk & (grid.x < 5)].mean()


def test_what_cannot_be_heard_is_not_evidence() -> None:
    """Impossible levels and hubs that the plan lacks are counted and change nothing."""
    site = floor()
    plain, odd = Locator(site).track(), Locator(site).track()
    for reading in walk(site, PATH[:2]):
        plain.observe(reading.hub, reading.rssi_dbm)
        odd.observe(reading.hub, reading.rssi_dbm)
    for hub, rssi in ((0, 42.0), (1, 0.0), (2, -127.0), (99, -60.0), (-1, -60.0), (0, math.nan)):
        odd.observe(hub, rssi)
    assert odd.impossible == 6
    assert odd.step(0.5) == plain.step(0.5)


def test_dead_and_lying_hubs_cost_little(tmp_path: Path) -> None:
    """One hub silent, one that reads 10 dB too low all the time: the walk is still followed."""
    site = floor()
    readings = [one for one in walk(site, PATH) if one.hub != 3]
    lying = [one._replace(rssi_dbm=one.rssi_dbm - 10) if one.hub == 1 else one for one in readings]
    found = errors(list(evaluate(survey(tmp_path, site), lying)), PATH)[10:]
    assert np.median(found) < 1.5
    assert np.percentile(found, 90) < 3.5


def test_gaps_duplicates_and_late_starts_are_borne() -> None:
    """A recording that begins at 1,000 s, says things twice and is silent for 20 s has an estimate for each step."""
    site = floor()
    readings = [one for one in walk(site, PATH[:3]) if not 10 < one.t_s < 30]
    late = sorted([one._replace(t_s=one.t_s + 1_000) for one in [*readings, *readings]])
    found = list(evaluate(Locator(site), late))
    assert found[0][0] == 1000.5
    assert [b - a for (a, _), (b, _) in pairwise(found)] == [0.5] * (len(found) - 1)
    assert not list(evaluate(Locator(site), []))


def test_a_large_floor_gets_larger_cells() -> None:
    """150 m with 300 hubs: bounded memory, a step in well under a second."""
    hubs = [feature("hub", f"h{n}", {"type": "Point", "coordinates": [n % 20 * 7.5, n // 20 * 10]}) for n in range(300)]
    site = read_site({"properties": {"extent_m": [0, 0, 150, 150]}, "features": hubs})
    locator = Locator(site)
    assert locator.grid.size <= 11_000
    track = locator.track()
    for place, one in enumerate(site.hubs):
        if math.hypot(one.x_m - 70, one.y_m - 70) < 30:
            track.observe(place, -60 - 22 * math.log10(max(math.hypot(one.x_m - 70, one.y_m - 70), 1)))
    found = track.step(0.5)
    assert math.hypot(found.x_m - 70, found.y_m - 70) < 8


def test_a_survey_that_contradicts_the_plan_is_refused(tmp_path: Path) -> None:
    """Nobody surveys on top of the furniture only."""
    site = floor(polygon("blocked", "all", rectangle(0, 0, 10, 7.2)))
    with pytest.raises(ConfigError, match="blocked"):
        survey(tmp_path, site)


def test_a_zone_is_held_until_another_leads_for_long_enough() -> None:
    """A clear lead decides soon, a weak one later, none at a border; where no zone is likely, none is held."""
    hold = ZoneHold(["west", "east"], Settings())
    assert [hold.step((0.9, 0.1)) for _ in range(3)] == ["", "west", "west"]
    assert {hold.step((0.4, 0.6)) for _ in range(100)} == {"west"}
    assert [hold.step((0.05, 0.95)) for _ in range(2)] == ["west", "east"]
    weak = [hold.step((0.7, 0.3)) for _ in range(10)]
    assert weak[2] == "east"
    assert weak[-1] == "west"
    assert [hold.step((0.02, 0.02)) for _ in range(2)][-1] == ""
    assert ZoneHold([], Settings()).step(()) == ""


def test_a_tag_that_lies_still_is_asked_for_more() -> None:
    """A lead that decides in a second while it is carried decides nothing in a minute, and a full one in a few."""
    hold = ZoneHold(["west", "east"], Settings())
    for _ in range(4):
        hold.step((0.9, 0.1))
    assert {hold.step((0.15, 0.85), moving=0.1) for _ in range(120)} == {"west"}
    assert "east" in {hold.step((0.0, 1.0), moving=0.1) for _ in range(300)}


def test_a_still_tag_changes_no_zone_in_half_an_hour(tmp_path: Path) -> None:
    """3,600 steps of readings 0.3 m from a border, noisy as an office; test_recorded replays an hour of real ones."""
    site = floor()
    track = survey(tmp_path, site).track()
    rng = np.random.default_rng(5)
    mean = [level(site, place, 4.7, 3.0) for place in range(len(site.hubs))]
    noise, lost = rng.normal(0, 3, (3_600, len(mean))), rng.random((3_600, len(mean))) < 0.1
    said = []
    for number in range(3_600):
        for place, value in enumerate(mean):
            if not lost[number, place]:
                track.observe(place, value + noise[number, place])
        said.append(track.step(0.5 * (number + 1)).zone)
    assert len(set(said[20:])) == 1
    assert said[-1] in {"west", "east"}


def test_one_who_stood_for_long_is_soon_in_the_next_zone(tmp_path: Path) -> None:
    """Three minutes at one place, then six metres in six seconds: told within six seconds of the border."""
    site = floor()
    path = [(0.0, 2.5, 3.0), (180.0, 2.5, 3.0), (186.0, 8.5, 3.0), (220.0, 8.5, 3.0)]
    said = {at: one.zone for at, one in evaluate(survey(tmp_path, site), walk(site, path))}
    assert {said[step / 2] for step in range(20, 361)} == {"west"}
    assert said[188.5] == "east"
    assert {said[step / 2] for step in range(380, 438)} == {"east"}


@pytest.mark.parametrize("adverts", [1, 4])
@pytest.mark.parametrize("noise_db", [2.0, 3.0])
def test_motion_is_told_from_noise(adverts: int, noise_db: float) -> None:
    """A tag that lies still, walks, and lies still again; an advert a step or the mean of four."""
    site, rng = floor(), np.random.default_rng(2)
    motion, said = Motion(len(site.hubs), 0.5), []
    for number in range(360):
        x = min(max(1.0, 1.0 + 0.25 * (number - 120)), 9.0)
        y = 3.0 + math.sin(x)
        heard = {}
        for place in range(len(site.hubs)):
            mean = level(site, place, x, y) + float(np.mean(rng.normal(0, noise_db, adverts)))
            heard[place] = [mean] * adverts
        said.append(motion.step(heard, x + rng.normal(0, 0.2), y + rng.normal(0, 0.2)))
    assert max(said[60:120]) < 0.2
    assert min(said[144:152]) > 0.8
    assert max(said[300:]) < 0.2


def test_motion_says_nothing_without_hearing() -> None:
    """No hub hears it, two hubs do: neither still nor moving is claimed for want of levels."""
    motion = Motion(4, 0.5)
    for _ in range(8):
        motion.step({}, 1.0, 1.0)
    assert 0.2 < motion.moving < 0.6
    for _ in range(15):
        motion.step({0: [-60.0], 1: [-62.0]}, 1.0, 1.0)
    assert math.isfinite(motion.moving)


def test_gains_echo_and_offsets_learn_what_they_are_for() -> None:
    """A gain that is seen wins; equal errors again and again weigh less; a hub that is always 6 dB up is known."""
    settings = Settings()
    gains = Gains(1, settings, surveyed=True)
    for _ in range(30):
        models, places = gains.likely()
        gains.replace(models, places, gains.belief[models, places] * np.exp(-((gains.db[places] - 8) ** 2) / 8))
    assert gains.mean_db == pytest.approx(8, abs=0.5)
    echo, steady = Echo(2, settings), Echo(2, settings)
    rng = np.random.default_rng(3)
    hubs = np.array([0, 1])
    for number in range(200):
        echo.learn(number * 0.5, hubs, np.array([6.0, -6.0]))
        steady.learn(number * 0.5, hubs, rng.normal(0, 6, 2))
    assert echo.weight < 0.5 < steady.weight <= 1
    offsets = Offsets(2, settings, surveyed=False)
    for _ in range(100):
        offsets.forget()
        offsets.learn(hubs, np.array([6.0, 0.0]), np.array([60.0, 60.0]))
    assert offsets.mean == pytest.approx([6.0, 0.0], abs=1.0)


def test_readings_of_one_step_are_bounded() -> None:
    """A flood from one address costs no memory."""
    track = Locator(floor()).track()
    for _ in range(10_000):
        track.observe(0, -60.0)
    assert sum(len(levels) for levels in track._heard.values()) <= 64
    assert isinstance(Reading(0.0, 0, "", -60.0), tuple)


def test_a_quantile_of_a_few_numbers_is_numpy_s() -> None:
    """For one to thirty values and all shares."""
    rng = np.random.default_rng(7)
    for count in range(1, 31):
        values = rng.normal(size=count).tolist()
        for share in (0.0, 0.03, 0.5, 0.75, 0.9, 1.0):
            assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)))
