"""Outboxes for tests on small stores, with kinds of every stream; must never hide what a store does."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import Clock, ManualClock
from gateway.model import Event, Kind, Purpose, Stream, ValueType, purpose_set
from gateway.outbox import Gate, Outbox, Quotas
from gateway.store import Store
from gateway.wire.codec import Encoder
from gateway.wire.dictionary import Dictionary
from tests.kit.gates import AllowAll

STORE_BYTES = 2 << 20
USE, DRIVE = purpose_set([Purpose.USAGE_ANALYTICS]), purpose_set([Purpose.DRIVING_BEHAVIOUR])
SUBJECT = 0x1234_5678_9ABC


@dataclass
class Bench:
    """An open store with its outbox."""

    store: Store
    outbox: Outbox
    gate: AllowAll
    clock: ManualClock


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    gate: AllowAll | None = None,
    clock: ManualClock | None = None,
    bytes_max: int = STORE_BYTES,
    quotas: Quotas | None = None,
    retain: bool = False,
    device: str = "device-1",
) -> AsyncIterator[Bench]:
    """Opens a store and its outbox, and closes them well."""
    gate, clock = gate or AllowAll(), clock or ManualClock()
    store, outbox = await opened(folder, gate, clock, bytes_max=bytes_max, quotas=quotas, retain=retain, device=device)
    try:
        yield Bench(store, outbox, gate, clock)
    finally:
        await store.aclose()


async def opened(
    folder: Path,
    gate: Gate,
    clock: Clock,
    *,
    bytes_max: int = STORE_BYTES,
    quotas: Quotas | None = None,
    retain: bool = False,
    linger_s: Mapping[Stream, float] | None = None,
    device: str = "device-1",
) -> tuple[Store, Outbox]:
    """An open store and its outbox, without linger unless it is given; the caller closes the store."""
    store = await Store.open(folder, clock=clock, bytes_max=bytes_max, migrations=[Outbox.migrations])
    try:
        outbox = await Outbox.open(
            store,
            device=device,
            gate=gate,
            encoder=Encoder(),
            clock=clock,
            quotas=quotas or Quotas(),
            retain_after_receipt=retain,
            linger_s=linger_s or dict.fromkeys(Stream, 0.0),
        )
    except BaseException:
        await store.aclose()
        raise
    return store, outbox


def kind(
    dictionary: Dictionary, stream: Stream, *, purposes: int = USE, ttl_s: int | None = None, values: int = 3
) -> Kind:
    """A kind of `values` doubles."""
    signals = tuple(dictionary.intern_signal(f"Vehicle.Test.S{index}", ValueType.DOUBLE, "") for index in range(values))
    return dictionary.intern_kind(f"test.{stream.word}.{purposes}.{ttl_s}", stream, purposes, signals, ttl_s)


def events(
    one: Kind, count: int, *, subject: int = SUBJECT, start: int = 0, noise: random.Random | None = None
) -> list[Event]:
    """Events that carry their index; with `noise` their values do not compress."""
    return [
        Event(one, subject, start + index, index, tuple(_values(start + index, len(one.signals), noise)))
        for index in range(count)
    ]


def _values(number: int, width: int, noise: random.Random | None) -> Sequence[float]:
    return [float(number + place) if noise is None else noise.random() for place in range(width)]


def text_kind(dictionary: Dictionary, stream: Stream, purposes: int = USE) -> Kind:
    """A kind of one text."""
    signal = dictionary.intern_signal("Vehicle.Test.Text", ValueType.STRING, "")
    return dictionary.intern_kind(f"test.text.{stream.word}", stream, purposes, (signal,))


def texts(one: Kind, count: int, *, subject: int = SUBJECT, noise: random.Random) -> list[Event]:
    """Events of 4,000 characters that shrink to half: few events that need much room."""
    return [Event(one, subject, index, index, (noise.randbytes(2_000).hex(),)) for index in range(count)]
