"""How often a tag advertises, learnt from when it was heard; must never take a loss for a slow tag."""

from collections import deque

GAPS_KEPT = 33
GAP_S_MAX = 30.0
GAPS_MIN = 5
_SHARE = 0.25
ABSENT_S_MIN = 3.0
ABSENT_INTERVALS = 6


class Interval:
    """The lower quartile of the last gaps: lost adverts make gaps longer, nothing makes them shorter.

    The Core Specification (Vol 6, Part B, 4.4.2.2) adds up to 10 ms at random to each interval; that is in it.
    """

    __slots__ = ("_gaps", "_last_s")

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=GAPS_KEPT)
        self._last_s: float | None = None

    def heard(self, at_s: float) -> None:
        """An advert came. Gaps of more than 30 s are absence, not interval."""
        if self._last_s is not None and 0 < at_s - self._last_s <= GAP_S_MAX:
            self._gaps.append(at_s - self._last_s)
        if self._last_s is None or at_s > self._last_s:
            self._last_s = at_s

    @property
    def learnt_s(self) -> float:
        """Seconds between two adverts; 0 before there were enough."""
        if len(self._gaps) < GAPS_MIN:
            return 0.0
        return sorted(self._gaps)[int(len(self._gaps) * _SHARE)]

    @property
    def absent_after_s(self) -> float:
        """Silence after which the tag is not there: six intervals, and at least three seconds."""
        return max(ABSENT_S_MIN, ABSENT_INTERVALS * self.learnt_s)
