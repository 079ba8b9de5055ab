"""What was accepted against what arrived; must never believe a counter where it can count."""

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.cloud.audit import audit
from gateway.cloud.numbers import Numbers
from gateway.cloud.schema import open_beside, unsigned
from gateway.model import Books


@dataclass(slots=True)
class Verdict:
    """The end of a fault run; counts of events.

    `lost`: accepted, and neither an effect, nor explained by a gap, nor erased at the cloud after a withdrawal.
    """

    accepted: int = 0
    effects: int = 0
    lost: int = 0
    duplicates: int = 0
    explained: int = 0
    erased: int = 0
    unexplained: int = 0
    unbalanced: int = 0
    notes: list[str] = field(default_factory=list)
    summary: str = ""
    """The last line of a run that counts something else than events."""

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, nothing unexplained, the books balance."""
        return not (self.lost or self.duplicates or self.unexplained or self.unbalanced)

    def add(self, other: "Verdict") -> None:
        """Adds another run's verdict."""
        for name in ("accepted", "effects", "lost", "duplicates", "explained", "erased", "unexplained", "unbalanced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.notes += other.notes

    def line(self) -> str:
        """The last line of every run."""
        if self.summary:
            return self.summary
        law = "the books balance" if not self.unbalanced else f"{self.unbalanced} BOOKS DO NOT BALANCE"
        return (
            f"{self.accepted:,} accepted, {self.effects:,} effects, {self.explained:,} explained by gaps, "
            f"{self.erased:,} erased on request; "
            f"lost {self.lost}; duplicate effects {self.duplicates}; unexplained {self.unexplained}; {law}"
        )


def accepted_of(log: Path) -> set[int]:
    """The numbers that the agent told as accepted. A last line that a kill cut in half tells nothing."""
    found: set[int] = set()
    for line in log.read_bytes().decode(errors="replace").splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == 4 and words[0] == "a":
            found.update(range(int(words[1]), int(words[1]) + int(words[2])))
    return found


def last_report(log: Path) -> dict[str, Any]:
    """What the last quiet life told."""
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


def judge(db_path: Path, log: Path, device: str, *, erasures: bool = False) -> Verdict:
    """The verdict on one device after its last life has drained; `erasures`: whether consent was withdrawn in it."""
    accepted, report = accepted_of(log), last_report(log)
    verdict = Verdict(accepted=len(accepted))
    if not report.get("drained"):
        verdict.notes.append("the backlog did not drain")
        verdict.unbalanced += 1
    elif not Books(**report["books"]).balanced or report["books"]["pending"]:
        verdict.notes.append(f"books {report['books']}")
        verdict.unbalanced += 1
    db = open_beside(db_path)
    try:
        values = _values(db, device)
        streams = audit(db, device)
        held = received(db, device)
    finally:
        db.close()
    verdict.effects = sum(stream.effects for stream in streams)
    verdict.duplicates = sum(stream.duplicates for stream in streams) + len(values) - len(set(values))
    verdict.explained = sum(stream.gaps for stream in streams)
    for stream in streams:
        gone = sum(part.size for part in stream.missing)
        never = sum(
            part.size
            for missing in stream.missing
            for part in held[stream.key.epoch, stream.key.stream].missing(*missing)
        )
        verdict.unexplained += never if erasures else gone
        verdict.erased += gone - never if erasures else 0
        if never or (gone and not erasures):
            verdict.notes.append(f"{stream}")
    unknown = accepted - set(values)
    verdict.lost = max(0, len(unknown) - verdict.explained - verdict.erased)
    return verdict


def received(db: sqlite3.Connection, device: str) -> dict[tuple[int, int], Numbers]:
    """The numbers of each (epoch, stream) for which the cloud sends receipts."""
    rows = db.execute("select epoch, stream, floor, above from stream where device = ?", (device,)).fetchall()
    return {(unsigned(epoch), stream): Numbers(floor, json.loads(above)) for epoch, stream, floor, above in rows}


def _values(db: sqlite3.Connection, device: str) -> list[int]:
    """The first value of every event: the number that the producer gave it."""
    return [row[0] for row in db.execute("select v0 from effect where device = ? and v0 is not null", (device,))]
