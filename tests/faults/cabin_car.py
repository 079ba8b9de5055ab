"""A car that drives, parks and has faults, and the wire on which it tells of itself; must never know what listens."""

import heapq
import math
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Final

from simulators.headunit import Unit, World
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.plan import Limits

TELL_MS: Final = 50
WIRE_MS: Final = 5
DAY_US: Final = 86_400_000_000
PARK_SIGNALS: Final = (paths.GEAR, paths.PARK_LOCK, paths.PARKING_BRAKE)
HIDING: Final = frozenset({"gear_lies", "brake_lies", "park_silent"})
"""Faults that hide that the car is not held any more: only its speed can tell, as soon as it is told."""
FAULTS: Final = (
    "speed_silent", "speed_late", "all_late", "undated", "old_clock", "future_clock", "speed_nan", "speed_wrong_type",
    "speed_stuck", "moving_stuck", "seat_unknown", "seat_silent", "cut", "hang", "orders_lost", "stall", "switch",
    "loses_messages", *sorted(HIDING),
)  # fmt: skip
SEAT: Final = "Vehicle.Cabin.Seat.Row1.DriverSide."
LIMITS: Final = {
    SEAT + "Position": Limits(0, 240, 1, 25, whole=True),
    SEAT + "Height": Limits(0, 60, 1, 12, whole=True),
    SEAT + "Backrest.Recline": Limits(0, 40, 0.5, 4),
    SEAT + "Headrest.Height": Limits(0, 80, 1, 15, whole=True),
    SEAT + "HeatingCooling": Limits(-100, 100, 10, 0, "any_time", whole=True),
    "Vehicle.Chassis.SteeringWheel.Extension": Limits(0, 100, 1, 20, whole=True),
    "Vehicle.Body.Mirrors.DriverSide.Yaw": Limits(-100, 100, 1, 40, whole=True),
    "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature": Limits(16, 28, 0.5, 0, "any_time"),
}
Sample = tuple[str, Setting | None, int, int | None]
"""Path, value, when it was told (ms), its stamp (microseconds)."""


class Car:
    """Parked, off it goes, lights, stops, parked again. Whoever leaves park stands for 1.2 s before it rolls."""

    def __init__(self, random: Random) -> None:
        self._random, self.world = random, World()
        self._until_ms, self._phase, self._aim = 0, "park", 0.0
        self.free_since_ms: int | None = None
        """Since when nothing holds it, in truth."""
        self.rolls_since_ms: int | None = None

    def step(self, now_ms: int) -> None:
        """TELL_MS have passed."""
        world, random = self.world, self._random
        if now_ms >= self._until_ms:
            self._next(now_ms)
        if self._phase == "park" and random.random() < 0.002:
            here = world.seats[paths.DRIVER_SEAT]
            world.seats[paths.DRIVER_SEAT] = "EMPTY" if here == "OCCUPIED" else "OCCUPIED"
        gap = self._aim - world.speed_kmh
        change = max(min(gap, random.uniform(0.1, 0.7)), -random.uniform(0.3, 1.2))
        world.speed_kmh = round(world.speed_kmh + change, 2)
        if self._phase == "stop" and world.speed_kmh == 0:
            self._phase, self._until_ms = "stopped", now_ms + random.randrange(500, 3_000)
        held = world.gear == paths.GEAR_PARK or world.park_lock or world.parking_brake
        self.free_since_ms = None if held else (self.free_since_ms or now_ms)
        self.rolls_since_ms = None if world.speed_kmh == 0 else (self.rolls_since_ms or now_ms)

    def _next(self, now_ms: int) -> None:
        world, random = self.world, self._random
        match self._phase:
            case "park":
                self._phase, self._until_ms = "ready", now_ms + random.randrange(1_200, 5_000)
                world.gear, world.park_lock, world.parking_brake = random.choice((127, -1, 1)), False, False
                world.seats[paths.DRIVER_SEAT] = "OCCUPIED"
            case "ready" | "light":
                self._phase, self._until_ms = "roll", now_ms + random.randrange(3_000, 60_000)
                self._aim = round(random.uniform(1, 130), 1)
            case "roll":
                self._phase = random.choice(("stop", "light", "roll"))
                self._aim = 0.0 if self._phase != "roll" else round(random.uniform(1, 130), 1)
                self._until_ms = now_ms + (1 << 40 if self._phase == "stop" else random.randrange(5_000, 30_000))
            case _:
                self._phase, self._until_ms = "park", now_ms + random.randrange(20_000, 90_000)
                world.park()
                held = random.choice(("all", "gear", "lock", "brake"))
                if held != "all":
                    world.gear = paths.GEAR_PARK if held == "gear" else 0
                    world.park_lock, world.parking_brake = held == "lock", held == "brake"


