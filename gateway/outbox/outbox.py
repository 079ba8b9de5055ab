"""The offline buffer: events stay until they are settled or told as a gap; must never know MQTT or consent rules."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from forecourt.v1 import control_pb2

from gateway.clock import Clock
from gateway.errors import TooLarge
from gateway.limits import DAMAGE_CHECK_BAGS, RECORD_BYTES_MAX, SETTLE_LINGER_S
from gateway.model import Appended, Books, Boot, Event, GapReason, PurposeSet, SeqRange, Stream
from gateway.outbox import books as law
from gateway.outbox import expire, handout, heads, origins, owner, quarantine, salvage, withdraw
from gateway.outbox import settle as receipts
from gateway.outbox.books import StreamStats
from gateway.outbox.core import Core, Gate, Quotas, change
from gateway.outbox.handout import Taken
from gateway.outbox.intake import LINGER_S, Appender
from gateway.outbox.jobs import Collecting, Removing
from gateway.outbox.references import References
from gateway.outbox.schema import schema
from gateway.outbox.ttl import TtlClock
from gateway.outbox.withdraw import Narrowing, Withdrawn
from gateway.store import Store
from gateway.wire.codec import Encoder
from gateway.wire.dictionary import Dictionary

QUOTAS = Quotas()


class Outbox:
    """Made by `Outbox.open`. All methods belong to the loop, but those that take a connection: they run in a job."""

    migrations = schema

    def __init__(
        self, core: Core, store: Store, found: dict[Stream, heads.Head], linger_s: Mapping[Stream, float]
    ) -> None:
        self._core, self._store = core, store
        self._appender = Appender(core, store, linger_s)
        self._settles: Collecting[receipts.Settle] = Collecting(store, self._settle, SETTLE_LINGER_S, rides=True)
        self._controls: Collecting[control_pb2.ControlRecord] = Collecting(
            store, self._append_control, linger_s[Stream.CONTROL], rides=True
        )
        self._heads = found
        self._vouched = origins.Vouched()
        self._checked_to: tuple[Stream, int] | None = (Stream.URGENT, 0)
        self.dictionary: Dictionary = core.dictionary
        self.epoch: int = core.epoch
        store.on_durable.append(self._durable)

    @classmethod
    async def open(
        cls,
        store: Store,
        *,
        device: str,
        gate: Gate,
        encoder: Encoder,
        clock: Clock,
        quotas: Quotas = QUOTAS,
        retain_after_receipt: bool = False,
        linger_s: Mapping[Stream, float] = LINGER_S,
    ) -> "Outbox":
        """The outbox of a store that was opened with `Outbox.migrations`; after a rescue it first saves what opens.

        Raises StoreError when the store cannot be read.
        """
        dictionary = Dictionary()
        references = References(dictionary, clock, store.epoch)
        control = gate.control_key()
        boot = references.now()

        def begin(db: sqlite3.Connection) -> Core:
            ttl = TtlClock.load(db, clock)
            return Core(
                device,
                store.epoch,
                gate,
                encoder,
                dictionary,
                clock,
                ttl,
                store.budget,
                quotas,
                references,
                retain_after_receipt,
                boot.id,
                control,
            )

        core = await store.read(begin)
        await salvage.run(core, store)
        await store.read(references.load)

        def settle_in(db: sqlite3.Connection) -> dict[Stream, heads.Head]:
            gate.harden()
            core.device = owner.settle_owner(db, device)
            core.ttl.save(db)
            core.origins = origins.load(db)
            if not store.created:  # one that was made just now is nobody's copy
                origins.note_genuine(db, core.epoch)
            references.refresh(db)
            return heads.load(db, core.epoch)

        found = await store.write(settle_in)
        references.boots[boot.id] = boot
        gate.bind(dictionary)
        encoder.bind(dictionary)
        return cls(core, store, found, linger_s)

    # Appending

    def append(self, event: Event) -> "asyncio.Future[Appended]":
        """Resolves once the event is durable, denied or refused; else StoreFull, StoreError or InputError."""
        return self._appender.append((event,))

    def append_many(self, events: Sequence[Event]) -> "asyncio.Future[Appended]":
        """The same for many; keep several open, since each waits for a disk. Per stream they are kept all or none."""
        return self._appender.append(events)

    def append_control(self, record: control_pb2.ControlRecord) -> "asyncio.Future[None]":
        """Resolves once the record is durable; raises TooLarge."""
        if record.ByteSize() > RECORD_BYTES_MAX:
            raise TooLarge(f"a control record of {record.ByteSize()} bytes")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._controls.add(record, future)
        return future

    def control_now(self, db: sqlite3.Connection, record: control_pb2.ControlRecord) -> int:
        """Appends a control record in a job; its number. A request for erasure is told which numbers were given."""
        with change(self._core, db) as one:
            told = control_pb2.ControlRecord()
            told.CopyFrom(record)
            if told.HasField("erasure"):
                told.erasure.epoch = self.epoch
                for stream in (Stream.URGENT, Stream.LIVE, Stream.BULK):
                    told.erasure.heads.add(stream=stream, last=one.heads[stream].last)
            return one.control([told])

    # Handing out

    async def take(self, stream: Stream, after: int, up_to: int | None, bytes_max: int) -> Taken:
        """The next bags with numbers above `after`, about `bytes_max` of them, judged by the gate and in flight."""
        taken = await self._store.read(lambda db: handout.take(self._core, db, stream, after, up_to, bytes_max))
        if taken.broken:
            await self.quarantine(stream, taken.broken, GapReason.CORRUPT)
        return taken

    def release(self, stream: Stream, bags: Iterable[SeqRange] | None = None) -> None:
        """These bags, by their numbers, or all of the stream, are in flight no more."""
        self._core.flights.release(stream, None if bags is None else [bag.first for bag in bags])

    def settle(self, stream: Stream, floor: int, above: Sequence[SeqRange] = ()) -> bool:
        """A receipt; rides on the next commit, see `flush`. False, and counted, when it names a number never given."""
        receipt = receipts.Settle(stream, floor, tuple(above))
        if not receipt.honest(self._heads[stream].last):
            self._core.counters["bad_receipts"] += 1
            return False
        self._settles.add(receipt)
        return True

    async def flush(self) -> None:
        """Returns once the receipts so far are durable, which otherwise ride on a commit in SETTLE_LINGER_S at most."""
        await self._settles.flush()

    async def quarantine(self, stream: Stream, firsts: Iterable[int], reason: GapReason) -> int:
        """Sets bags (by first number) apart with a gap, durably; returns how many there were."""
        numbers = list(firsts)
        return await self._store.write(lambda db: quarantine.quarantine(self._core, db, stream, numbers, reason))

    async def read_settled(self, stream: Stream, numbers: SeqRange, bytes_max: int) -> Taken:
        """Bags that were settled and retained, for a request to send them again."""
        core = self._core
        await self.flush()
        return await self._store.read(
            lambda db: handout.take_settled(core, db, stream, numbers.first, numbers.last, bytes_max)
        )

    # Withdrawal, inside a job of flow

    def withdraw_rows(
        self,
        db: sqlite3.Connection,
        subject: int,
        gone: PurposeSet,
        narrowing: Narrowing | None,
        bags_max: int = 1 << 62,
    ) -> Withdrawn:
        """What a withdrawal does to the bags of a subject, in flight or not; without `narrowing` every one goes.

        On StoreFull try again with a small `bags_max`, as often as `more` is told.
        """
        return withdraw.withdraw_rows(self._core, db, subject, gone, narrowing, bags_max)

    def erase_subject(self, db: sqlite3.Connection, subject: int, bags_max: int = 1 << 62) -> Withdrawn:
        """Purges every bag of a subject, whose visit is over; gaps say WIPED."""
        return withdraw.withdraw_rows(self._core, db, subject, -1, None, bags_max, GapReason.WIPED)

    def key_ids(self, db: sqlite3.Connection) -> set[int]:
        """Ids of the keys that any row needs."""
        return withdraw.key_ids(db)

    def vouched(self) -> None:
        """The cloud says that the store is no old copy of itself; noted with one of the next commits."""
        self._store.schedule(self._vouched, SETTLE_LINGER_S, rides=True)

    # Looking after it

    async def sweep(self) -> int:
        """Writes the TTL clock and the boot, takes expired bags off the shelf; run it about once a minute.

        Returns how many bags went.
        """
        core, references = self._core, self._core.references

        def note(db: sqlite3.Connection) -> Boot | None:
            core.ttl.save(db)
            return references.refresh(db)

        boot = await self._store.write(note)
        if boot is not None:
            references.boots[boot.id] = boot
        swept = 0
        for stream in await self._store.read(lambda db: expire.due(core, db)):
            while True:
                job = Removing(core, lambda db, claims, s=stream: expire.expire(core, db, s, claims))  # type: ignore[misc]
                self._store.schedule(job)
                removed = await job.future
                swept += removed
                if not removed:
                    break
        return swept

    async def check_damage(self) -> bool:
        """Looks at the next bags that were not looked at since the start; False when all were. Run it when idle."""
        if self._checked_to is None:
            return False
        stream, after = self._checked_to
        if (stream, after) == (Stream.URGENT, 0):
            await self.books()
        after_next, broken = await self._store.read(
            lambda db: quarantine.check(self._core, db, stream, after, DAMAGE_CHECK_BAGS)
        )
        if broken:
            await self.quarantine(stream, broken, GapReason.CORRUPT)
        if after_next is not None:
            self._checked_to = (stream, after_next)
        else:
            self._checked_to = (Stream(stream + 1), 0) if stream < max(Stream) else None
        return True

    # What is known of it

    @property
    def last(self) -> Mapping[Stream, int]:
        """The last durable number of each stream."""
        return {stream: head.last for stream, head in self._heads.items()}

    @property
    def floor(self) -> Mapping[Stream, int]:
        """Per stream, the number up to which every one is settled or gone."""
        return {stream: head.floor for stream, head in self._heads.items()}

    @property
    def counters(self) -> Counter[str]:
        """What was refused, evicted, held back, since the start."""
        return self._core.counters

    def boots(self) -> Sequence[Boot]:
        """The boots that bags refer to."""
        return list(self._core.references.boots.values())

    async def books(self) -> Books:
        """The books of all streams, receipts included; raises StoreError, and condemns it, when they do not balance."""
        return law.total(await self.books_by_stream())

    async def books_by_stream(self) -> dict[Stream, Books]:
        """The books of each stream, from one snapshot, after the receipts so far."""
        await self.flush()
        return await self._store.read(lambda db: law.by_stream(self._core, db))

    async def stats(self) -> dict[Stream, StreamStats]:
        """Every stream at a glance, after the receipts so far."""
        await self.flush()
        return await self._store.read(lambda db: law.stats(self._core, db))

    def _durable(self, db: sqlite3.Connection) -> None:
        """After each commit, on the writer thread: what `last` and `floor` tell."""
        self._core.references.durable(db)
        self._heads = heads.load(db, self._core.epoch)

    def _settle(self, db: sqlite3.Connection, found: list[receipts.Settle]) -> None:
        receipts.settle(self._core, db, found)

    def _append_control(self, db: sqlite3.Connection, records: list[control_pb2.ControlRecord]) -> None:
        with change(self._core, db) as one:
            one.control(records)
