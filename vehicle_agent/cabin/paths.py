"""What a leaf of VSS moves, warms or sets, by its name; must never take a leaf for harmless that it does not know.

The lists stand here and not on a vehicle card: a card cannot make a motion harmless.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

SPEED: Final = "Vehicle.Speed"
IS_MOVING: Final = "Vehicle.IsMoving"
IGNITION: Final = "Vehicle.LowVoltageSystemState"
GEAR: Final = "Vehicle.Powertrain.Transmission.SelectedGear"
PARK_LOCK: Final = "Vehicle.Powertrain.Transmission.IsParkLockEngaged"
PARKING_BRAKE: Final = "Vehicle.Chassis.ParkingBrake.IsEngaged"
GEAR_PARK: Final = 126
PRIVATE: Final = "Vehicle.Private.Forecourt."
TOUCHED: Final = PRIVATE + "Cabin.Touched"
"""Which leaf somebody changed at a control just now; of the head unit, in the private overlay."""
DRIVER_SEAT: Final = "Row1.DriverSide"
SEATS: Final = tuple(f"Row{row}.{side}" for row in (1, 2) for side in ("DriverSide", "Middle", "PassengerSide"))


class Moves(Enum):
    """What an order to a leaf does."""

    SEAT = "seat"
    COLUMN = "column"
    MIRROR = "mirror"
    HEAT = "heat"
    COMFORT = "comfort"
    FORBIDDEN = "forbidden"

    @property
    def is_motion(self) -> bool:
        """Whether something moves that can pinch, or blind a driver."""
        return self in _MOTION


_MOTION: Final = frozenset({Moves.SEAT, Moves.COLUMN, Moves.MIRROR})


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf: what it does, to which seat, and with which others it takes turns (`lane`; empty: with none)."""

    path: str
    moves: Moves
    seat: str = ""
    part: str = ""
    lane: str = ""


_SEAT: Final = re.compile(r"Vehicle\.Cabin\.Seat\.(Row[12]\.(?:DriverSide|Middle|PassengerSide))\.([\w.]+)", re.ASCII)
_SEAT_PARTS: Final = frozenset(
    {
        "Position", "Height", "Tilt", "SeatBeltHeight", "Seating.Length", "Headrest.Height", "Headrest.Angle",
        "Seating.SideBolsterSupportLeft", "Seating.SideBolsterSupportRight",
        *(f"Backrest.{name}" for name in (
            "Recline", "LumbarSupport", "TopLumbarSupport", "MidLumbarSupport", "BottomLumbarSupport", "LumbarHeight",
            "SideBolsterSupport", "SideBolsterSupportLeft", "SideBolsterSupportRight", "UpperShoulderSupport",
        )),
    }
)  # fmt: skip
_MIRROR: Final = re.compile(r"Vehicle\.Body\.Mirrors\.(?:DriverSide|PassengerSide)\.(?:Tilt|Pan|Yaw)", re.ASCII)
_WHEEL: Final = "Vehicle.Chassis.SteeringWheel."
_COMFORT: Final = re.compile(
    r"Vehicle\.Cabin\.HVAC\.Station\.Row[1-4]\.(?:Driver|Passenger)\.(?:FanSpeed|Temperature|AirDistribution)"
    r"|Vehicle\.Cabin\.HVAC\.Is(?:Recirculation|AirConditioning)Active"
    r"|Vehicle\.Cabin\.Infotainment\.Media\.(?:Volume|SelectedURI|Played\.Source)"
    r"|Vehicle\.Cabin\.Infotainment\.HMI\.\w+"
    r"|Vehicle\.Cabin\.Light\.AmbientLight\.Row[12]\.(?:DriverSide|PassengerSide)\.(?:IsLightOn|Intensity|Color)"
    r"|Vehicle\.Private\.Forecourt\.(?!HeadUnit\.)[\w.]+",
    re.ASCII,
)


@lru_cache(1_024)
def leaf_of(path: str) -> Leaf:
    """What an order to that path does; FORBIDDEN for all that is not known to be comfort."""
    seat = _SEAT.fullmatch(path)
    if seat is not None:
        where, part = seat.groups()
        if part in _SEAT_PARTS:
            return Leaf(path, Moves.SEAT, where, part, where)
        if part.endswith("HeatingCooling"):
            return Leaf(path, Moves.HEAT, where, part)
        return Leaf(path, Moves.FORBIDDEN, where, part)
    if path in {_WHEEL + "Tilt", _WHEEL + "Extension"}:
        # The wheel comes towards whoever the driver's seat carries: they take turns.
        return Leaf(path, Moves.COLUMN, DRIVER_SEAT, path.removeprefix(_WHEEL), DRIVER_SEAT)
    if path == _WHEEL + "HeatingCooling":
        return Leaf(path, Moves.HEAT, DRIVER_SEAT, "HeatingCooling")
    if _MIRROR.fullmatch(path):
        return Leaf(path, Moves.MIRROR, lane=path.rpartition(".")[0])
    return Leaf(path, Moves.COMFORT if _COMFORT.fullmatch(path) and path != TOUCHED else Moves.FORBIDDEN)


