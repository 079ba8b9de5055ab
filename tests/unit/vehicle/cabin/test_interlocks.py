"""Proves what forbids a motion or heat: every signal that is missing, old, wrong or against it."""

import math

import pytest

from vehicle_agent.cabin import paths
from vehicle_agent.cabin.inputs import FRESH_MS, Inputs, lag_ms
from vehicle_agent.cabin.interlocks import Need, bar, standing
from vehicle_agent.cabin.outcome import Reason, Setting
from vehicle_agent.cabin.paths import Moves

NOW = 100_000
SEAT = paths.DRIVER_SEAT
PARKED: dict[str, Setting] = {
    paths.SPEED: 0.0,
    paths.IS_MOVING: False,
    paths.GEAR: 126,
    paths.IGNITION: "ON",
    paths.occupancy(SEAT): "OCCUPIED",
    paths.belted(SEAT): False,
    paths.occupancy("Row2.DriverSide"): "EMPTY",
}
ON_CHANGE = frozenset({paths.GEAR, paths.PARK_LOCK, paths.PARKING_BRAKE})


def inputs(values: dict[str, Setting | None], ages_ms: dict[str, int] | None = None) -> Inputs:
    """A car that stands parked, but for these values and ages."""
    found = Inputs()
    found.connected(frozenset(PARKED | values), ON_CHANGE)
    for path, value in {**PARKED, **values}.items():
        found.take(path, value, NOW - (ages_ms or {}).get(path, 0), 0)
    return found


def seat(**more: bool) -> Need:
    """A motion of the guest's seat."""
    return Need(Moves.SEAT, SEAT, **more)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, Reason.NONE),
        ({paths.SPEED: None}, Reason.SPEED_NOT_FRESH),
        ({paths.SPEED: "0"}, Reason.SPEED_NOT_FRESH),
        ({paths.SPEED: False}, Reason.SPEED_NOT_FRESH),
        ({paths.SPEED: 0.1}, Reason.MOVING),
        ({paths.SPEED: -0.1}, Reason.MOVING),
        ({paths.SPEED: math.nan}, Reason.MOVING),
        ({paths.IS_MOVING: True}, Reason.MOVING),
        ({paths.IS_MOVING: "no"}, Reason.MOVING),
        ({paths.IS_MOVING: None}, Reason.NONE),
        ({paths.GEAR: 127}, Reason.NOT_PARKED),
        ({paths.GEAR: 0}, Reason.NOT_PARKED),
        ({paths.GEAR: None}, Reason.NOT_PARKED),
        ({paths.GEAR: 0, paths.PARKING_BRAKE: True}, Reason.NONE),
        ({paths.GEAR: 0, paths.PARK_LOCK: True}, Reason.NONE),
        ({paths.GEAR: 0, paths.PARK_LOCK: 1}, Reason.NOT_PARKED),
        ({paths.GEAR: 0, paths.PARKING_BRAKE: False, paths.PARK_LOCK: False}, Reason.NOT_PARKED),
        ({paths.IGNITION: "ACC"}, Reason.NONE),
        ({paths.IGNITION: "START"}, Reason.NOT_SWITCHED_ON),
        ({paths.IGNITION: "LOCK"}, Reason.NOT_SWITCHED_ON),
        ({paths.IGNITION: None}, Reason.NONE),
    ],
)
def test_what_the_car_says(values: dict[str, Setting | None], reason: Reason) -> None:
    """Speed, standstill, gear, locks and ignition, one at a time."""
    assert standing(inputs(values), NOW) is reason
    assert bar(inputs(values), NOW, Need(Moves.MIRROR)) is reason
    assert bar(inputs(values), NOW, Need(Moves.COLUMN, SEAT)) is reason


@pytest.mark.parametrize("path", [paths.SPEED, paths.IS_MOVING])
def test_a_signal_is_fresh_for_half_a_second(path: str) -> None:
    """At 500 ms it still counts, at 501 it does not."""
    reasons = {paths.SPEED: Reason.SPEED_NOT_FRESH, paths.IS_MOVING: Reason.STANDSTILL_NOT_FRESH}
    assert standing(inputs({}, {path: FRESH_MS}), NOW) is Reason.NONE
    assert standing(inputs({}, {path: FRESH_MS + 1}), NOW) is reasons[path]


def test_a_gear_is_as_old_as_the_newest_speed() -> None:
    """It is told when it changes; a sensor of the same age would be stale."""
    assert standing(inputs({}, {paths.GEAR: 900_000}), NOW) is Reason.NONE
    always = inputs({}, {paths.GEAR: FRESH_MS + 1})
    always.connected(frozenset(PARKED), frozenset())
    for path, value in PARKED.items():
        always.take(path, value, NOW - (FRESH_MS + 1) * (path == paths.GEAR), 0)
    assert standing(always, NOW) is Reason.NOT_PARKED


def test_age_counts_from_the_stamp() -> None:
    """What was under way for long is old when it arrives; what is not dated, or from the future, has no age."""
    late = inputs({})
    for lag, reason in ((400, Reason.NONE), (501, Reason.SPEED_NOT_FRESH), (None, Reason.SPEED_NOT_FRESH)):
        late.take(paths.SPEED, 0.0, NOW, lag)
        assert standing(late, NOW) is reason
    assert lag_ms(2_000_000, 1_000_000) == 1_000
    assert lag_ms(2_000_000, 2_050_000) == 0
    assert lag_ms(2_000_000, 2_200_000) is None
    assert lag_ms(2_000_000, None) is None


