"""The databroker's memory: latest values, who watches them, who moves them; must never know gRPC.

Behaviour is that of KUKSA databroker: sensors tell every publication, actuators and attributes only changes. The target
of an actuator (v1) and an actuation (v2) are two channels that do not touch.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from forecourt.kuksa.v2 import val_pb2 as v2
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.model import Value
from simulators.databroker.catalogue import Catalogue, Leaf
from simulators.databroker.mailbox import Batch, Mailbox
from simulators.databroker.patterns import PATH_MAX, matcher
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.values import array_of, check, message_of

Update = tuple[str, Value, int]
"""Path, value, microseconds since 1970."""
Point = tuple["Entry", v2.Datapoint]


class Provider(Protocol):
    """Who moves actuators."""

    def expired(self) -> bool:
        """Whether it may not provide any more; then another may take its place."""
        ...

    def ready(self) -> bool:
        """Whether it takes orders now."""
        ...

    def actuate(self, orders: "Sequence[tuple[Entry, v2.Value]]") -> None:
        """Takes orders when it is ready; must not wait."""
        ...


@dataclass(slots=True)
class Counters:
    """What happened since the databroker was made."""

    published: int = 0
    refused: int = 0
    messages: int = 0
    dropped_messages: int = 0
    actuations: int = 0
    targets: int = 0
    subscriptions: int = 0


class Entry:
    """A signal's state. `target` is v1's wish for an actuator."""

    __slots__ = ("id", "leaf", "metadata", "path", "point", "provider", "target", "target_watchers", "watchers")

    def __init__(self, number: int, leaf: Leaf, made: Timestamp) -> None:
        self.id, self.leaf, self.path = number, leaf, leaf.path
        self.point = v2.Datapoint(timestamp=made)
        if leaf.entry == "attribute" and leaf.default is not None:
            try:
                self.point.value.CopyFrom(message_of(leaf.kind, leaf.default))
            except Refused:
                self.point.ClearField("value")
        self.target: v2.Datapoint | None = None
        self.watchers: set[Mailbox] = set()
        self.target_watchers: set[Mailbox] = set()
        self.provider: Provider | None = None
        self.metadata = _metadata(number, leaf)

    def told(self, point: v2.Datapoint) -> bool:
        """Keeps the datapoint; whether watchers are told."""
        if self.leaf.entry != "sensor" and point.value == self.point.value:
            return False
        self.point = point
        return True


class Tree:
    """All signals of a catalogue. `first_id`: ids are a matter of one run of a databroker."""

    def __init__(self, catalogue: Catalogue, counters: Counters, first_id: int = 1) -> None:
        made = now()
        entries = [Entry(number, leaf, made) for number, leaf in enumerate(catalogue.values(), first_id)]
        self.by_path = {entry.path: entry for entry in entries}
        self.by_id = {entry.id: entry for entry in entries}
        self.counters = counters
        self.boxes: set[Mailbox] = set()
        self.on_watch: Callable[[], None] = lambda: None

    def find(self, signal: v2.SignalID) -> Entry:
        """The signal that is named by path or id; raises Refused."""
        which = signal.WhichOneof("signal")
        if which is None:
            raise Refused(Why.MALFORMED, "No SignalId provided")
        if len(signal.path) > PATH_MAX:
            raise Refused(Why.MALFORMED, "The provided path is too long")
        entry = self.by_path.get(signal.path) if which == "path" else self.by_id.get(signal.id)
        if entry is None:
            raise Refused(Why.NOT_FOUND, signal.path or f"id {signal.id}")
        return entry

    def match(self, pattern: str) -> list[Entry]:
        """Signals that a path, branch or pattern names; raises Refused when that is none."""
        entry = self.by_path.get(pattern)
        if entry is not None:
            return [entry]
        test = matcher(pattern)
        if test is None:
            raise Refused(Why.MALFORMED, "Invalid Pattern Argument")
        return [entry for path, entry in self.by_path.items() if test(path)]

    def watch(self, entries: Iterable[Entry], box: Mailbox, targets: Iterable[Entry] = ()) -> Callable[[], None]:
        """Tells a mailbox of every change from now on, until what this returns is called."""
        entries, targets = list(entries), list(targets)
        for entry in entries:
            entry.watchers.add(box)
        for entry in targets:
            entry.target_watchers.add(box)
        self.boxes.add(box)
        self.counters.subscriptions += 1
        self.on_watch()

        def end() -> None:
            for entry in entries:
                entry.watchers.discard(box)
            for entry in targets:
                entry.target_watchers.discard(box)
            self.boxes.discard(box)
            self.counters.subscriptions -= 1
            self.on_watch()

        return end

    def publish(self, points: Iterable[Point]) -> None:
        """Keeps checked datapoints and tells watchers; two of one signal become two messages, so none is lost."""
        boxes: dict[Mailbox, dict[Entry, v2.Datapoint]] = {}
        seen: set[Entry] = set()
        count = 0
        for entry, point in points:
            count += 1
            if entry in seen:
                self._tell(boxes)
                boxes, seen = {}, set()
            seen.add(entry)
            if entry.told(point):
                for box in entry.watchers:
                    boxes.setdefault(box, {})[entry] = point
        self._tell(boxes)
        self.counters.published += count

    def publish_values(self, updates: Iterable[Update]) -> list[tuple[str, str]]:
        """Publishes plain values; returns those refused with the reason, the others are kept."""
        points: list[Point] = []
        refused: list[tuple[str, str]] = []
        for path, value, ts_us in updates:
            entry = self.by_path.get(path)
            if entry is None:
                refused.append((path, Why.NOT_FOUND.value))
                continue
            try:
                message = message_of(entry.leaf.kind, value)
                check(entry.leaf, message)
            except Refused as why:
                refused.append((path, str(why)))
                continue
            points.append((entry, v2.Datapoint(timestamp=stamp(ts_us), value=message)))
        self.publish(points)
        self.counters.refused += len(refused)
        return refused

    def set_target(self, entry: Entry, point: v2.Datapoint) -> None:
        """Keeps v1's wish for an actuator; raises Refused for what is no actuator."""
        if entry.leaf.entry != "actuator":
            raise Refused(Why.NO_ACTUATOR, entry.path)
        entry.target = point
        self.counters.targets += 1
        for box in entry.target_watchers:
            self._put(box, Batch({entry: point}, target=True))

    def actuate(self, orders: Sequence[tuple[Entry, v2.Value]]) -> None:
        """Hands orders to those who provide the actuators: all or none. Raises Refused."""
        for entry, value in orders:
            if entry.leaf.entry != "actuator":
                raise Refused(Why.NO_ACTUATOR, entry.path)
            check(entry.leaf, value)
        groups: dict[Provider, list[tuple[Entry, v2.Value]]] = {}
        for entry, value in orders:
            if entry.provider is None or not entry.provider.ready():
                raise Refused(Why.NO_PROVIDER, f"{entry.path} (id {entry.id})")
            groups.setdefault(entry.provider, []).append((entry, value))
        for provider, group in groups.items():
            provider.actuate(group)
        self.counters.actuations += len(orders)

    def _tell(self, boxes: dict[Mailbox, dict[Entry, v2.Datapoint]]) -> None:
        for box, points in boxes.items():
            self._put(box, Batch(points))

    def _put(self, box: Mailbox, batch: Batch) -> None:
        self.counters.messages += 1
        self.counters.dropped_messages += box.put(batch)


def stamp(ts_us: int) -> Timestamp:
    """Microseconds since 1970 as a message, also before 1970."""
    seconds, micros = divmod(ts_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def now() -> Timestamp:
    """The wall clock."""
    return stamp(time.time_ns() // 1_000)


def _metadata(number: int, leaf: Leaf) -> v2.Metadata:
    kind = leaf.kind
    found = v2.Metadata(
        path=leaf.path,
        id=number,
        data_type=v2.DataType.Name(kind.number),
        entry_type=f"ENTRY_TYPE_{leaf.entry.upper()}",
        description=leaf.description,
        comment=leaf.comment,
        deprecation=leaf.deprecation,
        unit=leaf.unit,
    )
    if leaf.allowed:
        found.allowed_values.CopyFrom(array_of(kind.field.removesuffix("_array") + "_array", leaf.allowed))
    if kind.is_number and not kind.is_array:
        for bound, name in ((leaf.low, "min"), (leaf.high, "max")):
            if bound is not None:
                with contextlib.suppress(Refused):  # a bound that the type cannot hold bounds nothing
                    getattr(found, name).CopyFrom(message_of(kind, bound))
    return found
