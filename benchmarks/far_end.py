"""The cloud kit as the far end, in a process of its own, and the check of what it holds; must never trust a counter."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import NotWholeError
from benchmarks.process import gone, tell
from benchmarks.work import CYCLE, telemetry
from gateway.clock import SystemClock
from gateway.cloud import Cloud, Effects, Inbox, SqliteSink
from gateway.cloud.audit import audit
from gateway.cloud.consent import ConsentTerms
from gateway.cloud.enrolled import Enrolled
from gateway.cloud.outcome import Outcome
from gateway.consent.parties import Parties
from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint
from gateway.model import PurposeSet, Stream

ODOMETER = 3


class WatchedSink:
    """The SQLite sink, which also remembers the time stamps of urgent events until their commit is known."""

    def __init__(self) -> None:
        self._sink = SqliteSink()
        self.waiting: deque[int] = deque()

    def open(self, db: sqlite3.Connection) -> None:
        """See Sink."""
        self._sink.open(db)

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """See Sink."""
        self._sink.write(db, effects)
        for effect in effects:
            if effect.stream is Stream.URGENT:
                self.waiting.extend(effect.ts_us)

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """See Sink."""
        return self._sink.erase(db, subject, purposes)

    def close(self) -> None:
        """See Sink."""
        self._sink.close()


class Watch:
    """Counts effects once they are committed."""

    def __init__(self, sink: WatchedSink, count: int) -> None:
        self._sink, self._count = sink, count
        self.events, self.first_s = 0, 0.0
        self.urgent: dict[int, float] = {}
        self.whole = asyncio.Event()

    def note(self, outcome: Outcome) -> None:
        """One message is committed."""
        if not outcome.new or outcome.key is None:
            return
        now_s = time.time()
        if outcome.key.stream is Stream.URGENT:
            for _ in range(min(outcome.new, len(self._sink.waiting))):
                self.urgent[self._sink.waiting.popleft()] = now_s
            return
        if outcome.key.stream is Stream.CONTROL:
            return
        if not self.events:
            tell(first_s=now_s)
        self.events += outcome.new
        if self.events >= self._count and not self.whole.is_set():
            self.whole.set()
            tell(ended_s=now_s)


async def cloud(identity: str, broker: str, db: str, count: int, authority: bool = False) -> None:
    """Tells `ready`, `first_s` at the first effect, `ended_s` at `count` of them; after go: `urgent` and `cpu_s`.

    As a consent `authority` it also countersigns what guests say, and gates what comes in.
    """
    clock = SystemClock()
    who = load_cloud(Path(identity))
    tls = tls_context(who.tls, clock) if broker.startswith("mqtts:") else None
    sink = WatchedSink()
    watch = Watch(sink, count)
    terms = ConsentTerms(who.key, Parties.load(None), Path(db).with_name("erasures.jsonl")) if authority else None
    inbox = await Inbox.open(Path(db), Enrolled(who), clock=clock, sink=sink, consent=terms)
    try:
        one = Cloud(who, Endpoint.parse(broker, tls), inbox, clock=clock, on_outcome=watch.note)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(one.run(), name="cloud")
            await one.ready.wait()
            tell(ready=True)
            begun_cpu_s = time.process_time()
            await gone()
            tally = one.tally
            tell(
                urgent=list(watch.urgent.items()), cpu_s=time.process_time() - begun_cpu_s,
                messages_in=tally.messages, receipts=tally.receipts, repeated=tally.repeated, events=tally.events,
            )  # fmt: skip
            running.cancel()
    finally:
        await inbox.aclose()
    tell(closed=True)


def check(path: Path, count: int, stream: Stream = Stream.BULK) -> None:
    """Counts rows: numbers 1 to `count` once each, with the values that were sent. Raises NotWholeError."""
    db = sqlite3.connect(path)
    try:
        found = db.execute(
            f"select count(*), count(distinct seq), min(seq), max(seq), sum(v{ODOMETER}) from effect where stream = ?",
            (int(stream),),
        ).fetchone()
        streams = audit(db)
    finally:
        db.close()
    rows = telemetry()
    cycles, rest = divmod(count, CYCLE)
    total = cycles * sum(row.odometer_m for row in rows) + sum(row.odometer_m for row in rows[:rest])
    if found != (count, count, 1, count, total):
        raise NotWholeError(f"the cloud holds {found}, sent was {(count, count, 1, count, total)}")
    bad = [one for one in streams if one.duplicates or one.gaps or one.missing]
    if bad:
        raise NotWholeError(f"not every number is an effect once: {bad}")
