"""Air and warmth for each zone; must never heat more than was wished.

A car with fewer zones takes the driver's wishes for all; a car with other steps takes the nearest, of heating and
cooling the weaker.
"""

from collections.abc import Mapping

from gateway.profile.fields import Value
from gateway.profile.fit.card import Actuator, Card
from gateway.profile.fit.values import CLIMATE, Setting, Target

AIR = "climate.air_distribution"
_SEATS = {"driver": "Row1.DriverSide", "passenger": "Row1.PassengerSide"}


def zone_path(card: Card, field: str) -> str | None:
    """The leaf of a field in this car; None where it has no such zone or heating."""
    if field == AIR:
        prefix = card.zones.get("driver")
        return _present(card, f"{prefix}AirDistribution") if prefix else None
    _, zone, name = field.split(".")
    if name == "seat_heating_pct":
        return _heating(card, zone)
    prefix = card.zones.get(zone)
    leaf = {"temperature_c": "Temperature", "fan_pct": "FanSpeed"}[name]
    return _present(card, prefix + leaf) if prefix else None


def _heating(card: Card, zone: str) -> str | None:
    seat = _SEATS.get(zone)
    if seat is None:
        prefix = card.zones.get(zone)
        if prefix is None:
            return None
        row, side = prefix.split(".")[-3:-1]
        seat = f"{row}.{side}Side"
    found = (_present(card, f"Vehicle.Cabin.Seat.{seat}.{part}HeatingCooling") for part in ("", "Seating."))
    return next((path for path in found if path), None)


def _present(card: Card, path: str) -> str | None:
    return path if card.actuator(path) is not None else None


def zone_fields() -> tuple[str, ...]:
    """All fields of climate."""
    names = ("temperature_c", "fan_pct", "seat_heating_pct")
    return (*(f"{group}.{name}" for group in CLIMATE for name in names), AIR)


def fit_climate(values: Mapping[str, Value], card: Card) -> tuple[list[Target], list[tuple[str, str]]]:
    """Temperature, fan, heating and air for the zones of this car, and what it cannot do."""
    targets: list[Target] = []
    skipped: list[tuple[str, str]] = []
    for field in zone_fields():
        if field not in values:
            continue
        path = zone_path(card, field)
        if path is None:
            skipped.append((field, _why_not(card, field)))
            continue
        one, value = card.actuators[path], values[field]
        if field == AIR:
            if isinstance(value, str) and value in one.words:
                targets.append(Target(field, path, value))
            else:
                skipped.append((field, "this car does not blow that way"))
        elif isinstance(value, int | float):
            targets.append(_number(field, one, value))
    return targets, skipped


def _why_not(card: Card, field: str) -> str:
    zone = field.split(".")[1]
    if zone in {"passenger", "rear"} and zone not in card.zones and not field.endswith("heating_pct"):
        return "no zone of its own in this car: the driver's wishes hold there"
    return "this car has nothing to set it with"


def _number(field: str, one: Actuator, value: float) -> Target:
    wanted = value * 9 / 5 + 32 if one.unit == "fahrenheit" else value
    heating = field.endswith("heating_pct")
    setting = one.snap_toward_zero(wanted) if heating else one.snap(wanted)
    missed = setting - wanted
    low, high = one.ends
    clamped = not low - 1e-9 <= wanted <= high + 1e-9
    why = ""
    if clamped:
        why = f"this car's range is {low:g} to {high:g} {one.unit}"
    elif abs(missed) > 1e-9:
        why = f"nearest of its {'levels' if one.levels else 'steps'}"
    residual = missed * 5 / 9 if one.unit == "fahrenheit" else missed
    return Target(field, one.path, setting, clamped, why, residual=round(residual, 6))


def unfit_climate(raw: Mapping[str, Setting], card: Card) -> dict[str, Value]:
    """What the zones show, as fields."""
    found: dict[str, Value] = {}
    for field in zone_fields():
        path = zone_path(card, field)
        value = raw.get(path) if path else None
        if path is None or value is None:
            continue
        if field == AIR:
            if isinstance(value, str) and value in card.actuators[path].words:
                found[field] = value
        elif isinstance(value, int | float):
            fahrenheit = card.actuators[path].unit == "fahrenheit"
            found[field] = round((value - 32) * 5 / 9, 3) if fahrenheit else float(value)
    return found
