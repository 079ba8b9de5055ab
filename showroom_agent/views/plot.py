"""A plan with what was found on it, as SVG; must never show more than it is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np

from showroom_agent.locator.grid import Grid
from showroom_agent.plan.geometry import Array
from showroom_agent.plan.site import Site

WIDTH_PX: Final = 1_000
SHADES_MAX: Final = 4_000
FAINTEST: Final = 0.02
_STYLE: Final = """
.zone{fill:#eef3f8;stroke:#b9c7d6;stroke-width:.05} .blocked{fill:#c9c9c9;stroke:none}
.wall{fill:none;stroke:#333;stroke-width:.15} .hub{fill:#b3471b} .at,.belief{fill:#1b6db3;stroke:none}
.found,.truth{fill:none;stroke:#1b6db3;stroke-width:.12} .truth{stroke:#2e8b3d;stroke-dasharray:.4 .3}
.car{fill:#f3e3c3;stroke:#8a6d3b;stroke-width:.05} text{font:.6px sans-serif;fill:#333}
"""
Path = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """What to show beside the plan. `found` and `truth`: positions in metres, in order; `belief`: of a grid's cells."""

    found: Path = ()
    truth: Path = ()
    belief: Array | None = None
    grid: Grid | None = None
    cars: Sequence[tuple[str, Path]] = field(default=())
    title: str = ""


def svg(site: Site, picture: Picture) -> str:
    """The picture; y points up, as in the plan. Legible in any browser, without script."""
    left, bottom, right, top = site.extent
    width, height = right - left + 2, top - bottom + 3
    size = f'width="{WIDTH_PX}" height="{WIDTH_PX * height / width:.0f}"'
    box = f'viewBox="{left - 1:.2f} {-top - 2:.2f} {width:.2f} {height:.2f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>',
        f"<title>{escape(picture.title or site.name)}</title><style>{_STYLE}</style>",
        f'<text x="{left:.2f}" y="{-top - 1:.2f}">{escape(picture.title or site.name)}</text>',
    ]
    for zone in site.zones:
        parts.extend(_shape("polygon", "zone", ring) for ring in zone.rings)
        if zone.rings:
            x, y = np.mean(np.asarray(zone.rings[0]), axis=0)
            parts.append(f'<text x="{x:.2f}" y="{-y:.2f}" text-anchor="middle">{escape(zone.id)}</text>')
    parts += [_shape("polygon", "blocked", ring) for ring in site.blocked]
    parts += [_shape("polygon", "car", ring) for _, ring in picture.cars]
    parts += list(_shades(picture))
    parts += [_shape("polyline", "wall", wall) for wall in site.walls]
    for hub in site.hubs:
        name = f"<title>{escape(hub.id)}</title>"
        parts.append(f'<circle class="hub" cx="{hub.x_m:.2f}" cy="{-hub.y_m:.2f}" r=".25">{name}</circle>')
    lines = (("truth", picture.truth), ("found", picture.found))
    parts += [_shape("polyline", name, line) for name, line in lines if line]
    if picture.found:
        x, y = picture.found[-1]
        parts.append(f'<circle class="at" cx="{x:.2f}" cy="{-y:.2f}" r=".3"/>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _shape(kind: str, name: str, points: Iterable[Sequence[float]]) -> str:
    text = " ".join(f"{point[0]:.2f},{-point[1]:.2f}" for point in points)
    return f'<{kind} class="{name}" points="{text}"/>'


def _shades(picture: Picture) -> Iterable[str]:
    """Cells that hold a share of the belief, the likelier the darker."""
    belief, grid = picture.belief, picture.grid
    if belief is None or grid is None:
        return
    most = float(belief.max())
    likely = np.argsort(belief)[::-1][:SHADES_MAX]
    size = grid.cell_m
    for cell in likely[belief[likely] > FAINTEST * most]:
        at = f'x="{grid.x[cell] - size / 2:.2f}" y="{-grid.y[cell] - size / 2:.2f}"'
        shade = 0.7 * float(belief[cell]) / most
        yield f'<rect class="belief" {at} width="{size:.2f}" height="{size:.2f}" opacity="{shade:.2f}"/>'
