"""Which leaves a vehicle card may name, as VSS 6.0 has them, and the private ones; must never widen a range of VSS.

Datatypes, units and bounds are those of the COVESA Vehicle Signal Specification 6.0; a test compares them with an
export of it. VSS gives no largest position, height or angle: the card must (the limits are the vehicle's).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

PRIVATE: Final = "Vehicle.Private.Forecourt."
WHEEL: Final = "Vehicle.Chassis.SteeringWheel."
MEDIA: Final = "Vehicle.Cabin.Infotainment.Media."
MIRROR: Final = "Vehicle.Body.Mirrors."
STATION: Final = "Vehicle.Cabin.HVAC.Station."
SEAT: Final = "Vehicle.Cabin.Seat."
DRIVER_SEAT: Final = "Vehicle.Cabin.Seat.Row1.DriverSide."
MOTION, HEAT, COMFORT = "motion", "heat", "comfort"


@dataclass(frozen=True, slots=True)
class LeafKind:
    """Datatype, unit and bounds of a leaf, and what an order to it does: motion, heat or comfort."""

    datatype: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    does: str = COMFORT

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return "int" in self.datatype

    @property
    def is_number(self) -> bool:
        """Whether it takes numbers."""
        return not self.datatype.startswith("string")


_MM8: Final = LeafKind("uint8", "mm", 0, 255, MOTION)
_MM16: Final = LeafKind("uint16", "mm", 0, 65_535, MOTION)
_DEGREES: Final = LeafKind("float", "degrees", does=MOTION)
_SHARE: Final = LeafKind("float", "percent", 0, 100, MOTION)
_EITHER: Final = LeafKind("int8", "percent", -100, 100, MOTION)
_HEAT: Final = LeafKind("int8", "percent", -100, 100, HEAT)
_PERCENT: Final = LeafKind("uint8", "percent", 0, 100)
_TEXT: Final = LeafKind("string")
_PARTS: Final = {
    "Position": _MM16,
    "Height": _MM16,
    "Tilt": _DEGREES,
    "Backrest.Recline": _DEGREES,
    "Backrest.LumbarSupport": _SHARE,
    "Backrest.TopLumbarSupport": _SHARE,
    "Backrest.MidLumbarSupport": _SHARE,
    "Backrest.BottomLumbarSupport": _SHARE,
    "Backrest.LumbarHeight": _MM8,
    "Seating.Length": _MM16,
    "Headrest.Height": _MM8,
    "Headrest.Angle": _DEGREES,
    "HeatingCooling": _HEAT,
    "Seating.HeatingCooling": _HEAT,
    "Backrest.HeatingCooling": _HEAT,
}
_ZONE: Final = {
    "FanSpeed": _PERCENT,
    "Temperature": LeafKind("float", "celsius"),
    "AirDistribution": _TEXT,
}
_SINGLE: Final = {
    WHEEL + "Tilt": LeafKind("uint8", "percent", 0, 100, MOTION),
    WHEEL + "Extension": LeafKind("uint8", "percent", 0, 100, MOTION),
    WHEEL + "HeatingCooling": _HEAT,
    MEDIA + "Volume": _PERCENT,
    MEDIA + "Played.Source": _TEXT,
    MEDIA + "SelectedURI": _TEXT,
    PRIVATE + "Radio.Frequency": LeafKind("uint32", "kHz", 0, 4_294_967_295),
    PRIVATE + "Radio.Service": _TEXT,
    PRIVATE + "Radio.Presets": LeafKind("string[]"),
    PRIVATE + "Home.Address": _TEXT,
    PRIVATE + "Home.Latitude": LeafKind("double", "degrees", -90, 90),
    PRIVATE + "Home.Longitude": LeafKind("double", "degrees", -180, 180),
}
_SEAT_PATH: Final = re.compile(r"Vehicle\.Cabin\.Seat\.(Row[12]\.(?:DriverSide|Middle|PassengerSide))\.(.+)", re.ASCII)
_MIRROR_PATH: Final = re.compile(r"Vehicle\.Body\.Mirrors\.(?:DriverSide|PassengerSide)\.(?:Yaw|Pan|Tilt)", re.ASCII)
_ZONE_PATH: Final = re.compile(r"Vehicle\.Cabin\.HVAC\.Station\.Row[1-4]\.(?:Driver|Passenger)\.(\w+)", re.ASCII)


@lru_cache(2_048)
def leaf_kind(path: str) -> LeafKind | None:
    """What is known of a leaf; None for one that no profile may set, switches and doors among them."""
    if path in _SINGLE:
        return _SINGLE[path]
    if seat := _SEAT_PATH.fullmatch(path):
        return _PARTS.get(seat[2])
    if _MIRROR_PATH.fullmatch(path):
        return _EITHER
    zone = _ZONE_PATH.fullmatch(path)
    return _ZONE.get(zone[1]) if zone else None


def seat_of(path: str) -> str | None:
    """`Row1.DriverSide` and the like for a leaf of a seat, None for all others."""
    seat = _SEAT_PATH.fullmatch(path)
    return seat[1] if seat else None


def known_paths() -> Iterator[str]:
    """All leaves that a card may name, Pan of VSS 5 among them."""
    yield from _SINGLE
    for row in (1, 2):
        for side in ("DriverSide", "Middle", "PassengerSide"):
            yield from (f"{SEAT}Row{row}.{side}.{part}" for part in _PARTS)
    for side in ("DriverSide", "PassengerSide"):
        yield from (f"{MIRROR}{side}.{part}" for part in ("Yaw", "Pan", "Tilt"))
    for row in range(1, 5):
        for side in ("Driver", "Passenger"):
            yield from (f"{STATION}Row{row}.{side}.{part}" for part in _ZONE)


def overlay_path() -> Path:
    """The private leaves as JSON in the form of `vspec export json`: a databroker can add them to its tree."""
    return Path(__file__).parent / "overlay.json"
