"""Hybrid logical clocks: stamps that follow wall time and never run against cause; must never read a clock itself.

After Kulkarni, Demirbas et al., "Logical Physical Clocks" (OPODIS 2014): the larger of the wall time and every stamp
seen so far, and a counter where wall time has not moved on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from gateway.errors import InputError

NODE_CHARS_MAX = 64
PHYSICAL_MS_MAX = 1 << 48
COUNTER_MAX = (1 << 31) - 1
AHEAD_MS_MAX = 60_000
"""A stamp that is further ahead of the reader's clock is not believed: its clock has to be measured first."""


class Hlc(NamedTuple):
    """A stamp. Ordered by wall time in ms since 1970, then counter, then the node's name."""

    physical_ms: int
    counter: int
    node: str

    def next(self, node: str) -> "Hlc":
        """The smallest stamp of `node` that follows this one."""
        if self.counter >= COUNTER_MAX:
            return Hlc(self.physical_ms + 1, 0, node)
        return Hlc(self.physical_ms, self.counter + 1, node)

    def ahead_ms(self, now_ms: int) -> int:
        """How far it is ahead of `now_ms`; negative where it is behind."""
        return self.physical_ms - now_ms


ZERO = Hlc(0, 0, "")


def check_hlc(stamp: Hlc) -> Hlc:
    """The stamp itself; InputError where its parts are out of range."""
    if not 0 <= stamp.physical_ms < PHYSICAL_MS_MAX or not 0 <= stamp.counter <= COUNTER_MAX:
        raise InputError("a stamp holds a time in ms since 1970 and a counter")
    if not 0 < len(stamp.node) <= NODE_CHARS_MAX:
        raise InputError(f"a stamp names its node in 1 to {NODE_CHARS_MAX} characters")
    return stamp


def stamp_after(now_ms: int, seen: Hlc | None, node: str) -> Hlc:
    """A stamp at `now_ms`, or just after `seen` where that is not earlier."""
    here = Hlc(now_ms, 0, node)
    if seen is None or (here.physical_ms, here.counter) > (seen.physical_ms, seen.counter):
        return here
    return seen.next(node)


@dataclass(slots=True)
class HlcClock:
    """A node's clock. `last` is what it gave or saw at last, `heard` the latest of others that it believed."""

    node: str
    last: Hlc = ZERO
    heard: Hlc = ZERO

    def stamp(self, now_ms: int) -> Hlc:
        """A stamp above all that this node gave or saw."""
        self.last = stamp_after(now_ms, self.last, self.node)
        return self.last

    def saw(self, stamp: Hlc, now_ms: int | None = None) -> bool:
        """Takes a stamp of another node in; False where it is too far ahead to be believed, which changes nothing.

        Without `now_ms` it is believed: a device that does not know the time yet believes the authority, which judged.
        """
        if now_ms is not None and stamp.ahead_ms(now_ms) > AHEAD_MS_MAX:
            return False
        self.heard = max(self.heard, stamp)
        self.last = max(self.last, stamp)
        return True

    def gave(self, stamp: Hlc) -> None:
        """An earlier process of this node gave this stamp, which waits: the next is after it, until it is corrected."""
        self.last = max(self.last, stamp)

    def corrected(self, stamps: Iterable[Hlc]) -> None:
        """Own stamps of a wrong clock are void; `stamps` are those that took their place, none where none is kept.

        Without this a clock that was a year ahead for a minute would stamp a year ahead for a year.
        """
        self.last = max([self.heard, *stamps])
