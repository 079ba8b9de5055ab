"""The one source of time; must never be asked by a pure core, which is given times instead."""

import os
import time
from pathlib import Path
from typing import Protocol
from uuid import UUID

from gateway.model import ClockQuality

BUILD_TIME_US = 1_788_000_000_000_000
"""No honest clock shows less (2026-08-29 UTC), in microseconds since 1970."""
TRUST_UNTIL_US = BUILD_TIME_US + 20 * 365 * 86_400 * 1_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """What rooms ask for time."""

    def wall_us(self) -> int:
        """Microseconds since 1970 UTC; may jump and may be wrong."""
        ...

    def boottime_s(self) -> float:
        """Seconds since boot, suspend included; never jumps."""
        ...

    def boot_id(self) -> int:
        """Random number of 63 bits of this run of the kernel."""
        ...

    def quality(self) -> ClockQuality:
        """How far wall_us is to be believed now."""
        ...


class SystemClock:
    """The clock of the machine (Linux)."""

    def __init__(self) -> None:
        self._boot_id = UUID(_BOOT_ID.read_text("ascii").strip()).int >> 65

    def wall_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1_000

    def boottime_s(self) -> float:
        """Seconds of CLOCK_BOOTTIME."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> int:
        """The upper 63 bits of the kernel's boot id."""
        return self._boot_id

    def quality(self) -> ClockQuality:
        """UNTRUSTED outside the years the build can vouch for, SYNCHRONISED where the system's time service says so."""
        if not BUILD_TIME_US <= self.wall_us() <= TRUST_UNTIL_US:
            return ClockQuality.UNTRUSTED
        # The loop may ask: /run is memory, nothing waits for a disk.
        synchronised = os.access(_SYNCHRONISED, os.F_OK)
        return ClockQuality.SYNCHRONISED if synchronised else ClockQuality.HOLDOVER


class ManualClock:
    """A clock that goes only when told; for tests, simulations and virtual time."""

    def __init__(self, wall_us: int = BUILD_TIME_US, boot_id: int = 1) -> None:
        self._wall_us, self._boottime_s, self._boot_id = wall_us, 0.0, boot_id
        self.trust = ClockQuality.SYNCHRONISED

    def wall_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._wall_us

    def boottime_s(self) -> float:
        """Seconds since the last reboot."""
        return self._boottime_s

    def boot_id(self) -> int:
        """Changes with each reboot."""
        return self._boot_id

    def quality(self) -> ClockQuality:
        """What `trust` was set to."""
        return self.trust

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._boottime_s += seconds
        self._wall_us += round(seconds * 1_000_000)

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall_us += round(seconds * 1_000_000)

    def reboot(self, down_s: float = 0.0) -> None:
        """The machine was off for `down_s`; the wall clock went on."""
        self._wall_us += round(down_s * 1_000_000)
        self._boottime_s, self._boot_id = 0.0, self._boot_id + 1
