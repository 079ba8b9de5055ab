"""How long urgent events take: from their append to their effect at the cloud; must never guess."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence

from gateway.cloud import Effects, SqliteSink
from gateway.model import Event, Purpose, PurposeSet, Stream, ValueType, purpose_set
from gateway.runtime import Agent

EVERY_S = 0.2
SIGNAL = ("Vehicle.LowVoltageBattery.CurrentVoltage", ValueType.FLOAT, "V")


class WatchedSink:
    """The SQLite sink, which also notes when urgent events took effect (monotonic seconds by time stamp)."""

    def __init__(self, allowed: Callable[[str], PurposeSet] | None = None) -> None:
        """`allowed`: see SqliteSink."""
        self._sink = SqliteSink(allowed)
        self.effects_at_s: dict[int, float] = {}

    def open(self, db: sqlite3.Connection) -> None:
        """See Sink."""
        self._sink.open(db)

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """See Sink."""
        self._sink.write(db, effects)
        now_s = time.monotonic()
        for effect in effects:
            if effect.stream is Stream.URGENT:
                for ts_us in effect.ts_us:
                    self.effects_at_s.setdefault(ts_us, now_s)

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """See Sink."""
        return self._sink.erase(db, subject, purposes)

    def close(self) -> None:
        """See Sink."""
        self._sink.close()


class Marks:
    """An urgent event of the vehicle every fifth of a second, about no guest."""

    def __init__(self, agent: Agent, sink: WatchedSink) -> None:
        self._agent, self._sink = agent, sink
        purposes = purpose_set([Purpose.VEHICLE_OPERATION])
        self._kind = agent.intern_kind("demo_mark", Stream.URGENT, purposes, [SIGNAL])
        self._appended_at_s: dict[int, float] = {}

    async def run(self) -> None:
        """Appends for ever; awaits each, as whoever appends urgent events would."""
        while True:
            ts_us = self._agent.clock.wall_us()
            self._appended_at_s[ts_us] = time.monotonic()
            await self._agent.append(Event(self._kind, 0, ts_us, self._agent.received_ms(), (12.6,)))
            await asyncio.sleep(EVERY_S)

    def latencies_ms(self, from_s: float, to_s: float) -> list[float]:
        """Of the events appended in this span (monotonic seconds), sorted."""
        return sorted(
            (self._sink.effects_at_s[ts_us] - at_s) * 1_000
            for ts_us, at_s in self._appended_at_s.items()
            if from_s <= at_s <= to_s and ts_us in self._sink.effects_at_s
        )


def p99(values: Sequence[float]) -> float | None:
    """The 99th percentile of sorted values; None of none."""
    return values[min(len(values) - 1, int(len(values) * 0.99))] if values else None
