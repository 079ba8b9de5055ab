"""Actuators as they behave: travel, end stops, stalls, switches, hands; must never know a broker or a clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import DRIVER_SEAT, SEATS, direction, leaf_of, switches
from vehicle_agent.cabin.plan import Limits

HEAT_STEP: Final = 10
"""What one press of a switch for heating changes, in percent."""


@dataclass(slots=True)
class Motor:
    """One actuator with a number: where it is, where it goes, and whether something holds it."""

    limits: Limits
    where: float
    target: float
    by_hand: int = 0
    stalled: bool = False

    def step(self, seconds: float) -> None:
        """Time passes: a pressed switch moves it, otherwise an order does. What has no speed is there at once."""
        if self.stalled:
            return
        low, high = self.ends()
        speed = self.limits.speed_per_s
        if self.by_hand:
            self.target = high if self.by_hand > 0 else low
        left = self.target - self.where
        reach = speed * seconds if speed > 0 else abs(left)
        self.where += max(min(left, reach), -reach)
        self.where = min(max(self.where, low), high)

    def ends(self) -> tuple[float, float]:
        """The end stops."""
        low, high = self.limits.low, self.limits.high
        return (0.0 if low is None else low), (100.0 if high is None else high)

    @property
    def shown(self) -> float:
        """As its leaf shows it."""
        if self.limits.whole:
            return round(self.where)
        return round(self.where, 3) if self.limits.speed_per_s > 0 else self.where


@dataclass(slots=True)
class Unit:
    """A head unit's actuators. `limits`: those of the card; what is words is kept as words."""

    limits: Mapping[str, Limits]
    motors: dict[str, Motor] = field(init=False)
    words: dict[str, Setting] = field(init=False)
    truths: dict[str, bool] = field(init=False)
    pressed: set[str] = field(default_factory=set)
    ordered: int = 0
    _switches: dict[str, tuple[str, ...]] = field(init=False)
    _shown: dict[str, Setting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._switches = {name: moved for seat in SEATS for name, moved in switches(seat).items()}
        self.motors, self.words, self.truths = {}, {}, {}
        for path, one in self.limits.items():
            if one.words:
                self.words[path] = () if one.listed else ""
            elif one.truth:
                self.truths[path] = False
            else:
                motor = self.motors[path] = Motor(one, 0.0, 0.0)
                low, high = motor.ends()
                off = low <= 0 <= high and not leaf_of(path).moves.is_motion
                middle = 0.0 if off else (low + high) / 2
                motor.where = motor.target = round(middle) if one.whole else middle

    def put(self, path: str, value: Setting) -> None:
        """Somebody built it so: no travel."""
        if path in self.motors and isinstance(value, int | float):
            motor = self.motors[path]
            motor.where = motor.target = float(value)
        elif path in self.words and isinstance(value, str | tuple):
            self.words[path] = value
        elif path in self.truths:
            self.truths[path] = bool(value)

    def order(self, path: str, value: Setting) -> bool:
        """An order from the databroker; whether that actuator is here. A hand on the switch is stronger."""
        self.ordered += 1
        if path in self._switches:
            self.press(path, value is True)
            return True
        motor = self.motors.get(path)
        if motor is not None and isinstance(value, int | float):
            low, high = motor.ends()
            motor.target = min(max(float(value), low), high)
            if motor.limits.speed_per_s <= 0:
                motor.step(0)
            return True
        if path in self.words or path in self.truths:
            self.put(path, value)
            return True
        return False

    def press(self, switch: str, down: bool) -> tuple[str, ...]:
        """A switch of a seat goes down or up; the leaves of the car that it moves. Heating goes in steps."""
        moved = tuple(path for path in self._switches.get(switch, ()) if path in self.motors)
        if down is (switch in self.pressed):
            return moved
        (self.pressed.add if down else self.pressed.discard)(switch)
        for path in moved:
            motor = self.motors[path]
            if path.endswith("HeatingCooling"):
                if down:
                    self.order(path, motor.where + HEAT_STEP * direction(switch))
                continue
            motor.by_hand = direction(switch) if down else 0
            if not down:
                motor.target = motor.where
        return moved

    def turn(self, path: str, value: Setting) -> bool:
        """A hand at a knob or a screen; whether there is one for that leaf."""
        return self.order(path, value)

    def stall(self, path: str, stalled: bool = True) -> None:
        """Something is in its way, or no longer."""
        motor = self.motors[path]
        motor.stalled, motor.target = stalled, motor.where if motor.stalled else motor.target

    def remove(self, paths: Iterable[str]) -> None:
        """The car is built without them."""
        for path in paths:
            for kind in (self.motors, self.words, self.truths):
                kind.pop(path, None)

    def step(self, seconds: float) -> None:
        """Time passes."""
        for motor in self.motors.values():
            if motor.by_hand or motor.where != motor.target:
                motor.step(seconds)

    @property
    def moving(self) -> bool:
        """Whether anything is under way."""
        return any(motor.by_hand or motor.where != motor.target for motor in self.motors.values())

    def shown(self) -> dict[str, Setting]:
        """What the leaves show now."""
        return {**{path: motor.shown for path, motor in self.motors.items()}, **self.words, **self.truths}

    def news(self) -> dict[str, Setting]:
        """What shows another value than when this was asked last."""
        now = self.shown()
        found = {
            path: value for path, value in now.items() if self._shown.get(path) != value or path not in self._shown
        }
        self._shown = now
        return found

    def switches(self, seat: str = DRIVER_SEAT) -> tuple[str, ...]:
        """The switches of a seat that move something of this car."""
        return tuple(name for name, moved in switches(seat).items() if any(path in self.motors for path in moved))
