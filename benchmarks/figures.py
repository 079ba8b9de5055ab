"""Figures of rounds, grouped by what the disk did, and the table; must never mix two regimes of a disk."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REGIME = 4.0
"""Rounds whose fdatasync p50 differs by more than this are not of one regime."""


class NotWholeError(Exception):
    """The far end does not hold exactly what was sent: the round does not count."""


@dataclass(frozen=True, slots=True)
class Run:
    """One round of one entry: its empty folder, its number from 0, and how much is to be done."""

    folder: Path
    number: int = 0
    quick: bool = False
    scale: float = 1.0

    def count(self, full: int, quick: int) -> int:
        """How many events, in whole thousands."""
        return max(1_000, round((quick if self.quick else full) * self.scale) // 1_000 * 1_000)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `ok` None: nothing was promised."""

    what: str
    ours: str
    goal: str = ""
    beside: str = ""
    ratio: str = ""
    ok: bool | None = None


class Samples:
    """The figures of an entry's rounds in one regime."""

    def __init__(self, rounds: Sequence[Mapping[str, float]]) -> None:
        self.rounds = rounds

    def all(self, name: str) -> list[float]:
        """That figure of every round that has it."""
        return [one[name] for one in self.rounds if name in one]

    def has(self, *names: str) -> bool:
        """Whether there is at least one of each."""
        return all(self.all(name) for name in names)

    def mid(self, name: str) -> float:
        """The median."""
        return median(self.all(name))

    def worst(self, name: str) -> float:
        """The largest."""
        return max(self.all(name))

    def ratio(self, name: str, other: str) -> float:
        """The median of the ratios within each round, which is what other load on the machine disturbs least."""
        return median(one[name] / one[other] for one in self.rounds if name in one and other in one)


Measure = Callable[[Run], Awaitable[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A comparison. `window`: what bounds the events under way, printed before each round; `disk`: regimes matter."""

    name: str
    text: str
    window: str
    measure: Measure
    rows: Callable[[Samples], list[Row]]
    disk: bool = True


def at_least(what: str, samples: Samples, ours: str, other: str, goal: float, unit: str, label: str) -> Row:
    """A row for `ours` >= goal x `other`."""
    ratio = samples.ratio(ours, other)
    return Row(
        what, f"{samples.mid(ours):,.0f} {unit}", f">= {goal:g} x", f"{label} {samples.mid(other):,.0f}",
        f"{ratio:.2f}", ratio >= goal,
    )  # fmt: skip


def at_most(what: str, samples: Samples, ours: str, other: str, goal: float, unit: str, label: str) -> Row:
    """A row for `ours` <= goal x `other`."""
    ratio = samples.ratio(ours, other)
    shown = f"<= {goal:g} x" if goal >= 0.1 else f"<= 1/{1 / goal:.0f} x"
    return Row(
        what, f"{samples.mid(ours):.3f} {unit}", shown, f"{label} {samples.mid(other):.3f}", f"{ratio:.3f}",
        ratio <= goal,
    )  # fmt: skip


def bound(what: str, value: float, most: float, unit: str, *, goal: str = "", beside: str = "") -> Row:
    """A row for `value` <= most."""
    goal = goal or f"<= {most:g} {unit}"
    return Row(what, f"{value:,.2f} {unit}", goal, beside, "", value <= most)


def regimes(rounds: Sequence[tuple[float, Mapping[str, float]]]) -> list[tuple[float, float, Samples]]:
    """(least, largest fdatasync p50, samples) of each regime, the fastest disk first."""
    groups: list[list[tuple[float, Mapping[str, float]]]] = []
    for one in sorted(rounds, key=lambda pair: pair[0]):
        if groups and one[0] <= groups[-1][0][0] * REGIME:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [(group[0][0], group[-1][0], Samples([figures for _, figures in group])) for group in groups]


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    head = Row("what", "ours", "goal", "beside", "ratio")
    word = {None: "-", True: "ok", False: "MISSED"}
    cells = [
        (r.what, r.ours, r.goal, r.beside, r.ratio, word[r.ok] if r.ours and r is not head else "")
        for r in (head, *rows)
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )
