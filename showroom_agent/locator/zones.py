"""Which zone a tag is held to be in, without flapping at a border; must never see a position.

A cumulative sum decides (Page, Biometrika 41, 1954): as long as another zone is clearly likelier than the one that is
held, its lead adds up over time, and when the sum is large enough the tag has moved. A clear lead decides soon, a weak
one later, and none at a border that is walked along.

A tag that lies still is asked for more: noise carries the belief of one near a border to and fro, and sooner or later
any sum of leads is reached. So the lead that counts and the sum that decides grow as it gets likelier that it lies
still (see motion).
"""

from collections.abc import Sequence

from showroom_agent.locator.settings import Settings


class ZoneHold:
    """The zone of one tag."""

    def __init__(self, zones: Sequence[str], settings: Settings) -> None:
        """In none at first."""
        self._zones, self._settings = zones, settings
        self._at: int | None = None
        self._lead_s: dict[int | None, float] = {}

    def step(self, belief: Sequence[float], moving: float = 1.0) -> str:
        """The zone now, from the belief in each zone; empty when it is in none of them.

        `moving`: how likely the tag is carried about, 0 to 1.
        """
        if not self._zones:
            return ""
        settings = self._settings
        outside = max(0.0, 1.0 - sum(belief))
        held = outside if self._at is None else belief[self._at]
        still = min(max((settings.zone_moving - moving) / settings.zone_moving_span, 0.0), 1.0)
        slack = settings.zone_slack + still * settings.zone_still_slack
        enough_s = settings.zone_lead_s + still * settings.zone_still_lead_s
        if self._at is None:
            slack, enough_s = settings.zone_slack, settings.zone_first_lead_s
        candidates: list[tuple[int | None, float]] = [*enumerate(belief), (None, outside)]
        for zone, share in candidates:
            if zone != self._at:
                lead = (share - held - slack) * settings.step_s
                self._lead_s[zone] = max(0.0, self._lead_s.get(zone, 0.0) + lead)
        best = max(self._lead_s, key=lambda zone: self._lead_s[zone], default=None)
        if best != self._at and self._lead_s.get(best, 0.0) > enough_s:
            self._at = best
            self._lead_s.clear()
        return "" if self._at is None else self._zones[self._at]
