"""The loop's end of an append: asks the gate and hands over to the writer; must never encode, seal or wait."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from gateway.errors import StoreError
from gateway.limits import (
    LINGER_BULK_S,
    LINGER_CONTROL_S,
    LINGER_EVENTS_MAX,
    LINGER_LIVE_S,
    LINGER_URGENT_S,
    WAITING_EVENTS_MAX,
)
from gateway.model import Appended, Event, Lane, Stream
from gateway.outbox.append import Batch
from gateway.outbox.core import Core
from gateway.outbox.tickets import Part, Ticket
from gateway.store import Store

LINGER_S = {
    Stream.URGENT: LINGER_URGENT_S,
    Stream.LIVE: LINGER_LIVE_S,
    Stream.BULK: LINGER_BULK_S,
    Stream.CONTROL: LINGER_CONTROL_S,
}
_lane_of = itemgetter(0, 1)


class Appender:
    """Takes events on the loop and hands them to the writer, each stream at its own pace."""

    def __init__(self, core: Core, store: Store, linger_s: Mapping[Stream, float]) -> None:
        self._core, self._store, self._linger_s = core, store, linger_s
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._open: dict[Stream, Batch] = {}
        self._waiting = 0

    def append(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """Resolves once the events that may be kept are durable."""
        ticket = Ticket(self._loop.create_future())
        parts = self._parts(events, ticket)
        ticket.parts_left = len(parts)
        if not parts:
            ticket.future.set_result(Appended(0, ticket.denied, 0))
        elif self._waiting + len(events) > WAITING_EVENTS_MAX:
            self._core.counters["append_refused"] += len(events)
            ticket.future.set_exception(StoreError(f"{self._waiting} events wait for the disk already"))
        else:
            self._waiting += len(events)
            ticket.future.add_done_callback(lambda _: self._over(len(events)))
            for part in parts:
                self._add(part)
        return ticket.future

    def _over(self, events: int) -> None:
        self._waiting -= events

    def _parts(self, events: Sequence[Event], ticket: Ticket) -> list[Part]:
        lane_of, parts = self._core.gate.lane, []
        for (kind, subject), group in groupby(events, _lane_of):
            lane, own = lane_of(kind, subject), list(group)
            if lane is None:
                ticket.denied += len(own)
                continue
            if lane.picks is not None:
                own = _picked(lane, own)
            parts.append(Part(lane, own, ticket))
        return parts

    def _add(self, part: Part) -> None:
        stream = part.lane.kind.stream
        with self._lock:
            batch = self._open.get(stream)
            fresh = batch is None or batch.closed or batch.events >= LINGER_EVENTS_MAX
            if batch is None or fresh:
                batch = self._open[stream] = Batch(self._core, self._store, stream, self._lock)
            batch.parts.append(part)
            batch.events += len(part.events)
            if batch.events >= LINGER_EVENTS_MAX:
                self._store.schedule(batch, prepare=batch.prepare)
            elif fresh:
                prepare = None if stream is Stream.URGENT else batch.prepare
                self._store.schedule(batch, self._linger_s[stream], prepare=prepare)


def _picked(lane: Lane, events: list[Event]) -> list[Event]:
    """The events with the values that the lane leaves them; one of a wrong length stays as it is and is refused."""
    kind, picks = lane.kind, lane.picks or ()
    need = max(picks, default=-1)
    return [
        Event(kind, subject, ts, received, tuple(values[i] for i in picks) if len(values) > need else ())
        for _, subject, ts, received, values in events
    ]
