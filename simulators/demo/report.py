"""What a demonstration found, as JSON and as the last lines on screen; must never round a loss away."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.model import Books


@dataclass(frozen=True, slots=True)
class CloudTally:
    """Counted from the table of effects, not from counters."""

    effects: int
    duplicates: int
    unexplained_gaps: int
    explained_gaps: int = 0


@dataclass(frozen=True, slots=True)
class OutageTally:
    """What the outage did.

    Events that waited at most, seconds from the link's return to an empty backlog (None: it did not empty), and how
    long urgent events took from append to effect meanwhile, in milliseconds (None without such an event).
    """

    max_backlog: int
    drain_s: float | None
    urgent_latency_p99_ms: float | None
    urgent_events: int = 0


@dataclass(frozen=True, slots=True)
class DriveTally:
    """What was played: its name, signals and rows, signals that no policy classifies, and rows that cannot be read."""

    file: str
    signals: int
    rows: int
    speed: float
    unclassified: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LinkTally:
    """Which broker, and what secures the link."""

    broker: str
    security: str
    connects: int = 0
    bytes_sent: int = 0
    messages_sent: int = 0
    rewinds: int = 0


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The whole report."""

    books: Books
    cloud: CloudTally
    outage: OutageTally
    drive: DriveTally
    link: LinkTally
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Accepted events that have neither an effect, nor a gap that explains them, nor wait to be sent."""
        books = self.books
        explained = books.evicted + books.expired + books.purged + books.quarantined
        return books.appended - explained - books.pending - (self.cloud.effects - self.cloud.duplicates)

    @property
    def good(self) -> bool:
        """Whether the books balance with nothing lost, nothing twice, nothing left and nothing unexplained."""
        flaws = (self.lost, self.cloud.duplicates, self.cloud.unexplained_gaps, self.books.pending)
        return self.books.balanced and not any(flaws)

    def write(self, path: Path) -> None:
        """Writes the report as JSON."""
        content = asdict(self) | {"lost": self.lost, "balanced": self.books.balanced, "good": self.good}
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")

    def lines(self) -> list[str]:
        """The books in words, the verdict last."""
        b, c, o, d = self.books, self.cloud, self.outage, self.drive
        gone = f"{b.evicted} evicted + {b.expired} expired + {b.purged} purged + {b.quarantined} quarantined"
        drain = "did not drain" if o.drain_s is None else f"drained in {o.drain_s:.1f} s"
        urgent = ""
        if o.urgent_latency_p99_ms is not None:
            urgent = f"; p99 of {o.urgent_events} urgent events meanwhile: {o.urgent_latency_p99_ms:.0f} ms to effect"
        law = "the books balance" if b.balanced else "THE BOOKS DO NOT BALANCE"
        return [
            f"drive    {d.file}: {d.rows} rows of {d.signals} signals at {d.speed:g} x",
            f"link     {self.link.broker}; link security: {self.link.security}",
            f"outage   {o.max_backlog} events waited at most, {drain}{urgent}",
            f"cloud    {c.effects} effects, {c.duplicates} duplicates, {c.unexplained_gaps} unexplained gaps",
            f"books    {b.appended} appended = {b.settled} settled + {b.pending} pending + {gone}",
            f"verdict  {law}: {self.lost} lost, {c.duplicates} duplicates",
        ]
