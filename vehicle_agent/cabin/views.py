"""What surfaces see of the cabin; must never carry more of a guest than the guest changed by hand."""

from collections.abc import Mapping
from dataclasses import dataclass

from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import DRIVER_SEAT


@dataclass(frozen=True, slots=True)
class Seated:
    """Whose visit it is, and on which seat the guest sits (as VSS names seats)."""

    subject: int
    seat: str = DRIVER_SEAT


@dataclass(frozen=True, slots=True)
class CabinEdit:
    """What the guest changed by hand and left so for ten seconds.

    `changed`: those leaves. `before` and `after`: all actuators of the car without and with the change, for whoever
    translates: a field that both translate to the same was not changed, however it was clamped.
    """

    session: Seated
    changed: Mapping[str, Setting]
    before: Mapping[str, Setting]
    after: Mapping[str, Setting]
    at_us: int
    boottime_ms: int


@dataclass(frozen=True, slots=True)
class ApplyTiming:
    """Seconds since `apply` was called: first and last order, the end, and the last first order less others' travel."""

    first_order_s: float | None
    last_order_s: float | None
    without_travel_s: float
    done_s: float


@dataclass(frozen=True, slots=True)
class CabinStatus:
    """How the cabin stands; no value of a guest."""

    connected: bool
    guest: bool
    applying: bool
    missing: int
    counters: Mapping[str, int]
    trouble: str