def occupancy(seat: str) -> str:
    """The leaf that says whether somebody sits there."""
    return f"Vehicle.Cabin.Seat.{seat}.OccupancyStatus"


def belted(seat: str) -> str:
    """The leaf that says whether the belt is fastened."""
    return f"Vehicle.Cabin.Seat.{seat}.IsBelted"


def child_locks(seat: str) -> tuple[str, ...]:
    """The leaves that say that children may sit in that row."""
    row = seat.partition(".")[0]
    return tuple(f"Vehicle.Cabin.Door.{row}.{side}.IsChildLockActive" for side in ("DriverSide", "PassengerSide"))


_ZONE: Final = re.compile(r"Vehicle\.Cabin\.HVAC\.Station\.(Row[12])\.(Driver|Passenger)\.", re.ASCII)


def zone_seat(path: str) -> str:
    """The seat whose air a leaf sets (stations are named other than seats); empty for what is of the whole cabin."""
    zone = _ZONE.match(path)
    return f"{zone[1]}.{zone[2]}Side" if zone else ""


def behind(seat: str) -> str:
    """The seat behind, empty where there is none."""
    row, _, side = seat.partition(".")
    return f"Row2.{side}" if row == "Row1" else ""


SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "IsForwardSwitchEngaged": ("Position",),
    "IsBackwardSwitchEngaged": ("Position",),
    "IsUpSwitchEngaged": ("Height",),
    "IsDownSwitchEngaged": ("Height",),
    "IsTiltForwardSwitchEngaged": ("Tilt",),
    "IsTiltBackwardSwitchEngaged": ("Tilt",),
    "IsWarmerSwitchEngaged": ("HeatingCooling", "Seating.HeatingCooling", "Backrest.HeatingCooling"),
    "IsCoolerSwitchEngaged": ("HeatingCooling", "Seating.HeatingCooling", "Backrest.HeatingCooling"),
    "Backrest.IsReclineForwardSwitchEngaged": ("Backrest.Recline",),
    "Backrest.IsReclineBackwardSwitchEngaged": ("Backrest.Recline",),
    "Backrest.IsMoreLumbarSupportSwitchEngaged": ("Backrest.LumbarSupport",),
    "Backrest.IsLessLumbarSupportSwitchEngaged": ("Backrest.LumbarSupport",),
    "Backrest.IsLumbarUpSwitchEngaged": ("Backrest.LumbarHeight",),
    "Backrest.IsLumbarDownSwitchEngaged": ("Backrest.LumbarHeight",),
    "Backrest.IsMoreSideBolsterSupportSwitchEngaged": ("Backrest.SideBolsterSupport",),
    "Backrest.IsLessSideBolsterSupportSwitchEngaged": ("Backrest.SideBolsterSupport",),
    "Seating.IsForwardSwitchEngaged": ("Seating.Length",),
    "Seating.IsBackwardSwitchEngaged": ("Seating.Length",),
    "Headrest.IsUpSwitchEngaged": ("Headrest.Height",),
    "Headrest.IsDownSwitchEngaged": ("Headrest.Height",),
    "Headrest.IsForwardSwitchEngaged": ("Headrest.Angle",),
    "Headrest.IsBackwardSwitchEngaged": ("Headrest.Angle",),
}
"""A seat's switches (VSS 6.0) and what moves while one is pressed; the two for massage move nothing that we know."""
_MINUS: Final = ("Forward", "Down", "Less", "Cooler")


def switches(seat: str) -> Mapping[str, tuple[str, ...]]:
    """The switches of a seat by path, and the leaves that each moves."""
    prefix = f"Vehicle.Cabin.Seat.{seat}."
    return {prefix + name: tuple(prefix + part for part in parts) for name, parts in SWITCHES.items()}


def direction(switch: str) -> int:
    """Which way a switch moves its leaf: VSS counts Position from the front, Recline and Tilt backwards."""
    name = switch.rpartition(".")[2]
    if switch.endswith(("Seating.IsForwardSwitchEngaged", "Headrest.IsForwardSwitchEngaged")):
        return 1
    if switch.endswith(("Seating.IsBackwardSwitchEngaged", "Headrest.IsBackwardSwitchEngaged")):
        return -1
    return -1 if any(word in name for word in _MINUS) else 1
