"""A hub's ears and frames: known tags as levels, strangers as a number, everything within bounds."""

import random
from pathlib import Path

import pytest
from forecourt.v1 import showroom_pb2

from gateway.errors import ConfigError, InputError
from showroom_agent.hub import Ears, FrameMaker, Recorder, ScannerState, Watch, load_watch, replay
from showroom_agent.hub.ears import LATE, STRANGERS_MAX
from showroom_agent.radio import Advert, rotating_advert
from showroom_agent.radio.eddystone import SERVICE
from tests.unit.showroom.test_radio import SPECIFIED_ADDRESS, SPECIFIED_IRK

UUID = "6f7265636f7572740000000000000001"
SECRET = b"s" * 16
WATCH = Watch({f"ibeacon:{UUID}:1:3": "car-3"}, {"jan": SECRET}, {"phone": SPECIFIED_IRK})
WALL_S = 1.8e9


def ibeacon(minor: int, at_s: float, rssi: int | None = -60, address: bytes = b"\xc0\1\2\3\4\5") -> Advert:
    """An advert of a car's tag."""
    data = b"\x02\x15" + bytes.fromhex(UUID) + b"\0\1" + minor.to_bytes(2, "big") + b"\xc5"
    return Advert(address, rssi, at_s, manufacturer={0x4C: data})


def stranger(number: int, at_s: float = 0.0) -> Advert:
    """An advert of nobody's."""
    return Advert(b"\xc1" + number.to_bytes(5, "big"), -70, at_s, manufacturer={0x4C: b"\x10\x05abcde"})


def ears(at_s: float = 0.0) -> Ears:
    """Ears whose clock began at WALL_S."""
    found = Ears(WATCH)
    found.wall_at_zero_s = WALL_S - at_s
    return found


def test_levels_of_known_tags() -> None:
    """Best, mean and count in a span; the next begins anew."""
    found = ears()
    for rssi in (-60, -70, -62):
        assert found.hear(ibeacon(3, 1.0, rssi)) == "car-3"
    (tag,) = found.collect().tags
    assert (tag.tag, tag.best_dbm, tag.mean_dbm, tag.count) == ("car-3", -60, -64.0, 3)
    assert found.collect().tags == ()


@pytest.mark.parametrize("rssi", [None, -127, 0, 42])
def test_levels_that_nobody_measured_are_no_sighting(rssi: int | None) -> None:
    """Neither of a tag nor of a stranger."""
    found = ears()
    assert found.hear(ibeacon(3, 1.0, rssi)) == ""
    assert found.collect() == Ears(WATCH).collect()
    assert found.counters["impossible_level"] == 1


def test_every_kind_of_tag_has_its_name() -> None:
    """By key, by rotating id, by private address; and telemetry by the address that was named before."""
    found = ears()
    assert found.hear(Advert(b"\x42abcde", -60, 2.0, services=rotating_advert(SECRET, WALL_S + 2))) == "jan"
    assert found.hear(Advert(SPECIFIED_ADDRESS, -60, 2.0)) == "phone"
    telemetry = Advert(b"\x42abcde", -60, 3.0, services={SERVICE: bytes.fromhex("20000bb8158000000064 00000c80")})
    assert found.hear(telemetry) == "jan"
    assert [tag.tag for tag in found.collect().tags] == ["jan", "phone"]


def test_an_old_id_is_flagged_and_followed_by_nobody() -> None:
    """Somebody plays what he recorded ten minutes ago."""
    found = ears()
    assert found.hear(Advert(b"\x42abcde", -60, 600.0, services=rotating_advert(SECRET, WALL_S))) == LATE
    heard = found.collect()
    assert (heard.tags, heard.late) == ((), 1)


@pytest.mark.parametrize(("there", "told"), [(0, 0), (4, 0), (5, 5), (30, 30)])
def test_strangers_are_a_number_of_at_least_five(there: int, told: int) -> None:
    """However often each of them was heard."""
    found = ears()
    for number in list(range(there)) * 3:
        found.hear(stranger(number))
    assert found.collect().strangers == told


def test_a_flood_of_addresses_is_bounded() -> None:
    """Thousands of random addresses: the tag is still heard, memory stays."""
    found = ears()
    for number in range(STRANGERS_MAX + 5_000):
        found.hear(stranger(number))
    assert found.hear(ibeacon(3, 1.0)) == "car-3"
    heard = found.collect()
    assert heard.strangers == STRANGERS_MAX
    assert [tag.tag for tag in heard.tags] == ["car-3"]
    assert found.counters["strangers_uncounted"] == 5_000


def test_no_address_is_in_a_frame() -> None:
    """Neither a tag's nor a stranger's, in any order of bytes."""
    maker = FrameMaker("hub-1", 7, ears())
    addresses = [stranger(number).address for number in range(1_000, 1_040)] + [ibeacon(3, 0).address]
    for number in range(1_000, 1_040):
        maker.ears.hear(stranger(number))
    maker.ears.hear(ibeacon(3, 1.0))
    frame = maker.make(1.0, 0, ScannerState())
    assert frame is not None
    raw = frame.SerializeToString()
    assert frame.strangers == 40
    assert not any(address in raw or address[::-1] in raw for address in addresses)
    assert not any(address.hex() in str(frame) for address in addresses)


