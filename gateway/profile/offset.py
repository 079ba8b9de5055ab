"""What time it is at the authority, and when an edit was really made; must never read a clock or talk to anybody.

A device may show any year; its boot clock only runs. So each exchange with the authority ties the boot clock of this
boot to the authority's time, and every edit carries a `Moment` by which it is dated again once that is known.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.clock import Clock
from gateway.errors import InputError
from gateway.model import ClockQuality
from gateway.profile.hlc import PHYSICAL_MS_MAX

ROUND_TRIP_MS_MAX = 30_000
"""What took longer says too little. Half of that is still nearer than a clock that nobody set."""
DRIFT = 1e-4
"""How much a boot clock may run fast or slow: 100 ppm, twice what a quartz is sold with."""
TICKS_MS = 2
"""Both clocks tick in whole ms."""
EXCHANGES_MAX = 8
"""Remembered per boot; enough for a burst at each of the last connects."""
BOOTS_MAX = 8


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as this device had it: wall clock (ms since 1970), boot clock (ms) of which boot, and how far to believe
    the wall clock.
    """

    wall_ms: int
    boottime_ms: int
    boot_id: int
    quality: ClockQuality = ClockQuality.HOLDOVER


def moment_of(clock: Clock) -> Moment:
    """The moment that a clock shows."""
    return Moment(clock.wall_us() // 1_000, round(clock.boottime_s() * 1_000), clock.boot_id(), clock.quality())


class DatedBy(StrEnum):
    """How an edit was dated, from best to worst."""

    BOOT = "boot"
    """By the boot clock of a boot that was measured."""
    WALL = "wall"
    """By the wall clock of another boot, corrected by how wrong it is now."""
    AS_IS = "as_is"
    """By the wall clock of another boot as it was; not after what is known to be later."""


@dataclass(frozen=True, slots=True)
class Dated:
    """When something happened in the authority's time; `uncertainty_ms` None where nobody can tell."""

    ms: int
    by: DatedBy
    uncertainty_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one question to the authority told, in ms.

    The authority's time is `ahead_ms` more than this boot's clock, within `uncertainty_ms` at the moment of asking.
    """

    boot_id: int
    boottime_ms: int
    ahead_ms: float
    uncertainty_ms: float

    def uncertainty_at(self, boottime_ms: int) -> float:
        """The uncertainty at another moment of the boot: the boot clock may have drifted in between."""
        return self.uncertainty_ms + DRIFT * abs(boottime_ms - self.boottime_ms)

    def agrees(self, other: "Exchange") -> bool:
        """Whether both of one boot can be true."""
        apart = abs(self.ahead_ms - other.ahead_ms)
        return apart <= self.uncertainty_ms + other.uncertainty_at(self.boottime_ms) + 1


def exchange(sent: Moment, arrived_ms: int, answered_ms: int, received: Moment) -> Exchange:
    """What a question and its answer tell.

    `sent`, `received`: when the device asked and had the answer; `arrived_ms`, `answered_ms`: when the authority had
    the question and answered, by its clock. offset = ((arrived - sent) + (answered - received)) / 2, off by at most
    half of the time spent on the way, whichever way was the slower (RFC 5905, section 8). InputError for what cannot
    have been: another boot, an answer before its question, a round trip of more than ROUND_TRIP_MS_MAX.
    """
    held, away = answered_ms - arrived_ms, received.boottime_ms - sent.boottime_ms
    if sent.boot_id != received.boot_id or not 0 <= away <= ROUND_TRIP_MS_MAX:
        raise InputError("this answer came too late or before its question: ask for the time again")
    if not 0 <= arrived_ms <= answered_ms < PHYSICAL_MS_MAX or held > away + TICKS_MS:
        raise InputError("the authority told a time that is none: ask again")
    uncertainty_ms = max(away - held, 0) / 2 + TICKS_MS / 2
    ahead_ms = ((arrived_ms - sent.boottime_ms) + (answered_ms - received.boottime_ms)) / 2
    return Exchange(sent.boot_id, received.boottime_ms, ahead_ms, uncertainty_ms)


class Offsets:
    """The offsets of this device, of its last boots. `remembered` are what an earlier process kept."""

    def __init__(self, remembered: Iterable[Exchange] = ()) -> None:
        self._boots: OrderedDict[int, list[Exchange]] = OrderedDict()
        self._walls: dict[tuple[int, ClockQuality], int] = {}
        self.refused = 0
        for one in remembered:
            self._keep(one)

    def remembered(self) -> tuple[Exchange, ...]:
        """All that is worth keeping over a restart, oldest first; at most BOOTS_MAX x EXCHANGES_MAX."""
        return tuple(one for found in self._boots.values() for one in found)

    def measured(self, sent: Moment, arrived_ms: int, answered_ms: int, received: Moment) -> Exchange | None:
        """Takes the answer to one question in, see `exchange`; None where it tells nothing, which is counted."""
        self.noticed(sent)
        self.noticed(received)
        try:
            found = exchange(sent, arrived_ms, answered_ms, received)
        except InputError:
            self.refused += 1
            return None
        self._keep(found)
        return found

    def noticed(self, now: Moment) -> None:
        """Looks at the wall clock before somebody sets it: worth a call when a process starts.

        How wrong it was shows once this boot is measured; an earlier boot that was not was as wrong.
        """
        self._walls = {key: one for key, one in self._walls.items() if key[0] == now.boot_id}
        self._walls.setdefault((now.boot_id, now.quality), now.wall_ms - now.boottime_ms)

    def now_ms(self, now: Moment) -> int | None:
        """The authority's time; None until it was measured in this boot."""
        best = self._best(now)
        return None if best is None else max(round(now.boottime_ms + best.ahead_ms), 0)

    def uncertainty_ms(self, now: Moment) -> float | None:
        """By how much `now_ms` may be wrong either way."""
        best = self._best(now)
        return None if best is None else best.uncertainty_at(now.boottime_ms)

    def stamping_ms(self, now: Moment) -> int:
        """What to stamp an edit with that is made now: the authority's time, or the wall clock until that is known."""
        found = self.now_ms(now)
        return max(now.wall_ms, 0) if found is None else found

    def date(self, made: Moment, now: Moment) -> Dated:
        """When something was made, as far as it is known `now`.

        A measured boot dates by its boot clock. Of another one the wall clock is corrected by what a clock of the same
        quality was wrong by in this boot; it is taken as it is where there was none, or where nobody vouched for it.
        Neither may lie after the start of this boot.
        """
        best = self._best(made)
        if best is not None:
            ms = round(made.boottime_ms + best.ahead_ms)
            return Dated(max(ms, 0), DatedBy.BOOT, best.uncertainty_at(made.boottime_ms))
        here, wall_ms = self._best(now), max(made.wall_ms, 0)
        if here is None:
            return Dated(wall_ms, DatedBy.AS_IS)
        begun_ms, shown_ms = max(round(here.ahead_ms), 0), self._walls.get((now.boot_id, made.quality))
        if shown_ms is None or made.quality is ClockQuality.UNTRUSTED:
            return Dated(min(wall_ms, begun_ms), DatedBy.AS_IS)
        return Dated(min(max(round(wall_ms + here.ahead_ms - shown_ms), 0), begun_ms), DatedBy.WALL)

    def _best(self, at: Moment) -> Exchange | None:
        """The exchange that says most about a moment of its boot."""
        found = self._boots.get(at.boot_id, [])
        return min(found, key=lambda one: one.uncertainty_at(at.boottime_ms), default=None)

    def _keep(self, one: Exchange) -> None:
        """Of two that cannot both be true the later is believed: the authority's clock was set."""
        found = [old for old in self._boots.pop(one.boot_id, []) if one.agrees(old)]
        self._boots[one.boot_id] = [*found[1 - EXCHANGES_MAX :], one]
        while len(self._boots) > BOOTS_MAX:
            self._boots.popitem(last=False)
