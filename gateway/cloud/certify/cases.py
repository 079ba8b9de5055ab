"""What a subscriber must cope with, case by case; must never call a fault what the contract leaves open."""

import secrets

from forecourt.v1 import control_pb2, event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.certify.player import RANGES_MAX
from gateway.cloud.certify.stage import OK, Case, Stage
from gateway.model import SeqRange, Stream


async def plain(stage: Stage) -> str:
    """Receipts come and name what was sent."""
    await stage.one.begin()
    await stage.one.send(forge.bag(1, 10), forge.bag(11, 5))
    return await stage.one.until_held(15) or await stage.effects(15)


async def codecs(stage: Stage) -> str:
    """Every codec of the contract is read."""
    await stage.one.begin()
    for at, codec in enumerate((event_pb2.CODEC_IDENTITY, event_pb2.CODEC_ROWS_ZSTD, event_pb2.CODEC_COLUMNS_ZSTD)):
        await stage.one.send(forge.bag(1 + 20 * at, 20, codec))
    return await stage.one.until_held(60) or await stage.effects(60)


async def streams(stage: Stage) -> str:
    """Each stream counts its own numbers."""
    await stage.one.begin()
    wanted = {Stream.URGENT: 3, Stream.LIVE: 5, Stream.BULK: 7}
    for stream, count in wanted.items():
        await stage.one.send(forge.bag(1, count), stream=stream)
    for stream, count in wanted.items():
        if wrong := await stage.one.until_held(count, stream=stream):
            return f"{stream.word}: {wrong}"
    return OK


async def snapshot(stage: Stage) -> str:
    """A birth is answered with everything that is held of its epoch."""
    one = stage.one
    await one.begin()
    await one.send(forge.bag(1, 10))
    await one.send(forge.bag(21, 10))
    if wrong := await one.until_held(10, (21, 30)):
        return wrong
    one.heard.held.clear()
    await one.born({Stream.LIVE: 30})
    return await one.until_held(10, (21, 30))


async def birth_of_a_stranger_store(stage: Stage) -> str:
    """A birth of an epoch of which nothing is held gets a receipt too: the device learns that a cloud is there."""
    one = stage.one
    before = one.heard.receipts
    await one.begin()
    return OK if await one.until(lambda heard: heard.receipts > before) else "no receipt after the birth"


async def duplicates(stage: Stage) -> str:
    """The same batch three times is one effect, and each time a receipt: the first may have been lost."""
    one = stage.one
    await one.begin()
    payload = forge.signed(one.key, forge.batch(one.device, one.epoch, Stream.LIVE, [forge.bag(1, 50)]), Stream.LIVE)
    for _ in range(3):
        before = one.heard.receipts
        await one.payload(payload)
        if not await one.until(lambda heard, before=before: heard.receipts > before):  # type: ignore[misc]
            return "no receipt for a batch that came again"
    return await one.until_held(50) or await stage.effects(50)


async def reordered(stage: Stage) -> str:
    """Batches out of order leave ranges, and the hole that is filled joins them."""
    one = stage.one
    await one.begin()
    for first in (21, 11, 41):
        await one.send(forge.bag(first, 10))
    if wrong := await one.until_held(0, (11, 30), (41, 50)):
        return wrong
    await one.send(forge.bag(1, 10))
    await one.send(forge.bag(31, 10))
    return await one.until_held(50) or await stage.effects(50)


async def overlapping(stage: Stage) -> str:
    """Of a bag that overlaps what is held only the missing numbers take effect."""
    one = stage.one
    await one.begin()
    await one.send(forge.bag(1, 10), forge.bag(16, 10))
    await one.send(forge.bag(6, 15))
    await one.send(forge.bag(1, 30), forge.bag(1, 30))
    return await one.until_held(30) or await stage.effects(30)


async def scattered(stage: Stage) -> str:
    """Of many ranges a receipt names at most 64, the lowest, so that the floor can rise."""
    one = stage.one
    await one.begin()
    firsts = range(2, 2 + 4 * (RANGES_MAX + 16), 4)
    await one.send(*(forge.bag(first, 2) for first in firsts))
    lowest = [(first, first + 1) for first in firsts[:RANGES_MAX]]
    if wrong := await one.until_held(0, *lowest):
        return wrong
    await one.send(forge.bag(1, firsts[-1] + 1))
    return await one.until_held(firsts[-1] + 1) or await stage.effects(firsts[-1] + 1)


async def gaps(stage: Stage) -> str:
    """Numbers told as a gap are accounted for: the floor passes them, and they are no effects."""
    one = stage.one
    await one.begin()
    await one.send(forge.bag(1, 10))
    await one.send(forge.bag(21, 10))
    record = forge.gap(one.epoch, Stream.LIVE, SeqRange(11, 20))
    await one.send(forge.control_bag(1, [record]), stream=Stream.CONTROL, with_dictionary=False)
    if wrong := await one.until_held(1, stream=Stream.CONTROL):
        return f"control: {wrong}"
    await one.born({Stream.LIVE: 30, Stream.CONTROL: 1})
    return await one.until_held(30) or await stage.effects(20)


