"""What the cabin knows of the vehicle and how old that is; must never call a value fresh whose age it cannot tell.

Times are milliseconds of the boot clock at which a sample arrived; `lag_ms` is how old it was then by its own stamp.
Sensors are told at each publication. Actuators (gear, park lock, parking brake) are told only when they change, so of
those the databroker's order is used: all of it comes in one stream, hence a sample of Speed proves that what was
published before it has arrived; such a value is as old as the newest sample of Speed.
"""

from dataclasses import dataclass
from typing import Final

from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import SPEED

FRESH_MS: Final = 500
FUTURE_MS: Final = 100
NEVER_MS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Sample:
    """A value as it arrived. `lag_ms` None: its stamp is missing, or from a clock that is not ours."""

    value: Setting | None
    at_ms: int
    lag_ms: int | None


def lag_ms(wall_us: int, ts_us: int | None) -> int | None:
    """How old a sample is by its own stamp; None when it has none or is from the future by more than FUTURE_MS."""
    if ts_us is None:
        return None
    lag = (wall_us - ts_us) // 1_000
    return None if lag < -FUTURE_MS else max(lag, 0)


class Inputs:
    """The newest sample of every signal that the databroker knows."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._on_change: frozenset[str] = frozenset()
        self.known: frozenset[str] = frozenset()

    def connected(self, known: frozenset[str], on_change: frozenset[str]) -> None:
        """A connection begins: what the databroker knows, and what of it is told only when it changes."""
        self._samples.clear()
        self.known, self._on_change = known, on_change

    def lost(self) -> None:
        """The connection ended: nothing is known any more."""
        self._samples.clear()

    def take(self, path: str, value: Setting | None, at_ms: int, lag: int | None) -> None:
        """A sample; None where the signal has no value (any more)."""
        self._samples[path] = Sample(value, at_ms, lag)

    def value(self, path: str) -> Setting | None:
        """The newest value at any age; None when there is none."""
        sample = self._samples.get(path)
        return None if sample is None else sample.value

    def age_ms(self, path: str, now_ms: int) -> int:
        """How old the newest value is; NEVER_MS where there is none or nobody can tell."""
        sample = self._samples.get(path)
        if sample is None or sample.value is None:
            return NEVER_MS
        if path in self._on_change:
            sample = self._samples.get(SPEED)
            if sample is None or sample.value is None or SPEED in self._on_change:
                return NEVER_MS
        return NEVER_MS if sample.lag_ms is None else max(now_ms - sample.at_ms, 0) + sample.lag_ms

    def fresh(self, path: str, now_ms: int) -> Setting | None:
        """The value when it is at most FRESH_MS old; None otherwise."""
        return self.value(path) if self.age_ms(path, now_ms) <= FRESH_MS else None
