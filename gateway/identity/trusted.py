"""The latest time that a trusted clock has shown, across boots; must never move backwards."""

from pathlib import Path

from gateway.clock import BUILD_TIME_US, TRUST_UNTIL_US, Clock
from gateway.identity import files
from gateway.model import ClockQuality

NOTE_EVERY_US = 3_600_000_000


class TrustedTime:
    """One small file. Holdover does not count: only a clock that was synchronised is believed later."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._us = self._read()

    def last_us(self) -> int:
        """Microseconds since 1970; at least the time of the build."""
        return max(BUILD_TIME_US, self._us)

    def note(self) -> bool:
        """Takes the time down when it is trusted and an hour has passed; fsyncs, so call it from a thread."""
        now_us = self._clock.wall_us()
        if self._clock.quality() is not ClockQuality.SYNCHRONISED or now_us < self._us + NOTE_EVERY_US:
            return False
        self._us = now_us
        files.write(self._path, b"%d\n" % now_us)
        return True

    def learn(self, us: int) -> bool:
        """Takes a time that came from an authenticated party; fsyncs, so call it from a thread. Never goes back."""
        if not max(BUILD_TIME_US, self._us) < us <= TRUST_UNTIL_US:
            return False
        self._us = us
        files.write(self._path, b"%d\n" % us)
        return True

    def _read(self) -> int:
        """A file that is absent, damaged or of another century says nothing."""
        try:
            us = int(self._path.read_bytes()[:32])
        except (OSError, ValueError):
            return 0
        return us if BUILD_TIME_US <= us <= TRUST_UNTIL_US else 0
