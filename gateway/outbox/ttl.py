"""The clock that events age by; must never run faster than true time, nor backwards."""

import sqlite3
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.limits import EXPIRY_BUCKET_S
from gateway.model import ClockQuality
from gateway.outbox.schema import check_numbers


@dataclass(frozen=True, slots=True)
class Saved:
    """The clock as it was written last."""

    ttl_ms: int
    boot: int
    boottime_ms: int
    wall_us: int
    quality: int


class TtlClock:
    """Milliseconds that counted since the store was created.

    Within a boot CLOCK_BOOTTIME counts. Across boots the wall clock counts if it was trusted before and is now;
    otherwise only the time since the present boot is certain, and the rest of what was left to an event stays left.
    """

    def __init__(self, clock: Clock, saved: Saved | None) -> None:
        self._clock = clock
        self._start_ms = _carried_on(clock, saved)
        self._boottime_s = clock.boottime_s()

    @classmethod
    def load(cls, db: sqlite3.Connection, clock: Clock) -> "TtlClock":
        """The clock of a store; one whose record was altered begins anew and never expires anything early."""
        row = db.execute("select ttl_ms, boot, boottime_ms, wall_us, quality, ttl_check from ttl_clock").fetchone()
        good = row is not None and check_numbers(*row[:5]) == row[5]
        return cls(clock, Saved(*row[:5]) if good else None)

    def now_ms(self) -> int:
        """Any thread."""
        return self._start_ms + max(0, int((self._clock.boottime_s() - self._boottime_s) * 1_000))

    def bucket(self) -> int:
        """The last bucket that is over: rows that expire in it or before are dead."""
        return self.now_ms() // (EXPIRY_BUCKET_S * 1_000)

    def expiry(self, ttl_s: int | None) -> int:
        """The bucket by whose end an event appended now has had its `ttl_s`; 0 for never."""
        if ttl_s is None:
            return 0
        return max(1, -(-(self.now_ms() + ttl_s * 1_000) // (EXPIRY_BUCKET_S * 1_000)))

    def save(self, db: sqlite3.Connection) -> None:
        """Writes the clock, so that a boot loses at most what passed since."""
        clock = self._clock
        numbers = (
            self.now_ms(),
            clock.boot_id(),
            int(clock.boottime_s() * 1_000),
            clock.wall_us(),
            int(clock.quality()),
        )
        row = (1, *numbers, check_numbers(*numbers))
        db.execute("insert or replace into ttl_clock values(?, ?, ?, ?, ?, ?, ?)", row)


def _carried_on(clock: Clock, saved: Saved | None) -> int:
    if saved is None:
        return 0
    if saved.boot == clock.boot_id():
        return saved.ttl_ms + max(0, int(clock.boottime_s() * 1_000) - saved.boottime_ms)
    certain_ms = int(clock.boottime_s() * 1_000)
    if ClockQuality.UNTRUSTED in {saved.quality, clock.quality()}:
        return saved.ttl_ms + certain_ms
    return saved.ttl_ms + max(certain_ms, (clock.wall_us() - saved.wall_us) // 1_000)
