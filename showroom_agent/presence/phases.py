"""The states between outside and inside: a passage has seconds before and after the moment; must never see a level.

A passage through a door takes seconds, and what the hubs hear changes all the way. States for the seconds before and
after the moment pin it down in time, where two states alone would notice it late (left-to-right hidden Markov models:
Rabiner, Proc. IEEE 77, 1989).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from showroom_agent.plan.geometry import Array, Mask
from showroom_agent.presence.features import RATE_S

PHASE_S = 1.0
_TURN_BACK_S = 10.0
_LEAST = 1e-5
OUTSIDE, INSIDE = 0, 1


@dataclass(frozen=True, slots=True)
class Phases:
    """`each`: states before the moment of a passage, and as many after it; 0 knows only outside and inside."""

    each: int
    outside_s: float = 20.0
    inside_s: float = 20.0
    """How long one stays, on the mean."""

    @property
    def count(self) -> int:
        """K, the number of states."""
        return 2 + 4 * self.each

    @property
    def inside(self) -> Mask:
        """Which states lie inside."""
        found = np.zeros(self.count, bool)
        found[INSIDE] = True
        entering, leaving = self._chains()
        found[entering[self.each :]] = True
        found[leaving[: self.each]] = True
        return found

    def label(self, inside: Mask) -> npt.NDArray[np.intp]:
        """The state of each step of a run of which it is known when it was inside."""
        labels = np.where(inside, INSIDE, OUTSIDE).astype(np.intp)
        steps = round(PHASE_S / RATE_S)
        for moment in np.nonzero(inside[1:] != inside[:-1])[0] + 1:
            chain = self._chains()[0 if inside[moment] else 1]
            for place, state in enumerate(chain):
                begin = int(moment) + steps * (place - self.each)
                labels[max(begin, 0) : max(begin + steps, 0)] = state
        return labels

    def transition(self) -> Array:
        """K x K: the chance in a step of RATE_S to go from a state (row) to another."""
        chance = np.full((self.count, self.count), _LEAST)
        entering, leaving = self._chains()
        chance[OUTSIDE, entering[0] if entering else INSIDE] = RATE_S / self.outside_s
        chance[INSIDE, leaving[0] if leaving else OUTSIDE] = RATE_S / self.inside_s
        for chain, other, before, after in ((entering, leaving, OUTSIDE, INSIDE), (leaving, entering, INSIDE, OUTSIDE)):
            for place, state in enumerate(chain):
                chance[state, chain[place + 1] if place + 1 < len(chain) else after] = RATE_S / PHASE_S
                chance[state, before if place < self.each else other[0]] = RATE_S / _TURN_BACK_S
        np.fill_diagonal(chance, 0.0)
        np.fill_diagonal(chance, 1.0 - chance.sum(axis=1))
        return chance

    def _chains(self) -> tuple[list[int], list[int]]:
        """States of a passage in, and of a passage out, in order of time."""
        return list(range(2, 2 + 2 * self.each)), list(range(2 + 2 * self.each, 2 + 4 * self.each))
