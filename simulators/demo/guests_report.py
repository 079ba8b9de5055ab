"""What the visits of guests came to, as JSON and in words; must never show a value of a guest."""

import math
from collections import Counter
from dataclasses import dataclass, field

from gateway.model import Books


@dataclass(frozen=True, slots=True)
class Visit:
    """One guest in one car: what became of each field, why where there is a reason, and how far the seat is off."""

    guest: str
    model: str
    sign_in_ms: float
    residual_mm: float
    outcomes: dict[str, str]
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class Clash:
    """Two wishes for one field of which neither knew the other: which is kept, and why."""

    field: str
    first: str
    second: str
    kept: str
    why: str


@dataclass(frozen=True, slots=True)
class GuestsTally:
    """All visits.

    `sign_in_p95_ms`: from the code to the last order, travel left out. `canaries_found`: places where something of a
    guest was found after his visit: bytes of the car's files, the broker's messages, logs, leaves, a next guest's
    profile.
    """

    guests: int
    sign_in_p95_ms: float
    fields: dict[str, int]
    edits_back: int
    residual_mm: float
    canaries_found: int
    visits: list[Visit] = field(default_factory=list)
    conflicts: list[Clash] = field(default_factory=list)
    bytes_searched: int = 0
    appended: int = 0
    unsettled: int = 0
    duplicates: int = 0
    unexplained_gaps: int = 0

    @property
    def good(self) -> bool:
        """Whether every guest's changes came back, nothing of anybody is left, and the cars' books balance."""
        whole = not (self.unsettled or self.duplicates or self.unexplained_gaps)
        return whole and not self.fields.get("failed", 0) and not self.canaries_found and self.edits_back >= self.guests

    def lines(self) -> list[str]:
        """In words."""
        words = ", ".join(f"{count} {kind}" for kind, count in sorted(self.fields.items()))
        clashes = f", {len(self.conflicts)} conflicts resolved" if self.conflicts else ""
        left = f"{self.canaries_found} traces in {self.bytes_searched / 1e6:.0f} MB of files, messages and logs"
        models = len({one.model for one in self.visits})
        return [
            f"guests   {self.guests} in {models} models: {words}; seats within {self.residual_mm:.1f} mm",
            f"sign-in  {self.sign_in_p95_ms:.0f} ms at most (95 %) from the code to the last order, travel left out",
            f"edits    {self.edits_back} changes by hand are in the profiles{clashes}; after the visits {left}",
        ]


def tally(
    visits: list[Visit], clashes: list[Clash], guests: int, edits_back: int, found: int, searched: int,
    books: list[Books], duplicates: int, gaps: int,
) -> GuestsTally:  # fmt: skip
    """The figures of all visits; `books` are those of the cars."""
    took = sorted(one.sign_in_ms for one in visits)
    kinds = Counter(kind for one in visits for kind in one.outcomes.values())
    unsettled = sum(one.pending + (not one.balanced) for one in books)
    return GuestsTally(
        guests, round(took[math.ceil(0.95 * len(took)) - 1], 1), dict(sorted(kinds.items())), edits_back,
        max(one.residual_mm for one in visits), found, visits, clashes, searched,
        sum(one.appended for one in books), unsettled, duplicates, gaps,
    )  # fmt: skip
