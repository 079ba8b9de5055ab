"""Frames of hubs as sightings that may be used; must never believe a hub's wall clock, its sender's word or a double.

A hub dates its frames by the time since its boot. How far that is from the site's own is learnt from the least delay
seen, so that neither a wrong wall clock nor a slow network shifts anything; what is older than ten seconds is left out.
Two machines with one id speak in turn: then boots alternate, and neither is believed until one has been silent for a
minute.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from forecourt.v1 import showroom_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError
from showroom_agent.hearing import HubWatch
from showroom_agent.radio.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN
from showroom_agent.site.bounds import (
    CLOCK_SKEW_MS_MAX,
    FRAME_AGE_MS_MAX,
    FRAME_BYTES_MAX,
    FRAME_TAGS_MAX,
    HEARINGS_PER_FRAME_MAX,
    TAG_CHARS_MAX,
    TWO_HUBS_MS,
)

_BOOTS_MAX = 8
_DRIFT = 1e-4
"""A crystal is wrong by less; so fast the least delay is forgotten."""


class Sighting(NamedTuple):
    """What one hub, by its place in the plan, heard of a tag. `adverts`: how many that count."""

    hub: int
    tag: str
    mean_dbm: float
    best_dbm: int
    adverts: int


@dataclass(slots=True)
class _Hub:
    """What is known of one hub."""

    boot: int = 0
    boottime_ms: int = -1
    frame: int = 0
    offset_ms: float = math.inf
    seen_ms: int = 0
    skew_ms: float = 0.0
    boots: dict[int, int] = field(default_factory=dict)
    twice_until_ms: int = -1


def possible(mean_dbm: float, best_dbm: int, count: int) -> bool:
    """Whether a receiver measured that: iPhones say 0 for a beacon that they cannot tell the level of."""
    return RSSI_DBM_MIN <= mean_dbm <= best_dbm + 0.5 and best_dbm <= RSSI_DBM_MAX and count > 0


def read_frame(payload: bytes, hub: str) -> showroom_pb2.SightingFrame:
    """The frame in a payload that came on the topic of `hub`; raises InputError, and does not judge its content."""
    if len(payload) > FRAME_BYTES_MAX:
        raise InputError(f"a frame has at most {FRAME_BYTES_MAX} bytes")
    try:
        frame = showroom_pb2.SightingFrame.FromString(payload)
    except DecodeError:
        raise InputError("the payload is not a SightingFrame") from None
    if frame.hub != hub:
        raise InputError("the frame names another hub than its topic")
    if len(frame.tags) > FRAME_TAGS_MAX:
        raise InputError(f"a frame has at most {FRAME_TAGS_MAX} tags")
    return frame


class Hubs:
    """The hubs of a plan. Times are milliseconds of the site's clock and do not go back."""

    def __init__(self, ids: Sequence[str], wall_at_zero_us: int, mute: Sequence[int] = ()) -> None:
        """`wall_at_zero_us`: the site's wall clock at 0 of those times, to tell hubs whose own is wrong.

        `mute`: places of those that only send: nobody waits for their frames.
        """
        self.ids, self._mute = tuple(ids), frozenset(mute)
        self.watch = HubWatch(self.ids)
        self.counters: Counter[str] = Counter()
        """Frames and sightings that were left out, and why."""
        self._places = {hub: place for place, hub in enumerate(self.ids)}
        self._hubs = [_Hub() for _ in self.ids]
        self._wall_at_zero_us = wall_at_zero_us

    def take(self, at_ms: int, frame: showroom_pb2.SightingFrame) -> list[Sighting]:
        """What may be used of a frame that came at `at_ms`."""
        place = self._places.get(frame.hub)
        if place is None:
            self.counters["unknown_hub"] += 1
            return []
        refused = self._judge(self._hubs[place], at_ms, frame)
        if refused == "two_hubs":
            self.watch.fault(frame.hub, "two_hubs")
        if refused:
            self.counters[refused] += 1
            return []
        down = frame.mode == showroom_pb2.SCANNER_MODE_DOWN
        self.watch.alive(frame.hub, at_ms / 1_000)
        self.watch.fault(frame.hub, frame.fault or "down" if down else "")
        self.counters["frames"] += 1
        return [found for tag in frame.tags if (found := self._sighting(place, tag)) is not None]

    def _judge(self, hub: _Hub, at_ms: int, frame: showroom_pb2.SightingFrame) -> str:
        """Why a frame is left out; empty where it is not. Learns the hub's clock."""
        boottime_ms = frame.boottime_ms
        if hub.boots and frame.boot != hub.boot:
            before = hub.boots.get(frame.boot)
            if before is not None and at_ms - before < TWO_HUBS_MS:
                hub.twice_until_ms = at_ms + TWO_HUBS_MS
            hub.boottime_ms, hub.frame, hub.offset_ms = -1, 0, math.inf
        hub.boot = frame.boot
        hub.boots.pop(frame.boot, None)
        hub.boots[frame.boot] = at_ms
        while len(hub.boots) > _BOOTS_MAX:
            del hub.boots[next(iter(hub.boots))]
        if at_ms < hub.twice_until_ms:
            return "two_hubs"
        if boottime_ms <= hub.boottime_ms:
            return "repeated_frame"
        if frame.frame > hub.frame + 1 and hub.frame:
            self.counters["frames_missing"] += frame.frame - hub.frame - 1
        hub.offset_ms = min(hub.offset_ms + _DRIFT * (at_ms - hub.seen_ms), at_ms - boottime_ms)
        hub.boottime_ms, hub.frame, hub.seen_ms = boottime_ms, frame.frame, at_ms
        hub.skew_ms = frame.wall_us / 1_000 - self._wall_at_zero_us / 1_000 - (boottime_ms + hub.offset_ms)
        if at_ms - (boottime_ms + hub.offset_ms) > FRAME_AGE_MS_MAX:
            return "stale_frame"
        return ""

    def _sighting(self, place: int, tag: showroom_pb2.TagSighting) -> Sighting | None:
        if not possible(tag.mean_dbm, tag.best_dbm, tag.count):
            self.counters["impossible_sighting"] += 1
            return None
        if not 0 < len(tag.tag) <= TAG_CHARS_MAX:
            self.counters["impossible_tag"] += 1
            return None
        return Sighting(place, tag.tag, tag.mean_dbm, tag.best_dbm, min(tag.count, HEARINGS_PER_FRAME_MAX))

    def deaf(self, at_ms: int) -> dict[int, str]:
        """Places of the hubs that should listen and do not now, and why."""
        return {place: why for place, why in self.watch.deaf(at_ms / 1_000).items() if place not in self._mute}

    def wrong_clocks(self) -> dict[str, float]:
        """Hubs whose wall clock is wrong, and by how many seconds; nothing relies on it."""
        return {
            self.ids[place]: round(hub.skew_ms / 1_000, 1)
            for place, hub in enumerate(self._hubs)
            if hub.boots and abs(hub.skew_ms) > CLOCK_SKEW_MS_MAX
        }
