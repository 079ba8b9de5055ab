"""Cars, exits, landmarks and where on earth a plan lies; and `forecourt site route`."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.errors import ConfigError
from showroom_agent.example import FOLDER
from showroom_agent.plan import Floor, load_floor, read_floor, read_site
from tests.kit.floors import document, feature, polygon, rectangle

POINT = {"type": "Point", "coordinates": [3.0, 4.0]}


def floor(*features: dict[str, Any], **properties: Any) -> Floor:
    """The test floor with more on it."""
    plan = document(*features)
    plan["properties"].update(properties)
    return read_floor(plan, read_site(plan))


def route(*arguments: str) -> Result:
    """`forecourt site route`."""
    return CliRunner().invoke(main, ["site", "route", *arguments])


def test_cars_stand_where_they_are_said_to_with_their_heading() -> None:
    """As a point with a size, turned by 90 degrees, and as an outline."""
    found = floor(
        feature("car", "a", POINT, heading_deg=90, length_m=4, width_m=2, tag="t1", name={"de": "Eins", "en": "One"}),
        polygon("car", "b", rectangle(6, 1, 8, 2)),
    )
    one, other = found.cars
    xs, ys = zip(*one.ring, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((2, 4, 2, 6))
    assert (one.tag, one.names.of("de"), one.names.of("fr")) == ("t1", "Eins", "One")
    assert sorted(other.ring) == sorted(rectangle(6, 1, 8, 2))
    moved = other.at(2.0, 2.0, 90.0)
    xs, ys = zip(*moved.ring, strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((1.5, 2.5, 1, 3))


def test_a_name_in_one_language_serves_both() -> None:
    """Better a name in the wrong language than none."""
    found = floor(feature("exit", "e", POINT, name={"de": "Tür"}), feature("landmark", "l", POINT, name="Desk"))
    assert found.exits[0].names.of("en") == "Tür"
    assert found.landmarks[0].names.of("de") == "Desk"


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        (feature("car", "a", None), "car a"),
        (feature("car", "a", POINT, length_m=-1), "car a"),
        (feature("car", "a", POINT, length_m=400), "car a"),
        (feature("car", "a", POINT, heading_deg=math.nan), "car a"),
        (feature("car", "a", {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}), "car a"),
        (polygon("car", "bow", [(0, 0), (4, 4), (4, 0), (0, 4)]), "no crossing"),
        (feature("exit", "e", {"type": "Point", "coordinates": ["x", 1]}), "exit e"),
        (feature("landmark", "l", POINT, name={}), "landmark l"),
    ],
)
def test_what_is_wrong_is_named(broken: dict[str, Any], word: str) -> None:
    """With the feature it is about."""
    with pytest.raises(ConfigError, match=word):
        floor(broken)


def test_two_of_one_id_are_told() -> None:
    """A car and an exit may share one, two exits may not."""
    with pytest.raises(ConfigError, match="exit e: two have this id"):
        floor(feature("exit", "e", POINT), feature("exit", "e", POINT))


@pytest.mark.parametrize("given", [{}, {"latitude_deg": 90, "longitude_deg": 0}, "here", {"latitude_deg": "x"}])
def test_a_georeference_that_cannot_be_is_refused(given: Any) -> None:
    """Half of one, a pole, a word."""
    with pytest.raises(ConfigError, match="georeference"):
        floor(georeference=given)


def test_the_verb_says_the_way_and_writes_it_as_json() -> None:
    """In the language that is asked for."""
    told = route("--example", "--from", "8,3", "--to", "vaga-estate", "--lang", "de")
    assert told.exit_code == 0
    assert "Richtung „Blumenbeet“ gehen" in told.output
    found = json.loads(route("--example", "--from", "lot", "--to", "exit", "--json").output)
    assert found["steps"][-1]["turn"] == "arrive"
    assert found["length_m"] > 1


def test_the_verb_checks_a_plan(tmp_path: Path) -> None:
    """The example is sound; one without an exit is not, and says what to add."""
    assert route("--example", "--check").exit_code == 0
    (tmp_path / "site.geojson").write_text(json.dumps(document()), "utf-8")
    told = route("--site", str(tmp_path), "--check")
    assert told.exit_code != 0
    assert "add a Point of kind exit" in told.output


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--from", "8,3", "--to", "unicorn"), "Places of the plan: accessories"),
        (("--from", "99,3", "--to", "piccolo"), "outside the plan"),
        (("--from", "8,x", "--to", "piccolo"), "X,Y in metres"),
        (("--from", "8,3", "--to", "piccolo", "--without", "piccolo"), "does not know"),
        (("--from", "8,3", "--to", "piccolo", "--without", "tank"), "no such car"),
        (("--from", "8,3"), "--to"),
    ],
)
def test_the_verb_says_what_is_wrong(arguments: tuple[str, ...], word: str) -> None:
    """And what would do."""
    told = route("--example", *arguments)
    assert told.exit_code != 0
    assert word in told.output


def test_the_example_knows_its_places() -> None:
    """Six cars with a tag each, an exit, and a place on earth."""
    found = load_floor(FOLDER / "site.geojson")
    assert len({car.tag for car in found.cars}) == 6
    assert found.exits
    assert found.georeference is not None
    assert found.zone_names is not None
    assert found.zone_names["lot"].de == "Parkplatz"
