"""Runs the locator over a recording, causally; must never read a truth file."""

from collections.abc import Callable, Iterator, Sequence

from showroom_agent.locator.estimate import Estimate
from showroom_agent.locator.locator import Locator, Track
from showroom_agent.plan.readings import Reading


def evaluate(
    locator: Locator,
    readings: Sequence[Reading],
    progress: Callable[[float], None] = lambda _: None,
    track: Track | None = None,
) -> Iterator[tuple[float, Estimate]]:
    """Time and estimate at the locator's rate from the first step to the last reading; all readings are of one tag.

    `track`: a new one of the locator, for whoever wants to look at its belief too.
    """
    step_s, track = locator.settings.step_s, track or locator.track()
    if not readings:
        return
    begin = readings[0].t_s if readings[0].t_s < 0 or readings[0].t_s > step_s else 0.0
    end, number, place = readings[-1].t_s, 1, 0
    while True:
        now_s = round(begin + number * step_s, 6)
        while place < len(readings) and readings[place].t_s <= now_s:
            reading = readings[place]
            track.observe(reading.hub, reading.rssi_dbm)
            place += 1
        yield now_s, track.step(now_s)
        progress(min((now_s - begin) / max(end - begin, step_s), 1.0))
        if now_s >= end:
            return
        number += 1
