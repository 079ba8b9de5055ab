"""What a demonstration found, as JSON and as the last lines on screen; must never round a loss away."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.model import Books
from simulators.demo.guests_report import GuestsTally


@dataclass(frozen=True, slots=True)
class CloudTally:
    """Counted from the table of effects, not from counters. `erased`: received, and deleted after a withdrawal."""

    effects: int
    duplicates: int
    unexplained_gaps: int
    explained_gaps: int = 0
    erased: int = 0


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
class WithdrawalTally:
    """What the guest's no did.

    Events that were waiting and are gone, or stay for other purposes; whether every key of the purpose is gone from the
    disk; events of the purpose that a witness at the broker heard after "done"; milliseconds until then.
    """

    purpose: str
    purged: int
    key_destroyed: bool
    leaked: int
    done_ms: float
    resealed: int = 0
    witnessed: int = 0


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
    withdrawal: WithdrawalTally | None = None
    profile: GuestsTally | None = None

    @property
    def lost(self) -> int:
        """Accepted events that have neither an effect, nor a gap that explains them, nor wait, nor were erased.

        Those of the guests' cars count where they wait still, or never came and were not told as gaps.
        """
        books, cloud = self.books, self.cloud
        explained = books.evicted + books.expired + books.purged + books.quarantined
        if self.withdrawal is not None:  # an event may be purged here and erased there: it counts where it arrived
            explained = cloud.explained_gaps
        guests = self.profile.unsettled + self.profile.unexplained_gaps if self.profile is not None else 0
        return books.appended - explained - books.pending - cloud.erased - (cloud.effects - cloud.duplicates) + guests

    @property
    def duplicates(self) -> int:
        """Events that took effect twice, of the drive and of the guests."""
        return self.cloud.duplicates + (self.profile.duplicates if self.profile is not None else 0)

    @property
    def good(self) -> bool:
        """Whether the books balance with nothing lost, twice, left or unexplained, and nothing leaked after a no."""
        no = self.withdrawal
        leak = no is not None and (no.leaked > 0 or not no.key_destroyed)
        guests = self.profile is not None and not self.profile.good
        flaws = (self.lost, self.duplicates, self.cloud.unexplained_gaps, self.books.pending, leak, guests)
        return self.books.balanced and not any(flaws)

    def write(self, path: Path) -> None:
        """Writes the report as JSON."""
        content = {name: part for name, part in asdict(self).items() if part is not None}
        content |= {"lost": self.lost, "balanced": self.books.balanced, "good": self.good}
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
            *self._no(),
            *(self.profile.lines() if self.profile is not None else ()),
            f"cloud    {c.effects} effects, {c.duplicates} duplicates, {c.unexplained_gaps} unexplained gaps",
            f"books    {b.appended} appended = {b.settled} settled + {b.pending} pending + {gone}",
            f"verdict  {law}: {self.lost} lost, {self.duplicates} duplicates",
        ]

    def _no(self) -> list[str]:
        no = self.withdrawal
        if no is None:
            return []
        key = "its keys are gone" if no.key_destroyed else "A KEY IS LEFT"
        did = f"done in {no.done_ms:.0f} ms, {no.purged} events purged, {no.resealed} kept without it"
        heard = f"{no.leaked} of {no.witnessed} events heard since leaked"
        return [f"no       {no.purpose}: {did}, {self.cloud.erased} erased at the cloud, {key}; {heard}"]
