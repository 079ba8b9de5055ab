"""Where a tag is said to be, and how sure that is; must never claim more than the belief holds."""

from dataclasses import dataclass, field

import numpy as np

from showroom_agent.locator.grid import Grid
from showroom_agent.plan.geometry import Array

NEAR_M = 2.0
_ROUNDS = 4
_SOFT_M = 0.15


@dataclass(frozen=True, slots=True)
class Estimate:
    """A position in metres of the plan.

    `radius_m`: root mean square distance of the belief from it. `confidence`: belief within 2 m of it, 0 to 1.
    `zones`: belief in each zone, in the plan's order. `age_s`: since a hub heard the tag.
    """

    x_m: float
    y_m: float
    radius_m: float
    confidence: float
    zones: tuple[float, ...] = ()
    zone: str = ""
    """The zone that it is held to be in, with thresholds that keep it from flapping; empty when in none."""
    age_s: float = 0.0
    modes: tuple[str, ...] = field(default=())
    """What makes it worse than usual; see docs/showroom.md."""


def centre(grid: Grid, belief: Array) -> tuple[float, float, float, float]:
    """x, y, radius and confidence: the geometric median, which an outlying mode draws less than the mean does.

    Weiszfeld's iteration with a softened distance: Weiszfeld, Tohoku Math. J. 43 (1937).
    """
    likely = np.nonzero(belief > 1e-6 * belief.max())[0]
    x, y, weight = grid.x[likely], grid.y[likely], belief[likely] / belief[likely].sum()
    at_x, at_y = float(weight @ x), float(weight @ y)
    for _ in range(_ROUNDS):
        pull = weight / (np.hypot(x - at_x, y - at_y) + _SOFT_M)
        pull /= pull.sum()
        at_x, at_y = float(pull @ x), float(pull @ y)
    square = (x - at_x) ** 2 + (y - at_y) ** 2
    radius = float(np.sqrt(weight @ square))
    return at_x, at_y, radius, float(min(weight[square <= NEAR_M**2].sum(), 1.0))
