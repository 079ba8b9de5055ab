"""One hub, no plan: is a tag near, far or absent; must never say absent while the hub does not listen.

What a hub heard in its last frames is smoothed by their median (a level swings by some 5 dB at a place). Near begins at
`near_dbm` and ends `margin_db` below it, each only after it was so for a while: a tag that lies at the border does not
flap. A tag is absent after as long a silence as its own interval asks for.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from statistics import median

from forecourt.v1 import showroom_pb2

from showroom_agent.radio.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN

TAGS_MAX = 5_000
NEAR_DBM = -68.0


class Nearness(Enum):
    """NEAR, FAR, ABSENT; BLIND: the hub does not listen, so nobody knows."""

    NEAR = "near"
    FAR = "far"
    ABSENT = "absent"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class NearSettings:
    """`near_dbm`: the level at the distance that counts as near, about 3 m for a beacon of -59 dBm at 1 m."""

    near_dbm: float = NEAR_DBM
    margin_db: float = 8.0
    window_s: float = 6.0
    enter_s: float = 1.5
    leave_s: float = 3.0
    absent_s_min: float = 3.0
    absent_intervals: float = 6.0
    gap_s: float = 2.0
    """A tag whose interval is not learnt yet is taken to send so seldom."""


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_s` (the hub's CLOCK_BOOTTIME) on. `level_dbm`: the median at that moment, None when nothing is heard."""

    at_s: float
    tag: str
    nearness: Nearness
    level_dbm: float | None


class _Tag:
    __slots__ = ("heard_s", "interval_s", "levels", "nearness", "since_s", "wanted")

    def __init__(self) -> None:
        self.levels: deque[tuple[float, float]] = deque(maxlen=64)
        self.heard_s, self.interval_s, self.since_s = 0.0, 0.0, 0.0
        self.nearness: Nearness | None = None
        self.wanted: Nearness | None = None


class Nearby:
    """Frames of one hub in, changes out. Pure; bounded by TAGS_MAX, the tag that was silent longest goes first."""

    def __init__(self, settings: NearSettings | None = None) -> None:
        """Nothing is known of any tag; one is told of when it is first heard."""
        self._settings = settings or NearSettings()
        self._tags: OrderedDict[str, _Tag] = OrderedDict()
        self._boot = self._number = 0
        self.impossible = 0
        """Levels that no receiver measures, left out."""

    def frame(self, frame: showroom_pb2.SightingFrame) -> Iterator[Change]:
        """What changed with a frame. One that was seen before, or of before a later one, says nothing."""
        if frame.boot == self._boot and frame.frame <= self._number:
            return
        now_s = frame.boottime_ms / 1_000
        if frame.boot != self._boot:  # another clock: what was heard on the one before has no age on it
            for tag in self._tags.values():
                tag.levels.clear()
                tag.heard_s = tag.since_s = now_s
        self._boot, self._number = frame.boot, frame.frame
        for one in frame.tags:
            if not RSSI_DBM_MIN <= one.mean_dbm <= RSSI_DBM_MAX:
                self.impossible += 1
                continue
            tag = self._tags.setdefault(one.tag, _Tag())
            self._tags.move_to_end(one.tag)
            tag.heard_s, tag.interval_s = now_s, one.interval_ms / 1_000
            tag.levels.append((now_s, one.mean_dbm))
        while len(self._tags) > TAGS_MAX:
            self._tags.popitem(last=False)
        blind = frame.mode == showroom_pb2.SCANNER_MODE_DOWN
        for name, tag in self._tags.items():
            yield from self._judged(name, tag, now_s, blind)

    def now(self) -> dict[str, Nearness]:
        """Where each tag is."""
        return {name: tag.nearness for name, tag in self._tags.items() if tag.nearness is not None}

    def _judged(self, name: str, tag: _Tag, now_s: float, blind: bool) -> Iterator[Change]:
        while tag.levels and tag.levels[0][0] < now_s - max(self._settings.window_s, 3 * tag.interval_s):
            tag.levels.popleft()
        level = median(value for _, value in tag.levels) if tag.levels else None
        if blind:
            tag.heard_s = now_s  # silence begins to count when somebody listens again
            wanted = Nearness.BLIND
        else:
            wanted = self._wanted(tag, level, now_s)
        if wanted is not tag.wanted:
            tag.wanted, tag.since_s = wanted, now_s
        if wanted is tag.nearness or now_s - tag.since_s < self._hold_s(tag, wanted):
            return
        tag.nearness = wanted
        yield Change(now_s, name, wanted, None if wanted in (Nearness.ABSENT, Nearness.BLIND) else level)

    def _wanted(self, tag: _Tag, level: float | None, now_s: float) -> Nearness:
        settings = self._settings
        patience_s = settings.absent_intervals * (tag.interval_s or settings.gap_s)
        if now_s - tag.heard_s > max(settings.absent_s_min, patience_s):
            return Nearness.ABSENT
        if level is None:
            return tag.nearness if tag.nearness is not None else Nearness.FAR
        bound = settings.near_dbm - (settings.margin_db if tag.nearness is Nearness.NEAR else 0.0)
        return Nearness.NEAR if level >= bound else Nearness.FAR

    def _hold_s(self, tag: _Tag, wanted: Nearness) -> float:
        if tag.nearness in (None, Nearness.ABSENT, Nearness.BLIND) or wanted in (Nearness.ABSENT, Nearness.BLIND):
            return 0.0
        return self._settings.enter_s if wanted is Nearness.NEAR else self._settings.leave_s
