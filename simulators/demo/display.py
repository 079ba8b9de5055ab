"""What a demonstration looks like on a terminal (rich); must never be needed for it to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

SPARKS = " ▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class View:
    """A snapshot of the demonstration, made anew for every frame."""

    title: str
    at_s: float
    duration_s: float
    phase: str
    drive: str
    readings: int
    streams: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)  # appended, pending, settled
    online: bool = False
    link: str = ""
    security: str = ""
    effects: int = 0
    receipts_age_s: float | None = None
    backlog: list[int] = field(default_factory=list)
    law: str = ""


def spark(values: list[int], width: int = 60) -> str:
    """The last values as a line of bars, the highest as high as the line."""
    last = values[-width:]
    top = max(last, default=0)
    if top == 0:
        return SPARKS[0] * len(last)
    return "".join(SPARKS[-(-value * (len(SPARKS) - 1) // top)] for value in last)


def render(view: View) -> RenderableType:
    """One frame."""
    streams = Table(box=None, pad_edge=False)
    for name, justify in (("stream", "left"), ("appended", "right"), ("waiting", "right"), ("receipted", "right")):
        streams.add_column(name, justify="right" if justify == "right" else "left", min_width=10)
    for name, (appended, pending, settled) in view.streams.items():
        streams.add_row(name, f"{appended:,}", f"{pending:,}", f"{settled:,}")
    state = Text("● up", style="green") if view.online else Text("● down", style="red")
    link = Text.assemble("link ", state, f"  {view.link}   link security: {view.security}")
    age = "none yet" if view.receipts_age_s is None else f"{view.receipts_age_s:.1f} s ago"
    cloud = Text(f"cloud {view.effects:,} effects; last receipt {age}")
    backlog = Text.assemble(
        "waiting ", (spark(view.backlog), "yellow"), f" {view.backlog[-1] if view.backlog else 0:,}"
    )
    head = Text.assemble((view.phase, "bold"), f"   drive {view.drive}, {view.readings:,} readings")
    bar = ProgressBar(total=view.duration_s, completed=min(view.at_s, view.duration_s), width=60)
    return Panel(Group(head, bar, "", streams, "", link, cloud, backlog, Text(view.law, style="dim")), title=view.title)
