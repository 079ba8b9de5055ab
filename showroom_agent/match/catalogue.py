"""The site's cars and accessories from TOML; must never guess: each mistake is named, and nothing is read half."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError, InputError
from showroom_agent.match.terms import BODIES, COLOURS, CRITERIA, DRIVES, EQUIPMENT, Text, number, only, word, words

CATALOGUE_BYTES_MAX: Final = 4 << 20
CARS_MAX: Final = 2_000
ACCESSORIES_MAX: Final = 5_000
POINTS_MAX: Final = 16
TEXT_CHARS_MAX: Final = 300
ID_CHARS_MAX: Final = 80
_CAR = (
    "id", "title", "body", "drive", "colour", "price_eur", "seats", "boot_l", "boot_height_m", "range_km", "towing_kg",
    "equipment", "points",
)  # fmt: skip
_ACCESSORY = ("id", "title", "price_eur", "for", "bodies", "drives", "cars", "needs")


@dataclass(frozen=True, slots=True)
class Point:
    """Something worth saying before the car, and which wish it is about."""

    about: str
    text: Text


@dataclass(frozen=True, slots=True)
class CarModel:
    """A car of the catalogue. What is 0 is not there or not known: such a wish is not met."""

    id: str
    title: Text
    body: str
    drive: str
    colour: str
    price_eur: float
    seats: int = 5
    boot_l: float = 0.0
    boot_height_m: float = 0.0
    range_km: float = 0.0
    towing_kg: float = 0.0
    equipment: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Accessory:
    """Something to go with a car. Empty lists fit every car; `needs`: equipment that the car must have."""

    id: str
    title: Text
    price_eur: float
    wishes: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()
    drives: tuple[str, ...] = ()
    cars: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def fits(self, car: CarModel) -> bool:
        """Whether it can be used with the car."""
        return (
            (not self.bodies or car.body in self.bodies)
            and (not self.drives or car.drive in self.drives)
            and (not self.cars or car.id in self.cars)
            and all(need in car.equipment for need in self.needs)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a site has to show, by id."""

    cars: Mapping[str, CarModel]
    accessories: Mapping[str, Accessory]


def load_catalogue(path: Path) -> Catalogue:
    """The catalogue in a file; raises ConfigError with all that is wrong with it."""
    try:
        if path.stat().st_size > CATALOGUE_BYTES_MAX:
            raise ConfigError(f"{path}: a catalogue has at most {CATALOGUE_BYTES_MAX >> 20} MB")
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: there is no catalogue that can be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from None
    try:
        return read_catalogue(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_catalogue(document: Mapping[str, Any]) -> Catalogue:
    """The catalogue in a parsed document; raises ConfigError with one line for each mistake."""
    wrong: list[str] = []
    if document.get("version") != 1:
        wrong.append("version is 1")
    if unknown := sorted(set(document) - {"version", "car", "accessory"}):
        wrong.append(f"a catalogue has no {', '.join(unknown[:5])}; it has version, [[car]] and [[accessory]]")
    cars = _entries(document, "car", _car, CARS_MAX, wrong)
    accessories = _entries(document, "accessory", _accessory, ACCESSORIES_MAX, wrong)
    for one in accessories.values():
        wrong += [f"accessory {one.id}: the catalogue has no car {car[:80]}" for car in one.cars if car not in cars]
    if not cars:
        wrong.append("there is no [[car]]")
    if wrong:
        raise ConfigError("; ".join(wrong[:20]))
    return Catalogue(cars, accessories)


def _entries(
    document: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], Any], count_max: int, wrong: list[str]
) -> dict[str, Any]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or len(tables) > count_max:
        wrong.append(f"{key} is a list of at most {count_max:,} tables")
        return {}
    found: dict[str, Any] = {}
    for place, table in enumerate(tables, 1):
        name = f"{key} {place}"
        try:
            if not isinstance(table, Mapping):
                raise InputError(f"is a table, [[{key}]]")
            ident = table.get("id")
            if not isinstance(ident, str) or not 0 < len(ident) <= ID_CHARS_MAX:
                raise InputError(f"id is a text of 1 to {ID_CHARS_MAX} characters")
            name = f"{key} {ident}"
            if ident in found:
                raise InputError("two have this id")
            found[ident] = read(table)
        except InputError as error:
            wrong.append(f"{name}: {error}")
    return found


def _car(table: Mapping[str, Any]) -> CarModel:
    only(table, _CAR, "a car")
    points = table.get("points", [])
    if not isinstance(points, list) or len(points) > POINTS_MAX:
        raise InputError(f"points is a list of at most {POINTS_MAX}")
    return CarModel(
        table["id"],
        _text(table.get("title"), "title"),
        word(table.get("body"), BODIES, "body"),
        word(table.get("drive"), DRIVES, "drive"),
        word(table.get("colour"), COLOURS, "colour"),
        number(table.get("price_eur"), "price_eur", 1, 10_000_000),
        int(number(table.get("seats", 5), "seats", 1, 60)),
        number(table.get("boot_l", 0), "boot_l", 0, 50_000),
        number(table.get("boot_height_m", 0), "boot_height_m", 0, 5),
        number(table.get("range_km", 0), "range_km", 0, 5_000),
        number(table.get("towing_kg", 0), "towing_kg", 0, 20_000),
        words(table.get("equipment", []), EQUIPMENT, "equipment"),
        tuple(_point(one) for one in points),
    )


def _point(table: Any) -> Point:
    if not isinstance(table, Mapping):
        raise InputError("a point is {about, de, en}")
    only(table, ("about", "de", "en"), "a point")
    return Point(word(table.get("about"), CRITERIA, "about"), _text(table, "a point"))


def _accessory(table: Mapping[str, Any]) -> Accessory:
    only(table, _ACCESSORY, "an accessory")
    cars = table.get("cars", [])
    if not isinstance(cars, list) or not all(isinstance(car, str) for car in cars):
        raise InputError("cars is a list of ids")
    return Accessory(
        table["id"],
        _text(table.get("title"), "title"),
        number(table.get("price_eur"), "price_eur", 0, 1_000_000),
        words(table.get("for", []), CRITERIA, "for"),
        words(table.get("bodies", []), BODIES, "bodies"),
        words(table.get("drives", []), DRIVES, "drives"),
        tuple(cars),
        words(table.get("needs", []), EQUIPMENT, "needs"),
    )


def _text(value: Any, what: str) -> Text:
    given = [value.get(language) for language in ("de", "en")] if isinstance(value, Mapping) else []
    texts = [text for text in given if isinstance(text, str) and 0 < len(text) <= TEXT_CHARS_MAX]
    if len(texts) != 2:
        raise InputError(f"{what} has a text of 1 to {TEXT_CHARS_MAX} characters in de and in en")
    return Text(*texts)
