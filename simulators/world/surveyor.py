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
LOOKS = 4


def survey(air: Air, floor: Floor, path: Path, pitch_m: float = PITCH_M) -> int:
    """Writes a survey in the site's form: point, x_m, y_m, hub, rssi_dbm, count; returns how many spots it has.

    A spot is free floor; the tag is held into four directions, since the body shields.
    """
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
                    place = Place(float(spot_x), float(spot_y), look * np.pi / 2)
                    heard.update(air.heard(hub, place, HOLD_S / LOOKS))
                for level, count in sorted(heard.items()):
                    rows.writerow([f"p{number}", f"{spot_x:.2f}", f"{spot_y:.2f}", at.id, level, count])
    return len(spots)
