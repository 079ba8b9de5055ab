"""What hubs hear of tags, and phones of beacons: a seeded radio model; must never be read by what is to be judged.

Log-distance path loss (Rappaport, Wireless Communications, ch. 4), shadowing that is alike at neighbouring places, an
offset for each receiver, fading that differs between the three advertising channels and within a hand's breadth, a body
that shields what is behind it, adverts that get lost one by one and receivers that hear nothing for a while. A radio
path is the same in both directions: a phone hears a hub's beacon as the hub hears the phone's tag.

`make bench ARGS=world` prints its statistics beside those of recorded buildings; a test holds them together.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from forecourt.v1 import showroom_pb2

from showroom_agent.plan import Site
from simulators.world.field import CHANNELS, Fading, Shadow

SENSITIVITY_DBM = -96.0
HUB_M, TAG_M = 3.0, 1.2
"""Height of hubs of which the plan says none, and of tags."""


@dataclass(frozen=True, slots=True)
class AirSettings:
    """Levels in dB, lengths in metres, times in seconds. The defaults are a showroom's."""

    at_1_m_dbm: float = -59.0
    exponent: float = 2.1
    shadow_db: float = 3.6
    shadow_m: float = 2.5
    receiver_db: float = 2.3
    direct: float = 1.5
    """Rice's K: power of the direct path beside that of the others."""
    noise_db: float = 1.0
    """Of a receiver from advert to advert."""
    body_db: float = 6.0
    interval_s: float = 0.25
    loss: float = 0.12
    spell_s: float = 2.0
    """A receiver hears nothing for so long on the mean,"""
    spell_share: float = 0.015
    """in this share of the time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag is; `heading`: into which direction its carrier looks, None where nobody carries it."""

    x_m: float
    y_m: float
    heading: float | None = None


class Air:
    """Levels between the radios of a floor and what moves on it. The same seed gives the same air."""

    def __init__(self, site: Site, seed: int = 1, settings: AirSettings | None = None) -> None:
        """`site`: where hubs hang."""
        self.settings = settings = settings or AirSettings()
        self.hubs = site.hubs
        self._rng = rng = np.random.default_rng(seed)
        count = len(self.hubs)
        self.offsets = rng.normal(0, settings.receiver_db, count)
        self._shadow = Shadow(rng, count, settings.shadow_m)
        self._fading = Fading(rng, count, settings.direct)
        self._deaf_s = np.zeros(count)

    def mean(self, hub: int, place: Place) -> float:
        """Without fading, in dBm."""
        settings, at = self.settings, self.hubs[hub]
        away_m = math.hypot(place.x_m - at.x_m, place.y_m - at.y_m, (HUB_M if at.z_m is None else at.z_m) - TAG_M)
        level = settings.at_1_m_dbm - 10 * settings.exponent * math.log10(max(away_m, 0.3))
        if place.heading is not None:
            to_hub = math.atan2(at.y_m - place.y_m, at.x_m - place.x_m)
            level -= settings.body_db * (1 - math.cos(to_hub - place.heading)) / 2
        return level + settings.shadow_db * self._shadow.at(hub, place.x_m, place.y_m) + float(self.offsets[hub])

    def levels(self, hub: int, place: Place, sent: int) -> list[int]:
        """Levels of those of `sent` adverts that came through, in dBm; each on a channel by chance."""
        settings, rng = self.settings, self._rng
        faded = self.mean(hub, place) + self._fading.at(hub, place.x_m, place.y_m)
        found = faded[rng.integers(CHANNELS, size=sent)] + rng.normal(0, settings.noise_db, sent)
        there = (rng.random(sent) >= settings.loss) & (found > SENSITIVITY_DBM)
        return [round(level) for level in found[there].tolist()]

    def listen(self, seconds: float) -> list[bool]:
        """Time passes: whether each receiver listens in it."""
        settings, rng = self.settings, self._rng
        listens = self._deaf_s <= 0
        self._deaf_s -= seconds
        if settings.spell_share > 0:
            often = settings.spell_share / (1 - settings.spell_share) / settings.spell_s
            begins = listens & (rng.random(len(self.hubs)) < often * seconds)
            self._deaf_s[begins] = rng.exponential(settings.spell_s, int(begins.sum()))
        return [bool(one) for one in listens]

    def adverts(self, seconds: float) -> int:
        """How many adverts a transmitter sends in a while."""
        due = seconds / self.settings.interval_s
        return int(self._rng.poisson(due)) if due < 1 else round(due)


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
        listens = self._air.listen(span_s)
        sent = {tag: self._air.adverts(span_s) for tag in tags}
        for hub, at in enumerate(self._air.hubs):
            if not at.listens:
                continue
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
                levels = self._air.levels(hub, place, sent[tag]) if listens[hub] else []
                if levels:
                    mean = sum(levels) / len(levels)
                    frame.tags.add(tag=tag, best_dbm=max(levels), mean_dbm=mean, count=len(levels), interval_ms=250)
            yield frame
