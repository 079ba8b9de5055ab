"""What exchanges with the authority say of the time; must never need a real clock."""

import random
from dataclasses import replace

import pytest

from gateway.errors import InputError
from gateway.profile import Moment, Offsets, exchange
from gateway.profile.offset import BOOTS_MAX, DRIFT, EXCHANGES_MAX, ROUND_TRIP_MS_MAX
from tests.unit.profile.device import HOUR_S, Device


def test_the_offset_is_the_middle_and_its_uncertainty_half_the_way() -> None:
    """A question of 100 ms, held by the authority for 20 ms: 40 ms either way."""
    sent, received = Moment(5_000, 1_000, 7), Moment(5_100, 1_100, 7)
    found = exchange(sent, 90_030, 90_050, received)
    assert (found.ahead_ms, found.uncertainty_ms) == (90_040 - 1_050, 41)


def test_the_uncertainty_holds_whatever_the_way_and_the_drift() -> None:
    """Two thousand devices: ways of 1 ms to 4 s, one-sided, clocks that drift by up to 100 ppm: never off by more."""
    chance = random.Random(3)
    widest = 0.0
    for _ in range(2_000):
        drift, ahead = chance.uniform(-DRIFT, DRIFT), chance.uniform(0, 1e12)
        boot = chance.uniform(0, 1e8)
        offsets = Offsets()
        for _ in range(chance.randint(1, 12)):
            there, back, held = chance.uniform(0.5, 2_000), chance.uniform(0.5, 2_000), chance.uniform(0, 500)
            sent_ms = boot * (1 + drift) + ahead
            answered_ms = sent_ms + there + held
            received = boot + (there + held + back) / (1 + drift)
            offsets.measured(
                Moment(0, round(boot), 1), round(sent_ms + there), round(answered_ms), Moment(0, round(received), 1)
            )
            boot = received + chance.choice([10.0, 1e3, 1e6, 1e8])
        at = Moment(0, round(boot + chance.uniform(-1e8, 1e8)), 1)
        off, may = abs(offsets.date(at, at).ms - (at.boottime_ms * (1 + drift) + ahead)), offsets.uncertainty_ms(at)
        assert may is not None
        assert off <= may + 2
        widest = max(widest, off / may)
    assert widest > 0.5, "nothing came near the bound: the test proves nothing"


def test_the_best_of_the_recent_round_trips_counts() -> None:
    """A slow one-sided answer after a quick one moves nothing; long after, it is better than the old one."""
    device = Device()
    device.measure(0.010, 0.010)
    device.wait(1)
    device.measure(4.0, 0.0)
    assert device.offsets.now_ms(device.now) == device.true_ms
    assert device.offsets.uncertainty_ms(device.now) == pytest.approx(11.5, abs=0.01)
    device.wait(2 * 86_400)
    device.measure(0.1, 0.0)
    assert device.offsets.uncertainty_ms(device.now) == pytest.approx(51)


def test_what_cannot_have_been_is_refused_and_counted() -> None:
    """Another boot, too slow, answered before it was asked, a time that is none; nothing is learned of it."""
    offsets, sent, received = Offsets(), Moment(0, 1_000, 1), Moment(100, 1_100, 1)
    wrong = [
        (sent, 5, 5, replace(received, boot_id=2)),
        (sent, 5, 5, Moment(0, 1_001 + ROUND_TRIP_MS_MAX, 1)),
        (received, 5, 5, sent),
        (sent, 6, 5, received),
        (sent, 5, 500, received),
        (sent, -1, 5, received),
        (sent, 5, 1 << 48, received),
    ]
    for one in wrong:
        assert offsets.measured(*one) is None
        with pytest.raises(InputError, match="ask"):
            exchange(*one)
    assert offsets.refused == len(wrong)
    assert offsets.now_ms(received) is None
    assert offsets.remembered() == ()


def test_of_two_offsets_that_cannot_both_be_true_the_later_is_believed() -> None:
    """The authority's clock was set by an hour."""
    device = Device()
    device.measure()
    device.true_ms += HOUR_S * 1_000
    device.measure(1.0, 1.0)
    assert device.offsets.now_ms(device.now) == device.true_ms
    assert len(device.offsets.remembered()) == 1


def test_memory_is_bounded() -> None:
    """Whatever a device lives through."""
    device = Device()
    for _ in range(3 * BOOTS_MAX):
        for _ in range(3 * EXCHANGES_MAX):
            device.measure()
        device.reboot()
    kept = device.offsets.remembered()
    assert len(kept) == BOOTS_MAX * EXCHANGES_MAX
    assert Offsets(kept).remembered() == kept