def test_a_lost_connection_knows_nothing() -> None:
    """All that was known is gone."""
    gone = inputs({})
    gone.lost()
    assert standing(gone, NOW) is Reason.SPEED_NOT_FRESH


@pytest.mark.parametrize(
    ("values", "need", "reason"),
    [
        ({paths.occupancy(SEAT): "EMPTY"}, seat(), Reason.NONE),
        ({paths.occupancy(SEAT): "UNKNOWN"}, seat(), Reason.OCCUPANCY_UNKNOWN),
        ({paths.occupancy(SEAT): None}, seat(), Reason.OCCUPANCY_UNKNOWN),
        ({paths.occupancy(SEAT): None}, seat(confirmed=True), Reason.NONE),
        ({paths.belted(SEAT): True}, seat(), Reason.BELTED),
        ({paths.belted(SEAT): True}, seat(confirmed=True), Reason.NONE),
        ({paths.occupancy("Row2.DriverSide"): "OCCUPIED"}, seat(), Reason.NONE),
        ({paths.occupancy("Row2.DriverSide"): "OCCUPIED"}, seat(backward=True), Reason.SEAT_BEHIND),
        ({paths.occupancy("Row2.DriverSide"): "OCCUPIED"}, seat(backward=True, confirmed=True), Reason.SEAT_BEHIND),
        ({paths.occupancy("Row2.DriverSide"): "UNKNOWN"}, seat(backward=True), Reason.SEAT_BEHIND),
        ({paths.occupancy("Row2.DriverSide"): None}, seat(backward=True), Reason.SEAT_BEHIND),
        ({paths.occupancy("Row2.DriverSide"): None}, seat(backward=True, confirmed=True), Reason.NONE),
        ({next(iter(paths.switches(SEAT))): True}, seat(confirmed=True), Reason.MANUAL_SWITCH),
        ({next(iter(paths.switches(SEAT))): True}, Need(Moves.MIRROR), Reason.NONE),
        ({next(iter(paths.switches("Row1.PassengerSide"))): True}, seat(), Reason.NONE),
    ],
)
def test_who_sits_where(values: dict[str, Setting | None], need: Need, reason: Reason) -> None:
    """Occupancy, belt, the seat behind and hands at switches."""
    assert bar(inputs(values), NOW, need) is reason


def test_the_back_row_needs_more() -> None:
    """An occupancy that is known, and no child lock; a tap makes up for neither."""
    rear = Need(Moves.SEAT, "Row2.DriverSide", confirmed=True)
    assert bar(inputs({}), NOW, rear) is Reason.NONE
    lock = paths.child_locks("Row2.DriverSide")[1]
    assert bar(inputs({lock: True}), NOW, rear) is Reason.CHILD_LOCK
    assert bar(inputs({paths.occupancy("Row2.DriverSide"): "UNKNOWN"}), NOW, rear) is Reason.OCCUPANCY_UNKNOWN


def test_heat_needs_somebody() -> None:
    """Also in a car that drives; on an empty seat never."""
    need = Need(Moves.HEAT, SEAT)
    assert bar(inputs({paths.SPEED: 90.0}), NOW, need) is Reason.NONE
    assert bar(inputs({paths.occupancy(SEAT): "EMPTY"}), NOW, need) is Reason.SEAT_EMPTY
    assert bar(inputs({}, {paths.occupancy(SEAT): FRESH_MS + 1}), NOW, need) is Reason.OCCUPANCY_UNKNOWN
    assert bar(inputs({}), NOW, Need(Moves.FORBIDDEN)) is Reason.FORBIDDEN


@pytest.mark.parametrize(
    ("path", "moves"),
    [
        ("Vehicle.Cabin.Seat.Row1.DriverSide.Position", Moves.SEAT),
        ("Vehicle.Cabin.Seat.Row2.PassengerSide.Headrest.Angle", Moves.SEAT),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.Seating.HeatingCooling", Moves.HEAT),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.Massage.Level", Moves.FORBIDDEN),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.IsForwardSwitchEngaged", Moves.FORBIDDEN),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsEnabled", Moves.FORBIDDEN),
        ("Vehicle.Chassis.SteeringWheel.Tilt", Moves.COLUMN),
        ("Vehicle.Chassis.SteeringWheel.Angle", Moves.FORBIDDEN),
        ("Vehicle.Body.Mirrors.PassengerSide.Yaw", Moves.MIRROR),
        ("Vehicle.Body.Mirrors.PassengerSide.IsFolded", Moves.FORBIDDEN),
        ("Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature", Moves.COMFORT),
        ("Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude", Moves.FORBIDDEN),
        ("Vehicle.Chassis.ParkingBrake.IsEngaged", Moves.FORBIDDEN),
        ("Vehicle.Private.Forecourt.Home.Address", Moves.COMFORT),
        (paths.TOUCHED, Moves.FORBIDDEN),
        ("Vehicle.Private.Forecourt.HeadUnit.Hand", Moves.FORBIDDEN),
        ("Vehicle.Speed", Moves.FORBIDDEN),
    ],
)
def test_a_leaf_is_what_its_name_says(path: str, moves: Moves) -> None:
    """No card can make a motion harmless, or open a door; a home is offered, never steered to."""
    assert paths.leaf_of(path).moves is moves
