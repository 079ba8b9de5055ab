"""The table of signals: what it says, what it refuses, and that it fits the catalogue and the recordings."""

import csv
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gateway.consent import SignalPolicy
from gateway.consent.policy import TABLE
from gateway.errors import ConfigError
from gateway.model import DataTier, Purpose, purpose_set
from tests.unit.consent.parts import AIR, DOOR, DRIVING, HVAC, OPERATION, POSITION, PROFILE, SPEED

HEAD = "version = 1\n"


@pytest.fixture(scope="module")
def policy() -> SignalPolicy:
    """The table that ships."""
    return SignalPolicy.load()


def rule(paths: str, tier: str = "technical", purposes: str = '"vehicle_operation"') -> str:
    """One rule as TOML."""
    return f'[[rule]]\ntier = "{tier}"\npurposes = [{purposes}]\npaths = [{paths}]\n'


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    """Paths of a catalogue's leaves."""
    for name, node in tree.items():
        if "children" in node:
            yield from leaves(node["children"], f"{above}{name}.")
        else:
            yield above + name


def fits(pattern: str, path: str) -> bool:
    """Whether a rule's path names `path` or a branch above it; written apart from the product on purpose."""
    wanted, names = pattern.split("."), path.split(".")
    return len(wanted) <= len(names) and all(w in ("*", n) for w, n in zip(wanted, names, strict=False))


@pytest.mark.parametrize(
    ("path", "tier", "purposes"),
    [
        (POSITION, DataTier.PERSONAL, [DRIVING]),
        (SPEED, DataTier.BEHAVIOUR, [DRIVING]),
        ("Vehicle.Chassis.Accelerator.PedalPosition", DataTier.BEHAVIOUR, [DRIVING]),
        ("Vehicle.Chassis.SteeringWheel.Angle", DataTier.BEHAVIOUR, [DRIVING]),
        ("Vehicle.Chassis.SteeringWheel.Tilt", DataTier.BEHAVIOUR, [PROFILE, Purpose.USAGE_ANALYTICS]),
        (DOOR, DataTier.BEHAVIOUR, [DRIVING, Purpose.USAGE_ANALYTICS]),
        ("Vehicle.Cabin.Seat.Row2.Middle.IsBelted", DataTier.BEHAVIOUR, [DRIVING, Purpose.USAGE_ANALYTICS]),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.Position", DataTier.BEHAVIOUR, [PROFILE, Purpose.USAGE_ANALYTICS]),
        (HVAC, DataTier.BEHAVIOUR, [PROFILE, Purpose.USAGE_ANALYTICS]),
        (AIR, DataTier.TECHNICAL, [OPERATION, DRIVING, Purpose.USAGE_ANALYTICS]),
        ("Vehicle.LowVoltageBattery.CurrentVoltage", DataTier.TECHNICAL, [OPERATION, DRIVING, Purpose.USAGE_ANALYTICS]),
    ],
)
def test_what_the_table_says(policy: SignalPolicy, path: str, tier: DataTier, purposes: list[Purpose]) -> None:
    """Tier and purposes of signals that everybody knows, instances and the longer path included."""
    assert policy.classify(path) == (tier, purpose_set(purposes))


@pytest.mark.parametrize(
    "path",
    [
        "Vehicle.Driver.HeartRate",
        "Vehicle.Driver.FatigueLevel",
        "Vehicle.Driver.DistractionLevel",
        "Vehicle.Driver.AttentiveProbability",
        "Vehicle.Driver.SomethingOfALaterRelease",
        "Vehicle.Occupant.Row1.DriverSide.Identifier.Subject",
        "Vehicle.Occupant.Row2.Middle.MidEyeGaze.Azimuth",
        "Vehicle.ADAS.DMS.IsWarning",
        "Vehicle.VehicleIdentification.VIN",
    ],
)
def test_health_and_identity_are_never_collected(policy: SignalPolicy, path: str) -> None:
    """Forbidden signals have no purpose, so that no grant can allow them."""
    assert policy.classify(path) == (DataTier.FORBIDDEN, 0)


