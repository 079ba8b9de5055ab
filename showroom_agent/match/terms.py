"""The words of catalogue and wishes, and what they are called in German and English; must never hold a car."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import InputError


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    de: str
    en: str

    def of(self, language: str) -> str:
        """In `de`; any other language gets English."""
        return self.de if language == "de" else self.en


DRIVES: Final = {
    "electric": Text("elektrisch", "electric"),
    "plug_in_hybrid": Text("Plug-in-Hybrid", "plug-in hybrid"),
    "hybrid": Text("Hybrid", "hybrid"),
    "petrol": Text("Benziner", "petrol"),
    "diesel": Text("Diesel", "diesel"),
    "hydrogen": Text("Wasserstoff", "hydrogen"),
}
BODIES: Final = {
    "small": Text("Kleinwagen", "small car"),
    "hatchback": Text("Kompaktwagen", "hatchback"),
    "saloon": Text("Limousine", "saloon"),
    "estate": Text("Kombi", "estate"),
    "suv": Text("SUV", "SUV"),
    "coupe": Text("Coupé", "coupé"),
    "convertible": Text("Cabrio", "convertible"),
    "van": Text("Van", "van"),
    "pickup": Text("Pick-up", "pick-up"),
}
COLOURS: Final = {
    "white": Text("Weiß", "white"),
    "silver": Text("Silber", "silver"),
    "grey": Text("Grau", "grey"),
    "black": Text("Schwarz", "black"),
    "blue": Text("Blau", "blue"),
    "green": Text("Grün", "green"),
    "red": Text("Rot", "red"),
    "orange": Text("Orange", "orange"),
    "yellow": Text("Gelb", "yellow"),
    "brown": Text("Braun", "brown"),
    "beige": Text("Beige", "beige"),
}
EQUIPMENT: Final = {
    "all_wheel_drive": Text("Allradantrieb", "all-wheel drive"),
    "electric_tailgate": Text("elektrische Heckklappe", "electric tailgate"),
    "head_up_display": Text("Head-up-Display", "head-up display"),
    "heat_pump": Text("Wärmepumpe", "heat pump"),
    "heated_seats": Text("Sitzheizung", "heated seats"),
    "isofix_x3": Text("drei Isofix-Plätze", "three Isofix seats"),
    "panorama_roof": Text("Panoramadach", "panorama roof"),
    "phone_projection": Text("Smartphone-Anbindung", "phone projection"),
    "rear_camera": Text("Rückfahrkamera", "rear camera"),
    "sliding_doors": Text("Schiebetüren", "sliding doors"),
    "tow_bar": Text("Anhängerkupplung", "tow bar"),
}
DOGS: Final = {
    "none": Text("kein Hund", "no dog"),
    "small": Text("kleiner Hund", "small dog"),
    "large": Text("großer Hund", "large dog"),
}
CRITERIA: Final = {
    "drive": Text("Antrieb", "drive"),
    "body": Text("Karosserie", "body"),
    "colour": Text("Farbe", "colour"),
    "equipment": Text("Ausstattung", "equipment"),
    "price": Text("Preis", "price"),
    "dog": Text("Hund im Kofferraum", "dog in the boot"),
    "boot": Text("Kofferraum", "boot"),
    "seats": Text("Sitze", "seats"),
    "towing": Text("Anhängelast", "towing"),
    "range": Text("Reichweite", "range"),
}
"""What is judged, in the order in which equal weights are shown."""


def word(value: Any, known: Mapping[str, Any], what: str) -> str:
    """A term of a vocabulary; raises InputError with the terms that there are, without what was given."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{what} is one of: {', '.join(known)}")
    return value


def words(value: Any, known: Mapping[str, Any], what: str) -> tuple[str, ...]:
    """Several terms, each once, in the order given; a single one may stand alone."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or len(values) > len(known):
        raise InputError(f"{what} is a list of: {', '.join(known)}")
    return tuple(dict.fromkeys(word(one, known, what) for one in values))


def number(value: Any, what: str, low: float, high: float) -> float:
    """A number between bounds; raises InputError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(f"{what} is a number from {low:g} to {high:g}")
    return float(value)


def only(table: Mapping[str, Any], known: Collection[str], what: str) -> None:
    """Raises InputError where a table has a key that nobody reads: a typing error would be silence."""
    if unknown := [str(key)[:40] for key in table if key not in known]:
        raise InputError(f"{what} has no {', '.join(sorted(unknown)[:5])}; it has: {', '.join(known)}")
