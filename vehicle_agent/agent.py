"""The vehicle agent: source, sampler, outbox; must never promise a reading before `append` has returned.

What waits for the disk is bounded: then reading pauses, and the source's own buffer fills.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from forecourt.v1 import record_pb2

from gateway.clock import Clock
from gateway.errors import ForecourtError, LinkError, LinkRefused, TooLarge
from gateway.link import Backoff
from gateway.log import Log
from gateway.model import (
    WITHOUT_CONSENT,
    Appended,
    ClockQuality,
    Event,
    Kind,
    PurposeSet,
    Stream,
    ValueType,
    purpose_set,
)
from vehicle_agent.plan import PlanFile
from vehicle_agent.sampler import Received, Sample, Sampler
from vehicle_agent.source import Missing, SignalInfo, SignalSource
from vehicle_agent.trip import TripRecord, TripWatch

SHAPES_PER_EVENT_MAX: Final = 64
"""Selections of an event's signals that had a value together; what comes after them is counted and not kept."""
TICK_MIN_S: Final = 0.02
QUALITY_S: Final = 1.0
RETRY_SOON_MAX_S: Final = 5.0
RETRY_LATER_MAX_S: Final = 60.0
TRIP_KIND: Final = "trip"

_log = Log("vehicle")


class Keeper(Protocol):
    """What the agent needs of the gateway: gateway.runtime.Agent."""

    @property
    def subject(self) -> int:
        """Random handle of the guest whose data this is; 0: nobody's."""
        ...

    @property
    def clock(self) -> Clock:
        """The one source of time."""
        ...

    def append_many(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """Resolves once all are durable, denied or refused."""
        ...

    def intern_kind(
        self,
        name: str,
        stream: Stream,
        purposes: PurposeSet,
        signals: Sequence[tuple[str, ValueType, str]] = (),
        ttl_s: int | None = None,
    ) -> Kind:
        """The kind of such events; without signals, of records. Raises TooLarge."""
        ...


@dataclass(frozen=True, slots=True)
class VehicleStatus:
    """How the agent stands. `missing`: signals that the source cannot give, and why. Ages in seconds."""

    connected: bool
    signals: int
    missing: Mapping[str, str]
    in_flight: int
    last_reading_age_s: float | None
    trip: bool
    counters: Mapping[str, int]
    trouble: str


class VehicleAgent:
    """Reads signals, and appends the events of the plan. `run` goes on until it is cancelled."""

    def __init__(
        self,
        keeper: Keeper,
        source: SignalSource,
        plan_file: PlanFile,
        *,
        in_flight_events: int = 20_000,
        backoff: Backoff | None = None,
    ) -> None:
        self._keeper, self._source, self._file = keeper, source, plan_file
        self._plan = plan_file.plan
        self._backoff = backoff or Backoff(soon_max_s=RETRY_SOON_MAX_S, later_max_s=RETRY_LATER_MAX_S)
        self._in_flight_max, self._in_flight = in_flight_events, 0
        self._room = asyncio.Event()
        self._trip = TripWatch(self._plan.trip) if self._plan.trip else None
        self._sampler: Sampler | None = None
        self._kinds: dict[tuple[int, tuple[int, ...]], Kind | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._missing: dict[str, str] = {}
        self._connected, self._trouble = False, "has not begun"
        self._read_at_s: float | None = None
        self._judged_s, self._trusted = float("-inf"), False
        self.counters: Counter[str] = Counter()

    def status(self) -> VehicleStatus:
        """A snapshot."""
        age_s = None if self._read_at_s is None else self._keeper.clock.boottime_s() - self._read_at_s
        return VehicleStatus(
            connected=self._connected,
            signals=len(self._sampler.paths) if self._sampler is not None else 0,
            missing=dict(self._missing),
            in_flight=self._in_flight,
            last_reading_age_s=age_s,
            trip=self._trip is not None and self._trip.under_way,
            counters=self.counters + Counter(getattr(self._source, "counters", {})),
            trouble=self._trouble,
        )

    async def run(self) -> None:
        """Connects, reads, and begins again whenever the source is lost."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                begun_s = loop.time()
                try:
                    await self._session()
                    error = LinkError("the source ended")
                except LinkError as lost:
                    error = lost
                self._lost(error)
                await asyncio.sleep(self._backoff.failed(error.retry, loop.time() - begun_s))
        finally:
            self._stop_timer()
            if self._trip is not None:
                self._put([], self._trip.end())
            await self._source.aclose()

    async def _session(self) -> None:
        """One connection to the source."""
        known = await self._source.describe(self._plan.paths)
        self._tell_missing(known)
        sampler = self._sampler = Sampler(self._plan, known, self.counters)
        self._kinds = {}
        if not sampler.paths:
            raise LinkRefused("the source has none of the plan's signals: see the warnings above, then change the plan")
        if self._trip is not None:
            self._trip.bind({path: index for index, path in enumerate(sampler.paths)})
        async with aclosing(self._source.readings(sampler.paths)) as stream:
            async for readings in stream:
                if not self._connected:
                    self._connected, self._trouble = True, ""
                    self._backoff.failures = 0
                    _log.info("source_connected", signals=len(sampler.paths), missing=len(self._missing))
                now = self._now()
                samples = sampler.feed(readings, now)
                dated_us = readings[-1].ts_us if readings else None
                trip = self._trip.look(sampler.latest, dated_us or now.wall_us, now.boottime_ms) if self._trip else None
                self._put(samples, trip)
                self._set_timer()
                while self._in_flight >= self._in_flight_max:
                    self.counters["pauses"] += 1
                    self._room.clear()
                    await self._room.wait()

    def _now(self) -> Received:
        """The clocks; how good the wall clock is, is asked once a second at most."""
        clock = self._keeper.clock
        now_s = self._read_at_s = clock.boottime_s()
        if not self._judged_s <= now_s < self._judged_s + QUALITY_S:
            self._judged_s, self._trusted = now_s, clock.quality() is not ClockQuality.UNTRUSTED
        return Received(int(now_s * 1_000), clock.wall_us(), self._trusted)

    def _put(self, samples: Sequence[Sample], trip: TripRecord | None) -> None:
        """Hands events over; their futures tell later what became of them."""
        events = [event for sample in samples if (event := self._event(sample)) is not None]
        if trip is not None:
            events.append(self._trip_event(trip))
        if not events:
            return
        self._in_flight += len(events)
        self._keeper.append_many(events).add_done_callback(partial(self._settled, len(events)))

    def _settled(self, count: int, future: "asyncio.Future[Appended]") -> None:
        self._in_flight -= count
        if self._in_flight < self._in_flight_max:
            self._room.set()
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            kept, denied, refused = future.result()
            self.counters["kept"] += kept
            self.counters["denied"] += denied
            self.counters["refused"] += refused
            return
        first = not self.counters["not_kept"]
        self.counters["not_kept"] += count
        (_log.error if first else _log.debug)("events_not_kept", events=count, error=str(error))
        if not isinstance(error, ForecourtError):
            _log.error("append_failed", error=repr(error))

    def _event(self, sample: Sample) -> Event | None:
        kind = self._kind(sample.event, sample.picks)
        if kind is None:
            self.counters["shapes_full"] += 1
            return None
        subject = 0 if kind.purposes & WITHOUT_CONSENT else self._keeper.subject
        return Event(kind, subject, sample.ts_us, sample.received_ms, sample.values)

    def _kind(self, number: int, picks: tuple[int, ...]) -> Kind | None:
        """The kind of an event with these of its signals; None over a bound."""
        try:
            return self._kinds[number, picks]
        except KeyError:
            pass
        plan, sampler = self._plan.event[number], self._sampler
        found: Kind | None = None
        if sampler is not None and sum(key[0] == number for key in self._kinds) < SHAPES_PER_EVENT_MAX:
            infos = [(plan.signals[place], sampler.infos[plan.signals[place]]) for place in picks]
            signals = [(path, info.type, info.unit) for path, info in infos]
            try:
                purposes = purpose_set(plan.purposes)
                found = self._keeper.intern_kind(plan.name, plan.stream, purposes, signals, plan.ttl_s)
            except TooLarge as error:
                _log.error("kind_refused", kind=plan.name, error=str(error))
            self._kinds[number, picks] = found
        return found

    def _trip_event(self, trip: TripRecord) -> Event:
        plan = self._plan.trip
        assert plan is not None, "a trip without a plan"
        kind = self._keeper.intern_kind(TRIP_KIND, plan.stream, purpose_set(plan.purposes))
        phase = record_pb2.Trip.PHASE_BEGAN if trip.began else record_pb2.Trip.PHASE_ENDED
        body = record_pb2.Record(trip=record_pb2.Trip(id=trip.id, phase=phase, distance_m=trip.distance_m or 0.0))
        subject = 0 if kind.purposes & WITHOUT_CONSENT else self._keeper.subject
        self.counters["trips_began" if trip.began else "trips_ended"] += 1
        return Event(kind, subject, trip.ts_us, trip.received_ms, body.SerializeToString())

    def _set_timer(self) -> None:
        """Wakes for what is due without a reading: rates and the end of a drive."""
        dues = [part.due_ms for part in (self._sampler, self._trip) if part is not None]
        due_ms = min((due for due in dues if due is not None), default=None)
        if self._timer is not None and due_ms == self._timer_ms:
            return
        self._stop_timer()
        if due_ms is not None:
            self._timer_ms = due_ms
            wait_s = max(due_ms / 1_000 - self._keeper.clock.boottime_s(), TICK_MIN_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        boottime_ms = int(self._keeper.clock.boottime_s() * 1_000)
        samples = self._sampler.tick(boottime_ms) if self._sampler is not None else []
        self._put(samples, self._trip.tick(boottime_ms) if self._trip is not None else None)
        self._set_timer()

    def _lost(self, error: LinkError) -> None:
        tell = _log.warning if self._connected or not self._backoff.failures else _log.debug
        tell("source_lost", error=str(error))
        self._connected, self._trouble = False, str(error)
        self.counters["source_lost"] += 1

    def _tell_missing(self, known: Mapping[str, SignalInfo | Missing]) -> None:
        missing = {path: info.why for path, info in known.items() if isinstance(info, Missing)}
        for problem in self._file.check(known) if missing != self._missing else ():
            _log.warning("signal_missing", problem=str(problem))
        self._missing = missing
