"""Plans, surveys and recordings: what is read, and what is refused with a word that helps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.errors import ConfigError
from showroom_agent.plan import check_polarity, load_readings, load_site, load_survey, read_site
from showroom_agent.plan.geometry import area, crossing, first_self_crossing, inside
from tests.kit.floors import csv_of, document, feature, floor, hub, polygon, rectangle, survey_of, walk, write


def test_a_plan_is_read_whole() -> None:
    """Hubs with their heights, zones with their rings, blocked areas and walls, also as multi-geometries."""
    wall = feature(
        "wall", "w", {"type": "MultiLineString", "coordinates": [[[0, 0], [4, 0], [4, 2]], [[5, 5], [6, 6]]]}
    )
    two = {"type": "MultiPolygon", "coordinates": [[[[1, 1], [2, 1], [2, 2]]], [[[3, 3], [4, 3], [4, 4]]]]}
    site = floor(wall, feature("blocked", "b", two), feature("zone", "nowhere", None), feature("sofa", "s", None))
    assert list(site.extent) == [0, 0, 10, 8]
    assert [one.id for one in site.hubs] == ["a", "b", "c", "d", "e"]
    assert site.hubs[0].z_m == 2.0
    assert site.index["e"] == 4
    assert len(site.walls) == 3
    assert len(site.blocked) == 2
    assert [(zone.id, len(zone.rings)) for zone in site.zones] == [("west", 1), ("east", 1), ("nowhere", 0)]


def test_without_an_extent_it_is_what_the_features_span() -> None:
    """A plan of hubs only is a plan."""
    assert read_site({"features": [hub("a", 1, 2), hub("b", 5, 9)]}).extent == (1, 2, 5, 9)


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (polygon("zone", "bow", [(0, 0), (4, 4), (4, 0), (0, 4)]), "crosses itself"),
        (polygon("blocked", "line", [(0, 0), (1, 1)]), "corners"),
        (polygon("blocked", "flat", [(0, 0), (1, 1), (2, 2)]), "no area"),
        (hub("a", 3, 3), "two hubs"),
        (hub("far", 900, 3), "outside"),
        (polygon("zone", "west", rectangle(0, 0, 1, 1)), "two zones"),
        (feature("hub", "odd", {"type": "Point", "coordinates": ["x", None]}), "cannot be read"),
        (feature("hub", "nan", {"type": "Point", "coordinates": [float("nan"), 1]}), "cannot be read"),
        (feature("wall", "dot", {"type": "Point", "coordinates": [1, 2]}), "cannot be read"),
        ({"type": "Feature"}, "no properties"),
    ],
)
def test_what_is_wrong_with_a_plan_is_named(broken: dict[str, Any], word: str) -> None:
    """Each mistake has its sentence, with the feature in it."""
    with pytest.raises(ConfigError, match=word):
        floor(broken)


@pytest.mark.parametrize("extent", [(0, 0, 0, 8), (0, 0, float("inf"), 8), (0, 0, 9_000, 8), (1, 2, 3)])
def test_an_extent_that_cannot_be_is_refused(extent: Any) -> None:
    """No area, not finite, larger than any showroom, or not four numbers."""
    with pytest.raises(ConfigError, match=r"extent_m|larger"):
        read_site(document(extent=extent))


def test_all_mistakes_are_told_at_once() -> None:
    """One round of corrections is enough."""
    with pytest.raises(ConfigError, match=r"two hubs.*crosses itself"):
        floor(hub("a", 1, 1), polygon("zone", "bow", [(0, 0), (4, 4), (4, 0), (0, 4)]))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"features": 3}', '{"features": []}', "[" * 3_000])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever it is; the message names the file."""
    path = tmp_path / "site.geojson"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"site\.geojson"):
        load_site(path)
    with pytest.raises(ConfigError, match="no plan"):
        load_site(tmp_path / "none")


