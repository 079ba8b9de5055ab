"""Where effects go: the Sink protocol, and how sinks are found; must never decide on numbers.

A sink writes inside the transaction that also notes the numbers, on the inbox's thread. One that keeps its rows in
another place than `db` must take the same (device, epoch, stream, seq) twice without a second effect, since the
transaction may be rolled back after it wrote.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from itertools import compress
from typing import Any, NamedTuple, Protocol

from gateway.errors import ConfigError
from gateway.model import PurposeSet, SeqRange, Stream, Value, ValueType, purposes_of

ENTRY_POINTS = "forecourt.sinks"


class SignalInfo(NamedTuple):
    """One signal of a shape as the device described it."""

    path: str
    type: ValueType
    unit: str


@dataclass(frozen=True, slots=True)
class ShapeInfo:
    """What the values of an event mean. `signals` is empty for events that carry a record."""

    id: int
    kind: str
    signals: tuple[SignalInfo, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """New events of one shape from one bag, as columns of equal length.

    `columns` holds one list for each signal of the shape, or one list of serialised forecourt.v1.Record. `boot` is
    the device's boot from which `received_ms` counts. Unsigned numbers of 64 bits are as on the wire.
    """

    device: str
    epoch: int
    stream: Stream
    boot: int
    subject: int
    purposes: PurposeSet
    shape: ShapeInfo
    seqs: Sequence[int]
    ts_us: Sequence[int]
    received_ms: Sequence[int]
    columns: Sequence[Sequence[Value | bytes]]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """(seq, ts_us, received_ms, *values) of each event."""
        return zip(self.seqs, self.ts_us, self.received_ms, *self.columns, strict=True)


class Sink(Protocol):
    """Where effects go. Every call comes on the inbox's thread; what `write` raises makes the batch poison."""

    def open(self, db: sqlite3.Connection) -> None:
        """Prepares itself; `db` is the inbox's own database, for sinks that keep rows there.

        Called again after a rollback, within a transaction or not: forget what was remembered of `db`.
        """
        ...

    def write(self, db: sqlite3.Connection, effects: Sequence[Effects]) -> None:
        """Takes new events, within the transaction that notes their numbers. Each number comes once."""
        ...

    def erase(self, db: sqlite3.Connection, subject: int, purposes: PurposeSet) -> int:
        """Consent of `subject` was withdrawn for `purposes`: forgets what stood on it; how many events were touched."""
        ...

    def close(self) -> None:
        """Lets go of what `open` took; may be called twice."""
        ...


def find_sinks() -> dict[str, Callable[[], Any]]:
    """`sqlite` and what packages offer under entry point group `forecourt.sinks`: by name, what loads the class."""
    from gateway.cloud.sqlite_sink import SqliteSink

    found: dict[str, Callable[[], Any]] = {"sqlite": lambda: SqliteSink}
    for entry in entry_points(group=ENTRY_POINTS):
        found[entry.name] = entry.load
    return found


def make_sink(name: str) -> Sink:
    """The sink of that name; ConfigError when nothing offers it or it cannot be loaded."""
    sinks = find_sinks()
    if name not in sinks:
        raise ConfigError(f"no sink is called {name!r}; installed are: {', '.join(sorted(sinks))}")
    try:
        made: Sink = sinks[name]()()
    except Exception as error:
        raise ConfigError(f"sink {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return made


def only(effect: Effects, keep: Sequence[SeqRange]) -> Effects:
    """The events of `effect` whose numbers lie in `keep`."""
    chosen = [any(first <= seq <= last for first, last in keep) for seq in effect.seqs]
    return replace(
        effect,
        seqs=list(compress(effect.seqs, chosen)),
        ts_us=list(compress(effect.ts_us, chosen)),
        received_ms=list(compress(effect.received_ms, chosen)),
        columns=[list(compress(column, chosen)) for column in effect.columns],
    )


def purposes_text(purposes: PurposeSet) -> str:
    """A set of purposes in words, unknown bits as numbers."""
    try:
        return "+".join(purpose.word for purpose in purposes_of(purposes)) or "none"
    except ValueError:
        return "+".join(str(bit) for bit in range(64) if purposes >> bit & 1)
