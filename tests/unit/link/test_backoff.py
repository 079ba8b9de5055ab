"""Back-off: bounds by kind, jitter over the whole range, reset, and the spread of a fleet."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Retry
from gateway.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LATER_FIRST_S,
    BACKOFF_LATER_MAX_S,
    BACKOFF_SOON_MAX_S,
    LINK_STABLE_S,
)
from gateway.link import Backoff


def test_the_first_failure_is_quick() -> None:
    """One lost connection costs a quarter of a second at most."""
    assert all(Backoff(random.Random(seed)).failed(Retry.SOON) <= BACKOFF_FIRST_S for seed in range(200))


def test_ceilings_double_up_to_their_bound() -> None:
    """SOON doubles from a quarter of a second to half a minute, LATER from seconds to minutes."""
    backoff = Backoff(random.Random(1))
    soon = []
    for _ in range(12):
        soon.append(backoff.ceiling_s(Retry.SOON))
        backoff.failed(Retry.SOON)
    assert soon[:4] == [BACKOFF_FIRST_S, 0.5, 1.0, 2.0]
    assert soon[-1] == BACKOFF_SOON_MAX_S
    assert backoff.ceiling_s(Retry.LATER) == BACKOFF_LATER_MAX_S
    assert Backoff().ceiling_s(Retry.LATER) == BACKOFF_LATER_FIRST_S


@given(st.lists(st.sampled_from([Retry.SOON, Retry.LATER]), max_size=2_000), st.integers())
def test_waits_stay_within_their_ceiling(kinds: list[Retry], seed: int) -> None:
    """However long and mixed a row of failures is, a wait is between 0 and the ceiling of its kind."""
    backoff = Backoff(random.Random(seed))
    for kind in kinds:
        ceiling_s = backoff.ceiling_s(kind)
        assert 0.0 <= backoff.failed(kind) <= ceiling_s
        assert ceiling_s <= (BACKOFF_SOON_MAX_S if kind is Retry.SOON else BACKOFF_LATER_MAX_S)


def test_a_stable_connection_ends_the_row() -> None:
    """After half a minute online the next failure is a first one; after less it is not."""
    backoff = Backoff(random.Random(2))
    for _ in range(6):
        backoff.failed(Retry.SOON)
    backoff.failed(Retry.SOON, online_s=LINK_STABLE_S - 0.1)
    assert backoff.failures == 7
    assert backoff.failed(Retry.SOON, online_s=LINK_STABLE_S) <= BACKOFF_FIRST_S
    assert backoff.failures == 1


def test_a_fleet_does_not_come_back_in_step() -> None:
    """Of 1,000 devices cut at once and refused five times, no second of the next waits holds more than a fifth."""
    waits = []
    for seed in range(1_000):
        backoff = Backoff(random.Random(seed))
        for _ in range(5):
            backoff.failed(Retry.SOON)
        waits.append(backoff.failed(Retry.SOON))
    ceiling_s = BACKOFF_FIRST_S * 2**5
    buckets = [sum(1 for wait in waits if second <= wait < second + 1) for second in range(int(ceiling_s))]
    assert sum(buckets) == 1_000
    assert max(buckets) < 200
    assert min(buckets) > 50
    assert sum(waits) / 1_000 == pytest.approx(ceiling_s / 2, rel=0.1)
