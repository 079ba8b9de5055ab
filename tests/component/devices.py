"""A device without a network: store, consent, outbox and revocation in a folder; must never hide an error of theirs."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import ManualClock
from gateway.consent import Consent, Grant, Policies
from gateway.consent.slots import FREE, Slot, SlotFile
from gateway.flow.revocation import Revocation
from gateway.model import Event, Kind, Purpose, PurposeSet, Stream, Value, ValueType, purposes_of
from gateway.outbox import Outbox
from gateway.outbox.intake import LINGER_S
from gateway.store import Store
from gateway.wire.codec import Encoder, decode
from gateway.wire.dictionary import shape_types

DRIVING, ANALYTICS, PROFILE = Purpose.DRIVING_BEHAVIOUR, Purpose.USAGE_ANALYTICS, Purpose.PROFILE
GUEST, OTHER = 5, 6
POLICIES = Policies.load()
PATHS = {
    DRIVING: "Vehicle.Speed",
    ANALYTICS: "Vehicle.Cabin.Infotainment.Media.Action",
    PROFILE: "Vehicle.Cabin.Infotainment.Media.Played.Source",
}
"""For each purpose a signal that no other purpose allows."""


class RecordingFence:
    """A fence that notes who asks, and may be held or made to fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, PurposeSet]] = []
        self.asked, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def fence(self, subject: int, purposes: PurposeSet) -> None:
        """Returns when it is open."""
        self.calls.append((subject, purposes))
        self.asked.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error


@dataclass
class Device:
    """The rooms of one device."""

    store: Store
    consent: Consent
    outbox: Outbox
    revocation: Revocation
    fence: RecordingFence


@asynccontextmanager
async def device(
    folder: Path, clock: ManualClock | None = None, linger_s: Mapping[Stream, float] = LINGER_S
) -> AsyncIterator[Device]:
    """A device in `folder`, closed in order."""
    clock = clock or ManualClock()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    migrations = [Consent.migrations, Outbox.migrations]
    store = await Store.open(folder, clock=clock, bytes_max=4 << 20, migrations=migrations)
    try:
        consent = await Consent.open(store, folder, clock, POLICIES)
        outbox = await Outbox.open(
            store, device="d1", gate=consent.gate, encoder=Encoder(), clock=clock, linger_s=linger_s
        )
        fence = RecordingFence()
        yield Device(store, consent, outbox, Revocation(store, outbox, consent, fence, clock), fence)
    finally:
        await store.aclose()
    await consent.aclose()


def kind(guest: Device, purposes: PurposeSet) -> Kind:
    """The kind with one text signal for each of `purposes`."""
    dictionary = guest.outbox.dictionary
    signals = tuple(dictionary.intern_signal(PATHS[p], ValueType.STRING, "") for p in purposes_of(purposes))
    return dictionary.intern_kind(f"kind-{purposes}", Stream.LIVE, purposes, signals, None)


def marked(one: Kind, subject: int, number: int) -> Event:
    """An event that holds, for each purpose, a text nobody else writes."""
    values = tuple(f"marker-{purpose.word}-{number:06}" for purpose in purposes_of(one.purposes))
    return Event(one, subject, 1_000 + number, number, values)


async def read_all(guest: Device, subject: int | None = None) -> list[tuple[int, tuple[Value, ...]]]:
    """(number, values) of all live events that the gate lets leave, as a sender would get them."""
    found: list[tuple[int, tuple[Value, ...]]] = []
    after = 0
    shapes = shape_types(guest.outbox.dictionary.signals, guest.outbox.dictionary.shapes)
    while True:
        taken = await guest.outbox.take(Stream.LIVE, after, None, 1 << 20)
        for bag in taken.bags:
            if subject in (None, bag.subject):
                for part in decode(bag.codec, bag.body, bag.first_seq, bag.count, shapes):
                    found += [(seq, tuple(values)) for seq, _, _, *values in part.rows()]
        guest.outbox.release(Stream.LIVE)
        if not taken.more:
            return found
        after = taken.scanned_to


def markers(events: list[tuple[int, tuple[Value, ...]]], purpose: Purpose) -> list[Value]:
    """The texts of `purpose` that can be read."""
    return [value for _, values in events for value in values if str(value).startswith(f"marker-{purpose.word}-")]


async def filled(guest: Device, count: int) -> dict[PurposeSet, Kind]:
    """`count` events of the guest in each set of purposes, with a marker for each purpose."""
    await guest.consent.grant([Grant(s, p) for s in (GUEST, OTHER) for p in (DRIVING, ANALYTICS, PROFILE)])
    kinds = {
        purposes: kind(guest, purposes)
        for purposes in (1 << DRIVING, 1 << ANALYTICS, 1 << DRIVING | 1 << ANALYTICS | 1 << PROFILE)
    }
    tickets = [
        guest.outbox.append_many([marked(one, GUEST, number) for number in range(start, start + 500)])
        for one in kinds.values()
        for start in range(0, count, 500)
    ]
    tickets.append(guest.outbox.append_many([marked(kinds[1 << DRIVING], OTHER, number) for number in range(10)]))
    for ticket in tickets:
        assert (await ticket).denied == 0
    return kinds


def secrets_of(folder: Path, gone: PurposeSet) -> list[bytes]:
    """The guest's keys for sets with one of `gone`, as they lie on disk."""
    slots = [Slot.unpack(raw) for raw in SlotFile(folder).read() if raw != FREE]
    return [slot.wrapped for slot in slots if slot and slot.subject == GUEST and slot.purposes & gone]


def everything_in(folder: Path) -> bytes:
    """The bytes of every file of a device: database, log, index, keyring."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
