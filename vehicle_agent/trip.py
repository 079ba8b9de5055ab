"""When a drive begins and ends; pure, must never ask a clock."""

import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

from vehicle_agent.condition import Condition, Latest, Test
from vehicle_agent.plan import TripPlan


class TripRecord(NamedTuple):
    """A drive began or ended; `distance_m` is known at its end, where the vehicle counts it."""

    id: int
    began: bool
    ts_us: int
    received_ms: int
    distance_m: float | None


class TripWatch:
    """Follows the latest values: a drive begins with the first movement, and ends after a time without any.

    It goes on over a new connection to the source, hence `bind`.
    """

    def __init__(self, plan: TripPlan, new_id: Callable[[], int] = lambda: secrets.randbits(64)) -> None:
        self._condition, self._distance = Condition(plan.moving), plan.distance
        self._stand_ms = round(plan.end_after_s * 1_000)
        self._new_id = new_id
        self._test: Test | None = None
        self._distance_at: int | None = None
        self._id: int | None = None
        self._from_m = self._to_m = 0.0
        self._counted = False
        self._stopped: tuple[int, int] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a drive has begun and not ended."""
        return self._id is not None

    @property
    def due_ms(self) -> int | None:
        """When `tick` may end the drive (CLOCK_BOOTTIME)."""
        return None if self._stopped is None else self._stopped[1] + self._stand_ms

    def bind(self, index_of: Mapping[str, int]) -> None:
        """Where the signals stand among the latest values; without those of the condition no drive begins."""
        known = all(path in index_of for path in self._condition.paths)
        self._test = self._condition.compile(index_of) if known else None
        self._distance_at = index_of.get(self._distance)

    def look(self, latest: Latest, ts_us: int, received_ms: int) -> TripRecord | None:
        """After readings dated `ts_us`: a drive that begins with them."""
        if self._test is None:
            return None
        metres = latest[self._distance_at] if self._distance_at is not None else None
        known = isinstance(metres, int | float) and not isinstance(metres, bool)
        if known and self._id is not None:
            if not self._counted:
                self._counted, self._from_m = True, float(metres or 0)
            self._to_m = float(metres or 0)
        moving = self._test(latest)
        if moving is True:
            self._stopped = None
            if self._id is None:
                self._id, self._counted = self._new_id(), known
                self._from_m = self._to_m = float(metres or 0) if known else 0.0
                return TripRecord(self._id, True, ts_us, received_ms, None)
        elif moving is False and self._id is not None and self._stopped is None:
            self._stopped = ts_us, received_ms
        return None

    def tick(self, boottime_ms: int) -> TripRecord | None:
        """A drive that has ended, dated when the vehicle stopped."""
        due_ms = self.due_ms
        return self.end() if due_ms is not None and boottime_ms >= due_ms else None

    def end(self) -> TripRecord | None:
        """Ends a drive that stands, whatever the time."""
        if self._id is None or self._stopped is None:
            return None
        ts_us, received_ms = self._stopped
        metres = self._to_m - self._from_m if self._counted and self._to_m >= self._from_m else None
        record = TripRecord(self._id, False, ts_us, received_ms, metres)
        self._id = self._stopped = None
        return record
