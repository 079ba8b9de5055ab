"""A technician who surveys a showroom: at each spot a tag is held for a while; must never know the radio model."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from showroom_agent.plan import Floor
from showroom_agent.plan.geometry import inside_any
from simulators.world.radio import Air, Place

PITCH_M = 2.5
HOLD_S = 8.0
LOOKS, WAVES = 4, 2
WAVED_M = 0.25
"""So far the tag is waved about at each spot: fading differs within a hand's breadth, and a map needs its mean."""


def survey(air: Air, floor: Floor, path: Path, pitch_m: float = PITCH_M) -> int:
    """Writes a survey in the site's form: point, x_m, y_m, hub, rssi_dbm, count; returns how many spots it has.

    A spot is free floor; the tag is held into four directions, since the body shields, and waved about.
    """
    rng = np.random.default_rng(len(air.hubs))
    left, bottom, right, top = floor.site.extent
    x, y = np.meshgrid(np.arange(left + 1, right, pitch_m), np.arange(bottom + 1, top, pitch_m), indexing="ij")
    rings = [*floor.site.blocked, *(car.ring for car in floor.cars)]
    free = ~inside_any(rings, x.ravel(), y.ravel())
    spots = list(zip(x.ravel()[free], y.ravel()[free], strict=True))
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["point", "x_m", "y_m", "hub", "rssi_dbm", "count"])
        for number, (spot_x, spot_y) in enumerate(spots):
            for hub, at in enumerate(air.hubs):
                heard: Counter[int] = Counter()
                for look in range(LOOKS):
                    for away_x, away_y in rng.uniform(-WAVED_M, WAVED_M, (WAVES, 2)):
                        place = Place(float(spot_x + away_x), float(spot_y + away_y), look * np.pi / 2)
                        heard.update(air.levels(hub, place, air.adverts(HOLD_S / LOOKS / WAVES)))
                for level, count in sorted(heard.items()):
                    rows.writerow([f"p{number}", f"{spot_x:.2f}", f"{spot_y:.2f}", at.id, level, count])
    return len(spots)
