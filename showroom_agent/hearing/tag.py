"""Whether a tag is heard, absent, or nobody could hear it; must never call a tag absent that nobody listened for.

How long a tag may be silent is learnt from how often it is heard: advertising intervals are between 0.1 s and 10 s, and
a bound that fits one flaps or sleeps with another. Seven usual gaps: with a loss of one in five, and so a usual gap of
1.25 intervals, eight losses in a row make a false absence, 0.2 ** 8, less than one in a day at two adverts a second.
"""

import math
from collections.abc import Collection
from enum import Enum

ABSENT_S_MIN = 5.0
ABSENT_S_MAX = 60.0
_GAPS = 7.0
_SAME_S = 0.02
_SHARE = 0.05
_FIRST_GAP_S = 0.6
_WITNESS_S = 3.0


class TagState(Enum):
    """HEARD lately; ABSENT: silent for long while those who heard it listen; BLIND: they do not listen."""

    HEARD = "heard"
    ABSENT = "absent"
    BLIND = "blind"


class Hearing:
    """One tag and the hubs of a site. Times are seconds on one clock and do not go back."""

    def __init__(self, hubs: int) -> None:
        """Never heard; `hubs`: how many the plan has."""
        self._hub_s = [-math.inf] * hubs
        self._gap_s = _FIRST_GAP_S
        self.heard_s = -math.inf
        """When any hub heard it last."""

    @property
    def patience_s(self) -> float:
        """So long it may be silent before it counts as absent."""
        return min(max(ABSENT_S_MIN, _GAPS * self._gap_s), ABSENT_S_MAX)

    def heard(self, hub: int, now_s: float) -> None:
        """A hub, by its place in the plan, heard the tag."""
        gap_s = now_s - self.heard_s
        if _SAME_S < gap_s < ABSENT_S_MAX:
            # Longer gaps are learnt at once as far as they are usual, shorter ones slowly: a gap that comes again and
            # again is an interval, a burst is none.
            self._gap_s += _SHARE * (min(gap_s, 4 * self._gap_s) - self._gap_s)
        if gap_s > _SAME_S:
            self.heard_s = now_s
        self._hub_s[hub] = max(self._hub_s[hub], now_s)

    def state(self, now_s: float, deaf: Collection[int] = ()) -> TagState:
        """`deaf`: hubs that are known not to listen now (see HubWatch.deaf).

        Absence needs a witness: one of the hubs that heard the tag at last, or, of a tag that nobody ever heard, any
        hub. When none of them listens the tag may be where it was.
        """
        if now_s - self.heard_s <= self.patience_s:
            return TagState.HEARD
        since_s = self.heard_s - _WITNESS_S
        witnesses = [hub for hub, heard_s in enumerate(self._hub_s) if heard_s >= since_s]
        return TagState.ABSENT if any(hub not in deaf for hub in witnesses) else TagState.BLIND
