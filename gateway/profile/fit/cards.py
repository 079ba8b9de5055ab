"""Reads a vehicle card and refuses one that lies; must never guess a range that the card does not give.

Every mistake names the key and says what would do. What a card says of a motion is checked against VSS and against its
own geometry, because a seat believes it.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.errors import InputError
from gateway.profile.fit.card import (
    Actuator,
    Card,
    DriveSide,
    Geometry,
    MirrorGeometry,
    Policy,
    Radio,
    Station,
    WheelGeometry,
)
from gateway.profile.fit.leaves import COMFORT, DRIVER_SEAT, MIRROR, MOTION, STATION, WHEEL, LeafKind, leaf_kind
from gateway.profile.fit.radio import BANDS, service
from gateway.profile.fit.reader import Table, document
from gateway.profile.fit.values import ZONES

_ID: Final = re.compile(r"[a-z][a-z0-9._-]{0,47}", re.ASCII)
_STATION: Final = re.compile(r"Row[1-4]\.(?:Driver|Passenger)", re.ASCII)
_SPANS: Final = {"mm": 1_000.0, "degrees": 120.0, "percent": 200.0, "celsius": 40.0, "fahrenheit": 72.0}
"""No actuator of a cabin has a longer way, by unit."""
_UPPER_LUMBARS: Final = ("TopLumbarSupport", "MidLumbarSupport", "BottomLumbarSupport")
_AIR: Final = ("UP", "MIDDLE", "DOWN")
_SOURCES: Final = ("UNKNOWN", "AM", "FM", "DAB", "INTERNET")


def card_from_toml(text: str) -> Card:
    """The card that this document describes; raises InputError that names the first mistake."""
    with document(text) as root:
        name = root.text("id")
        if not _ID.fullmatch(name):
            raise root.wrong("id", f"{name!r} is no id: a small letter, then at most 47 of a-z 0-9 . _ -")
        vss_major = root.whole("vss_major", 5, 6, 6)
        actuators = _actuators(root.table("actuators"), vss_major)
        return Card(
            id=name,
            revision=root.whole("revision", 1, 1_000_000),
            model=root.text("model"),
            body=root.text("body"),
            drive_side=DriveSide(root.one_of("drive_side", [side.value for side in DriveSide])),
            vss_major=vss_major,
            actuators=actuators,
            zones=_zones(root.table("zones"), actuators) if root.has("zones") else {},
            geometry=_geometry(root.table("geometry"), actuators) if root.has("geometry") else None,
            radio=_radio(root.table("radio")) if root.has("radio") else Radio(),
            features=frozenset(root.texts("features")),
        )


def _actuators(table: Table, vss_major: int) -> Mapping[str, Actuator]:
    found = {path: _actuator(table, path, vss_major) for path in table.keys_left()}
    table.end()
    for seat in {one.seat for one in found.values() if one.seat}:
        prefix = f"Vehicle.Cabin.Seat.{seat}.Backrest."
        if prefix + "LumbarSupport" in found and any(prefix + part in found for part in _UPPER_LUMBARS):
            raise table.wrong(
                prefix + "LumbarSupport", "VSS has either this or the top, mid and bottom leaves, not both"
            )
    return found


def _actuator(parent: Table, path: str, vss_major: int) -> Actuator:
    kind = leaf_kind(path)
    if kind is None:
        raise parent.wrong(path, "is no leaf that a profile may set (VSS 6.0 and Vehicle.Private.Forecourt are known)")
    outdated = (path.startswith(MIRROR) and path.endswith(".Pan"), path.startswith(MIRROR) and path.endswith(".Yaw"))
    if outdated[0] and vss_major > 5:
        raise parent.wrong(path, "VSS 6 turned its direction round and calls it Yaw; name Yaw, or set vss_major = 5")
    if outdated[1] and vss_major < 6:
        raise parent.wrong(path, "VSS 5 has no Yaw; name Pan, or set vss_major = 6")
    table = parent.table(path)
    one = _numeric(table, path, kind) if kind.is_number else _wordy(table, path)
    table.end()
    if kind.does == MOTION and one.policy is Policy.ANY_TIME:
        raise parent.wrong(path, "moves a part of the cabin, so its policy is parked_only or never")
    if kind.does == MOTION and not one.speed_per_s and one.policy is not Policy.NEVER:
        raise parent.wrong(path, "moves, so speed_per_s has to say how fast")
    return one


def _wordy(table: Table, path: str) -> Actuator:
    words = table.texts("words")
    allowed = _AIR if path.endswith("AirDistribution") else _SOURCES if path.endswith("Played.Source") else ()
    if allowed and not words:
        raise table.wrong("words", f"is missing: which of {', '.join(allowed)} does it know?")
    if allowed and (unknown := [word for word in words if word not in allowed]):
        raise table.wrong("words", f"{unknown[0]!r} is none of {', '.join(allowed)}")
    return Actuator(path, words=words, policy=_policy(table, COMFORT), readback=table.truth("readback", True))


def _numeric(table: Table, path: str, kind: LeafKind) -> Actuator:
    units = ("celsius", "fahrenheit") if kind.unit == "celsius" else (kind.unit,)
    unit = table.one_of("unit", units)
    for key in ("low", "high"):
        if not table.has(key):
            raise table.wrong(key, "is missing: what has no configured range is never moved")
    low, high = table.number("low", -1e9, 1e9), table.number("high", -1e9, 1e9)
    if not low < high:
        raise table.wrong("high", f"{high:g} has to be more than low ({low:g})")
    if (kind.low is not None and low < kind.low) or (kind.high is not None and high > kind.high):
        raise table.wrong("low" if kind.low is not None and low < kind.low else "high", "is outside the range of VSS")
    if kind.datatype != "double" and high - low > _SPANS.get(unit, 1e10):
        raise table.wrong("high", f"a way of {high - low:g} {unit} is longer than any cabin has")
    levels = table.numbers("levels")
    if levels and (list(levels) != sorted(set(levels)) or levels[0] < low or levels[-1] > high):
        raise table.wrong("levels", "have to ascend within the range")
    step = table.number("step", 1e-6, high - low, min(1.0, high - low))
    if kind.whole and not (step.is_integer() and low.is_integer() and all(float(one).is_integer() for one in levels)):
        raise table.wrong(
            "step", f"{path.rpartition('.')[2]} takes whole numbers only: low, step and levels have to be"
        )
    speed = table.number("speed_per_s", 1e-3, 1e4, 0.0) if table.has("speed_per_s") else None
    policy = _policy(table, kind.does)
    readback = table.truth("readback", True)
    return Actuator(path, unit, low, high, step, speed, policy, readback, levels, (), kind.whole)


def _policy(table: Table, does: str) -> Policy:
    default = Policy.PARKED_ONLY if does == MOTION else Policy.ANY_TIME
    return Policy(table.one_of("policy", [policy.value for policy in Policy], default.value))


def _zones(table: Table, actuators: Mapping[str, Actuator]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for zone in ZONES:
        if not table.has(zone):
            continue
        station = table.text(zone)
        if not _STATION.fullmatch(station):
            raise table.wrong(zone, f"{station!r} is no station such as Row1.Driver")
        prefix = f"{STATION}{station}."
        if prefix in found.values():
            raise table.wrong(zone, f"{station} is another zone's station already")
        if not any(path.startswith(prefix) for path in actuators):
            raise table.wrong(zone, f"no actuator below {prefix} is on the card")
        found[zone] = prefix
    table.end()
    if found and "driver" not in found:
        raise table.wrong("driver", "is missing: every air condition has a driver's zone")
    return found


def _radio(table: Table) -> Radio:
    stations = []
    bands = table.texts("bands")
    if unknown := [band for band in bands if band not in BANDS]:
        raise table.wrong("bands", f"{unknown[0]!r} is none of {', '.join(BANDS)}")
    for one in table.tables("stations"):
        name, services = one.text("name"), one.texts("services")
        if not services:
            raise one.wrong("services", "is empty")
        if wrong := [key for key in services if service(key) is None]:
            raise one.wrong("services", f"{wrong[0]!r} is none of dab:ECC.EID.SID, fm:PI@KHZ, uri:ADDRESS")
        one.end()
        stations.append(Station(name, services))
    low = table.whole("fm_low_khz", 64_000, 108_000, 87_500)
    high = table.whole("fm_high_khz", low, 108_000, 108_000)
    step = table.whole("fm_step_khz", 10, 1_000, 100)
    presets = table.whole("presets_max", 0, 64, 0)
    table.end()
    return Radio(bands, presets, low, high, step, tuple(stations))


def _geometry(table: Table, actuators: Mapping[str, Actuator]) -> Geometry:
    """In mm and degrees; bounds are those of anything that a person drives sitting (SAE J1100, class A)."""
    wheel = _wheel(table.table("wheel")) if table.has("wheel") else None
    mirrors = {}
    for side in ("driver", "passenger"):
        if table.has(f"{side}_mirror"):
            mirrors[side] = _mirror(table.table(f"{side}_mirror"))
    geometry = Geometry(
        hip_x_mm=table.number("hip_x_mm", 300, 1_200),
        hip_z_mm=table.number("hip_z_mm", 80, 600),
        rail_deg=table.number("rail_deg", -5, 20),
        lift_forward=table.number("lift_forward", -1.5, 1.5, 0.0),
        pivot_x_mm=table.number("pivot_x_mm", -400, 600, 0.0),
        pivot_z_mm=table.number("pivot_z_mm", -400, 400, 0.0),
        cushion_deg=table.number("cushion_deg", -5, 30),
        torso_deg=table.number("torso_deg", 5, 40, 24.0),
        cushion_length_mm=table.number("cushion_length_mm", 300, 600),
        lumbar_mm=table.number("lumbar_mm", 50, 300, 150.0),
        headrest_mm=table.number("headrest_mm", 500, 900),
        design_hip_z_mm=table.number("design_hip_z_mm", 100, 600),
        design_cushion_deg=table.number("design_cushion_deg", -5, 35),
        design_torso_deg=table.number("design_torso_deg", 5, 40),
        wheel=wheel,
        mirrors=mirrors,
    )
    table.end()
    _check_geometry(table, geometry, actuators)
    return geometry


def _check_geometry(table: Table, geometry: Geometry, actuators: Mapping[str, Actuator]) -> None:
    """What the geometry says has to agree with what the actuators can do."""
    lift = actuators.get(DRIVER_SEAT + "Height")
    lifted = 0.0 if lift is None else lift.ends[1]
    if not geometry.hip_z_mm - 80 <= geometry.design_hip_z_mm <= geometry.hip_z_mm + lifted + 80:
        raise table.wrong("design_hip_z_mm", "the seat cannot be set that high or low: Height and hip_z_mm disagree")
    for part in ("Tilt", "Extension"):
        if WHEEL + part in actuators and geometry.wheel is None:
            raise table.wrong("wheel", f"is missing, and {WHEEL}{part} moves")
    for side in ("driver", "passenger"):
        moved = any(path.startswith(f"{MIRROR}{side.capitalize()}Side.") for path in actuators)
        if moved and side not in geometry.mirrors:
            raise table.wrong(f"{side}_mirror", "is missing, and the mirror moves")


def _wheel(table: Table) -> WheelGeometry:
    low = table.number("low_deg", 5, 75)
    high = table.number("high_deg", low, 80)
    wheel = WheelGeometry(
        pivot_x_mm=table.number("pivot_x_mm", -500, 800),
        pivot_z_mm=table.number("pivot_z_mm", 0, 1_000),
        column_mm=table.number("column_mm", 50, 1_000),
        extension_mm=table.number("extension_mm", 0, 150, 0.0),
        low_deg=low,
        high_deg=high,
        design_deg=table.number("design_deg", low, high),
    )
    table.end()
    return wheel


def _mirror(table: Table) -> MirrorGeometry:
    mirror = MirrorGeometry(
        x_mm=table.number("x_mm", -500, 1_000),
        z_mm=table.number("z_mm", 300, 1_300),
        beside_mm=table.number("beside_mm", 200, 2_000),
        zero_out_deg=table.number("zero_out_deg", -60, 60),
        zero_up_deg=table.number("zero_up_deg", -30, 30),
        yaw_deg_per_pct=table.number("yaw_deg_per_pct", 0.01, 0.3),
        tilt_deg_per_pct=table.number("tilt_deg_per_pct", 0.01, 0.3),
    )
    table.end()
    return mirror


def refuse_unless_card(found: object) -> str:
    """The TOML text that an outside package offers. Raises InputError when it is none."""
    if not isinstance(found, str):
        raise InputError(f"a vehicle card is the text of a TOML document, not {type(found).__name__}")
    return found
