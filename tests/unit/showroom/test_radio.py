"""What adverts say: formats by their published layouts, addresses by the specification's own example."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.errors import ConfigError
from showroom_agent.contracts.parser import Example, ParserContract
from showroom_agent.radio import (
    Advert,
    Beacon,
    IdentityResolver,
    Interval,
    Parsers,
    RotatingTags,
    built_in,
    outside,
    rotating_advert,
    rotating_id,
    usable,
)
from showroom_agent.radio.eddystone import SERVICE
from showroom_agent.radio.irk import CACHE_ADDRESSES_MAX
from showroom_agent.radio.rotating import SLOT_S

IBEACON, ALTBEACON, EDDYSTONE = built_in()
UUID = bytes(range(16))
IBEACON_DATA = b"\x02\x15" + UUID + b"\x00\x07\x01\x02" + b"\xc5"
UID_DATA = b"\x00\xe7" + bytes(range(10)) + b"\x00\x00\x00\x00\x00\x09"
SPECIFIED_IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
"""Core Specification, Vol 3, Part H, appendix D.7: with prand 0x708194 the hash is 0x0dfbaa."""
SPECIFIED_ADDRESS = bytes.fromhex("7081940dfbaa")


def advert(data: bytes = b"", company: int = 0x004C, service: bytes = b"") -> Advert:
    """One with this data."""
    return Advert(
        b"\xc0\1\2\3\4\5",
        -60,
        1.0,
        manufacturer={company: data} if data else {},
        services={SERVICE: service} if service else {},
    )


class TestIBeacon(ParserContract):
    """The contract of parsers."""

    parser = IBEACON
    examples = (Example(advert(IBEACON_DATA), f"ibeacon:{UUID.hex()}:7:258"),)


class TestAltBeacon(ParserContract):
    """The contract of parsers."""

    parser = ALTBEACON
    examples = (
        Example(advert(b"\xbe\xac" + bytes(range(20)) + b"\xc5\x00", 0x0118), f"altbeacon:{bytes(range(20)).hex()}"),
    )


class TestEddystone(ParserContract):
    """The contract of parsers."""

    parser = EDDYSTONE
    examples = (
        Example(advert(service=UID_DATA), f"eddystone:{bytes(range(10)).hex()}:000000000009"),
        Example(advert(service=UID_DATA + b"\0\0"), f"eddystone:{bytes(range(10)).hex()}:000000000009"),
        Example(advert(service=b"\x10\xeb\x03forecourt\x00a"), "eddystone:https://forecourt.com/a"),
    )


def test_the_claimed_level_is_that_at_one_metre() -> None:
    """Apple's format says it so; Eddystone's is that at no distance, 41 dB above."""
    assert IBEACON.parse(advert(IBEACON_DATA)) == Beacon(f"ibeacon:{UUID.hex()}:7:258", -59)
    found = EDDYSTONE.parse(advert(service=UID_DATA))
    assert found is not None
    assert found.reference_dbm == -25 - 41


def test_telemetry_has_facts_and_no_key() -> None:
    """Battery, temperature, adverts, uptime; what the sender does not measure is left out."""
    found = EDDYSTONE.parse(advert(service=bytes.fromhex("2000 0bb8 1580 00000064 00000c80")))
    assert found == Beacon("", None, {"battery_mv": 3000.0, "temperature_c": 21.5, "adverts": 100.0, "uptime_s": 320.0})
    found = EDDYSTONE.parse(advert(service=bytes.fromhex("2000 0000 8000 00000064 00000c80")))
    assert found is not None
    assert set(found.facts) == {"adverts", "uptime_s"}


@pytest.mark.parametrize(
    "service",
    [
        pytest.param(b"\x00", id="short"),
        pytest.param(UID_DATA[:-1], id="cut_uid"),
        pytest.param(b"\x10\xeb\x04a", id="bad_scheme"),
        pytest.param(b"\x10\xeb\x03", id="no_url"),
        pytest.param(b"\x10\xeb\x03a b", id="space"),
        pytest.param(b"\x20\x01" + bytes(12), id="encrypted_tlm"),
        pytest.param(b"\x30\x00abcdefgh", id="ephemeral"),
    ],
)
def test_lying_eddystone_says_nothing(service: bytes) -> None:
    """Lengths that lie, schemes that there are not, frames that need a key."""
    assert EDDYSTONE.parse(advert(service=service)) is None


@pytest.mark.parametrize("size", [0, 1, 2, 3, 10, 22, 24, 40])
def test_lying_ibeacon_says_nothing(size: int) -> None:
    """The length in the advert is not believed."""
    assert IBEACON.parse(advert((IBEACON_DATA + bytes(40))[:size])) is None


@pytest.mark.parametrize("rssi", [None, -127, 0, 1, 42, -116, 127])
def test_levels_that_nobody_measures(rssi: int | None) -> None:
    """Unknown, invalid, positive."""
    assert not usable(rssi)


def test_a_parser_of_others_that_raises_is_counted() -> None:
    """The hub goes on with the next format."""

    class Broken:
        name = "broken"

        def parse(self, advert: Advert) -> Beacon | None:
            raise IndexError

    parsers = Parsers([Broken(), *built_in()])
    found = parsers.parse(advert(IBEACON_DATA))
    assert found is not None
    assert found.key.startswith("ibeacon:")
    assert parsers.failed == {"broken": 1}


def test_a_parser_that_is_not_installed() -> None:
    """What there is, is named."""
    with pytest.raises(ConfigError, match="acme; installed: none"):
        outside(["acme"])


def test_the_specification_s_example_resolves() -> None:
    """Vol 3, Part H, D.7."""
    resolver = IdentityResolver({"other": bytes(16), "jan": SPECIFIED_IRK})
    assert resolver.resolve(SPECIFIED_ADDRESS, 0.0) == "jan"
    assert resolver.resolve(bytes([*SPECIFIED_ADDRESS[:5], 0xAB]), 0.0) == ""


def made(irk: bytes, number: int) -> bytes:
    """Another address of an identity."""
    prand = (0x400000 | number).to_bytes(3, "big")
    cipher = Cipher(algorithms.AES(irk), modes.ECB()).encryptor()
    return prand + cipher.update(bytes(13) + prand)[13:]


def test_an_answer_is_kept_and_two_addresses_live_at_once() -> None:
    """A phone that uses two addresses side by side is one identity; nothing is computed again."""
    resolver = IdentityResolver({"jan": SPECIFIED_IRK})
    one, two, three = (made(SPECIFIED_IRK, number) for number in (1, 2, 3))
    for _ in range(10):
        assert resolver.resolve(one, 1.0) == resolver.resolve(two, 1.0) == "jan"
    assert resolver.checks == 2
    assert resolver.live("jan") == (one, two)
    resolver.resolve(three, 2.0)
    assert resolver.live("jan") == (two, three)


def test_strangers_addresses_are_few_in_memory() -> None:
    """A flood of random addresses costs time, not memory."""
    resolver, rng = IdentityResolver({"jan": SPECIFIED_IRK}), random.Random(1)
    for number in range(3 * CACHE_ADDRESSES_MAX):
        resolver.resolve(bytes([0x40 | rng.randrange(64)]) + rng.randbytes(5), number / 1_000)
    assert len(resolver._known) == CACHE_ADDRESSES_MAX


def test_addresses_of_other_kinds_are_not_tried() -> None:
    """Static and unresolvable ones belong to nobody's key."""
    resolver = IdentityResolver({"jan": SPECIFIED_IRK})
    for first in (0x00, 0x3F, 0xC0, 0xFF):
        assert resolver.resolve(bytes([first, 1, 2, 3, 4, 5]), 0.0) == ""
    assert resolver.checks == 0