def test_a_survey_is_read_as_means_and_spreads(tmp_path: Path) -> None:
    """The histogram of each point and hub; impossible levels and unknown hubs are left out."""
    site = floor()
    folder = write(
        tmp_path / "site",
        document(),
        "point,x_m,y_m,hub,rssi_dbm,count\n"
        "p,1,1,a,-60,1\np,1,1,a,-64,3\np,1,1,zz,-50,9\nq,2,2,b,-70,5\nr,3,3,b,-71,1\nr,3,3,c,0,7\n",
    )
    survey = load_survey(folder / "survey.csv", site)
    assert survey.points.tolist() == [[1, 1], [2, 2], [3, 3]]
    assert survey.mean_dbm[0, 0] == -63
    assert survey.spread_db[0, 0] == pytest.approx(np.std([-60, -64, -64, -64]))
    assert survey.count.sum() == 10
    assert np.isnan(survey.mean_dbm[2, 2])


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("p,1,1,x1,-60,1\nq,2,2,x2,-60,1\nr,3,3,a,-60,1\n", "another building"),
        ("p,500,1,a,-60,1\nq,600,2,a,-60,1\nr,3,3,a,-60,1\n", "another building"),
        ("p,1,1,a,-60,1\n", "3 points"),
        ("p,one,1,a,-60,1\n", "line 2"),
        ("p,1,1,a,-60,-4\n", "line 2"),
    ],
)
def test_a_survey_that_cannot_be_of_this_plan_is_refused(tmp_path: Path, rows: str, word: str) -> None:
    """Hubs or places of another building, too few points, no numbers."""
    path = tmp_path / "survey.csv"
    path.write_text("point,x_m,y_m,hub,rssi_dbm,count\n" + rows, "utf-8")
    with pytest.raises(ConfigError, match=word):
        load_survey(path, floor())
    path.write_text("point,x_m\n", "utf-8")
    with pytest.raises(ConfigError, match="lacks the columns"):
        load_survey(path, floor())


def test_a_plan_turned_inside_out_is_refused() -> None:
    """Where most places that were walked stand in blocked areas, blocked and free are exchanged."""
    points = np.array([(x, 2.0) for x in np.linspace(1, 9, 30)])
    check_polarity(floor(polygon("blocked", "desk", rectangle(0, 5, 10, 8))), points, "the points")
    with pytest.raises(ConfigError, match="of the points lie in blocked areas"):
        check_polarity(floor(polygon("blocked", "all", rectangle(0, 0, 10, 5))), points, "the points")


def test_readings_are_sorted_and_the_useless_are_counted(tmp_path: Path) -> None:
    """Levels that no receiver measures, hubs that the plan lacks, times that are none."""
    site = floor()
    path = tmp_path / "x.csv"
    rows = "2,a,t,-60\n1,b,t,-61\n3,zz,t,-60\n3,a,t,42\n3,a,t,0\n3,a,t,-127\n3,a,t,\nnan,a,t,-60\n1,b,t,-61\n"
    path.write_text("t_s,hub,tag,rssi_dbm\n" + rows, "utf-8")
    found, left_out = load_readings(path, site)
    assert [(one.t_s, one.hub) for one in found] == [(1, 1), (1, 1), (2, 0)]
    assert left_out == {"unknown_hub": 1, "impossible_rssi": 3, "not_a_number": 1, "no_time": 1}


def test_what_the_kit_writes_is_read_back(tmp_path: Path) -> None:
    """The tests' own files have the form."""
    site = floor()
    told = walk(site, [(0, 1, 1), (3, 4, 4)])
    folder = write(tmp_path / "s", document(), survey_of(site), t=csv_of(site, told))
    assert load_site(folder / "site.geojson") == site
    assert len(load_survey(folder / "survey.csv", site).points) == 80
    assert len(load_readings(folder / "tracks" / "t.sightings.csv", site)[0]) == len(told)
    assert json.loads((folder / "site.geojson").read_text("utf-8"))["properties"]["site"] == "test"


def test_geometry_on_cases_one_can_check_by_hand() -> None:
    """In and out of an L, crossing a wall or touching its end, an outline that crosses itself."""
    ell = ((0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0))
    assert area(ell) == 7
    x, y = np.array([0.5, 3.5, 3.5, 0.5, -1.0]), np.array([3.5, 0.5, 3.5, 0.5, 0.5])
    assert inside(ell, x, y).tolist() == [True, True, False, True, False]
    wall = ((2.0, 0.0), (2.0, 2.0))
    starts = np.array([1.0, 1.0, 3.0]), np.array([1.0, 3.0, 1.0])
    assert crossing(wall, *starts, 2.0, 0.0).tolist() == [True, False, False]
    assert first_self_crossing(ell) is None
    assert first_self_crossing(((0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0))) is not None
