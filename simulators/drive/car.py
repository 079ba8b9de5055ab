"""What the signals of an electric car show while it follows the trace; must never leave the ranges of VSS 6.0.

Signs are those of VSS: turns, lateral acceleration and steering are positive to the left, power into the battery is.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from gateway.model import Value
from simulators.drive.route import Route
from simulators.drive.wltc import DURATION_S, speed_ms

STEP_S = 0.1
MASS_KG = 1_900.0
BATTERY_J = 77 * 3.6e6
WHEEL_RADIUS_M = 0.34
TRACK_M = 1.58
WHEELBASE_M = 2.77
GEAR_RATIO = 9.3
GRAVITY = 9.81
INDICATE_CURVATURE = 0.004
INDICATE_BELOW_MS = 14.0


class Reading(NamedTuple):
    """A signal has a new value, `at_s` seconds after the drive began."""

    at_s: float
    path: str
    value: Value


class Car:
    """State of the car; `step` moves it by a tenth of a second and returns what all signals show."""

    def __init__(self, seed: int, route: Route) -> None:
        self._rng, self._route, self._steps = Random(seed), route, 0
        self._charge_j = 0.8 * BATTERY_J
        self._distance_m = 0.0
        self._cabin_c = 14.0

    def step(self, at_s: float) -> dict[str, Value]:
        """Every signal at that time, rounded as a bus would carry it."""
        speed = speed_ms(at_s)
        along = (speed_ms(at_s + STEP_S) - speed) / STEP_S
        self._distance_m += speed * STEP_S
        pose = self._route.pose(self._steps)
        self._steps += 1
        yaw = speed * pose.curvature
        drag = 0.5 * 1.2 * 0.62 * speed**2 + 0.008 * MASS_KG * GRAVITY * (speed > 0)
        force = MASS_KG * along + drag
        power = force * speed * (1 / 0.9 if force > 0 else 0.7) + 450
        self._charge_j -= power * STEP_S
        self._cabin_c += (21.5 - self._cabin_c) * STEP_S / 240
        motion = self._motion(speed, along, yaw, pose.curvature)
        comfort = self._body(at_s, speed, along) | _indicators(speed, pose.curvature)
        return motion | comfort | {
            "Vehicle.CurrentLocation.Latitude": round(pose.latitude, 7),
            "Vehicle.CurrentLocation.Longitude": round(pose.longitude, 7),
            "Vehicle.CurrentLocation.Altitude": round(pose.altitude_m, 1),
            "Vehicle.CurrentLocation.Heading": round(pose.heading_deg, 1) % 360,
            "Vehicle.TraveledDistance": 12_345_000 + int(self._distance_m),
            "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed": round(100 * self._charge_j / BATTERY_J, 1),
            "Vehicle.Powertrain.TractionBattery.CurrentPower": round(-power, -1) + 0.0,
            "Vehicle.Chassis.Accelerator.PedalPosition": _percent(force / 5_000),
            "Vehicle.Chassis.Brake.PedalPosition": _percent(-force / 9_000),
        }  # fmt: skip

    def _motion(self, speed: float, along: float, yaw: float, curvature: float) -> dict[str, Value]:
        noise = self._rng.gauss
        left, right = speed * (1 - curvature * TRACK_M / 2), speed * (1 + curvature * TRACK_M / 2)
        wheel = "Vehicle.Chassis.Axle.Row{}.Wheel.{}.Speed"
        return {
            "Vehicle.Speed": round(speed * 3.6, 1),
            "Vehicle.Acceleration.Longitudinal": round(along + noise(0, 0.02), 2),
            "Vehicle.Acceleration.Lateral": round(speed * yaw + noise(0, 0.02), 2),
            "Vehicle.Acceleration.Vertical": round(GRAVITY + noise(0, 0.05 + speed / 300), 2),
            "Vehicle.AngularVelocity.Yaw": round(math.degrees(yaw), 2),
            wheel.format(1, "Left"): round(left * 3.6, 2),
            wheel.format(1, "Right"): round(right * 3.6, 2),
            wheel.format(2, "Left"): round(left * 3.6 * 1.001, 2),
            wheel.format(2, "Right"): round(right * 3.6 * 1.001, 2),
            "Vehicle.Powertrain.ElectricMotor.Speed": round(speed / WHEEL_RADIUS_M * GEAR_RATIO * 60 / math.tau),
            "Vehicle.Chassis.SteeringWheel.Angle": round(math.degrees(math.atan(WHEELBASE_M * curvature)) * 15),
        }

    def _body(self, at_s: float, speed: float, along: float) -> dict[str, Value]:
        warm = min(at_s / 1_200, 1.0)
        tyre = "Vehicle.Chassis.Axle.Row{}.Wheel.{}.Tire.Pressure"
        sides = [(row, side) for row in (1, 2) for side in ("Left", "Right")]
        standing_still = at_s < 8
        return {tyre.format(row, side): round(240 + 12 * warm + row) for row, side in sides} | {
            "Vehicle.Powertrain.Transmission.SelectedGear": 0 if standing_still else 127,
            "Vehicle.Chassis.ParkingBrake.IsEngaged": at_s < 6,
            "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen": at_s < 2,
            "Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted": at_s >= 4,
            "Vehicle.Body.Lights.Brake.IsActive": "ACTIVE" if along < -0.3 else "INACTIVE",
            "Vehicle.Body.Lights.Beam.Low.IsOn": at_s >= 7,
            "Vehicle.Exterior.AirTemperature": round(11.5 + 1.5 * math.sin(at_s / 400), 1),
            "Vehicle.Cabin.HVAC.AmbientAirTemperature": round(self._cabin_c, 1),
            "Vehicle.LowVoltageBattery.CurrentVoltage": round(14.1 - 0.2 * (speed == 0) + 0.05 * warm, 1),
        }  # fmt: skip


def readings(seed: int = 1, length_s: float = DURATION_S, route: Route | None = None) -> Iterator[Reading]:
    """The drive as readings, changes only, in order of time; the same for the same seed.

    `route` is that of `road(seed)`, for whom a tenth of a second matters.
    """
    car, shown = Car(seed, route or road(seed)), dict[str, Value]()
    for step in range(round(length_s / STEP_S)):
        at_s = round(step * STEP_S, 1)
        for path, value in car.step(at_s).items():
            if shown.get(path) != value or path not in shown:
                shown[path] = value
                yield Reading(at_s, path, value)


@lru_cache(4)
def road(seed: int) -> Route:
    """The road of a seed. Reads a file and takes a tenth of a second: not for the loop."""
    steps = round(DURATION_S / STEP_S)
    return Route(seed, [speed_ms(step * STEP_S) for step in range(steps)], STEP_S)


def _indicators(speed: float, curvature: float) -> dict[str, Value]:
    """A driver indicates narrow bends taken slowly."""
    turning = abs(curvature) > INDICATE_CURVATURE and 0 < speed < INDICATE_BELOW_MS
    light = "Vehicle.Body.Lights.DirectionIndicator.{}.IsSignaling"
    return {light.format("Left"): turning and curvature > 0, light.format("Right"): turning and curvature < 0}


def _percent(share: float) -> int:
    return round(100 * min(max(share, 0.0), 1.0))
