"""A walk test as text, JSON and a picture; must never judge."""

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from showroom_agent.joining.walk import Coverage, SpotResult

_SHADES = ((1.0, "#2b8a5c"), (2.0, "#7fb77e"), (3.0, "#d9c66b"), (5.0, "#dd8f4c"), (math.inf, "#c0504d"))


def lines(found: Coverage) -> Iterator[str]:
    """For a terminal."""
    yield f"{'spot':<20}{'hubs':>6}{'strongest':>24}{'expected':>10}{'measured':>10}   "
    for one in found.spots:
        strongest = max(one.hubs.items(), key=lambda item: item[1], default=("-", 0.0))
        name = f"{strongest[0]} {strongest[1]:.0f} dBm" if one.hubs else "-"
        said = "pass" if one.passed else f"FAIL: {', '.join(one.why)}"
        yield (
            f"{one.spot.name[:19]:<20}{len(one.hubs):>6}{name:>24}{_metres(one.expected_m):>10}"
            f"{_metres(one.measured_m):>10}   {said}"
        )
    good = sum(one.passed for one in found.spots)
    yield f"{good} of {len(found.spots)} spots pass; {found.terms.share:.0%} must"
    if found.silent:
        yield f"silent on the whole walk, or with a wrong clock: {', '.join(found.silent)}"
    yield (
        f"levels fall by {found.falloff.exponent:.1f} x 10 dB a decade from {found.falloff.power_dbm:.0f} dBm at 1 m"
        f" ({found.falloff.fitted} pairs), +-{found.falloff.spread_db:.1f} dB"
    )
    yield f"{found.blind_share:.0%} of the free floor would be heard by fewer than {found.terms.hubs} hubs"
    yield "PASS" if found.passed else "FAIL"


def as_json(found: Coverage) -> dict[str, Any]:
    """For machines; what could not be measured is null."""
    return {
        "passed": found.passed,
        "terms": {
            "hubs": found.terms.hubs,
            "error_m": found.terms.error_m,
            "share": found.terms.share,
            "weakest_dbm": found.terms.weakest_dbm,
        },
        "spots": [_spot(one) for one in found.spots],
        "silent_hubs": list(found.silent),
        "falloff": {
            "power_dbm": round(found.falloff.power_dbm, 1),
            "exponent": round(found.falloff.exponent, 2),
            "spread_db": round(found.falloff.spread_db, 1),
            "pairs": found.falloff.fitted,
        },
        "blind_share": round(found.blind_share, 4),
    }


def as_svg(found: Coverage) -> str:
    """The plan: expected error in colours, hubs, and spots with what is wrong."""
    left, bottom, right, top = found.site.extent
    scale = 1_000 / max(right - left, top - bottom)

    def at(x: float, y: float) -> tuple[float, float]:
        return round((x - left) * scale, 1), round((top - y) * scale, 1)

    width, height = (right - left) * scale, (top - bottom) * scale
    box = f"-10 -10 {width + 20:.0f} {height + 20:.0f}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" font-size="14">'
    parts = [head, '<rect x="-10" y="-10" width="100%" height="100%" fill="#fff"/>']
    side = round(found.raster.cell_m * scale + 0.3, 1)
    for x, y, error in zip(found.raster.x, found.raster.y, found.raster.expected_m, strict=True):
        px, py = at(float(x) - found.raster.cell_m / 2, float(y) + found.raster.cell_m / 2)
        shade = next(colour for bound, colour in _SHADES if error <= bound)
        parts.append(f'<rect x="{px}" y="{py}" width="{side}" height="{side}" fill="{shade}" opacity=".55"/>')
    for ring in found.site.blocked:
        points = " ".join("{},{}".format(*at(*corner)) for corner in ring)
        parts.append(f'<polygon points="{points}" fill="#777"/>')
    for begin, end in found.site.walls:
        (ax, ay), (bx, by) = at(*begin), at(*end)
        parts.append(f'<line x1="{ax}" y1="{ay}" x2="{bx}" y2="{by}" stroke="#333" stroke-width="3"/>')
    for hub in found.site.hubs:
        px, py = at(hub.x_m, hub.y_m)
        colour = "#c00" if hub.id in found.silent else "#06c"
        parts.append(f'<circle cx="{px}" cy="{py}" r="7" fill="{colour}"/>')
        parts.append(f'<text x="{px + 9}" y="{py - 6}" fill="{colour}">{escape(hub.id)}</text>')
    for one in found.spots:
        px, py = at(one.spot.x_m, one.spot.y_m)
        colour, said = ("#050", "") if one.passed else ("#a00", f": {', '.join(one.why)}")
        parts.append(f'<rect x="{px - 6}" y="{py - 6}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{px + 9}" y="{py + 16}" fill="{colour}">{escape(one.spot.name + said)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _spot(one: SpotResult) -> dict[str, Any]:
    return {
        "name": one.spot.name,
        "x_m": one.spot.x_m,
        "y_m": one.spot.y_m,
        "passed": one.passed,
        "why": list(one.why),
        "hubs": {hub: round(level, 1) for hub, level in one.hubs.items()},
        "expected_error_m": _number(one.expected_m),
        "measured_error_m": _number(one.measured_m),
        "zone": one.zone,
    }


def _number(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None


def _metres(value: float) -> str:
    return f"{value:.1f} m" if math.isfinite(value) else "-"
