"""What verbs print, as lines of text; must never compute what it shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from showroom_agent.presence.measure import Measure
    from showroom_agent.presence.train import Judged


def carrier_of(run: str) -> str:
    """What carries the tag in a run: its name up to the first dash."""
    return run.partition("-")[0]


def judged_lines(judged: "Judged") -> Iterator[str]:
    """The runs of a carrier, then what other thresholds would give."""
    yield f"{judged.carrier}, {judged.how}:"
    yield _row("", "accuracy", "false flips/min", "passages", "delay median", "p90")
    for name, one in judged.runs.items():
        yield _measured(name, one)
    yield "  by thresholds (enter, leave), all runs; the first are the model's:"
    for (enter, leave), one in judged.frontier:
        yield _measured(f"{enter:.2f}, {leave:.2f}", one)


def _measured(label: str, one: "Measure") -> str:
    return _row(
        label,
        f"{one.accuracy:.4f}",
        f"{one.flips_per_min:.2f}",
        f"{one.found}/{one.true}",
        f"{one.delay_s(50):.2f} s",
        f"{one.delay_s(90):.2f} s",
    )


def _row(label: str, *columns: str) -> str:
    return f"  {label:<24}" + "".join(f"{column:>16}" for column in columns)
