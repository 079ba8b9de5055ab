"""Bytes of an event on real drives, and the codec's time; must never count a body that does not return every bit."""

import asyncio
import json
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.drives import (
    DRIVING,
    PACKAGED,
    RECORDED,
    SHARED_DATA,
    SUBJECT,
    WALL_US,
    Drive,
    changes,
    packaged,
    recorded,
    seconds,
)
from benchmarks.edge import SIGNALS
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, table
from benchmarks.work import CYCLE, telemetry
from gateway.model import Boot, ClockQuality, Event, OpenBag, Stream, Value, ValueType
from gateway.wire.batch import build_batch
from gateway.wire.codec import Encoder, decode
from gateway.wire.dictionary import Dictionary, Types
from gateway.wire.rows import encode_rows
from gateway.wire.topics import Topics

BAG = 100
BOOT = Boot(77, WALL_US - 60_000_000, ClockQuality.SYNCHRONISED)
FORMS = {"change": (changes, 0.25), "second": (seconds, 0.30)}
PAYLOAD_GOAL = 0.30
TURNS = 9
Figures = dict[str, float]


def drive_figures(drive: Drive, form: str, key: Ed25519PrivateKey, encoder: Encoder | None = None) -> Figures:
    """Bytes per event of a drive in bags of 100: bodies, whole signed payloads, uncompressed rows, JSON.

    NotWholeError when one bit of one event does not return from its body.
    """
    dictionary, encoder, topics = Dictionary(), encoder or Encoder(), Topics("bench-1")
    events = FORMS[form][0](drive, dictionary)
    sums = dict.fromkeys(("body", "payload", "rows", "json"), 0)
    for start in range(0, len(events), BAG):
        bag = events[start : start + BAG]
        codec, body = encoder.encode(bag)
        if _told(bag, codec, body, dictionary.types) != [_bits(event) for event in bag]:
            raise NotWholeError(f"{drive.name}: a body loses a bit")
        one = OpenBag(Stream.LIVE, start + 1, len(bag), SUBJECT, DRIVING, BOOT.id, codec, body)
        payload = build_batch(
            topics, Stream.LIVE, 2**63 + 1, 1 + start // BAG, dictionary, start == 0, [BOOT], [one],
            lambda _: False, lambda subject, purpose: f"record-{subject:016x}-{purpose.word}", key,
        )  # fmt: skip
        sizes = len(body), len(payload), len(encode_rows(bag)), len(_json(bag))
        sums = {name: sums[name] + size for name, size in zip(sums, sizes, strict=True)}
    return {name: size / len(events) for name, size in sums.items()}


def _told(bag: Sequence[Event], codec: int, body: bytes, types: Types) -> list[list[Any]]:
    """What a body says, each event in bits, in the order of their numbers."""
    found: dict[int, list[Any]] = {}
    for group in decode(codec, body, 1, len(bag), types):
        for seq, ts_us, received_ms, *values in group.rows():
            found[seq] = [group.shape, ts_us, received_ms, *map(_bit, types[group.shape], values)]
    return [found[seq] for seq in sorted(found)]


def _bits(event: Event) -> list[Any]:
    kinds = [signal.type for signal in event.kind.signals]
    return [event.kind.id, event.ts_us, event.received_ms, *map(_bit, kinds, event.values)]


def _bit(kind: ValueType, value: Value) -> Any:
    """A value in which -0.0 and 0.0 differ."""
    forms = {ValueType.FLOAT: "<f", ValueType.DOUBLE: "<d"}
    return struct.pack(forms[kind], value) if kind in forms else value


def _json(bag: Sequence[Event]) -> bytes:
    """An array of objects without blanks, as most would write it."""
    objects = [
        {
            "ts_us": event.ts_us,
            "received_ms": event.received_ms,
            **{signal.path: value for signal, value in zip(event.kind.signals, event.values, strict=True)},
        }
        for event in bag
    ]
    return json.dumps(objects, separators=(",", ":")).encode()


def codec_figures() -> Figures:
    """Microseconds to encode and to decode an event of the comparison (12 fields), in bags of 100: the best turn."""
    dictionary, encoder = Dictionary(), Encoder()
    kind = dictionary.intern_kind("bench", Stream.LIVE, DRIVING, [dictionary.intern_signal(*one) for one in SIGNALS])
    rows = telemetry()
    events = [Event(kind, SUBJECT, WALL_US + 1_000 * i, 5_000 + i, tuple(rows[i % CYCLE])) for i in range(CYCLE)]
    bags = [events[start : start + BAG] for start in range(0, CYCLE, BAG)]
    bodies = [encoder.encode(bag) for bag in bags]
    found: dict[str, list[float]] = {"check_us": [], "encode_us": [], "decode_us": []}
    for _ in range(TURNS):
        began = time.perf_counter()
        for bag in bags:
            encoder.check(kind, [e.values for e in bag], [e.ts_us for e in bag], [e.received_ms for e in bag])
        checked = time.perf_counter()
        for bag in bags:
            encoder.encode(bag)
        encoded = time.perf_counter()
        for codec, body in bodies:
            decode(codec, body, 1, BAG, dictionary.types)
        spans = (checked - began, encoded - checked, time.perf_counter() - encoded)
        for name, span_s in zip(found, spans, strict=True):
            found[name].append(span_s * 1e6 / CYCLE)
    return {name: min(each) for name, each in found.items()}


def drives() -> list[Drive]:
    """The recorded drives where they lie beside the checkout, and always the packaged one."""
    here = [recorded(name) for name in RECORDED] if (SHARED_DATA / "vehicle").is_dir() else []
    return [*here, packaged()]


def figures(sizes: bool = True) -> Figures:
    """What a round finds; `sizes` are the same in each, times are not."""
    key, found = Ed25519PrivateKey.generate(), codec_figures()
    for drive in drives() if sizes else ():
        for form in FORMS:
            found |= {f"{form} {drive.name} {name}": size for name, size in drive_figures(drive, form, key).items()}
    return found


async def measure(run: Run) -> Figures:
    """The codec alone; nothing is sent."""
    return await asyncio.to_thread(figures, run.number == 0)


def rows(samples: Samples) -> list[Row]:
    """Bodies and whole payloads (with header, consents, signature, and the dictionary once) beside bare rows."""
    found = []
    for form, (_, goal) in FORMS.items():
        for name in (*RECORDED, PACKAGED):
            at = f"{form} {name}"
            if samples.has(f"{at} body"):
                found += [_row(samples, at, "body", goal), _row(samples, at, "payload", PAYLOAD_GOAL)]
    for what in ("check", "encode", "decode"):
        found.append(Row(f"{what} a 12-field event, in bags of {BAG}", f"{samples.mid(f'{what}_us'):.2f} us"))
    return found


def _row(samples: Samples, at: str, part: str, goal: float) -> Row:
    ratio = samples.ratio(f"{at} {part}", f"{at} rows")
    beside = f"protobuf rows {samples.mid(f'{at} rows'):.1f}, JSON {samples.mid(f'{at} json'):.1f}"
    shown = f"{samples.mid(f'{at} {part}'):.1f} B an event"
    return Row(f"one {at}: {part}", shown, f"<= {goal:.2f} x", beside, f"{ratio:.3f}", ratio <= goal)


ENTRY = Entry("sizes", f"bytes per event on whole drives in bags of {BAG}", "none", measure, rows, disk=False)


def main() -> int:
    """One round alone; the exit code."""
    found = rows(Samples([figures()]))
    print(table(found))
    return 1 if any(row.ok is False for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