class Wire:
    """What the car tells, with one fault at a time, and when it arrives. Sensors are told always, others on change."""

    def __init__(self, random: Random, on_change: frozenset[str]) -> None:
        self._random, self._on_change = random, on_change
        self._heap: list[tuple[int, int, list[Sample]]] = []
        self._count = self._last_ms = 0
        self._shown: dict[str, Setting] = {}
        self._stuck: Setting = 0.0
        self.fault = ""
        self.faults: Counter[str] = Counter()

    def begin(self, fault: str, speed: Setting) -> None:
        """A fault begins; empty: none."""
        self.fault, self._stuck = fault, speed
        if fault:
            self.faults[fault] += 1

    def cut(self) -> None:
        """All that is on its way is gone."""
        self._heap.clear()
        self._shown.clear()
        self._last_ms = 0

    def connected(self, now_ms: int, unit: Unit) -> None:
        """The present values come first."""
        unit.news()
        self._put(now_ms, [(path, value, now_ms, now_ms * 1_000) for path, value in unit.shown().items()])

    def tell(self, now_ms: int, world: World, unit: Unit) -> None:
        """The car's state and what moved."""
        shown = self._distorted(world.shown())
        fresh = {
            path: one for path, one in shown.items() if path not in self._on_change or self._shown.get(path) != one
        }
        self._shown |= {path: one for path, one in fresh.items() if path in self._on_change}
        if self.fault == "loses_messages" and self._random.random() < 0.5:
            fresh = {path: one for path, one in fresh.items() if path in self._on_change}
        stamp_us = self._stamp_us(now_ms)
        samples: list[Sample] = [(path, one, now_ms, stamp_us) for path, one in {**fresh, **unit.news()}.items()]
        if self.fault == "speed_late":
            late = [one for one in samples if one[0] in {paths.SPEED, paths.IS_MOVING}]
            samples = [one for one in samples if one not in late]
            self._push(now_ms + self._random.randrange(100, 2_000), late)
        self._put(now_ms + (self._random.randrange(100, 1_500) if self.fault == "all_late" else 0), samples)

    def press(self, switch: str, down: bool, now_ms: int) -> None:
        """A switch is told like anything else."""
        self._put(now_ms, [(switch, down, now_ms, now_ms * 1_000)])

    def arrived(self, now_ms: int) -> list[Sample]:
        """What has arrived by now, in order."""
        found: list[Sample] = []
        while self._heap and self._heap[0][0] <= now_ms:
            found += heapq.heappop(self._heap)[2]
        return found

    def _put(self, at_ms: int, samples: list[Sample]) -> None:
        """One stream: nothing overtakes."""
        self._last_ms = max(self._last_ms, at_ms + WIRE_MS)
        self._push(self._last_ms, samples)

    def _push(self, at_ms: int, samples: list[Sample]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_ms, self._count, samples))

    def _distorted(self, shown: dict[str, Setting]) -> Mapping[str, Setting]:
        silent: tuple[str, ...] = ()
        match self.fault:
            case "speed_silent":
                silent = (paths.SPEED,)
            case "park_silent":
                silent = PARK_SIGNALS
            case "speed_nan":
                shown[paths.SPEED] = math.nan
            case "speed_wrong_type":
                shown[paths.SPEED] = "0"
            case "speed_stuck":
                shown[paths.SPEED], silent = self._stuck, (paths.IS_MOVING,)
            case "gear_lies":
                shown[paths.GEAR] = paths.GEAR_PARK
            case "brake_lies":
                shown[paths.PARKING_BRAKE] = True
            case "moving_stuck":
                shown[paths.IS_MOVING] = False
            case "seat_unknown":
                shown[paths.occupancy(paths.DRIVER_SEAT)] = "UNKNOWN"
            case "seat_silent":
                silent = (paths.occupancy(paths.DRIVER_SEAT),)
        return {path: value for path, value in shown.items() if path not in silent}

    def _stamp_us(self, now_ms: int) -> int | None:
        match self.fault:
            case "undated":
                return None
            case "old_clock":
                return now_ms * 1_000 - DAY_US
            case "future_clock":
                return now_ms * 1_000 + self._random.choice((200_000, DAY_US))
        return now_ms * 1_000
