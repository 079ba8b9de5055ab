"""A device whose clock may be wrong, in a world whose time is the authority's; must never hold a test."""

from gateway.clock import BUILD_TIME_US, ManualClock
from gateway.model import ClockQuality
from gateway.profile import (
    Document,
    Edit,
    Hlc,
    HlcClock,
    Moment,
    Offsets,
    Origin,
    Pending,
    moment_of,
    new_epoch,
    rebuilt,
    restamp,
)

NOW_MS = BUILD_TIME_US // 1_000
YEAR_S, HOUR_S = 365 * 86_400, 3_600
EPOCH = new_epoch(NOW_MS)
GROUP, KEY = "climate.driver", "climate.driver.temperature_c"


class Device:
    """A device whose clock may be wrong, in a world whose time is the authority's."""

    def __init__(self, name: str = "car", wrong_s: float = 0.0, quality: ClockQuality = ClockQuality.HOLDOVER) -> None:
        self.clock, self.true_ms, self.name = ManualClock(), NOW_MS, name
        self.clock.trust = quality
        self.clock.advance(1_000)
        self.clock.jump(wrong_s - 1_000)
        self.offsets, self.hlc = Offsets(), HlcClock(name)
        self.base, self.pending = Document(EPOCH), list[Pending]()

    @property
    def now(self) -> Moment:
        """What it shows."""
        return moment_of(self.clock)

    def wait(self, seconds: float) -> None:
        """Time passes here and there."""
        self.clock.advance(seconds)
        self.true_ms += round(seconds * 1_000)

    def reboot(self, down_s: float = 60) -> None:
        """Off for a while."""
        self.clock.reboot(down_s)
        self.true_ms += round(down_s * 1_000)

    def measure(self, there_s: float = 0.05, back_s: float = 0.05) -> None:
        """Asks the authority for its time."""
        sent = self.now
        self.wait(there_s)
        arrived_ms = self.true_ms
        self.wait(back_s)
        assert self.offsets.measured(sent, arrived_ms, arrived_ms, self.now) is not None

    def edit(self, value: float) -> Edit:
        """The guest turns a knob."""
        shown = rebuilt(self.base, self.pending)
        stamp = self.hlc.stamp(self.offsets.stamping_ms(self.now))
        self.pending.append(Pending(shown.edit(GROUP, {KEY: value}, stamp, Origin(self.name)), self.now))
        return self.pending[-1].edit

    def restamp(self) -> list[Hlc]:
        """The stamps of what waits, as far as they can be told now."""
        self.pending = restamp(self.pending, self.offsets, self.now, self.hlc)
        return [one.edit.hlc for one in self.pending]
