"""Proves the packaged drive: the trace is the regulation's, the signals follow from it."""

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from simulators.drive.car import Reading, readings
from simulators.drive.route import METRES_PER_DEGREE, Pose, Route
from simulators.drive.wltc import PHASES, phase, speed_ms, speeds_kmh


def test_the_trace_is_that_of_the_regulation() -> None:
    """1,800 s; phases of 3,095, 4,756, 7,162 and 8,254 m; top speed 131.3 km/h."""
    speeds = speeds_kmh()
    assert len(speeds) - 1 == 1_800
    assert max(speeds) == 131.3
    metres = [sum(speeds[first : last + 1]) / 3.6 for first, last in PHASES]
    assert [round(value) for value in metres] == [3_095, 4_756, 7_162, 8_254]
    assert (speeds[0], speeds[-1]) == (0.0, 0.0)


def test_speed_between_seconds_is_linear() -> None:
    """No jump between two seconds, nothing outside the drive."""
    speeds = speeds_kmh()
    assert speed_ms(700.5) * 3.6 == pytest.approx((speeds[700] + speeds[701]) / 2)
    assert speed_ms(-1) == speed_ms(1_800) == speed_ms(5_000) == 0
    assert [phase(t) for t in (0, 589, 590, 1_022, 1_023, 1_478, 1_800)] == [0, 0, 1, 1, 2, 3, 3]


def test_the_same_seed_gives_the_same_drive() -> None:
    """Bit for bit; another seed drives another road."""
    once = list(islice(readings(3), 5_000))
    assert once == list(islice(readings(3), 5_000))
    assert once != list(islice(readings(4), 5_000))


def last_values(drive: list[Reading], at_s: float) -> dict[str, Any]:
    """What every signal shows at a time."""
    return {reading.path: reading.value for reading in drive if reading.at_s <= at_s}


def test_signals_agree_with_each_other() -> None:
    """At least 20 signals; lateral acceleration is speed times yaw rate, distance the integral of speed."""
    drive = list(readings(1, 700))
    assert len({reading.path for reading in drive}) >= 20
    assert [r.at_s for r in drive] == sorted(r.at_s for r in drive)
    start, end = last_values(drive, 0), last_values(drive, 690)
    driven = end["Vehicle.TraveledDistance"] - start["Vehicle.TraveledDistance"]
    assert driven == pytest.approx(sum(speeds_kmh()[: 690 + 1]) / 3.6, rel=0.002)
    checked = 0
    for at_s in range(100, 690, 10):
        now = last_values(drive, at_s)
        yaw = math.radians(now["Vehicle.AngularVelocity.Yaw"])
        lateral = now["Vehicle.Speed"] / 3.6 * yaw
        assert now["Vehicle.Acceleration.Lateral"] == pytest.approx(lateral, abs=0.12)
        checked += abs(lateral) > 0.2
    assert checked > 5


@pytest.mark.parametrize("seed", [1, 2, 3, 99])
def test_the_road_is_a_round_trip(seed: int) -> None:
    """It ends where it began, as the heading does; position follows speed and heading, heading follows the yaw rate."""
    speeds = [speed_ms(step / 10) for step in range(18_000)]
    route = Route(seed, speeds, 0.1)
    poses = [route.pose(step) for step in range(18_000)]
    assert math.hypot(*place(poses[-1])) < 20
    assert abs(turn(poses[0].heading_deg, poses[-1].heading_deg)) < 5
    for step in range(0, 17_900, 37):
        here, there = poses[step], poses[step + 10]
        (north, east), (later_north, later_east) = place(here), place(there)
        driven = sum(speeds[step : step + 10]) / 10
        assert math.hypot(later_north - north, later_east - east) == pytest.approx(driven, rel=0.01, abs=0.01)
        yawed = sum(math.degrees(speeds[i] * poses[i].curvature) for i in range(step, step + 10)) / 10
        assert turn(here.heading_deg, there.heading_deg) == pytest.approx(-yawed, abs=1e-6)
        if driven > 1 and abs(yawed) < 5:
            course = math.degrees(math.atan2(later_east - east, later_north - north))
            assert abs(turn(here.heading_deg - yawed / 2, course)) < 0.5


def test_the_road_suits_the_speed() -> None:
    """Sideways never more than a calm driver bears, in no bend narrower than a street's."""
    speeds = [speed_ms(step / 10) for step in range(18_000)]
    route = Route(1, speeds, 0.1)
    bends = [route.pose(step).curvature for step in range(18_000)]
    assert max(abs(bend) for bend in bends) < 1 / 50
    assert 0.8 < max(speed**2 * abs(bend) for speed, bend in zip(speeds, bends, strict=True)) < 2.5


def place(pose: Pose) -> tuple[float, float]:
    """Metres to the north and to the east."""
    return pose.latitude * METRES_PER_DEGREE, pose.longitude * METRES_PER_DEGREE


def turn(before_deg: float, after_deg: float) -> float:
    """Degrees to the right, from -180 to 180."""
    return (after_deg - before_deg + 180) % 360 - 180


def test_power_and_charge_agree() -> None:
    """Power flows out of the battery while it is discharged; a car of this kind needs 12 to 22 kWh for 100 km."""
    drive = list(readings(1))
    start, end = last_values(drive, 0), last_values(drive, 1_800)
    charge = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"
    used_kwh = (start[charge] - end[charge]) / 100 * 77
    driven_km = (end["Vehicle.TraveledDistance"] - start["Vehicle.TraveledDistance"]) / 1_000
    assert driven_km == pytest.approx(23.266, rel=0.001)
    assert 12 < used_kwh / driven_km * 100 < 22
    powers = [float(r.value) for r in drive if r.path == "Vehicle.Powertrain.TractionBattery.CurrentPower"]
    assert min(powers) < -20_000
    assert max(powers) > 5_000


@pytest.mark.shared_data
def test_every_value_is_one_of_vss_6(shared_data: Path) -> None:
    """Paths, types and ranges are those of the catalogue."""
    tree = json.loads((shared_data / "vss" / "vss-6.0.json").read_text("utf-8"))
    leaves = dict(walk(tree, ""))
    faults = set()
    for at_s, path, value in readings(1):
        leaf = leaves.get(path)
        if leaf is None or not fits(leaf, value):
            faults.add((path, value if leaf else "unknown", at_s if leaf else 0))
    assert faults == set()


def walk(nodes: dict[str, Any], prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Leaves of a VSS tree with their paths."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, node in nodes.items():
        path = f"{prefix}{name}"
        found += walk(node["children"], f"{path}.") if node["type"] == "branch" else [(path, node)]
    return found


def fits(leaf: dict[str, Any], value: Any) -> bool:
    """Whether a value has the type and range of a leaf."""
    kind = leaf["datatype"]
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return value in leaf.get("allowed", [value])
    if kind in {"float", "double"}:
        right = isinstance(value, float | int)
    else:
        bits = int(kind.strip("uint"))
        low, high = (0, 2**bits - 1) if kind.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        right = isinstance(value, int) and low <= value <= high
    return right and leaf.get("min", value) <= value <= leaf.get("max", value)
