"""What hubs hear of tags: a seeded radio model on a floor plan; must never be read by what is to be judged.

Log-distance path loss (Rappaport, Wireless Communications, ch. 4), shadowing that is alike at neighbouring places
(Gudmundson, Electronics Letters 27(23), 1991) as a sum of random plane waves, an offset for each receiver, fading for
each advert, and a body that shields what is behind it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from forecourt.v1 import showroom_pb2

from showroom_agent.plan import Floor

WAVES = 32
SENSITIVITY_DBM = -96.0
HUB_M, TAG_M = 3.0, 1.2
"""Height of hubs of which the plan says none, and of tags."""


@dataclass(frozen=True, slots=True)
class AirSettings:
    """Levels in dB, lengths in metres, times in seconds."""

    at_1_m_dbm: float = -59.0
    exponent: float = 2.1
    shadow_db: float = 3.5
    shadow_m: float = 4.0
    receiver_db: float = 2.5
    fading_db: float = 3.5
    body_db: float = 5.0
    interval_s: float = 0.25
    loss: float = 0.1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag is; `heading`: into which direction its carrier looks, None where nobody carries it."""

    x_m: float
    y_m: float
    heading: float | None = None


class Air:
    """Levels of tags at the hubs of a floor. The same seed gives the same air."""

    def __init__(self, floor: Floor, seed: int = 1, settings: AirSettings | None = None) -> None:
        """`floor`: where hubs hang."""
        self.settings = settings or AirSettings()
        self.hubs = floor.site.hubs
        self._rng = rng = np.random.default_rng(seed)
        count = len(self.hubs)
        self.offsets = rng.normal(0, self.settings.receiver_db, count)
        self._waves = rng.normal(0, 1 / self.settings.shadow_m, (count, WAVES, 2))
        self._phases = rng.uniform(0, 2 * math.pi, (count, WAVES))

    def mean(self, hub: int, place: Place) -> float:
        """Without fading, in dBm."""
        settings, at = self.settings, self.hubs[hub]
        away_m = math.hypot(place.x_m - at.x_m, place.y_m - at.y_m, (HUB_M if at.z_m is None else at.z_m) - TAG_M)
        waves = self._waves[hub] @ (place.x_m, place.y_m) + self._phases[hub]
        shadow = settings.shadow_db * math.sqrt(2 / WAVES) * float(np.cos(waves).sum())
        level = settings.at_1_m_dbm - 10 * settings.exponent * math.log10(max(away_m, 0.3))
        if place.heading is not None:
            to_hub = math.atan2(at.y_m - place.y_m, at.x_m - place.x_m)
            level -= settings.body_db * (1 - math.cos(to_hub - place.heading)) / 2
        return level + shadow + float(self.offsets[hub])

    def heard(self, hub: int, place: Place, seconds: float) -> list[int]:
        """Levels of the adverts of a while that came through, in dBm."""
        settings = self.settings
        sent = self._rng.poisson(seconds / settings.interval_s) if seconds < settings.interval_s else 0
        sent = sent or round(seconds / settings.interval_s)
        mean = self.mean(hub, place)
        levels = mean + self._rng.normal(0, settings.fading_db, sent)
        kept = self._rng.random(sent) >= settings.loss
        return [
            round(float(level)) for level, there in zip(levels, kept, strict=True) if there and level > SENSITIVITY_DBM
        ]


class SimHubs:
    """The hubs of a floor, all alive: a frame of each for each half second."""

    def __init__(self, air: Air, boot: int) -> None:
        """`boot`: random id of the run of their kernels."""
        self._air, self._boot = air, boot
        self._number = 0

    def frames(
        self, now_s: float, wall_us: int, tags: Mapping[str, Place], span_s: float = 0.5
    ) -> Iterator[showroom_pb2.SightingFrame]:
        """What was heard in the span before `now_s` (CLOCK_BOOTTIME)."""
        self._number += 1
        for hub, at in enumerate(self._air.hubs):
            frame = showroom_pb2.SightingFrame(
                hub=at.id,
                boot=self._boot,
                frame=self._number,
                boottime_ms=round(now_s * 1_000),
                wall_us=wall_us,
                span_ms=round(span_s * 1_000),
                mode=showroom_pb2.SCANNER_MODE_ACTIVE_MONITORED,
            )
            for tag, place in tags.items():
                levels = self._air.heard(hub, place, span_s)
                if levels:
                    mean = sum(levels) / len(levels)
                    frame.tags.add(tag=tag, best_dbm=max(levels), mean_dbm=mean, count=len(levels), interval_ms=250)
            yield frame
