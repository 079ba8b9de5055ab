"""What a rescue saves, and what it tells of the rest."""

from pathlib import Path

from forecourt.v1 import control_pb2

from gateway.model import GapReason, Stream
from gateway.wire.codec import decode
from tests.kit.gates import AllowAll
from tests.kit.outboxes import USE, bench, events, kind


async def test_events_come_back_under_a_new_epoch_and_the_old_numbers_are_told(tmp_path: Path) -> None:
    """All that opens is numbered anew; the numbers of the old epoch that were open are a gap CORRUPT."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        for size in (10, 20):
            await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE, ttl_s=900), size))
        one.outbox.settle(Stream.LIVE, 10)
        await one.store.write(lambda _: None)
        old = one.outbox.epoch
        await one.store.condemn("a test says so")
    async with bench(tmp_path, gate=gate) as one:
        assert one.store.rescued
        assert one.outbox.epoch != old
        (bag,) = (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags
        assert (bag.first_seq, bag.count) == (1, 20)
        (group,) = decode(bag.codec, bag.body, 1, 20, one.outbox.dictionary.types)
        assert list(group.ts_us) == list(range(20))
        assert bag.boot_id in {boot.id for boot in one.outbox.boots()}
        (control,) = (await one.outbox.take(Stream.CONTROL, 0, None, 1 << 20)).bags
        (record,) = control_pb2.ControlRecords.FromString(control.body).records
        told = (record.gap.epoch, record.gap.stream, int(record.gap.reason))
        assert told == (old, int(Stream.LIVE), int(GapReason.CORRUPT))
        assert [(one.first, one.last) for one in record.gap.ranges] == [(11, 30)]
        one.outbox.release(Stream.LIVE)
        one.clock.advance(1_000)
        assert await one.outbox.sweep() == 1
    async with bench(tmp_path, gate=gate) as one:
        assert not one.store.rescued
        assert (await one.outbox.books()).balanced


async def test_bags_whose_key_is_gone_are_not_saved(tmp_path: Path) -> None:
    """What a withdrawal destroyed stays destroyed, also in a rescue."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 5, subject=9))
        await one.store.condemn("a test says so")
    gate.forget(gate.ids[9, USE])
    async with bench(tmp_path, gate=gate) as one:
        assert [bag.count for bag in (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags] == [10]


async def test_another_identity_opens_what_the_first_one_kept(tmp_path: Path) -> None:
    """A device that is enrolled anew keeps the name its bags are sealed with."""
    gate = AllowAll()
    async with bench(tmp_path, gate=gate) as one:
        await one.outbox.append_many(events(kind(one.outbox.dictionary, Stream.LIVE), 10))
    async with bench(tmp_path, gate=gate, device="device-2") as one:
        assert [bag.count for bag in (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags] == [10]
        await one.store.condemn("a test says so")
    async with bench(tmp_path, gate=gate, device="device-2") as one:
        assert [bag.count for bag in (await one.outbox.take(Stream.LIVE, 0, None, 1 << 20)).bags] == [10]