async def late_after_gap(stage: Stage) -> str:
    """A copy that arrives after its number was told as a gap takes no effect: its consent may be gone."""
    one = stage.one
    await one.begin()
    record = forge.gap(one.epoch, Stream.LIVE, SeqRange(1, 10))
    await one.send(forge.control_bag(1, [record]), stream=Stream.CONTROL, with_dictionary=False)
    if wrong := await one.until_held(1, stream=Stream.CONTROL):
        return f"control: {wrong}"
    await one.send(forge.bag(1, 10))
    await one.send(forge.bag(11, 10))
    return await one.until_held(20) or await stage.effects(10)


async def control_of_a_later_version(stage: Stage) -> str:
    """A control record that this version does not know is accounted for, as is an answer to no command."""
    one = stage.one
    await one.begin()
    newer = control_pb2.ControlRecord.FromString(forge.unknown_field(100))
    answer = control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=secrets.randbits(60)))
    await one.send(forge.control_bag(1, [newer, answer]), stream=Stream.CONTROL, with_dictionary=False)
    return await one.until_held(2, stream=Stream.CONTROL)


async def new_epoch(stage: Stage) -> str:
    """A new epoch counts from one, and a batch of the old one that was on its way is still taken."""
    one = stage.one
    await one.begin()
    old = one.epoch
    await one.send(forge.bag(1, 10))
    if wrong := await one.until_held(10):
        return wrong
    late = forge.signed(one.key, forge.batch(one.device, old, Stream.LIVE, [forge.bag(11, 5)]), Stream.LIVE)
    await one.begin()
    await one.send(forge.bag(1, 4))
    await one.payload(late)
    if wrong := await one.until_held(4):
        return wrong
    one.epoch = old
    return await one.until_held(15) or await stage.effects(15)


async def unknown_fields(stage: Stage) -> str:
    """Fields of a later version are passed over, in a birth, a batch, a bag and a row."""
    one = stage.one
    await one.begin()
    await one.born(extra=forge.unknown_field(200))
    inner = forge.bag(1, 5)
    inner.MergeFromString(forge.unknown_field(90))
    inner.rows.rows[0].MergeFromString(forge.unknown_field(91))
    made = forge.batch(one.device, one.epoch, Stream.LIVE, [inner])
    await one.payload(forge.signed(one.key, made, Stream.LIVE, extra=forge.unknown_field(201)))
    return await one.until_held(5) or await stage.effects(5)


async def unknown_dictionary(stage: Stage) -> str:
    """A batch whose dictionary is not known is neither effected nor receipted; the receipt asks for it."""
    one = stage.one
    await one.begin()
    digest = secrets.randbits(63) + 1
    bags = [forge.bag(11, 10)]
    bare = forge.batch(one.device, one.epoch, Stream.LIVE, bags, digest=digest, with_dictionary=False)
    await one.payload(forge.signed(one.key, bare, Stream.LIVE))
    if not await one.until(lambda heard: digest in heard.unknown):
        return "no receipt names the unknown dictionary"
    await one.send(forge.bag(1, 5))
    if wrong := await one.until_held(5):
        return wrong
    whole = forge.batch(one.device, one.epoch, Stream.LIVE, bags, digest=digest)
    await one.payload(forge.signed(one.key, whole, Stream.LIVE))
    await one.payload(forge.signed(one.key, bare, Stream.LIVE))
    return await one.until_held(5, (11, 20)) or await stage.effects(15)


async def restarted(stage: Stage) -> str:
    """After a restart the cloud has another boot id, holds what it held, and takes a replay without a second effect."""
    one = stage.one
    assert stage.restart is not None
    await one.begin()
    payloads = [
        forge.signed(one.key, forge.batch(one.device, one.epoch, Stream.LIVE, [forge.bag(first, 20)]), Stream.LIVE)
        for first in (1, 21, 61)
    ]
    for payload in payloads:
        await one.payload(payload)
    if wrong := await one.until_held(40, (61, 80)):
        return wrong
    boots, receipts = len(one.heard.boots), one.heard.receipts
    await stage.restart()
    if not await one.until(lambda heard: len(heard.boots) > boots):
        return "no other boot id after the restart"
    for payload in payloads:
        await one.payload(payload)
    await one.until(lambda heard: heard.receipts > receipts)
    await one.send(forge.bag(41, 20))
    return await one.until_held(80) or await stage.effects(80)


CASES = (
    Case("receipts", "what was sent is named", plain),
    Case("receipts", "every codec is read", codecs),
    Case("receipts", "each stream counts for itself", streams),
    Case("receipts", "a birth gets everything held", snapshot),
    Case("receipts", "a birth of a new store gets a receipt", birth_of_a_stranger_store),
    Case("receipts", "at most 64 ranges, the lowest", scattered),
    Case("dedupe", "a batch three times, one effect", duplicates),
    Case("dedupe", "batches out of order", reordered),
    Case("dedupe", "bags that overlap", overlapping),
    Case("dedupe", "a new epoch, and a late batch of the old", new_epoch),
    Case("gaps", "told numbers are accounted for", gaps),
    Case("gaps", "a copy after its gap has no effect", late_after_gap),
    Case("unknown", "fields of a later version", unknown_fields),
    Case("unknown", "control records of a later version", control_of_a_later_version),
    Case("unknown", "a dictionary is asked for", unknown_dictionary),
)
RESTART = Case("dedupe", "a replay after a restart", restarted)
