"""Events to the body of a bag and back; must never use more memory than `limits` allow, whatever a body claims."""

import math
import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import zstandard
from forecourt.v1 import event_pb2, record_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError, TooLarge
from gateway.limits import (
    BAG_DECODE_EVENTS_MAX,
    BODY_DECODE_BYTES_MAX,
    RECORD_BYTES_MAX,
    STRING_VALUE_BYTES_MAX,
)
from gateway.model import Event, Kind, Signal, ValueType
from gateway.wire.columns import ColumnEncoder, Decoded, decode_columns
from gateway.wire.dictionary import NO_DRAFTS, Dictionary, Types
from gateway.wire.extent import COLUMNS, ROWS, check_extent
from gateway.wire.rows import decode_rows, encode_rows

IDENTITY: Final = int(event_pb2.CODEC_IDENTITY)
ROWS_ZSTD: Final = int(event_pb2.CODEC_ROWS_ZSTD)
COLUMNS_ZSTD: Final = int(event_pb2.CODEC_COLUMNS_ZSTD)

_INT64: Final = 2**63
_WINDOW_BYTES_MAX: Final = 8 << 20
_NUMBERS: Final = {int, float}
_FLOATS: Final = {float}
_FLOAT_MAX: Final = 3.4e38
_local = threading.local()


class Encoder:
    """Makes bodies. `check` is for any thread, `encode` for one thread at a time."""

    def __init__(self, codec: int = COLUMNS_ZSTD, level: int = 1) -> None:
        """`codec` for events with values; records are always rows. `level`: of zstd, 1 to 19."""
        if codec not in (IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD):
            raise ValueError("a codec of forecourt.v1.Codec is needed")
        self.codec = codec
        self._columns = ColumnEncoder()
        self._numbered: Mapping[Kind, Kind] = NO_DRAFTS
        self._compress: Callable[[bytes], bytes] = zstandard.ZstdCompressor(level).compress

    def bind(self, dictionary: Dictionary) -> None:
        """Names the dictionary that adopted the drafts among the events to come."""
        self._numbered = dictionary.numbered

    def encode(self, events: Sequence[Event]) -> tuple[int, bytes]:
        """Codec and body of a bag of at least one event; all have passed `check`, all with or all without values."""
        if self.codec == IDENTITY:
            return IDENTITY, encode_rows(events, self._numbered)
        if self.codec == COLUMNS_ZSTD and events[0].kind.signals:
            return COLUMNS_ZSTD, self._compress(self._columns.encode(events, self._numbered))
        return ROWS_ZSTD, self._compress(encode_rows(events, self._numbered))

    def check(
        self, kind: Kind, rows: Sequence[Any], stamps: Sequence[Any] = (), received: Sequence[Any] = ()
    ) -> list[int]:
        """Indices of events that cannot be encoded; costs little when there are none.

        `rows`: the values of each. `stamps`, `received`: their ts_us and received_ms, or nothing to check values only.
        """
        bad: set[int] = set()
        if not _good_integers(stamps, -_INT64):
            bad |= {index for index, stamp in enumerate(stamps) if not _good_integers((stamp,), -_INT64)}
        if not _good_integers(received, 0):
            bad |= {index for index, stamp in enumerate(received) if not _good_integers((stamp,), 0)}
        if not kind.signals:
            bad |= {index for index, row in enumerate(rows) if not _good_record(row)}
        elif not _good_rows(kind, rows):
            bad |= {index for index, row in enumerate(rows) if not _good_row(kind, row)}
        return sorted(bad)


def decode(codec: int, body: bytes, first_seq: int, count: int, types: Types) -> list[Decoded]:
    """The events of a bag by shape. `types`: the value types of each shape. Raises InputError on anything malformed."""
    if not 0 < count <= BAG_DECODE_EVENTS_MAX:
        raise TooLarge(f"a bag has 1 to {BAG_DECODE_EVENTS_MAX} events")
    if codec not in (IDENTITY, ROWS_ZSTD, COLUMNS_ZSTD):
        raise InputError("a codec that this version does not know")
    plain = body if codec == IDENTITY else _decompress(body)
    check_extent(plain, COLUMNS if codec == COLUMNS_ZSTD else ROWS)
    try:
        if codec == COLUMNS_ZSTD:
            return decode_columns(plain, first_seq, count, types)
        return decode_rows(plain, first_seq, count, types)
    except (DecodeError, OverflowError) as error:
        raise InputError(f"the body of a bag is malformed ({type(error).__name__})") from None


def _decompress(body: bytes) -> bytes:
    """One zstd frame; the frame's claim is judged first, since the library allocates what a frame claims."""
    try:
        if zstandard.frame_content_size(body) > BODY_DECODE_BYTES_MAX:
            raise TooLarge("a frame claims more than a body may have")
        if not hasattr(_local, "decompressor"):
            _local.decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX)
        plain: bytes = _local.decompressor.decompress(
            body, max_output_size=BODY_DECODE_BYTES_MAX, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise InputError("the body of a bag is not a zstd frame") from None
    return plain


def _good_integers(values: Sequence[Any], least: int) -> bool:
    """Whether all are integers (no truth values) from `least` to the most that 64 bits hold."""
    return not values or (set(map(type, values)) == {int} and min(values) >= least and max(values) < _INT64)


def _good_rows(kind: Kind, rows: Sequence[Any]) -> bool:
    try:
        columns = list(zip(*rows, strict=True))
    except (ValueError, TypeError):  # rows of different lengths, or no rows at all
        return False
    return len(columns) == len(kind.signals) and all(map(_good_column, kind.signals, columns))


def _good_column(signal: Signal, values: tuple[Any, ...]) -> bool:
    kinds, kind = set(map(type, values)), signal.type
    if kind is ValueType.INT:
        return _good_integers(values, -_INT64)
    if kind is ValueType.BOOL:
        return kinds == {bool}
    if kind is ValueType.STRING:
        return kinds == {str} and all(map(_good_string, set(values)))
    if kinds == _FLOATS and (kind is ValueType.DOUBLE or (max(values) < _FLOAT_MAX and min(values) > -_FLOAT_MAX)):
        return True
    if not kinds <= _NUMBERS:
        return False
    try:
        narrow = array("f" if kind is ValueType.FLOAT else "d", values)
    except OverflowError:
        return False
    return (math.inf not in narrow and -math.inf not in narrow) or _same_infinities(values, narrow)


def _same_infinities(values: Sequence[float], narrow: "array[float]") -> bool:
    """Whether what is infinite now was infinite before: a value beyond binary32 would become so."""
    return all(math.isinf(value) for value, short in zip(values, narrow, strict=True) if math.isinf(short))


def _good_string(value: str) -> bool:
    try:
        return len(value) <= STRING_VALUE_BYTES_MAX and len(value.encode()) <= STRING_VALUE_BYTES_MAX
    except UnicodeEncodeError:
        return False


def _good_row(kind: Kind, row: Any) -> bool:
    if not isinstance(row, tuple | list) or len(row) != len(kind.signals):
        return False
    return all(_good_column(signal, (value,)) for signal, value in zip(kind.signals, row, strict=True))


def _good_record(row: Any) -> bool:
    if not isinstance(row, bytes) or len(row) > RECORD_BYTES_MAX:
        return False
    try:
        return record_pb2.Record.FromString(row).WhichOneof("record") is not None
    except DecodeError:
        return False
