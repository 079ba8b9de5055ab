"""What a withdrawal leaves of bags."""

from pathlib import Path

from forecourt.v1 import control_pb2, record_pb2

from gateway.model import Event, GapReason, OpenBag, Purpose, Stream
from gateway.outbox import Withdrawn
from gateway.wire.codec import decode
from tests.kit.gates import AllowAll, Narrow
from tests.kit.outboxes import DRIVE, SUBJECT, USE, Bench, bench, events, kind


def rows(one: Bench, bag: OpenBag) -> list[tuple[object, ...]]:
    """Events of a bag by number."""
    types = one.outbox.dictionary.types
    groups = decode(bag.codec, bag.body, bag.first_seq, bag.count, types)
    return sorted(row for group in groups for row in group.rows())


async def test_bags_shrink_keep_their_numbers_and_open_after_a_restart(tmp_path: Path) -> None:
    """Bags for two purposes lose one: values go, numbers stay, another key seals them; others are untouched."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        both, use, drive = (kind(one.outbox.dictionary, Stream.LIVE, purposes=p) for p in (USE | DRIVE, USE, DRIVE))
        await one.outbox.append_many([*events(both, 10), *events(use, 5), *events(drive, 5)])
        await one.outbox.append_many(events(drive, 4, subject=9))
        narrow = Narrow(gate, SUBJECT, DRIVE, kept=(1,))
        old = await one.store.read(one.outbox.key_ids)
        done = await one.store.write(lambda db: one.outbox.withdraw_rows(db, SUBJECT, DRIVE, narrow))
        assert (done.purged, done.resealed, done.kept, done.more) == (5, 10, 5, False)
        assert (await one.outbox.books()).purged == 5
        gone = old - await one.store.read(one.outbox.key_ids)
        assert gone == {gate.ids[SUBJECT, USE | DRIVE], gate.ids[SUBJECT, DRIVE]}
    for key_id in gone:
        gate.forget(key_id)
    async with bench(tmp_path, gate=gate) as one:
        taken = await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)
        assert taken.broken == []
        assert [(bag.first_seq, bag.count, bag.purposes, bag.subject) for bag in taken.bags] == [
            (1, 10, USE, SUBJECT),
            (11, 5, USE, SUBJECT),
            (21, 4, DRIVE, 9),
        ]
        assert rows(one, taken.bags[0]) == [(n + 1, n, n, float(n + 1)) for n in range(10)]
        gaps = await one.store.read(lambda db: db.execute("select stream, first, last, reason from gap").fetchall())
        assert gaps == [(Stream.LIVE, 16, 20, GapReason.REVOKED)]


async def test_what_was_told_before_comes_first_in_control(tmp_path: Path) -> None:
    """A request for erasure, appended in the same transaction, has a smaller number than the gaps."""
    async with bench(tmp_path) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.BULK, purposes=DRIVE), 7))

        def withdraw(db: object) -> int:
            request = control_pb2.ErasureRequest(id=1, subject=SUBJECT, purposes=[Purpose.DRIVING_BEHAVIOUR])
            number = one.outbox.control_now(db, control_pb2.ControlRecord(at_us=1, erasure=request))  # type: ignore[arg-type]
            one.outbox.withdraw_rows(db, SUBJECT, DRIVE, Narrow(one.gate, SUBJECT, DRIVE))  # type: ignore[arg-type]
            return number

        assert await one.store.write(withdraw) == 1
        bags = (await one.outbox.take(Stream.CONTROL, 0, None, 1 << 20)).bags
        told = [control_pb2.ControlRecords.FromString(bag.body).records[0].WhichOneof("record") for bag in bags]
        assert told == ["erasure", "gap"]


async def test_records_are_stripped_and_retained_bags_go_without_a_gap(tmp_path: Path) -> None:
    """A record keeps what the rest allows; what the cloud has already is only forgotten."""

    class Strip(Narrow):
        def record(self, body: bytes, rest: int) -> bytes:
            record = record_pb2.Record.FromString(body)
            record.trip.ClearField("distance_m")
            return record.SerializeToString()

    async with bench(tmp_path, retain=True) as one:
        trip = one.outbox.dictionary.intern_kind("trip", Stream.LIVE, USE | DRIVE)
        body = record_pb2.Record(trip=record_pb2.Trip(id=7, distance_m=9.5)).SerializeToString()
        await one.outbox.append_many([Event(trip, SUBJECT, 5, 6, body)])
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.BULK, purposes=DRIVE), 7))
        one.outbox.settle(Stream.BULK, 7)
        await one.store.write(lambda _: None)

        class Keep(Strip):
            def picks(self, kind: object, rest: int) -> tuple[int, ...]:
                return ()

        narrow = Keep(one.gate, SUBJECT, DRIVE)
        done = await one.store.write(lambda db: one.outbox.withdraw_rows(db, SUBJECT, DRIVE, narrow))
        assert (done.purged, done.resealed) == (0, 1)
        (bag,) = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        (row,) = rows(one, bag)
        assert row[:3] == (1, 5, 6)
        assert record_pb2.Record.FromString(row[3]) == record_pb2.Record(trip=record_pb2.Trip(id=7))  # type: ignore[arg-type]
        assert await one.store.read(lambda db: db.execute("select count(*) from bag_bulk").fetchone()) == (0,)
        assert (await one.outbox.books()).settled == 7


async def test_copies_in_quarantine_go_too(tmp_path: Path) -> None:
    """What was set apart of a guest is forgotten with the rest."""
    async with bench(tmp_path) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE, purposes=DRIVE), 3))
        await one.outbox.quarantine(Stream.LIVE, [1], GapReason.QUARANTINED)
        await one.store.write(lambda db: one.outbox.erase_subject(db, SUBJECT))
        assert await one.store.read(lambda db: db.execute("select count(*) from quarantined").fetchone()) == (0,)


async def test_it_may_be_done_in_parts(tmp_path: Path) -> None:
    """With a bound it takes so many bags at a time and says that there are more."""
    async with bench(tmp_path) as one:
        for _ in range(5):
            await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 2))
        parts: list[Withdrawn] = []
        while not parts or parts[-1].more:
            parts.append(await one.store.write(lambda db: one.outbox.erase_subject(db, SUBJECT, bags_max=2)))
        assert [part.purged for part in parts] == [4, 4, 2]
        assert (await one.outbox.books()).purged == 10
