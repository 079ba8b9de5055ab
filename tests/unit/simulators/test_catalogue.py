"""Proves that catalogues say what VSS says, and that a broken one is named."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import InputError
from gateway.model import Value
from simulators.databroker import Catalogue, Leaf
from simulators.databroker.tree import Counters, Tree
from simulators.drive.car import readings

SPEED = {"type": "sensor", "datatype": "float", "unit": "km/h"}


def tree(**leaves: Any) -> dict[str, Any]:
    """A VSS tree with these leaves below Vehicle."""
    return {"Vehicle": {"type": "branch", "children": leaves}}


@pytest.mark.shared_data
def test_the_packaged_catalogue_is_a_part_of_vss_6(shared_data: Path) -> None:
    """Every leaf has the type, unit, bounds and allowed values of the release; descriptions are ours."""
    whole = Catalogue.read(shared_data / "vss" / "vss-6.0.json")
    assert len(whole) == 1_267
    for path, leaf in Catalogue.packaged().items():
        real = whole[path]
        assert (leaf.datatype, leaf.entry, leaf.unit, leaf.low, leaf.high, leaf.allowed) == (
            real.datatype, real.entry, real.unit, real.low, real.high, real.allowed,
        ), path  # fmt: skip
        assert leaf.description
        assert leaf.description != real.description


def test_the_packaged_catalogue_has_what_is_packaged() -> None:
    """The packaged drive and the packaged plan name no other signal, and leave none of its signals unused."""
    plan = (files("vehicle_agent") / "plans" / "default.toml").read_text("utf-8")
    named = set(re.findall(r"\bVehicle(?:\.\w+)+", plan)) | {reading.path for reading in readings(1, 5)}
    assert set(Catalogue.packaged()) == named


def test_any_export_of_vss_is_read(tmp_path: Path) -> None:
    """Branches nest, structures are skipped by name, a later catalogue wins over an earlier one."""
    deep = {"type": "branch", "children": {"B": {"type": "actuator", "datatype": "uint8", "max": 9, "allowed": [1, 9]}}}
    file = tmp_path / "vss.json"
    file.write_text(json.dumps(tree(Speed=SPEED, A=deep, S={"type": "sensor", "datatype": "Types.Position"})), "utf-8")
    found = Catalogue.read(file)
    assert list(found) == ["Vehicle.Speed", "Vehicle.A.B"]
    assert (found["Vehicle.A.B"].high, found["Vehicle.A.B"].allowed) == (9, (1, 9))
    assert found.skipped == ("Vehicle.S",)
    both = found | Catalogue.of([Leaf("Vehicle.Speed", "double"), Leaf("Vehicle.New", "string")])
    assert [both[path].datatype for path in both] == ["double", "uint8", "string"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not JSON"),
        ("[]", "no branch"),
        ("{}", "no signal in it"),
        ('{"Vehicle": 1}', "Vehicle is neither"),
        (json.dumps(tree(Speed={"type": "sensor"})), "Vehicle.Speed has no datatype"),
        (json.dumps(tree(Speed={**SPEED, "min": "low"})), "min is no number"),
        (json.dumps(tree(Speed={**SPEED, "allowed": "all"})), "allowed is no list"),
        (json.dumps(tree(Speed={**SPEED, "allowed": ["fast"]})), "an allowed value is no float"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_catalogue_is_named(tmp_path: Path, content: str, why: str) -> None:
    """The file and what is wrong with it."""
    file = tmp_path / "vss.json"
    file.write_text(content, "utf-8")
    with pytest.raises(InputError, match=why) as raised:
        Catalogue.read(file)
    assert str(raised.value).startswith(str(file))


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        ([True, False], "boolean"),
        ([3, -4], "int64"),
        ([3, 2**63], "uint64"),
        ([-1, 2**63], "double"),
        ([2**64], "double"),
        ([1, 2.5], "double"),
        (["P0420", "U0100"], "string"),
        ([True, 1], "string"),
        ([1, "one"], "string"),
    ],
)
def test_an_unknown_signal_gets_a_type_that_holds_its_values(values: list[Value], datatype: str) -> None:
    """And the databroker takes every one of them."""
    known = Catalogue.of([Leaf("Vehicle.Speed", "float", unit="km/h")])
    found = known.with_inferred("Vehicle.Private.Thing", values)
    assert list(found) == ["Vehicle.Speed", "Vehicle.Private.Thing"]
    assert found["Vehicle.Private.Thing"].datatype == datatype
    assert Tree(found, Counters()).publish_values([("Vehicle.Private.Thing", value, 1) for value in values]) == []


def test_a_known_signal_stays_as_it_is() -> None:
    """Whatever a recording shows of it; without values, or without a path, there is nothing to infer."""
    known = Catalogue.of([Leaf("Vehicle.Speed", "float", unit="km/h")])
    assert known.with_inferred("Vehicle.Speed", ["fast"]) is known
    for path, values in (("Vehicle.New", []), ("Vehicle.*", [1]), ("Vehicle..New", [1]), ("A." + "b" * 1_000, [1])):
        with pytest.raises(InputError):
            known.with_inferred(path, values)


def test_a_missing_catalogue_is_named(tmp_path: Path) -> None:
    """As the system words it."""
    with pytest.raises(InputError, match="No such file"):
        Catalogue.read(tmp_path / "none.json")


def test_a_leaf_of_no_type_is_refused() -> None:
    """A typing error in a test or a tool shows at once."""
    with pytest.raises(InputError, match="int7"):
        Leaf("Vehicle.A", "int7")
    with pytest.raises(InputError, match="none of attribute, sensor, actuator"):
        Leaf("Vehicle.A", "int8", "signal")
