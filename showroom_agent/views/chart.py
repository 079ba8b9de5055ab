"""A floor in characters, for terminals; must never show more than it is given.

A character is taken to be twice as high as wide. What matters more is drawn over what matters less: blocked areas,
walls, cars, names of zones where nothing else is, exits, hubs, guests.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final, TypeVar

import click
import numpy as np

from showroom_agent.plan import Floor
from showroom_agent.plan.geometry import Ring, inside, inside_any
from showroom_agent.views.state import CarMark, FloorState, GuestMark, HubMark

COLUMNS: Final = 100
COLUMNS_MAX: Final = 400
ROWS_LEAST: Final = 8
CARS, GUESTS = ascii_uppercase, digits[1:] + ascii_lowercase
"""Letters of cars and guests; those beyond them are all drawn as the last."""
_COLOURS: Final = {
    "blocked": "bright_black",
    "wall": "white",
    "car": "yellow",
    "zone": "bright_black",
    "exit": "green",
    "hub": "cyan",
    "trouble": "red",
    "guest": "bright_green",
}
_THERE: Final = {"present": "is here", "absent": "is not here", "unknown": "nobody can tell", "": "not known yet"}


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters of things."""

    wall: str
    blocked: str
    car: str
    hub: str
    trouble: str
    exit: str


PLAIN: Final = Signs("#", ":", "=", "o", "!", ">")
RICH: Final = Signs("█", "░", "▒", "◉", "✗", "»")


_T = TypeVar("_T")


class _Canvas:
    """Rows of characters, each with the kind of what it shows."""

    def __init__(self, extent: tuple[float, float, float, float], columns: int, rows_max: int | None) -> None:
        left, bottom, right, top = extent
        step = (right - left) / columns
        if rows_max is not None:
            step = max(step, (top - bottom) / (2 * rows_max))
        self.step_m, self._left, self._top = step, left, top
        self.columns, self.rows = math.ceil((right - left) / step), math.ceil((top - bottom) / (2 * step))
        self.cells = [[(" ", "")] * self.columns for _ in range(self.rows)]
        self.x, self.y = np.meshgrid(
            left + step * (np.arange(self.columns) + 0.5), top - 2 * step * (np.arange(self.rows) + 0.5)
        )

    def put(self, x_m: float, y_m: float, sign: str, kind: str) -> None:
        """At a place; what lies outside is left out."""
        column, row = math.floor((x_m - self._left) / self.step_m), math.floor((self._top - y_m) / (2 * self.step_m))
        if 0 <= column < self.columns and 0 <= row < self.rows:
            self.cells[row][column] = sign, kind

    def fill(self, rings: Sequence[Ring], sign: str, kind: str) -> None:
        """Cells whose middle lies in one of the rings."""
        for row, column in zip(*np.nonzero(inside_any(rings, self.x, self.y)), strict=True):
            self.cells[row][column] = sign, kind

    def line(self, a: tuple[float, float], b: tuple[float, float], sign: str, kind: str) -> None:
        """Each cell that a straight line goes through, but for corners."""
        for share in np.linspace(0, 1, max(2, math.ceil(math.dist(a, b) / self.step_m * 2))):
            self.put(a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), sign, kind)

    def text(self, x_m: float, y_m: float, text: str, kind: str) -> None:
        """In the middle of a place or a row or two beside it, where nothing else is; nowhere if there is no room."""
        column = math.floor((x_m - self._left) / self.step_m - len(text) / 2)
        middle = math.floor((self._top - y_m) / (2 * self.step_m))
        for row in (middle, middle - 1, middle + 1, middle - 2, middle + 2):
            if not (0 <= row < self.rows and column >= 0 and column + len(text) <= self.columns):
                continue
            if all(cell == (" ", "") for cell in self.cells[row][column : column + len(text)]):
                self.cells[row][column : column + len(text)] = [(sign, kind) for sign in text]
                return