@pytest.mark.parametrize(
    "path", ["", "Vehicle", "Vehicle.Cabin", "Vehicle.Unknown", "Other.Speed", "Vehicle.SpeedX", "."]
)
def test_what_no_rule_fits_is_denied(policy: SignalPolicy, path: str) -> None:
    """No rule, no purpose; a prefix is one of whole names."""
    assert policy.classify(path) is None
    assert policy.purposes(path) == 0


def test_forbidden_cannot_be_lifted_by_a_longer_path() -> None:
    """Deny beats allow, however exact the rule that allows."""
    table = SignalPolicy.parse(HEAD + rule('"A.B.C.D"') + rule('"A.*"', "forbidden", ""))
    assert table.classify("A.B.C.D") == (DataTier.FORBIDDEN, 0)


def test_the_longest_path_decides_and_then_the_one_with_fewer_stars() -> None:
    """Order in the file plays no part."""
    table = SignalPolicy.parse(
        HEAD + rule('"A.*.C"', purposes='"safety"') + rule('"A.B.C"', purposes='"profile"') + rule('"A"')
    )
    assert table.purposes("A.B.C.x") == purpose_set([PROFILE])
    assert table.purposes("A.X.C") == purpose_set([Purpose.SAFETY])
    assert table.purposes("A.X.Y") == purpose_set([OPERATION])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        "version = 2\n" + rule('"A"'),
        HEAD + "rule = 3",
        HEAD + rule('"A"', tier="secret"),
        HEAD + rule('"A"', purposes='"advertising"'),
        HEAD + rule('"A"', purposes=""),
        HEAD + rule('"A"', tier="forbidden"),
        HEAD + rule('"A"', tier="behaviour"),
        HEAD + rule('"A"', tier="personal", purposes='"safety"'),
        HEAD + rule('"A", "A"'),
        HEAD + rule('"A..B"'),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str) -> None:
    """Nothing is collected by a table that cannot be understood to the last rule."""
    with pytest.raises(ConfigError, match="signal policy"):
        SignalPolicy.parse(text)


def test_the_table_lies_in_the_package() -> None:
    """It is found where the generated code is found, not by a path of the checkout."""
    assert (files("forecourt.v1") / TABLE).is_file()


@pytest.mark.shared_data
def test_every_path_is_in_the_catalogue_or_in_a_named_overlay(policy: SignalPolicy, shared_data: Path) -> None:
    """A rule for a signal that does not exist is a spelling mistake, and then the signal that was meant is denied."""
    catalogue = list(leaves(json.loads((shared_data / "vss" / "vss-6.0.json").read_text("utf-8"))))
    assert len(catalogue) == 1_267
    private = [path for paths in policy.overlays.values() for path in paths]
    lost = [path for path in policy.rules if path not in private and not any(fits(path, leaf) for leaf in catalogue)]
    assert lost == []
    overlay = (shared_data / "vss" / "radio_overlay.vspec").read_text("utf-8")
    assert [path for path in policy.overlays["radio"] if f"{path}:" not in overlay] == []


@pytest.mark.shared_data
def test_health_leaves_of_the_catalogue_are_forbidden(policy: SignalPolicy, shared_data: Path) -> None:
    """Searched by words in the catalogue itself, so that a renamed branch is noticed."""
    words = ["HeartRate", "Fatigue", "Distraction", "Attentive", "EyesOnRoad", "HandsOnWheel", "EyeGaze"]
    words += ["HeadPosition", "Identifier.", ".VIN", "LicensePlate"]
    catalogue = leaves(json.loads((shared_data / "vss" / "vss-6.0.json").read_text("utf-8")))
    found = [path for path in catalogue if any(word in path for word in words) and "Body.Lights" not in path]
    assert len(found) > 50
    assert [path for path in found if policy.classify(path) != (DataTier.FORBIDDEN, 0)] == []


@pytest.mark.shared_data
def test_every_recorded_signal_may_be_kept_for_a_drive(policy: SignalPolicy, shared_data: Path) -> None:
    """The three recordings hold no signal that the table does not know."""
    signals: set[str] = set()
    for file in sorted((shared_data / "vehicle").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as rows:
            signals |= {row["signal"] for row in csv.DictReader(rows)}
    assert len(signals) >= 20
    assert [path for path in sorted(signals) if not policy.purposes(path) >> DRIVING & 1] == []
