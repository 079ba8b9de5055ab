"""Catalogues and wishes: what is read, what is refused and how; and `forecourt site match`."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.errors import ConfigError, InputError
from showroom_agent.match import read_catalogue, read_wishes


def car(**changes: Any) -> dict[str, Any]:
    """A car as a catalogue writes it."""
    usual = {
        "id": "a",
        "title": {"de": "A", "en": "A"},
        "body": "suv",
        "drive": "petrol",
        "colour": "red",
        "price_eur": 20_000,
    }
    return {**usual, **changes}


def match(*arguments: str) -> Result:
    """`forecourt site match`."""
    return CliRunner().invoke(main, ["site", "match", *arguments])


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({}, "version is 1"),
        ({"version": 1}, "no \\[\\[car\\]\\]"),
        ({"version": 1, "car": [car(), car()]}, "two have this id"),
        ({"version": 1, "car": [car(body="boat")]}, "body is one of"),
        ({"version": 1, "car": [car(price_eur="cheap")]}, "price_eur is a number"),
        ({"version": 1, "car": [car(seats=True)]}, "seats is a number"),
        ({"version": 1, "car": [car(title={"de": "A"})]}, "in de and in en"),
        ({"version": 1, "car": [car(colour=["red"])]}, "colour is one of"),
        ({"version": 1, "car": [car(wheels=4)]}, "has no wheels"),
        ({"version": 1, "car": [car(id=7)]}, "id is a text"),
        ({"version": 1, "car": [car(points=[{"about": "dog"}])]}, "a point has a text"),
        ({"version": 1, "car": [car()], "bike": []}, "has no bike"),
        ({"version": 1, "car": "a"}, "car is a list"),
        ({"version": 1, "car": [car()], "accessory": [{"id": "x"}]}, "accessory x"),
    ],
)
def test_a_catalogue_that_is_wrong_is_refused_with_its_place(document: dict[str, Any], word: str) -> None:
    """All of it: half a catalogue would lead guests past cars."""
    with pytest.raises(ConfigError, match=word):
        read_catalogue(document)


@pytest.mark.parametrize(
    "table",
    [
        7,
        {"drive": "steam"},
        {"drive": [["electric"]]},
        {"budget_eur": -1},
        {"budget_eur": float("nan")},
        {"dog": "cat"},
        {"must": ["fun"]},
        {"weights": {"drive": 1e9}},
        {"weights": 3},
        {"secret-word": 1},
        {"configuration": {"dog": "large"}},
    ],
)
def test_wishes_that_cannot_be_read_are_refused_without_repeating_them(table: Any) -> None:
    """The error says what is known; a guest's words are in no log."""
    with pytest.raises(InputError) as refused:
        read_wishes(table)
    assert "steam" not in str(refused.value)
    assert "cat" not in str(refused.value).split()


def test_what_a_guest_configured_is_the_first_of_his_wishes() -> None:
    """Then come the others."""
    found = read_wishes({"drive": ["diesel", "electric"], "configuration": {"drive": "electric", "colour": "blue"}})
    assert found.drive == ("electric", "diesel")
    assert found.colour == ("blue",)


def test_the_verb_explains_itself(tmp_path: Path) -> None:
    """In both languages and as JSON; and it says what is missing."""
    told = match("--example", "--lang", "de")
    assert told.exit_code == 0
    assert "100.0 %  Lumen E Touring" in told.output
    assert "Hund im Kofferraum" in told.output
    rows = json.loads(match("--example", "--json", "--present", "piccolo").output)
    assert [row["car"] for row in rows] == ["piccolo"]
    assert match().exit_code != 0
    assert "the catalogue has" in match("--example", "--present", "ghost").output
    bad = tmp_path / "wishes.toml"
    bad.write_text("drive = [", "utf-8")
    assert "is not TOML" in match("--example", "--wishes", str(bad)).output
