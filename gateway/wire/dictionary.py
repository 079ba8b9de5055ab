"""What ids of signals and shapes mean; must never give an id a second meaning.

Ids count from 1 in the order in which content was first seen. The dictionary only grows, so its newest state decodes
every bag that was ever made with it.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from forecourt.v1 import event_pb2

from gateway.errors import InputError, TooLarge
from gateway.limits import (
    DICTIONARY_SHAPES_MAX,
    DICTIONARY_SIGNALS_MAX,
    EVENT_VALUES_MAX,
    SIGNAL_PATH_BYTES_MAX,
)
from gateway.model import Kind, PurposeSet, Signal, Stream, ValueType

Types = dict[int, tuple[ValueType, ...]]

NO_DRAFTS: Final[Mapping[Kind, Kind]] = MappingProxyType({})


def digest_of(signals: Iterable[event_pb2.Signal], shapes: Iterable[event_pb2.Shape]) -> int:
    """The first 8 bytes, little-endian, of SHA-256 over an EventBatch that holds only this dictionary."""
    content = event_pb2.EventBatch(signals=signals, shapes=shapes).SerializeToString(deterministic=True)
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "little")


class Dictionary:
    """Signals and shapes of one store. Any thread may ask; entries appear whole or not at all."""

    def __init__(self) -> None:
        self.signals: list[event_pb2.Signal] = []
        self.shapes: list[event_pb2.Shape] = []
        self.types: Types = {}
        self.numbered: dict[Kind, Kind] = {}
        """What each draft became that was adopted whole."""
        self._lock = threading.RLock()
        self._signals: dict[tuple[str, ValueType, str], Signal] = {}
        self._shape_ids: dict[tuple[str, tuple[int, ...]], int] = {}
        self._kinds: dict[tuple[int, Stream, PurposeSet, int | None], Kind] = {}
        self._any: dict[int, Kind] = {}
        self._narrowed: dict[tuple[Kind, tuple[int, ...]], Kind] = {}
        self._digest: tuple[int, int, int] = (-1, -1, 0)

    @property
    def digest(self) -> int:
        """Names the present state; see `digest_of`."""
        signals, shapes, digest = self._digest
        if (signals, shapes) != (len(self.signals), len(self.shapes)):
            with self._lock:
                digest = digest_of(self.signals, self.shapes)
                self._digest = (len(self.signals), len(self.shapes), digest)
        return digest

    def intern_signal(self, path: str, kind: ValueType, unit: str = "") -> Signal:
        """The one Signal of this content; raises InputError or TooLarge for a path that cannot be."""
        with self._lock:
            known = self._signals.get((path, kind, unit))
            if known is not None:
                return known
            if not path or len(path.encode()) > SIGNAL_PATH_BYTES_MAX or len(unit.encode()) > SIGNAL_PATH_BYTES_MAX:
                raise InputError("a signal's path has 1 to 512 bytes, its unit at most 512")
            if len(self.signals) >= DICTIONARY_SIGNALS_MAX:
                raise TooLarge(f"more than {DICTIONARY_SIGNALS_MAX} signals")
            signal = Signal(len(self.signals) + 1, path, ValueType(kind), unit)
            self._signals[path, signal.type, unit] = signal
            entry = event_pb2.Signal(id=signal.id, path=path, unit=unit)
            entry.type = int(signal.type)  # type: ignore[assignment]
            self.signals.append(entry)
            return signal

    def intern_kind(
        self,
        name: str,
        stream: Stream,
        purposes: PurposeSet,
        signals: Sequence[Signal] = (),
        ttl_s: int | None = None,
    ) -> Kind:
        """The one Kind of this content; raises TooLarge over a bound."""
        if len(signals) > EVENT_VALUES_MAX or len(name.encode()) > SIGNAL_PATH_BYTES_MAX:
            raise TooLarge(f"a kind has at most {EVENT_VALUES_MAX} signals and a name of 512 bytes")
        with self._lock:
            shape = self._shape(name, tuple(signals))
            key = (shape, stream, purposes, ttl_s)
            if key not in self._kinds:
                self._kinds[key] = Kind(shape, name, stream, purposes, tuple(signals), ttl_s)
            return self._kinds[key]

    def narrowed(self, kind: Kind, picks: Sequence[int]) -> Kind:
        """The kind with only the signals at `picks`, under the same name."""
        key = (kind, tuple(picks))
        if key not in self._narrowed:
            signals = [kind.signals[index] for index in picks]
            self._narrowed[key] = self.intern_kind(kind.name, kind.stream, kind.purposes, signals, kind.ttl_s)
        return self._narrowed[key]

    def adopt(self, kind: Kind, picks: Sequence[int] | None = None) -> Kind:
        """The kind as this dictionary counts it, with only the signals at `picks`; of a draft nothing else is learnt.

        Raises InputError or TooLarge for content that cannot be.
        """
        if kind.id:
            return kind if picks is None else self.narrowed(kind, picks)
        places = tuple(range(len(kind.signals)) if picks is None else picks)
        found = self._narrowed.get((kind, places))
        if found is None:
            chosen = [kind.signals[place] for place in places]
            signals = [self.intern_signal(one.path, one.type, one.unit) for one in chosen]
            found = self.intern_kind(kind.name, kind.stream, kind.purposes, signals, kind.ttl_s)
            self._narrowed[kind, places] = found
        if picks is None:
            self.numbered[kind] = found
        return found

    def kind(self, shape: int) -> Kind:
        """A kind of that shape, as far as the dictionary knows: without purposes; raises KeyError."""
        return self._any[shape]

    def load(self, signals: Sequence[event_pb2.Signal], shapes: Sequence[event_pb2.Shape]) -> None:
        """Takes a stored dictionary over, before anything else is interned; raises InputError when it contradicts."""
        with self._lock:
            by_id = {}
            for entry in signals:
                signal = self.intern_signal(entry.path, ValueType(entry.type), entry.unit)
                by_id[signal.id] = signal
                if signal.id != entry.id:
                    raise InputError("a stored dictionary does not count its signals from 1")
            for shape in shapes:
                if any(number not in by_id for number in shape.signals):
                    raise InputError("a stored shape names a signal that the dictionary lacks")
                if self._shape(shape.kind, tuple(by_id[number] for number in shape.signals)) != shape.id:
                    raise InputError("a stored dictionary does not count its shapes from 1")

    def _shape(self, name: str, signals: tuple[Signal, ...]) -> int:
        key = (name, tuple(signal.id for signal in signals))
        known = self._shape_ids.get(key)
        if known is not None:
            return known
        if len(self.shapes) >= DICTIONARY_SHAPES_MAX:
            raise TooLarge(f"more than {DICTIONARY_SHAPES_MAX} shapes")
        number = len(self.shapes) + 1
        self._shape_ids[key] = number
        self.types[number] = tuple(signal.type for signal in signals)
        self._any[number] = Kind(number, name, Stream.BULK, 0, signals)
        self.shapes.append(event_pb2.Shape(id=number, kind=name, signals=key[1]))
        return number


def shape_types(signals: Iterable[event_pb2.Signal], shapes: Iterable[event_pb2.Shape]) -> Types:
    """The value types of each shape of a received dictionary; raises InputError when it does not fit together."""
    try:
        types = {signal.id: ValueType(signal.type) for signal in signals}
        found = {shape.id: tuple(types[number] for number in shape.signals) for shape in shapes}
    except (KeyError, ValueError):
        raise InputError("a shape names an unknown signal, or a signal has an unknown type") from None
    if any(len(kinds) > EVENT_VALUES_MAX for kinds in found.values()):
        raise TooLarge(f"a shape has at most {EVENT_VALUES_MAX} signals")
    return found
