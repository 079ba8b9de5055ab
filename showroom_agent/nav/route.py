"""Routes, or the reason why there is none; must never hold a place without the plan that it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from showroom_agent.nav.search import Cell
from showroom_agent.plan import Names
from showroom_agent.plan.geometry import Array

WALK_M_S: Final = 1.2
"""Comfortable pace, slower than on a street: Bohannon, Age and Ageing 26 (1997), gives 1.27 to 1.46 m/s."""


class Why(Enum):
    """Why there is no route."""

    OFF_PLAN = "off_plan"
    SHUT_IN = "shut_in"
    UNKNOWN_TARGET = "unknown_target"
    TARGET_SHUT_IN = "target_shut_in"
    NO_WAY = "no_way"
    NO_EXIT = "no_exit"


_REASONS: Final = {
    Why.OFF_PLAN: Names(
        "Der Startpunkt liegt außerhalb des Plans.",
        "The start lies outside the plan.",
    ),
    Why.SHUT_IN: Names(
        "Um den Startpunkt ist keine freie Fläche.",
        "There is no free area around the start.",
    ),
    Why.UNKNOWN_TARGET: Names(
        "Der Plan kennt dieses Ziel nicht.",
        "The plan does not know this target.",
    ),
    Why.TARGET_SHUT_IN: Names(
        "Das Ziel ist von allen Seiten verstellt.",
        "The target is blocked on all sides.",
    ),
    Why.NO_WAY: Names(
        "Zwischen Start und Ziel ist kein Weg, der breit genug ist.",
        "No way between start and target is wide enough.",
    ),
    Why.NO_EXIT: Names(
        "Der Plan nennt keinen Ausgang.",
        "The plan names no exit: add a Point of kind exit.",
    ),
}


@dataclass(frozen=True, slots=True)
class NoRoute:
    """There is no route, and why."""

    why: Why
    target: str = ""

    def text(self, language: str) -> str:
        """One sentence for a person."""
        return _REASONS[self.why].of(language)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where somebody wants to go: cells to stand in, and how far points are from it (0 inside), in metres."""

    id: str
    names: Names
    cells: tuple[Cell, ...]
    x_m: float
    y_m: float
    distance: Callable[[Array, Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A way over free cells. `points`: its corners in metres, straight between them; all lie in the middle of cells.

    `snapped_m`: how far the start was moved to the nearest free cell. `version`: of the plan it was made with.
    """

    target: Target
    points: tuple[tuple[float, float], ...]
    corners: tuple[Cell, ...]
    length_m: float
    snapped_m: float
    version: int

    @property
    def eta_s(self) -> float:
        """Seconds at a comfortable pace."""
        return self.length_m / WALK_M_S