def chart(
    floor: Floor,
    state: FloorState | None = None,
    *,
    columns: int = COLUMNS,
    height: int | None = None,
    signs: Signs = PLAIN,
    colour: bool = False,
) -> list[str]:
    """Lines of the map and of what it shows; without a state the plan alone, its cars where it has them.

    `height`: of the terminal, in which all of it has to fit; what is least of the words is cut then.
    """
    columns, now = max(10, min(columns, COLUMNS_MAX)), state or plan_state(floor)
    needed = len(_legend(now, 0.0, signs, known=state is not None))
    rows_max = None if height is None else max(ROWS_LEAST, height - needed)
    canvas = _Canvas(floor.site.extent, columns, rows_max)
    canvas.fill(floor.site.blocked, signs.blocked, "blocked")
    for a, b in floor.site.walls:
        canvas.line(a, b, signs.wall, "wall")
    for car, letter in _lettered(now.cars, CARS):
        if car.ring:
            _draw_car(canvas, car.ring, signs.car, letter)
    for way_out in floor.exits:
        canvas.put(way_out.x_m, way_out.y_m, signs.exit, "exit")
    for hub in now.hubs:
        sign, kind = (signs.trouble, "trouble") if hub.trouble else (signs.hub, "hub")
        canvas.put(hub.x_m, hub.y_m, sign, kind)
    for guest, letter in _lettered(now.guests, GUESTS):
        canvas.put(guest.x_m, guest.y_m, letter, "guest")
    for zone in floor.site.zones:
        for ring in zone.rings[:1]:
            canvas.text(*_middle(ring), _clean(zone.id), "zone")
    lines = [_line(row, colour=colour) for row in canvas.cells]
    legend = _legend(now, canvas.step_m, signs, known=state is not None)
    if height is None:
        return [*lines, *legend]
    return [*lines, *(words[:columns] for words in legend)][:height]


def plan_state(floor: Floor) -> FloorState:
    """Hubs and cars as the plan has them."""
    hubs = tuple(HubMark(hub.id, hub.x_m, hub.y_m) for hub in floor.site.hubs)
    return FloorState(0, hubs, tuple(CarMark(car.id, "", car.ring) for car in floor.cars))


def _draw_car(canvas: _Canvas, ring: Ring, sign: str, letter: str) -> None:
    canvas.fill([ring], sign, "car")
    canvas.put(*_middle(ring), letter, "car")


def _middle(ring: Ring) -> tuple[float, float]:
    """A place inside of an area: its centre of gravity, or, where that lies outside, the nearest of a few inside."""
    x, y = np.mean(np.asarray(ring), axis=0)
    if inside(ring, np.array([x]), np.array([y]))[0]:
        return float(x), float(y)
    xs, ys = (np.linspace(*ends, 24) for ends in zip(np.min(ring, axis=0), np.max(ring, axis=0), strict=True))
    x_all, y_all = (part.ravel() for part in np.meshgrid(xs, ys))
    within = np.nonzero(inside(ring, x_all, y_all))[0]
    if not within.size:
        return float(x), float(y)
    best = within[np.argmin(np.hypot(x_all[within] - x, y_all[within] - y))]
    return float(x_all[best]), float(y_all[best])


def _lettered(marks: Sequence[_T], letters: str) -> list[tuple[_T, str]]:
    return [(mark, letters[min(place, len(letters) - 1)]) for place, mark in enumerate(marks)]


def _line(row: Sequence[tuple[str, str]], *, colour: bool) -> str:
    if not colour:
        return "".join(sign for sign, _ in row).rstrip()
    found, place = [], 0
    while place < len(row):
        kind, end = row[place][1], place
        while end < len(row) and row[end][1] == kind:
            end += 1
        text = "".join(sign for sign, _ in row[place:end])
        found.append(click.style(text, fg=_COLOURS[kind], bold=kind == "guest") if kind else text)
        place = end
    return "".join(found).rstrip()


def _legend(state: FloorState, step_m: float, signs: Signs, *, known: bool) -> list[str]:
    lines = [f"{signs.hub} hub   {signs.exit} exit   one character is {step_m:.2f} m wide and {2 * step_m:.2f} m high"]
    lines += [f"{signs.trouble} {_clean(words)}" for words in state.warnings]
    lines += [f"{signs.trouble} {_clean(hub.id)}: {_clean(hub.trouble)}" for hub in state.hubs if hub.trouble]
    for car, letter in _lettered(state.cars, CARS):
        lines.append(f"{letter} {_clean(car.id)}" + (f": {_THERE.get(car.there, '?')}" if known else ""))
    lines += [f"{letter} {_guest_line(guest)}" for guest, letter in _lettered(state.guests, GUESTS)]
    if state.hidden:
        lines.append(f"{state.hidden} more without a place: not heard now, or not asked to be")
    if known:
        lines.append(f"at {state.at_ms / 1_000:.1f} s of the site's clock: {len(state.guests) + state.hidden} guests")
    return lines


def _guest_line(guest: GuestMark) -> str:
    where = f"visit {_clean(guest.visit)} in {_clean(guest.zone) or 'no zone'} at {guest.x_m:.1f}, {guest.y_m:.1f}"
    sure = f"+-{guest.radius_m:.1f} m, confidence {guest.confidence:.2f}, by {_clean(guest.source)}"
    led = f", led to {_clean(guest.vehicle)}" if guest.vehicle else ""
    modes = f" ({', '.join(map(_clean, guest.modes))})" if guest.modes else ""
    return f"{where} {sure}{led}{modes}"


def _clean(text: str) -> str:
    """Names come from files and sockets: nothing in them may steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
