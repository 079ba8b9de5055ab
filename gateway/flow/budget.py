"""How many bytes may go: the drain's rate, a day's bytes per stream, metered links; pure, must never ask a clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model import Stream

DAY_US = 86_400 * 1_000_000
BURST_S = 1.0
"""A drain that paused may catch up so many seconds of its rate at once."""
METERED = frozenset({Stream.URGENT, Stream.LIVE, Stream.CONTROL})
"""What a metered link carries."""


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """`drain_bytes_per_s` bounds the backlog of all streams together, `daily_bytes` a UTC day of a stream.

    None, or a stream that is not named, is without a bound. The control stream
    has no daily budget: what it tells is small, and without it the books of the cloud stay open.
    """

    drain_bytes_per_s: int | None = None
    daily_bytes: Mapping[Stream, int] = field(default_factory=dict)
    metered: bool = False


class TokenBucket:
    """A rate with a short memory: whoever has a token left may go, however large; the debt is paid by waiting."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at_s = burst, 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next may go; 0 is now."""
        self._refill(now_s)
        return 0.0 if self._tokens > 0 else (1.0 - self._tokens) / self._rate

    def spend(self, amount: float, now_s: float) -> None:
        """Something of that size went."""
        self._refill(now_s)
        self._tokens -= amount

    def _refill(self, now_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = max(self._at_s, now_s)


class Budget:
    """What was spent and what is left. `metered` may be set at any time, for instance by a modem's roaming state."""

    def __init__(self, settings: BudgetSettings | None = None) -> None:
        settings = settings or BudgetSettings()
        self.metered = settings.metered
        self.day = 0
        self.spent: dict[Stream, int] = dict.fromkeys(Stream, 0)
        self._daily: dict[Stream, int] = dict(settings.daily_bytes)
        self._daily.pop(Stream.CONTROL, None)
        rate = settings.drain_bytes_per_s
        self._drain = TokenBucket(rate, rate * BURST_S) if rate else None

    @property
    def counts_days(self) -> bool:
        """Whether there is anything that has to survive a restart."""
        return bool(self._daily)

    def restore(self, day: int, spent: Mapping[Stream, int]) -> None:
        """Goes on with what an earlier process has spent."""
        self.day = day
        self.spent.update(spent)

    def date(self, wall_us: int, trusted: bool) -> bool:
        """Whether a new day began. A clock that goes back, or is not to be trusted, clears nothing."""
        day = wall_us // DAY_US
        if not trusted or day == self.day:
            return False
        new = day > self.day
        self.day = day
        if new:
            self.spent = dict.fromkeys(Stream, 0)
        return new

    def allows(self, stream: Stream, replayed: bool, now_s: float) -> bool:
        """Whether a batch of this stream, of its backlog or not, may go now."""
        if self.metered and stream not in METERED:
            return False
        bound = self._daily.get(stream)
        if bound is not None and self.spent[stream] >= bound:
            return False
        return not (replayed and self._drain is not None and self._drain.wait_s(now_s) > 0)

    def spend(self, stream: Stream, replayed: bool, size: int, now_s: float) -> None:
        """A batch of `size` bytes went."""
        self.spent[stream] += size
        if replayed and self._drain is not None:
            self._drain.spend(size, now_s)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the drain may go on; 0 when it is not the drain that waits."""
        return self._drain.wait_s(now_s) if self._drain is not None else 0.0

    def left(self, stream: Stream) -> int | None:
        """Bytes that are left of the day; None without a bound."""
        bound = self._daily.get(stream)
        return None if bound is None else max(0, bound - self.spent[stream])
