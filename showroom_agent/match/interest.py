"""A guest who dwells at a car that he did not wish for; must never watch one who has not agreed to it.

Wishes change before a car. Whoever stands for a while at one that fits badly is interested in something new: the site
tells it once for each car, with the criteria in which it differs, so that the next offer fits better.
"""

import math
from dataclasses import dataclass
from typing import Final

from showroom_agent.match.catalogue import Catalogue
from showroom_agent.match.score import score
from showroom_agent.match.wishes import Wishes

DWELL_S: Final = 30.0
OUTSIDE_PERCENT: Final = 60.0
"""A hit rate below this is outside of the wishes."""
BREAK_S: Final = 5.0
"""So long he may be away from the car, or unheard, without starting anew."""


@dataclass(frozen=True, slots=True)
class Interest:
    """He has dwelt at a car outside of his wishes. `differs`: the criteria that it misses."""

    car_id: str
    dwell_s: float
    percent: float
    differs: tuple[str, ...]


class InterestWatch:
    """One guest. Times are seconds on one clock and do not go back."""

    def __init__(self, catalogue: Catalogue) -> None:
        """He stands nowhere yet."""
        self._catalogue = catalogue
        self._car_id: str | None = None
        self._since_s = self._seen_s = -math.inf
        self._told: set[str] = set()

    def update(self, now_s: float, car_id: str | None, wishes: Wishes, *, consented: bool) -> Interest | None:
        """Which car he stands before now, None for none. Without consent everything is forgotten."""
        if not consented:
            self._car_id = None
            self._told.clear()
            return None
        if car_id is None or car_id not in self._catalogue.cars:
            if now_s - self._seen_s > BREAK_S:
                self._car_id = None
            return None
        if car_id != self._car_id or now_s - self._seen_s > BREAK_S:
            self._car_id, self._since_s = car_id, now_s
        self._seen_s = now_s
        dwell_s = now_s - self._since_s
        if dwell_s < DWELL_S or car_id in self._told:
            return None
        fit = score(self._catalogue.cars[car_id], wishes)
        if fit.percent >= OUTSIDE_PERCENT and not fit.missing:
            return None
        self._told.add(car_id)
        return Interest(car_id, dwell_s, fit.percent, tuple(one.id for one in fit.criteria if not one.met))