def rotating(wall_s: float, key: bytes = b"k" * 16) -> Advert:
    """What a tag sends at a time."""
    return Advert(b"\x41\1\2\3\4\5", -60, 0.0, services=rotating_advert(key, wall_s))


@pytest.mark.parametrize(("late_s", "named"), [(0, True), (SLOT_S, True), (-SLOT_S, True), (2 * SLOT_S, False)])
def test_a_tag_is_known_in_its_slot_and_beside_it(late_s: float, named: bool) -> None:
    """One slot of clock error either way; afterwards it is a recording that somebody plays."""
    now_s = 1.8e9
    found = RotatingTags({"car-3": b"k" * 16}).name(rotating(now_s), now_s + late_s)
    assert found is not None
    assert (found.tag, found.late) == ("car-3", not named)


def test_rotating_ids_of_others_are_strangers() -> None:
    """Another key, another version, another length."""
    tags, now_s = RotatingTags({"car-3": b"k" * 16}), 1.8e9
    assert tags.name(rotating(now_s, b"x" * 16), now_s) is None
    assert tags.name(rotating(now_s + 100 * SLOT_S), now_s) is None
    for data in (b"", b"\x01", b"\x02" + rotating_id(b"k" * 16, int(now_s // SLOT_S)), bytes(40)):
        odd = Advert(bytes(6), -60, 0.0, services=dict.fromkeys(rotating_advert(b"k" * 16, now_s), data))
        assert tags.name(odd, now_s) is None


@pytest.mark.parametrize("loss", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("interval_s", [0.1, 1.0, 5.0])
def test_the_interval_is_learnt_through_losses(interval_s: float, loss: float) -> None:
    """Within a tenth, though every second advert is lost."""
    rng, found = random.Random(1), Interval()
    for number in range(200):
        if rng.random() >= loss:
            found.heard(number * interval_s + rng.uniform(0, 0.01))
    assert found.learnt_s == pytest.approx(interval_s, rel=0.1)
    assert found.absent_after_s == pytest.approx(max(3.0, 6 * interval_s), rel=0.1)


def test_nothing_is_learnt_from_little_or_from_absence() -> None:
    """Four gaps, and gaps of minutes."""
    found = Interval()
    for number in range(5):
        found.heard(float(number))
    assert found.learnt_s == 0.0
    for number in range(50):
        found.heard(100.0 * (number + 1))
    assert found.learnt_s == 0.0
    assert found.absent_after_s == 3.0
