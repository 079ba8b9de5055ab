"""Stores that were damaged or restored from a copy; must never ask for more than docs/wire.md does."""

import secrets

from forecourt.v1 import event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.certify.stage import OK, Case, Stage
from gateway.model import SeqRange, Stream


def salvaged(first: int, count: int, epoch: int, origin: int) -> event_pb2.Bag:
    """A bag whose events had numbers from `origin` on in an earlier epoch."""
    bag = forge.bag(first, count)
    bag.origin_epoch, bag.origin_first = epoch, origin
    return bag


async def numbered_anew(stage: Stage) -> str:
    """Of a salvaged bag only the events take effect that had none under their old numbers; all are receipted."""
    one = stage.one
    await one.begin()
    old = one.epoch
    await one.send(forge.bag(1, 10))
    if wrong := await one.until_held(10):
        return wrong
    await one.begin()
    await one.send(salvaged(1, 15, old, 1))
    return await one.until_held(15) or await stage.effects(5)


async def lost_before_it_was_saved(stage: Stage) -> str:
    """A gap that was told for the old numbers is no effect: the salvaged events have theirs."""
    one = stage.one
    await one.begin()
    old = one.epoch
    await one.begin()
    record = forge.gap(old, Stream.LIVE, SeqRange(1, 10))
    await one.send(forge.control_bag(1, [record]), stream=Stream.CONTROL, with_dictionary=False)
    if wrong := await one.until_held(1, stream=Stream.CONTROL):
        return f"control: {wrong}"
    await one.send(salvaged(1, 10, old, 1))
    return await one.until_held(10) or await stage.effects(10)


async def late_under_old_numbers(stage: Stage) -> str:
    """Once a salvaged event has its effect, a late copy under its old number has none."""
    one = stage.one
    await one.begin()
    old = one.epoch
    late = forge.signed(one.key, forge.batch(one.device, old, Stream.LIVE, [forge.bag(1, 10)]), Stream.LIVE)
    await one.begin()
    await one.send(salvaged(1, 10, old, 1))
    if wrong := await one.until_held(10):
        return wrong
    new, one.epoch = one.epoch, old
    await one.payload(late)
    if wrong := await one.until_held(10) or await stage.effects(0):
        return f"under the old numbers: {wrong}"
    one.epoch = new
    return await stage.effects(10)


async def restored_from_a_copy(stage: Stage) -> str:
    """A birth that does not know the one before it comes from a copy: the receipt doubts its epoch and names it."""
    one = stage.one
    first, second, copied = (secrets.randbits(62) + 1 for _ in range(3))
    one.epoch = secrets.randbits(62) + 1
    await one.born(name=first)
    await one.send(forge.bag(1, 10))
    if wrong := await one.until_held(10):
        return wrong
    if first not in one.heard.births:
        return "no receipt names the birth that it answers"
    await one.born({Stream.LIVE: 10}, name=second, before=[first])
    if not await one.until(lambda heard: second in heard.births):
        return "no receipt names the second birth"
    if one.epoch in one.heard.doubted:
        return "a birth that knows the one before it is doubted"
    await one.born({Stream.LIVE: 10}, name=copied, before=[first])
    if not await one.until(lambda heard: one.epoch in heard.doubted and copied in heard.births):
        return "a store that forgot a birth is not doubted"
    return OK


CASES = (
    Case("rescue", "salvaged events have one effect", numbered_anew),
    Case("rescue", "a gap is no effect", lost_before_it_was_saved),
    Case("rescue", "a late copy under old numbers", late_under_old_numbers),
    Case("rescue", "an old copy is doubted", restored_from_a_copy),
)
