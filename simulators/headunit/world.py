"""What a standing or driving car says of itself, again and again; must never say what it was told to keep quiet."""

from dataclasses import dataclass, field
from typing import Final

from vehicle_agent.cabin import paths
from vehicle_agent.cabin.outcome import Setting

GEAR_DRIVE: Final = 127


@dataclass(slots=True)
class World:
    """A car; parked, with a guest on the driver's seat. `silent`: signals that are not told."""

    speed_kmh: float = 0.0
    gear: int = paths.GEAR_PARK
    park_lock: bool = True
    parking_brake: bool = True
    ignition: str = "ON"
    seats: dict[str, str] = field(default_factory=lambda: dict.fromkeys(paths.SEATS, "EMPTY"))
    belted: set[str] = field(default_factory=set)
    child_locks: bool = False
    silent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.seats[paths.DRIVER_SEAT] = "OCCUPIED"

    def drive_off(self, speed_kmh: float) -> None:
        """The gear goes in, the brakes are off, and it rolls."""
        self.gear, self.park_lock, self.parking_brake = GEAR_DRIVE, False, False
        self.speed_kmh = speed_kmh

    def park(self) -> None:
        """It stands and is held."""
        self.gear, self.park_lock, self.parking_brake, self.speed_kmh = paths.GEAR_PARK, True, True, 0.0

    def shown(self) -> dict[str, Setting]:
        """All its signals."""
        found: dict[str, Setting] = {
            paths.SPEED: self.speed_kmh,
            paths.IS_MOVING: self.speed_kmh != 0,
            paths.IGNITION: self.ignition,
            paths.GEAR: self.gear,
            paths.PARK_LOCK: self.park_lock,
            paths.PARKING_BRAKE: self.parking_brake,
        }
        for seat, state in self.seats.items():
            found[paths.occupancy(seat)] = state
            found[paths.belted(seat)] = seat in self.belted
        for lock in paths.child_locks("Row2.DriverSide"):
            found[lock] = self.child_locks
        return {path: value for path, value in found.items() if path not in self.silent}
