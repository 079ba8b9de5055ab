"""Notes where somebody stands during a walk; must never note a place outside the plan."""

import csv
import io
import os
from pathlib import Path

from gateway.errors import ConfigError
from showroom_agent.plan import Site

COLUMNS = ("t_s", "name", "x_m", "y_m")
NAME_CHARS_MAX = 80
FILE_BYTES_MAX = 1 << 20


def note(path: Path, site: Site, name: str, x_m: float, y_m: float, at_s: float) -> None:
    """Adds a row to a walk's file, which it begins where there is none; fsyncs. ConfigError outside the plan."""
    left, bottom, right, top = site.extent
    if not (left <= x_m <= right and bottom <= y_m <= top):
        raise ConfigError(
            f"({x_m:g}, {y_m:g}) lies outside the plan, which spans {left:g},{bottom:g} to {right:g},{top:g}"
        )
    if not name.strip() or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise ConfigError(f"a spot has a name of at most {NAME_CHARS_MAX} characters")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        if file.tell() > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is full: begin another file")
        if file.tell() == 0:
            writer.writerow(COLUMNS)
        writer.writerow((f"{at_s:.3f}", name, f"{x_m:.3f}", f"{y_m:.3f}"))
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
