"""Kinds that a source asks for before it is known what of them may be kept; must never give one a number.

A dictionary travels with the events, so a signal that no grant allows must not stand in it, not even by its name. A
source therefore drafts its kinds here; the gate has the dictionary adopt what it lets through, and nothing else.
"""

from collections.abc import Sequence

from gateway.errors import InputError, TooLarge
from gateway.limits import DICTIONARY_SHAPES_MAX, EVENT_VALUES_MAX, SIGNAL_PATH_BYTES_MAX
from gateway.model import Kind, PurposeSet, Signal, Stream, ValueType

Content = tuple[str, Stream, PurposeSet, tuple[tuple[str, ValueType, str], ...], int | None]


class Drafts:
    """Drafted kinds by content, one object each; their numbers and those of their signals are 0."""

    def __init__(self) -> None:
        self._kinds: dict[Content, Kind] = {}

    def kind(
        self,
        name: str,
        stream: Stream,
        purposes: PurposeSet,
        signals: Sequence[tuple[str, ValueType, str]] = (),
        ttl_s: int | None = None,
    ) -> Kind:
        """The one draft of values of these (path, type, unit); raises InputError or TooLarge as a dictionary would."""
        key = (name, stream, purposes, tuple(signals), ttl_s)
        known = self._kinds.get(key)
        if known is not None:
            return known
        if len(signals) > EVENT_VALUES_MAX or len(name.encode()) > SIGNAL_PATH_BYTES_MAX:
            raise TooLarge(f"a kind has at most {EVENT_VALUES_MAX} signals and a name of 512 bytes")
        for path, _, unit in signals:
            if not path or max(len(path.encode()), len(unit.encode())) > SIGNAL_PATH_BYTES_MAX:
                raise InputError("a signal's path has 1 to 512 bytes, its unit at most 512")
        if len(self._kinds) >= DICTIONARY_SHAPES_MAX:
            raise TooLarge(f"more than {DICTIONARY_SHAPES_MAX} shapes")
        drafted = tuple(Signal(0, path, ValueType(kind), unit) for path, kind, unit in signals)
        self._kinds[key] = Kind(0, name, stream, purposes, drafted, ttl_s)
        return self._kinds[key]
