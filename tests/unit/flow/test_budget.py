"""Proves what a budget lets go: the drain's rate, a day's bytes, metered links, clocks that jump."""

import pytest

from gateway.flow.budget import DAY_US, Budget, BudgetSettings, TokenBucket
from gateway.model import Stream


def test_no_budget_lets_everything_go() -> None:
    """Without settings nothing is held back and nothing has to be kept."""
    budget = Budget()
    budget.spend(Stream.BULK, True, 1 << 40, 0.0)
    assert all(budget.allows(stream, replayed, 0.0) for stream in Stream for replayed in (False, True))
    assert (budget.counts_days, budget.left(Stream.BULK), budget.wait_s(0.0)) == (False, None, 0.0)


@pytest.mark.parametrize("stream", Stream)
def test_a_metered_link_carries_no_bulk(stream: Stream) -> None:
    """Urgent, live and control go over a metered link, bulk waits."""
    budget = Budget(BudgetSettings(metered=True))
    assert budget.allows(stream, False, 0.0) is (stream is not Stream.BULK)
    budget.metered = False
    assert budget.allows(stream, False, 0.0)


def test_the_drain_keeps_its_rate() -> None:
    """Over a minute the backlog gets its rate and one burst, whatever the batches' size; fresh events are free."""
    budget = Budget(BudgetSettings(drain_bytes_per_s=1_000))
    sent, now_s = 0, 0.0
    while now_s < 60:
        if budget.allows(Stream.LIVE, True, now_s):
            budget.spend(Stream.LIVE, True, 700, now_s)
            sent += 700
        else:
            assert budget.allows(Stream.LIVE, False, now_s)
            now_s += budget.wait_s(now_s)
    assert 60_000 <= sent <= 62_000


def test_a_bucket_does_not_fill_while_time_stands_or_goes_back() -> None:
    """Time that goes back brings no tokens, also not when it comes forward again."""
    bucket = TokenBucket(rate=10, burst=10)
    bucket.spend(20, 100.0)
    assert bucket.wait_s(50.0) == pytest.approx(1.1)
    assert bucket.wait_s(100.0) == pytest.approx(1.1)
    assert bucket.wait_s(102.0) == 0.0


def test_a_day_is_a_day() -> None:
    """A spent day stops the stream, the next day starts it, and control is never stopped."""
    budget = Budget(BudgetSettings(daily_bytes={Stream.BULK: 100, Stream.CONTROL: 1}))
    assert budget.date(5 * DAY_US, trusted=True)
    budget.spend(Stream.BULK, False, 60, 0.0)
    assert (budget.allows(Stream.BULK, True, 0.0), budget.left(Stream.BULK)) == (True, 40)
    budget.spend(Stream.BULK, True, 60, 0.0)
    budget.spend(Stream.CONTROL, False, 60, 0.0)
    assert (budget.allows(Stream.BULK, False, 0.0), budget.left(Stream.BULK)) == (False, 0)
    assert budget.allows(Stream.CONTROL, False, 0.0)
    assert not budget.date(5 * DAY_US + 1, trusted=True)
    assert budget.date(6 * DAY_US, trusted=True)
    assert budget.allows(Stream.BULK, False, 0.0)


def test_a_restart_and_a_bad_clock_give_no_second_budget() -> None:
    """What was spent survives a restart; an untrusted clock and one that goes back do not clear it."""
    budget = Budget(BudgetSettings(daily_bytes={Stream.BULK: 100}))
    budget.restore(5, {Stream.BULK: 100})
    assert not budget.date(5 * DAY_US, trusted=True)
    assert not budget.date(9 * DAY_US, trusted=False)
    assert not budget.date(0, trusted=True)
    assert not budget.allows(Stream.BULK, False, 0.0)
    assert budget.date(5 * DAY_US, trusted=True), "a day forward is a new day, once"
