"""How good a sequence of inside and outside is beside the truth; must never be used while a carrier is followed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from showroom_agent.plan.geometry import Mask
from showroom_agent.presence.features import RATE_S

_MATCH_S = 6.0


@dataclass(frozen=True, slots=True)
class Measure:
    """Accuracy by time; flips that match no true one within 6 s; delays are absolute, in seconds."""

    seconds: float
    right_s: float
    flips: int
    found: int
    true: int
    delays_s: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        """Share of the time, 0 to 1."""
        return self.right_s / self.seconds if self.seconds else 0.0

    @property
    def flips_per_min(self) -> float:
        """False flips."""
        return 60 * self.flips / self.seconds if self.seconds else 0.0

    def delay_s(self, percent: float) -> float:
        """Of the passages that were found; NaN where none was."""
        return float(np.percentile(self.delays_s, percent)) if self.delays_s else float("nan")


def measure(said: Mask, true: Mask) -> Measure:
    """Both by steps of RATE_S."""
    moments = [(int(i), bool(true[i])) for i in np.nonzero(true[1:] != true[:-1])[0] + 1]
    flips = [(int(i), bool(said[i])) for i in np.nonzero(said[1:] != said[:-1])[0] + 1]
    delays: list[float] = []
    for at, inside in moments:
        near = [flip for flip in flips if flip[1] == inside and abs(flip[0] - at) * RATE_S <= _MATCH_S + 1e-9]
        if near:
            best = min(near, key=lambda flip: abs(flip[0] - at))
            flips.remove(best)
            delays.append(abs(best[0] - at) * RATE_S)
    seconds = len(true) * RATE_S
    return Measure(seconds, float((said == true).sum()) * RATE_S, len(flips), len(delays), len(moments), tuple(delays))


def together(parts: Sequence[Measure]) -> Measure:
    """Several runs as one."""
    return Measure(
        sum(part.seconds for part in parts),
        sum(part.right_s for part in parts),
        sum(part.flips for part in parts),
        sum(part.found for part in parts),
        sum(part.true for part in parts),
        tuple(delay for part in parts for delay in part.delays_s),
    )
