"""Plays a drive into a databroker in time; must never lose a reading or drift.

The clock of the drive goes as fast as the drive: at speed 10 a reading of second 50 is dated 5 s after the start. So
time stamps are those at which the reading was due, never lie in the future, and stand still while the drive does.
Readings that are due at once go out together; two of one signal among them stay two. When the drive is faster than who
listens, it waits for a moment and then catches up: a subscriber with a large buffer misses nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from gateway.clock import Clock
from gateway.model import Value
from simulators.drive.car import Reading

TICK_S: Final = 0.01
LOOK_S: Final = 1.0
BATCH_MAX: Final = 500
Update = tuple[str, Value, int]


class Broker(Protocol):
    """Where readings go: refused ones come back with a reason."""

    def publish(self, updates: Sequence[Update]) -> list[tuple[str, str]]:
        """Takes (path, value, microseconds since 1970) in order."""
        ...

    async def room(self) -> None:
        """Waits while a subscriber that keeps everything is behind, but not for ever."""
        ...


class Player:
    """Plays once or round and round; `pause` and `go` at any time, also before it plays."""

    def __init__(self, broker: Broker, clock: Clock, *, speed: float = 1.0) -> None:
        """`speed`: seconds of the drive in one second."""
        self._broker, self._clock, self.speed = broker, clock, speed
        self._running = asyncio.Event()
        self._running.set()
        self._stood_s = 0.0
        self._paused_at_s = 0.0
        self.played = 0
        self.at_s = 0.0
        self.refused: Counter[str] = Counter()
        self.paths: set[str] = set()

    def pause(self) -> None:
        """The drive stands still."""
        if self._running.is_set():
            self._running.clear()
            self._paused_at_s = self._clock.boottime_s()

    def go(self) -> None:
        """The drive goes on where it stood."""
        if not self._running.is_set():
            self._stood_s += self._clock.boottime_s() - self._paused_at_s
            self._running.set()

    async def play(self, readings: Iterable[Reading], until_s: float | None = None) -> None:
        """Plays readings as they fall due, until they end or it has played for `until_s` seconds, pauses left out."""
        begun_us, begun_s, stood_s = self._clock.wall_us(), self._clock.boottime_s(), self._stood_s
        due: list[Update] = []

        def early(due_s: float) -> float:
            return due_s - (self._clock.boottime_s() - begun_s - (self._stood_s - stood_s))

        for reading in readings:
            due_s = reading.at_s / self.speed
            if until_s is not None and due_s >= until_s:
                break
            while not self._running.is_set() or early(due_s) > 0:
                await self._flush(due)
                await self._running.wait()
                await asyncio.sleep(max(min(early(due_s), LOOK_S), TICK_S))
            begun_at_us = begun_us + round((self._stood_s - stood_s) * 1e6)
            due.append((reading.path, reading.value, begun_at_us + round(due_s * 1e6)))
            self.at_s = reading.at_s
            if len(due) >= BATCH_MAX:
                await self._flush(due)
                await asyncio.sleep(0)
        await self._flush(due)
        if until_s is not None:
            await asyncio.sleep(max(0.0, early(until_s)))

    async def _flush(self, due: list[Update]) -> None:
        if not due:
            return
        await self._broker.room()
        for path, _ in self._broker.publish(due):
            self.refused[path] += 1
        self.paths.update(path for path, _, _ in due)
        self.played += len(due)
        due.clear()


def round_and_round(readings: Sequence[Reading], length_s: float) -> Iterator[Reading]:
    """A drive without an end: after its last reading and one second it begins again."""
    return again_and_again(lambda: readings, length_s)


def again_and_again(drive: Callable[[], Iterable[Reading]], length_s: float) -> Iterator[Reading]:
    """The same for a drive that is made anew for each lap, so that it need not be held; ends when a lap is empty."""
    lap, played = 0, True
    while played:
        played = False
        for reading in drive():
            played = True
            yield Reading(round(reading.at_s + lap * (length_s + 1.0), 6), reading.path, reading.value)
        lap += 1
