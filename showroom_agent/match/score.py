"""How well a car fits wishes, criterion by criterion; must never give a number without its reason.

The hit rate is the weighted mean of the criteria that the guest has a wish about, each from 0 (missed) to 1 (met). A
weighted sum needs no model that has to be learnt and each part of it can be said in a sentence (simple additive
weighting: Hwang and Yoon, Multiple Attribute Decision Making, 1981).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from showroom_agent.match.catalogue import CarModel, Catalogue
from showroom_agent.match.terms import BODIES, COLOURS, CRITERIA, DRIVES, EQUIPMENT, Text
from showroom_agent.match.wishes import Wishes

MET: Final = 0.5
"""A criterion below this is missed: a car that misses a must stands behind all that miss none."""
SECOND: Final = 0.15
"""So much each place in an order of preference costs."""
SECOND_LEAST: Final = 0.6
KIN: Final = 0.4
"""What a drive or a colour is worth that is akin to one that is wished."""
OVER_BUDGET: Final = 0.3
"""So far over the budget, as a share of it, nothing is left of the price's score."""
DOG_HEIGHT_M: Final = {"small": 0.50, "large": 0.75}
DOG_BOOT_L: Final = {"small": 300.0, "large": 550.0}
_KIN_DRIVES = (
    {"electric", "plug_in_hybrid"},
    {"plug_in_hybrid", "hybrid"},
    {"hybrid", "petrol"},
    {"electric", "hydrogen"},
)
_KIN_COLOURS = (
    {"white", "silver"},
    {"silver", "grey"},
    {"grey", "black"},
    {"blue", "green"},
    {"red", "orange"},
    {"orange", "yellow"},
    {"brown", "beige"},
)
_KIN_BODIES = (
    {"estate", "suv"},
    {"estate", "van"},
    {"suv", "van"},
    {"small", "hatchback"},
    {"hatchback", "saloon"},
    {"saloon", "coupe"},
    {"coupe", "convertible"},
    {"suv", "pickup"},
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of one car: 0 to 1, how much it counts, and why it is so."""

    id: str
    score: float
    weight: float
    reason: Text
    must: bool = False

    @property
    def met(self) -> bool:
        """Whether it counts as met."""
        return self.score >= MET


@dataclass(frozen=True, slots=True)
class Fit:
    """One car against one guest's wishes. `percent`: the hit rate, 0 to 100; 100 where there is no wish at all."""

    car: CarModel
    percent: float
    criteria: tuple[Criterion, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Musts that are not met."""
        return tuple(one.id for one in self.criteria if one.must and not one.met)

    def lines(self, language: str) -> list[str]:
        """A line for each criterion, what counts most first."""
        return [
            f"{CRITERIA[one.id].of(language)}: {one.score * 100:.0f} % – {one.reason.of(language)}"
            for one in self.criteria
        ]


def score(car: CarModel, wishes: Wishes) -> Fit:
    """The fit of one car."""
    found = []
    for name, judge in _JUDGES.items():
        judged = judge(car, wishes)
        weight = wishes.weight(name)
        if judged is not None and (weight > 0 or name in wishes.must):
            found.append(Criterion(name, min(max(judged[0], 0.0), 1.0), weight, judged[1], name in wishes.must))
    found.sort(key=lambda one: -one.weight)
    total = sum(one.weight for one in found)
    percent = 100 * sum(one.weight * one.score for one in found) / total if total else 100.0
    return Fit(car, round(percent, 1), tuple(found))


def rank(catalogue: Catalogue, wishes: Wishes, present: Collection[str]) -> list[Fit]:
    """The cars that are there, best first: those that miss no must, then by hit rate, then the cheaper, then by id."""
    fits = [score(car, wishes) for ident, car in catalogue.cars.items() if ident in present]
    return sorted(fits, key=lambda fit: (len(fit.missing), -fit.percent, fit.car.price_eur, fit.car.id))


_Judged = tuple[float, Text] | None


def _choice(wished: tuple[str, ...], has: str, terms: Mapping[str, Text], kin: Collection[set[str]]) -> _Judged:
    """A wish for one of several, in order of preference."""
    if not wished:
        return None
    said = terms[has]
    if has in wished:
        place = wished.index(has)
        if place == 0:
            return 1.0, Text(f"{said.de}, wie gewünscht", f"{said.en}, as wished")
        worth = max(SECOND_LEAST, 1 - SECOND * place)
        return worth, Text(f"{said.de}, Wunsch Nummer {place + 1}", f"{said.en}, wish number {place + 1}")
    first = terms[wished[0]]
    if any({has, one} in kin for one in wished):
        return KIN, Text(f"{said.de} statt {first.de}, nahe dran", f"{said.en} instead of {first.en}, close to it")
    return 0.0, Text(f"{said.de} statt {first.de}", f"{said.en} instead of {first.en}")


def _drive(car: CarModel, wishes: Wishes) -> _Judged:
    return _choice(wishes.drive, car.drive, DRIVES, _KIN_DRIVES)


def _body(car: CarModel, wishes: Wishes) -> _Judged:
    return _choice(wishes.body, car.body, BODIES, _KIN_BODIES)


def _colour(car: CarModel, wishes: Wishes) -> _Judged:
    return _choice(wishes.colour, car.colour, COLOURS, _KIN_COLOURS)


def _equipment(car: CarModel, wishes: Wishes) -> _Judged:
    if not wishes.equipment:
        return None
    missing = [one for one in wishes.equipment if one not in car.equipment]
    share = 1 - len(missing) / len(wishes.equipment)
    if not missing:
        return 1.0, Text("alles dabei", "all there")
    de, en = (", ".join(EQUIPMENT[one].of(language) for one in missing) for language in ("de", "en"))
    return share, Text(f"es fehlt: {de}", f"missing: {en}")


def _price(car: CarModel, wishes: Wishes) -> _Judged:
    if wishes.budget_eur <= 0:
        return None
    over = car.price_eur - wishes.budget_eur
    if over <= 0:
        return 1.0, Text(f"{_euros(-over, 'de')} unter dem Rahmen", f"{_euros(-over, 'en')} below the budget")
    worth = 1 - over / (OVER_BUDGET * wishes.budget_eur)
    return worth, Text(f"{_euros(over, 'de')} über dem Rahmen", f"{_euros(over, 'en')} above the budget")


def _dog(car: CarModel, wishes: Wishes) -> _Judged:
    if wishes.dog == "none":
        return None
    needed_m, needed_l = DOG_HEIGHT_M[wishes.dog], DOG_BOOT_L[wishes.dog]
    worth = min(1.0, car.boot_height_m / needed_m, car.boot_l / needed_l) if car.boot_l else 0.0
    # A dog that does not fit does not fit a little: what is 15 % too small is worth nothing.
    worth = 1.0 if worth >= 1 else max(0.0, (worth - 0.85) / 0.15) * 0.9
    de = f"Laderaum {car.boot_height_m * 100:.0f} cm hoch, {car.boot_l:.0f} Liter"
    en = f"boot {car.boot_height_m * 100:.0f} cm high, {car.boot_l:.0f} litres"
    short = worth < MET
    return worth, Text(de + (": zu klein" if short else ": passt"), en + (": too small" if short else ": fits"))


def _at_least(has: float, wished: float, unit: Text) -> _Judged:
    if wished <= 0:
        return None
    return min(1.0, has / wished), Text(
        f"{has:.0f} {unit.de} bei gewünschten {wished:.0f}", f"{has:.0f} {unit.en} of {wished:.0f} wished"
    )


def _boot(car: CarModel, wishes: Wishes) -> _Judged:
    return _at_least(car.boot_l, wishes.boot_l, Text("Liter", "litres"))


def _seats(car: CarModel, wishes: Wishes) -> _Judged:
    judged = _at_least(car.seats, wishes.seats, Text("Sitze", "seats"))
    # A family that does not fit in does not fit in.
    return judged if judged is None or judged[0] >= 1 else (0.0, judged[1])


def _towing(car: CarModel, wishes: Wishes) -> _Judged:
    judged = _at_least(car.towing_kg, wishes.towing_kg, Text("kg", "kg"))
    return judged if judged is None or judged[0] >= 1 else (judged[0] * MET * 0.9, judged[1])


def _range(car: CarModel, wishes: Wishes) -> _Judged:
    return _at_least(car.range_km, wishes.range_km, Text("km", "km"))


def _euros(value: float, language: str) -> str:
    text = f"{value:,.0f}"
    return f"{text.replace(',', '.')} €" if language == "de" else f"€{text}"


_JUDGES: Final[Mapping[str, Callable[[CarModel, Wishes], _Judged]]] = {
    "drive": _drive,
    "body": _body,
    "colour": _colour,
    "equipment": _equipment,
    "price": _price,
    "dog": _dog,
    "boot": _boot,
    "seats": _seats,
    "towing": _towing,
    "range": _range,
}
assert _JUDGES.keys() == CRITERIA.keys()
