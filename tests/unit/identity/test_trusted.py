"""The last trusted time: kept across boots, never backwards, never from a clock that does not know."""

from pathlib import Path

import pytest

from gateway.clock import BUILD_TIME_US, TRUST_UNTIL_US, ManualClock
from gateway.identity import TrustedTime
from gateway.model import ClockQuality

HOUR_S = 3_600.0


def test_a_trusted_time_is_kept(tmp_path: Path) -> None:
    """It is written once an hour and found after a reboot with the clock at 1970."""
    clock = ManualClock()
    trusted = TrustedTime(tmp_path / "trusted", clock)
    assert trusted.last_us() == BUILD_TIME_US
    assert trusted.note()
    clock.advance(HOUR_S - 1)
    assert not trusted.note()
    clock.advance(1)
    assert trusted.note()
    woken = ManualClock(wall_us=0)
    woken.trust = ClockQuality.UNTRUSTED
    again = TrustedTime(tmp_path / "trusted", woken)
    assert again.last_us() == BUILD_TIME_US + 3_600_000_000
    assert not again.note()


@pytest.mark.parametrize("quality", [ClockQuality.UNTRUSTED, ClockQuality.HOLDOVER])
def test_other_clocks_are_not_believed(tmp_path: Path, quality: ClockQuality) -> None:
    """Only a synchronised clock is noted."""
    clock = ManualClock()
    clock.trust = quality
    clock.advance(99 * HOUR_S)
    assert not TrustedTime(tmp_path / "trusted", clock).note()


def test_it_never_goes_back(tmp_path: Path) -> None:
    """A clock that is set back, even by its time service, takes nothing back."""
    clock = ManualClock()
    clock.advance(10 * HOUR_S)
    trusted = TrustedTime(tmp_path / "trusted", clock)
    assert trusted.note()
    clock.jump(-5 * HOUR_S)
    assert not trusted.note()
    assert trusted.last_us() == BUILD_TIME_US + 36_000_000_000


@pytest.mark.parametrize("content", [b"", b"x", b"-1", b"1", b"%d" % (TRUST_UNTIL_US + 1), b"9" * 5_000])
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    """A file that is empty, no number, or of another century counts as absent, so it can lock nobody out."""
    (tmp_path / "trusted").write_bytes(content)
    assert TrustedTime(tmp_path / "trusted", ManualClock()).last_us() == BUILD_TIME_US


def test_a_time_from_an_authenticated_party_is_learnt_and_never_goes_back(tmp_path: Path) -> None:
    """At any clock; not one of another century, and not one before what is known."""
    woken = ManualClock(wall_us=0)
    woken.trust = ClockQuality.UNTRUSTED
    trusted = TrustedTime(tmp_path / "trusted", woken)
    later = BUILD_TIME_US + 50_000_000
    assert trusted.learn(later)
    for other in (later - 1, later, 0, TRUST_UNTIL_US + 1):
        assert not trusted.learn(other)
    assert TrustedTime(tmp_path / "trusted", woken).last_us() == later
