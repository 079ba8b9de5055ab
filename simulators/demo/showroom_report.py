"""What a walk through the showroom came to, as JSON and in words; must never round a loss away."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.model import Books


@dataclass(frozen=True, slots=True)
class Showroom:
    """What is told of the walk: lengths in metres, dwell in seconds by zone.

    Errors are those of the positions that the phone was shown, of whatever source.
    """

    route_m: float
    zones: list[str]
    dwell: dict[str, float]
    arrival_error_m: float | None
    position_median_m: float
    position_p90_m: float
    match: dict[str, object]
    walked_m: float = 0.0
    seconds: float = 0.0
    views: int = 0


@dataclass(frozen=True, slots=True)
class ShowroomReport:
    """The walk and the books."""

    showroom: Showroom
    books: Books
    effects: int
    duplicates: int
    gaps: int
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether he stands at the car that was matched, and every event that was kept arrived, once."""
        arrived = self.showroom.arrival_error_m is not None
        whole = self.books.balanced and not self.books.pending and not self.duplicates and not self.gaps
        return arrived and whole and self.effects > 0

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self) | {"good": self.good}, indent=2) + "\n", "utf-8")

    def lines(self) -> list[str]:
        """In words, the verdict last."""
        walk, books = self.showroom, self.books
        error = (
            "did not arrive" if walk.arrival_error_m is None else f"arrived {walk.arrival_error_m:.1f} m from the car"
        )
        verdict = "he stands before the car that fits, and all of it was told once" if self.good else "NOT WHOLE"
        match = walk.match
        return [
            f"match    {match.get('vehicle', 'none')} at {match.get('percent', 0):.0f} %: {match.get('why', '')}",
            f"walk     {walk.route_m:.0f} m shown, {walk.walked_m:.0f} m walked in {walk.seconds:.0f} s, {error}",
            f"position median {walk.position_median_m:.2f} m, p90 {walk.position_p90_m:.2f} m over {walk.views} views",
            f"zones    {', '.join(f'{zone} {seconds:.0f} s' for zone, seconds in walk.dwell.items()) or 'none'}",
            f"cloud    {self.effects} effects, {self.duplicates} duplicates, {self.gaps} unexplained gaps",
            f"books    {books.appended} appended = {books.settled} settled + {books.pending} pending",
            f"verdict  {verdict}",
        ]
