"""Messages that are not to be believed or not to be read, each before a good one; must never end a service."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import event_pb2

from gateway.cloud.certify import forge
from gateway.cloud.certify.stage import Case, Stage
from gateway.model import Stream
from gateway.wire.signing import sign


async def poisoned(stage: Stage, *payloads: tuple[str, bytes]) -> str:
    """Sends bad messages, then a good one: it is receipted, alone."""
    one = stage.one
    for topic, payload in payloads:
        await one.raw(topic, payload)
    await one.send(forge.bag(101, 5))
    return await one.until_held(0, (101, 105)) or await stage.effects(5)


async def garbage(stage: Stage) -> str:
    """Bytes that are no message, cut ones, empty ones and a flood of zeros do no harm."""
    one = stage.one
    await one.begin()
    topic = one.topics.events(Stream.LIVE)
    good = forge.signed(one.key, forge.batch(one.device, one.epoch, Stream.LIVE, [forge.bag(1, 50)]), Stream.LIVE)
    bad = [b"", b"\xff" * 64, good[: len(good) // 2], good[:-1], bytes(100_000), good + b"\x00"]
    return await poisoned(stage, (one.topics.state, b"\x08"), *((topic, payload) for payload in bad))


async def forged(stage: Stage) -> str:
    """A batch signed by a key that is not the device's is not believed, nor one changed after it was signed."""
    one = stage.one
    await one.begin()
    made = forge.batch(one.device, one.epoch, Stream.LIVE, [forge.bag(1, 10)])
    changed = bytearray(forge.signed(one.key, made, Stream.LIVE))
    changed[len(changed) // 2] ^= 1
    topic = one.topics.events(Stream.LIVE)
    stranger = forge.signed(Ed25519PrivateKey.generate(), made, Stream.LIVE)
    unsigned = made.SerializeToString()
    return await poisoned(stage, (topic, stranger), (topic, bytes(changed)), (topic, unsigned))


async def misplaced(stage: Stage) -> str:
    """A batch on another stream's topic, or whose header names another device, is not believed."""
    one, other = stage.one, stage.other
    await one.begin()
    made = forge.batch(one.device, one.epoch, Stream.LIVE, [forge.bag(1, 10)])
    elsewhere = forge.signed(one.key, made, Stream.LIVE)
    lying = forge.batch(other.device, one.epoch, Stream.LIVE, [forge.bag(1, 10)])
    lie = sign(one.key, one.topics.events(Stream.LIVE), lying.SerializeToString())
    return await poisoned(stage, (one.topics.events(Stream.BULK), elsewhere), (one.topics.events(Stream.LIVE), lie))


async def foreign(stage: Stage) -> str:
    """A device that writes on another's topics changes nothing for it; the broker may refuse that first."""
    one, other = stage.one, stage.other
    await one.begin()
    other.epoch = one.epoch
    topic = other.topics.events(Stream.LIVE)
    made = forge.batch(other.device, one.epoch, Stream.LIVE, [forge.bag(1, 10)])
    await one.raw(topic, sign(one.key, topic, made.SerializeToString()))
    if wrong := await poisoned(stage):
        return wrong
    await other.begin()
    other.epoch = one.epoch
    await other.born()
    await other.send(forge.bag(201, 5))
    return await other.until_held(0, (201, 205))


async def unreadable_bags(stage: Stage) -> str:
    """A bag of an unknown codec, with a damaged body, a wrong count or a bomb is not receipted; the service goes on."""
    one = stage.one
    await one.begin()
    damaged, short = forge.bag(11, 10, event_pb2.CODEC_COLUMNS_ZSTD), forge.bag(21, 10)
    damaged.body = damaged.body[:-3]
    short.count = 9
    for bad in (forge.bag(1, 10, forge.NO_CODEC), damaged, short, forge.bomb(41), event_pb2.Bag(count=3)):
        await one.send(bad)
    return await poisoned(stage)


async def refused_bags(stage: Stage) -> str:
    """A bag that can never be read may be refused, with its numbers, whole; its neighbours may not."""
    one = stage.one
    await one.begin()
    damaged = forge.bag(11, 10, event_pb2.CODEC_COLUMNS_ZSTD)
    damaged.body = damaged.body[:-3]
    await one.send(forge.bag(1, 10), damaged, forge.bag(21, 10), forge.bag(31, 10, forge.NO_CODEC), forge.bag(41, 10))
    if wrong := await one.until_held(10, (21, 30), (41, 50)):
        return wrong
    refused = [(r.first, r.last) for part in one.heard.refused if part.epoch == one.epoch for r in part.ranges]
    if set(refused) - {(11, 20)}:
        return f"refused {sorted(set(refused))}: only 11-20 can never be read"
    return await stage.effects(30)


async def silly_numbers(stage: Stage) -> str:
    """Numbers that no stream reaches, and references to nothing, are not receipted."""
    one = stage.one
    await one.begin()
    huge, pointless = forge.bag(1, 5), forge.bag(1, 5)
    huge.first_seq = 2**64 - 3
    pointless.consent = 7
    for bad in (huge, pointless):
        await one.send(bad)
    return await poisoned(stage)


CASES = (
    Case("poison", "bytes that are no message", garbage),
    Case("poison", "forged signatures", forged),
    Case("poison", "header and topic differ", misplaced),
    Case("poison", "another device's topic", foreign),
    Case("poison", "bags that cannot be read", unreadable_bags),
    Case("poison", "only what can never be read is refused", refused_bags),
    Case("poison", "numbers that cannot be", silly_numbers),
)
