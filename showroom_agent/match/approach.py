"""What matters to this guest about the car that he stands before; must never offer what does not fit the car."""

from dataclasses import dataclass
from typing import Final

from showroom_agent.match.catalogue import Accessory, Catalogue
from showroom_agent.match.score import Fit, score
from showroom_agent.match.terms import Text
from showroom_agent.match.wishes import Wishes

POINTS_SHOWN: Final = 3
ACCESSORIES_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Approach:
    """`points`: what to say, about his wishes first; `accessories`: that fit the car, those for his wishes first."""

    fit: Fit
    points: tuple[Text, ...]
    accessories: tuple[Accessory, ...]


def approach(catalogue: Catalogue, car_id: str, wishes: Wishes) -> Approach | None:
    """For a car of the catalogue; None where it has no such car."""
    car = catalogue.cars.get(car_id)
    if car is None:
        return None
    fit = score(car, wishes)
    order = {one.id: place for place, one in enumerate(fit.criteria)}
    last = len(order)
    points = sorted(car.points, key=lambda point: order.get(point.about, last))
    accessories = [one for one in catalogue.accessories.values() if one.fits(car)]
    accessories.sort(key=lambda one: (min((order.get(wish, last) for wish in one.wishes), default=last), one.price_eur))
    return Approach(fit, tuple(point.text for point in points[:POINTS_SHOWN]), tuple(accessories[:ACCESSORIES_SHOWN]))
