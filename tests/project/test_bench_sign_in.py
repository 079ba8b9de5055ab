"""Proves that the figures of a sign-in are judged as they were measured; the measurement itself is `make bench`."""

import pytest

from benchmarks import sign_in
from benchmarks.figures import Samples

PARTS = ("fetch", "begin", "orders", "set")


def a_round(code_ms: list[float], staged_ms: list[float]) -> dict[str, float]:
    """What one round measures."""
    found = {f"code {n}": ms for n, ms in enumerate(code_ms)} | {f"staged {n}": ms for n, ms in enumerate(staged_ms)}
    return found | {f"{way} {part}": 1.0 for way in ("code", "staged") for part in PARTS}


@pytest.mark.parametrize(
    ("slow", "verdict"), [(5, True), (6, False)], ids=["five of a hundred are slow", "six of a hundred are slow"]
)
def test_ninety_five_of_a_hundred_have_to_be_quick(slow: int, verdict: bool) -> None:
    """Over all rounds together, wherever the slow ones are; parts of a sign-in are not counted as one."""
    times = [400.0] * slow + [80.0] * (100 - slow)
    rounds = [a_round(times[n : n + 20], [60.0] * 6) for n in range(0, 100, 20)]
    by_code, staged = sign_in.rows(Samples(rounds))
    assert "100 times" in by_code.what
    assert "30 times" in staged.what
    assert (by_code.ok, staged.ok) == (verdict, True)
    assert by_code.goal == "<= 300 ms"