def test_frames_come_with_news_and_else_as_a_heartbeat() -> None:
    """Twice a second while something is heard, else each two seconds, at once when the scanner's state changes."""
    maker, told = FrameMaker("hub-1", 7, ears()), []
    for half in range(20):
        if half < 4:
            maker.ears.hear(ibeacon(3, half / 2))
        state = ScannerState() if half < 17 else ScannerState(showroom_pb2.SCANNER_MODE_DOWN, "adapter_off")
        frame = maker.make(100 + half / 2, 1_000_000, state)
        if frame is not None:
            told.append((half, frame.frame, len(frame.tags), frame.fault))
    assert [one[0] for one in told] == [0, 1, 2, 3, 7, 11, 15, 17]
    assert [one[1] for one in told] == list(range(1, 9))
    assert told[-1][3] == "adapter_off"


def noise(rng: random.Random, at_s: float) -> Advert:
    """Some advert: a tag's, telemetry, a recording's, a stranger's, or one of no level."""
    which = rng.randrange(7)
    level = rng.randint(-95, -40)
    if which == 0:
        return ibeacon(rng.randrange(5), at_s, level)
    if which == 1:
        return Advert(b"\x42abcde", level, at_s, services=rotating_advert(SECRET, WALL_S + at_s))
    if which == 2:
        return Advert(b"\x42zzzzz", level, at_s, services=rotating_advert(SECRET, WALL_S + at_s - 400))
    if which == 3:
        return Advert(SPECIFIED_ADDRESS, level, at_s)
    if which == 4:
        return ibeacon(3, at_s, rng.choice([None, -127, 0]))
    if which == 5:
        return Advert(b"\x42abcde", level, at_s, services={SERVICE: bytes.fromhex("20000bb8158000000064 00000c80")})
    return stranger(rng.randrange(12), at_s)


def test_a_log_replays_to_the_same_bits() -> None:
    """Frames made live and frames made from the log of it, with everything that a hub may hear."""
    rng, begin_s, live = random.Random(5), 1_000.25, []
    maker = FrameMaker("hub-1", 77, Ears(WATCH))
    maker.begin(begin_s, round((WALL_S + begin_s) * 1e6))
    log = Recorder("hub-1", 77, begin_s, round((WALL_S + begin_s) * 1e6))
    now_s = begin_s
    for step in range(200):
        for _ in range(rng.randrange(12)):
            now_s += rng.random() / 20
            heard = noise(rng, now_s)
            log.heard(heard, maker.ears.hear(heard))
        now_s += 0.1
        state = ScannerState(showroom_pb2.SCANNER_MODE_DOWN, "silent") if step % 40 == 39 else ScannerState()
        wall_us = round((WALL_S + now_s) * 1e6) + rng.randrange(100)
        log.frame(now_s, wall_us, state)
        frame = maker.make(now_s, wall_us, state)
        live += [] if frame is None else [frame.SerializeToString(deterministic=True)]
    text = log.take().decode()
    again = [frame.SerializeToString(deterministic=True) for frame in replay(text.splitlines(), WATCH)]
    assert len(live) > 150
    assert again == live
    for number in range(12):
        assert stranger(number).address.hex() not in text
    assert b"abcde".hex() in text  # the address of a tag that is ours


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["{}"], "line 1 is no entry"),
        (['{"f":1,"w":1,"mode":1,"fault":""}'], "begins with its version"),
        (['{"version":9,"hub":"h","boot":"1","f":0,"w":0}'], "version 9"),
        (['{"version":1,"hub":"h","boot":"1","f":0,"w":0}', '{"t":1}'], "line 2"),
        (['{"version":1,"hub":"h","boot":"1","f":0,"w":0}', '{"t":1,"r":-60,"a":"zz","p":1}'], "line 2"),
        (["x" * 5_000], "more than 4096"),
        (["[1]"], "line 1"),
    ],
)
def test_what_is_no_log_is_refused(lines: list[str], why: str) -> None:
    """With the number of the line."""
    with pytest.raises(InputError, match=why):
        list(replay(lines, WATCH))


def test_a_tags_file(tmp_path: Path) -> None:
    """Keys as people write them: with dashes and capitals."""
    path = tmp_path / "tags.toml"
    path.write_text(
        f'[[tag]]\nid = "car-3"\nbeacon = "ibeacon:6F726563-6F75-7274-0000-000000000001:1:3"\n'
        f'[[tag]]\nid = "jan"\nrotating = "{SECRET.hex()}"\n'
        f'[[tag]]\nid = "phone"\nirk = "{SPECIFIED_IRK.hex()}"\n'
    )
    found = load_watch(path)
    assert found == WATCH
    assert SECRET.hex() not in repr(found)
    assert repr(SECRET) not in repr(found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[tag]]\nid = 3", "id is a word"),
        ('[[tag]]\nid = "a"', "one of beacon, rotating, irk"),
        ('[[tag]]\nid = "a"\nbeacon = "x"\nirk = "y"', "one of beacon"),
        ('[[tag]]\nid = "a"\nbeacon = "x"\ncolour = "y"', "nothing else"),
        ('[[tag]]\nid = "a"\nbeacon = "x"\n[[tag]]\nid = "a"\nbeacon = "y"', "two tags"),
        ('[[tag]]\nid = "a"\nbeacon = "x"\n[[tag]]\nid = "b"\nbeacon = "x"', "nobody could tell"),
        ('[[tag]]\nid = "a"\nirk = "5ec2e7"', "32 hexadecimal"),
        ('[[tag]]\nid = "a"\nrotating = "5ec2e7"', "at least 32"),
        ('[tags]\nid = "a"', "unknown tags"),
        ("tag = 3", "is a list"),
        ("[[tag]", "cannot read"),
    ],
)
def test_a_wrong_tags_file_says_what_to_do(tmp_path: Path, text: str, why: str) -> None:
    """And never what the secret was."""
    path = tmp_path / "tags.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=why) as refused:
        load_watch(path)
    assert "5ec2e7" not in str(refused.value)
