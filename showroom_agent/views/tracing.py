"""A recording through the locator, for a picture; must never look ahead of the second that is shown."""

from collections.abc import Sequence
from pathlib import Path

from showroom_agent.locator import Locator, evaluate
from showroom_agent.plan import load_readings
from showroom_agent.views.plot import Picture


def trace(
    locator: Locator, sightings: Path, truth: Sequence[tuple[float, float]], at_s: float | None, title: str
) -> Picture:
    """Positions up to `at_s` (None: the end), and the belief then."""
    readings, _ = load_readings(sightings, locator.site)
    track = locator.track()
    found = []
    for now_s, estimate in evaluate(locator, readings, track=track):
        found.append((estimate.x_m, estimate.y_m))
        if at_s is not None and now_s >= at_s:
            break
    return Picture(found, truth, track.tracker.belief, locator.grid, title=title)
