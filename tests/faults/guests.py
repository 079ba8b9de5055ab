"""A day's guests and drives in virtual time: what is said and when; must never know how anybody judges it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gateway.clock import ManualClock
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, Value, ValueType
from simulators.drive.car import readings
from tests.kit import scanner as people
from vehicle_agent.source import Missing, Reading, SignalInfo

HOUR_S = 3_600
CONSENT = [purpose for purpose in Purpose if not WITHOUT_CONSENT >> purpose & 1]
DRIVING, ANALYTICS, PROFILE = (1 << p for p in (Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE))
NAVIGATION, OFFERS = 1 << Purpose.INDOOR_NAVIGATION, 1 << Purpose.PERSONALISED_OFFERS
PROBES: Mapping[str, str] = {
    "Vehicle.VehicleIdentification.VIN": people.VIN,
    "Vehicle.VehicleIdentification.LicensePlate": "B-EM 4711",
    "Vehicle.Driver.Identifier.Subject": people.EMAIL,
    "Vehicle.Driver.HeartRate": "heart-rate-171",
    "Vehicle.Cabin.Infotainment.Media.Played.URI": "https://radio.example/belief",
    "Vehicle.Unheard.Of": people.ADDRESS,
    "Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude": "destination",
    "Vehicle.Cabin.Infotainment.Media.Action": "action",
    "Vehicle.Cabin.Infotainment.Media.Played.Source": "source",
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": "temperature",
}
"""Signals that an event asks for whatever was granted, and a text for each that nobody else writes."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What holds from the start of an hour: who is there, and what he allows. `offline`: the link is cut meanwhile."""

    subject: int
    granted: PurposeSet
    offline: bool = False


@dataclass(slots=True)
class Day:
    """The day's hours, and what was said at which moment (microseconds): the truth that the wire is held to."""

    hours: dict[int, Hour]
    said: list[tuple[int, int, PurposeSet]] = field(default_factory=list)
    appended: Counter[tuple[int, int]] = field(default_factory=Counter)

    def granted(self, subject: int, at_us: int) -> PurposeSet:
        """What `subject` allowed at that time."""
        if not subject:
            return WITHOUT_CONSENT
        return next((granted for us, who, granted in reversed(self.said) if us <= at_us and who == subject), 0)


def guests(first: int = 1_000_000_007) -> dict[int, Hour]:
    """One who allows much and takes a part back, one who refuses marketing and analytics, one who refuses all."""
    return {
        0: Hour(0, 0),
        7: Hour(first, DRIVING | ANALYTICS | PROFILE),
        9: Hour(first, DRIVING | PROFILE),
        10: Hour(first, DRIVING | PROFILE, offline=True),
        11: Hour(first, PROFILE),
        12: Hour(0, 0),
        13: Hour(first + 1, PROFILE | NAVIGATION),
        17: Hour(first + 2, 0),
        19: Hour(first + 3, ANALYTICS | OFFERS),
        21: Hour(0, 0),
    }


class Drives:
    """A source of signals: a drive at the beginning of each hour, thinned to one reading of a signal in `every_s`."""

    def __init__(self, clock: ManualClock, drive_s: float, every_s: float, director: Callable[[int], Awaitable[None]]):
        self._clock, self._drive_s, self._every_s, self._director = clock, drive_s, every_s, director
        self.over = asyncio.Event()
        self.values: set[Value] = set()
        rows = [(int(r.at_s / every_s), r.path, _placed(r.path, r.value)) for r in readings(1, drive_s)]
        self.steps = [(step, {path: value for _, path, value in some}) for step, some in groupby(rows, lambda r: r[0])]
        samples: dict[str, Value] = {path: value for _, values in self.steps for path, value in values.items()}
        self.types = {path: _type(value) for path, value in samples.items()}
        self.values = {
            value
            for _, values in self.steps
            for path, value in values.items()
            if path.endswith(("CurrentLocation.Latitude", "CurrentLocation.Longitude"))
        }

    async def describe(self, paths: Sequence[str]) -> Mapping[str, SignalInfo | Missing]:
        """Those of the drive."""
        return {p: SignalInfo(self.types[p]) if p in self.types else Missing("not in the drive") for p in paths}

    async def readings(self, paths: Sequence[str]) -> AsyncGenerator[Sequence[Reading], None]:
        """Twenty-four hours."""
        index = {path: place for place, path in enumerate(paths)}
        for hour in range(24):
            await self._director(hour)
            for _, values in self.steps:
                self._clock.advance(self._every_s)
                now_us = self._clock.wall_us()
                yield [Reading(index[path], now_us, value) for path, value in values.items() if path in index]
            self._clock.advance(HOUR_S - len(self.steps) * self._every_s)
        await self._director(24)
        self.over.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Nothing is held."""


def _placed(path: str, value: Value) -> Value:
    """The drive in Berlin instead of at 0, 0, whose coordinates could be any measured number."""
    offset = {"Latitude": 52.5, "Longitude": 13.4}.get(path.rpartition(".")[2])
    return round(float(value) + offset, 7) if offset else value


def _type(value: Value) -> ValueType:
    return {bool: ValueType.BOOL, int: ValueType.INT, float: ValueType.DOUBLE, str: ValueType.STRING}[type(value)]
