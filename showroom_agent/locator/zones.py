"""Which zone a tag is held to be in: thresholds on the belief keep it from flapping; must never see a position."""

from collections.abc import Sequence

from showroom_agent.locator.settings import Settings


class ZoneHold:
    """A zone is entered when the belief in it is high, and left when the belief in it is low."""

    def __init__(self, zones: Sequence[str], settings: Settings) -> None:
        """In none at first."""
        self._zones = zones
        self._enter, self._leave = settings.zone_enter, settings.zone_leave
        self._at: int | None = None

    def step(self, now_s: float, belief: Sequence[float]) -> str:
        """The zone now; empty when it is in none of them."""
        if not self._zones:
            return ""
        best = max(range(len(belief)), key=belief.__getitem__)
        if self._at is None or (best != self._at and belief[best] >= self._enter):
            if belief[best] >= (self._enter if self._at is not None else 0.5):
                self._at = best
        elif belief[self._at] < self._leave and best == self._at:
            self._at = None
        return "" if self._at is None else self._zones[self._at]
