"""How fast a hub reads adverts and knows addresses: one core, no radio, no bus; must never count a wrong answer.

An advert here is what bleak hands over: manufacturer and service data by id. Reading it is making our value of it and
trying the formats in order. Addresses are those of as many guests as a hub may know, each asked again and again, as a
phone is that sends twice a second; the cache forgets nothing meanwhile. Without the cache each address of a stranger
costs an AES block for each guest; that is printed beside it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples
from showroom_agent.hub.ears import Ears
from showroom_agent.hub.watch import Watch
from showroom_agent.radio import Advert, IdentityResolver, Parsers, RotatingTags, built_in
from showroom_agent.radio.eddystone import SERVICE
from showroom_agent.radio.rotating import rotating_advert

PARSES_MIN, RESOLUTIONS_MIN = 100_000, 1_000_000
GUESTS, ADDRESSES, TAGS = 200, 300, 100
ADVERTS, LOOKS = 200_000, 1_000_000
WALL_S = 1_750_000_000.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An advert as bleak tells it, and whether a format of ours knows it. `address`: six bytes."""

    address: bytes
    known: bool
    manufacturer: dict[int, bytes] = field(default_factory=dict)
    services: dict[str, bytes] = field(default_factory=dict)

    def advert(self, at_s: float) -> Advert:
        """Our value of it."""
        return Advert(self.address, -60, at_s, manufacturer=self.manufacturer, services=self.services)


def mixed(rng: random.Random, count: int) -> list[Sent]:
    """What a hall sends: a half our beacons in each format, the rest phones, watches and headphones of others."""
    found = []
    for number in range(count):
        address, minor = rng.randbytes(6), (number % TAGS).to_bytes(2, "big")
        beacon = b"\x02\x15" + bytes(16) + b"\x00\x01" + minor + b"\xc5"
        alt = b"\xbe\xac" + bytes(18) + minor + b"\xc5\x00"
        kinds = (
            Sent(address, known=True, manufacturer={0x004C: beacon}),
            Sent(address, known=True, manufacturer={0x0118: alt}),
            Sent(address, known=True, services={SERVICE: b"\x00\xee" + bytes(14) + minor}),
            Sent(address, known=True, services={SERVICE: b"\x10\xee\x01example\x00" + minor[1:].hex().encode()}),
            Sent(address, known=False, manufacturer={0x004C: b"\x10\x05" + rng.randbytes(5)}),
            Sent(address, known=False, manufacturer={0x0075: rng.randbytes(24)}),
            Sent(address, known=False, services={"0000fd5a-0000-1000-8000-00805f9b34fb": rng.randbytes(20)}),
            Sent(address, known=False, services=rotating_advert(rng.randbytes(16), WALL_S)),
        )
        found.append(kinds[number % len(kinds)])
    return found


def seconds(work: Callable[[], int], expected: int) -> float:
    """Processor time that it takes; raises NotWholeError where the answers are not those expected."""
    begun_s = time.process_time()
    found = work()
    spent_s = time.process_time() - begun_s
    if found != expected:
        raise NotWholeError(f"{found} right answers, not {expected}")
    return spent_s


def parses(sent: Sequence[Sent]) -> float:
    """Adverts read in a second."""
    parsers, tags = Parsers(built_in()), RotatingTags({"car": b"k" * 16})
    expected = sum(one.known for one in sent)

    def work() -> int:
        right = 0
        for number, one in enumerate(sent):
            advert = one.advert(float(number))
            if parsers.parse(advert) is not None:
                right += 1
            elif tags.name(advert, WALL_S) is not None:
                right -= 1
        return right

    return len(sent) / seconds(work, expected)


def heard(sent: Sequence[Sent]) -> float:
    """Adverts that go all the way to a frame's levels in a second, a hundred tags and two hundred guests known."""
    beacons = {f"ibeacon:{bytes(16).hex()}:1:{minor}": f"t{minor}" for minor in range(TAGS)}
    rng = random.Random(3)
    irks = {f"g{number}": rng.randbytes(16) for number in range(GUESTS)}
    ears = Ears(Watch(beacons=beacons, rotating={"car": b"k" * 16}, irks=irks))
    expected = sum(0x004C in one.manufacturer and one.known for one in sent)

    def work() -> int:
        return sum(bool(ears.hear(one.advert(number / 1_000))) for number, one in enumerate(sent))

    return len(sent) / seconds(work, expected)


def address_of(key: bytes, rng: random.Random) -> bytes:
    """A resolvable private address of a key."""
    high = bytes([0x40 | rng.getrandbits(6)]) + rng.randbytes(2)
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(13) + high)
    return high + block[13:]


def resolutions(looks: int) -> tuple[float, float]:
    """Addresses resolved in a second from the cache, and of strangers without it."""
    rng = random.Random(5)
    keys = {f"g{number}": rng.randbytes(16) for number in range(GUESTS)}
    resolver = IdentityResolver(keys)
    guests = [address_of(key, rng) for key in keys.values()]
    strangers = [bytes([0x40 | rng.getrandbits(6)]) + rng.randbytes(5) for _ in range(ADDRESSES - GUESTS)]
    asked = [*guests, *strangers]
    rng.shuffle(asked)
    for address in asked:
        resolver.resolve(address, 0.0)
    checks, resolve = resolver.checks, resolver.resolve

    def cached() -> int:
        right = 0
        for number in range(looks // len(asked)):
            now_s = number / 10
            for address in asked:
                if resolve(address, now_s):
                    right += 1
        return right

    rounds = looks // len(asked)
    if rounds / 10 > 900:
        raise NotWholeError("the cache would forget within the measurement")
    fast = rounds * len(asked) / seconds(cached, rounds * GUESTS)
    if resolver.checks != checks:
        raise NotWholeError("an answer was reckoned anew, not taken from the cache")
    others = [bytes([0x40 | rng.getrandbits(6)]) + rng.randbytes(5) for _ in range(2_000)]
    slow = len(others) / seconds(lambda: sum(not resolve(one, 0.0) for one in others), len(others))
    return fast, slow


def figures(run: Run) -> dict[str, float]:
    """What a round finds."""
    sent = mixed(random.Random(1), run.count(ADVERTS, ADVERTS // 10))
    cached, strangers = resolutions(run.count(LOOKS, LOOKS // 10))
    return {"parses": parses(sent), "heard": heard(sent), "cached": cached, "strangers": strangers}


async def measure(run: Run) -> dict[str, float]:
    """Nothing but arithmetic."""
    return await asyncio.to_thread(figures, run)


def rows(samples: Samples) -> list[Row]:
    """Each beside its goal."""

    def row(name: str, what: str, least: int) -> Row:
        found = samples.mid(name)
        return Row(what, f"{found:,.0f}/s", f">= {least:,}/s" if least else "", ok=found >= least if least else None)

    return [
        row("parses", "adverts read, eight kinds in turn, by all formats", PARSES_MIN),
        row("heard", f"adverts from bleak's data to a frame's level, {GUESTS} guests known", 0),
        row("cached", f"addresses resolved with the cache, {GUESTS} guests, {ADDRESSES} addresses", RESOLUTIONS_MIN),
        row("strangers", f"addresses of strangers met for the first time, {GUESTS} keys each", 0),
    ]


ENTRY = Entry("radio", "adverts read and addresses resolved a second on one core", "none", measure, rows, disk=False)
