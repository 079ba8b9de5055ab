"""The car that a guest is led to, as cars come and go; must never name one whose presence is not confirmed now.

A car that leaves is replaced by the next best at once. A better one that arrives takes over only when it is better by
MARGIN_PERCENT, so that nobody is sent to and fro, and never against what the guest chose himself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from showroom_agent.match.catalogue import Catalogue
from showroom_agent.match.score import Fit, rank
from showroom_agent.match.wishes import Wishes

MARGIN_PERCENT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A change: the fit of the new car, None where none is there, and why: first, left, better, wishes, guest."""

    fit: Fit | None
    why: str


class Choice:
    """One guest."""

    def __init__(self, catalogue: Catalogue, wishes: Wishes) -> None:
        """Nothing chosen yet."""
        self._catalogue, self._wishes = catalogue, wishes
        self.car_id: str | None = None
        self._own = False
        self._why = "first"

    @property
    def wishes(self) -> Wishes:
        """What he wishes now."""
        return self._wishes

    def wish(self, wishes: Wishes) -> None:
        """Other wishes from now on; a car of his own choice stays."""
        self._wishes = wishes
        if not self._own:
            self.car_id = None
            self._why = "wishes"

    def take(self, car_id: str) -> bool:
        """The guest wants this car; False where the catalogue does not have it."""
        if car_id not in self._catalogue.cars:
            return False
        self.car_id, self._own = car_id, True
        return True

    def update(self, present: Collection[str]) -> Chosen | None:
        """Tell which cars are confirmed now; a change, or None where all stays as it was."""
        fits = rank(self._catalogue, self._wishes, present)
        held = next((fit for fit in fits if fit.car.id == self.car_id), None)
        if held is not None:
            best = fits[0]
            better = len(best.missing) < len(held.missing) or best.percent >= held.percent + MARGIN_PERCENT
            if self._own or best.car.id == self.car_id or not better:
                return None
            why = "better"
        elif self.car_id is not None:
            why, self._own = "left", False
        elif not fits:
            return None
        else:
            why, self._why = self._why, "first"
        self.car_id = fits[0].car.id if fits else None
        if self.car_id is None:
            self._why = "left"
        return Chosen(fits[0] if fits else None, why)
