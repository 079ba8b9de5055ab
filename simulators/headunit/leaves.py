"""The leaves of VSS 6.0 that a head unit serves, and the private ones; must never change a type or a unit of VSS.

Names, types, units and bounds are those of VSS 6.0 (a test compares them with an export of it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from gateway.errors import InputError
from simulators.databroker.catalogue import Catalogue, Leaf
from vehicle_agent.cabin import paths
from vehicle_agent.cabin.paths import PRIVATE, SEATS, SWITCHES
from vehicle_agent.cabin.plan import Limits

HAND: Final = f"{PRIVATE}HeadUnit.Hand"
"""PATH=VALUE: a hand turns that knob of the simulated head unit; any client may write it."""
OWN: Final = (
    Leaf(paths.TOUCHED, "string", "sensor", description="Which leaf somebody changed at a control just now."),
    Leaf(HAND, "string", "actuator", description="PATH=VALUE turns a knob of the simulated head unit."),
)
_PERCENT: Final = ("percent", 0.0, 100.0)
_EITHER: Final = ("percent", -100.0, 100.0)
_Kind = tuple[str, str, float | None, float | None]
_SEAT: Final[Mapping[str, _Kind]] = {
    "SeatBeltHeight": ("uint16", "mm", None, None),
    "Position": ("uint16", "mm", 0.0, None),
    "Height": ("uint16", "mm", 0.0, None),
    "Tilt": ("float", "degrees", None, None),
    "Backrest.Recline": ("float", "degrees", None, None),
    **{f"Backrest.{part}": ("float", *_PERCENT) for part in (
        "LumbarSupport", "TopLumbarSupport", "MidLumbarSupport", "BottomLumbarSupport", "SideBolsterSupport",
        "SideBolsterSupportLeft", "SideBolsterSupportRight", "UpperShoulderSupport",
    )},
    "Backrest.LumbarHeight": ("uint8", "mm", 0.0, None),
    "Seating.Length": ("uint16", "mm", 0.0, None),
    "Seating.SideBolsterSupportLeft": ("float", *_PERCENT),
    "Seating.SideBolsterSupportRight": ("float", *_PERCENT),
    "Headrest.Height": ("uint8", "mm", 0.0, None),
    "Headrest.Angle": ("float", "degrees", None, None),
    **dict.fromkeys(("HeatingCooling", "Backrest.HeatingCooling", "Seating.HeatingCooling"), ("int8", *_EITHER)),
}  # fmt: skip
_STATION: Final[Mapping[str, _Kind]] = {
    "FanSpeed": ("uint8", *_PERCENT),
    "Temperature": ("float", "Celsius", None, None),
    "AirDistribution": ("string", "", None, None),
}
_AIR: Final = ("UP", "MIDDLE", "DOWN")
_SOURCES: Final = (
    "UNKNOWN", "SIRIUS_XM", "AM", "FM", "DAB", "TV", "CD", "DVD", "AUX", "USB", "DISK", "BLUETOOTH", "INTERNET",
    "VOICE", "BEEP",
)  # fmt: skip


def _vss() -> Iterable[Leaf]:
    yield Leaf(paths.SPEED, "float", "sensor", "km/h")
    yield Leaf(paths.IS_MOVING, "boolean")
    yield Leaf(paths.IGNITION, "string", allowed=("UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"))
    yield Leaf(paths.GEAR, "int8", "actuator")
    yield Leaf(paths.PARK_LOCK, "boolean", "actuator")
    yield Leaf(paths.PARKING_BRAKE, "boolean", "actuator")
    for seat in SEATS:
        prefix = f"Vehicle.Cabin.Seat.{seat}."
        yield Leaf(paths.occupancy(seat), "string", allowed=("UNKNOWN", "OCCUPIED", "EMPTY"))
        yield Leaf(paths.belted(seat), "boolean")
        for part, (datatype, unit, low, high) in _SEAT.items():
            yield Leaf(prefix + part, datatype, "actuator", unit, low, high)
        for switch in SWITCHES:
            yield Leaf(prefix + switch, "boolean", "actuator")
    for lock in (*paths.child_locks("Row1.DriverSide"), *paths.child_locks("Row2.DriverSide")):
        yield Leaf(lock, "boolean")
    for row in range(1, 5):
        for side in ("Driver", "Passenger"):
            for part, (datatype, unit, low, high) in _STATION.items():
                allowed = _AIR if part == "AirDistribution" else ()
                path = f"Vehicle.Cabin.HVAC.Station.Row{row}.{side}.{part}"
                yield Leaf(path, datatype, "actuator", unit, low, high, allowed)
    for name in ("IsRecirculationActive", "IsAirConditioningActive"):
        yield Leaf(f"Vehicle.Cabin.HVAC.{name}", "boolean", "actuator")
    for side in ("DriverSide", "PassengerSide"):
        for part in ("Tilt", "Pan", "Yaw"):
            yield Leaf(f"Vehicle.Body.Mirrors.{side}.{part}", "int8", "actuator", *_EITHER)
    wheel = "Vehicle.Chassis.SteeringWheel."
    yield Leaf(wheel + "Tilt", "uint8", "actuator", *_PERCENT)
    yield Leaf(wheel + "Extension", "uint8", "actuator", *_PERCENT)
    yield Leaf(wheel + "HeatingCooling", "int8", "actuator", *_EITHER)
    media = "Vehicle.Cabin.Infotainment.Media."
    yield Leaf(media + "Volume", "uint8", "actuator", *_PERCENT)
    yield Leaf(media + "SelectedURI", "string", "actuator")
    yield Leaf(media + "Played.Source", "string", "actuator", allowed=_SOURCES)


VSS: Final = Catalogue.of(_vss())


def catalogue_for(limits: Mapping[str, Limits], private: Catalogue | None = None) -> Catalogue:
    """All that a car with these actuators tells and takes. `private`: the leaves of the overlay that VSS lacks.

    Raises InputError for an actuator that is in neither.
    """
    known = VSS | Catalogue.of(OWN) | (private or Catalogue.of(()))
    missing = sorted(limits.keys() - known.keys())
    if missing:
        raise InputError(f"no leaf of VSS 6.0 or of the overlay: {', '.join(missing)}")
    return Catalogue.of(leaf for path, leaf in known.items() if path in limits or not _may_lack(path))


def typed(limits: Mapping[str, Limits], catalogue: Catalogue) -> dict[str, Limits]:
    """The same with what the leaves' types say: whole numbers, words, lists."""
    found = {}
    for path, one in limits.items():
        kind = catalogue[path].kind
        words, truth = kind.field in {"string", "string_array"}, kind.field == "bool"
        found[path] = replace(one, whole=kind.low is not None, words=words, listed=kind.is_array, truth=truth)
    return found


def _may_lack(path: str) -> bool:
    """Whether a car may be built without it: what an order moves, warms or sets."""
    return paths.leaf_of(path).moves is not paths.Moves.FORBIDDEN
