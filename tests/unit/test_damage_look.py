"""Proves that a look for damage goes on after one that failed."""

from gateway.errors import StoreError, StoreFull
from gateway.runtime.damage import look_over


async def test_a_failed_look_is_repeated_and_the_rest_is_looked_at() -> None:
    """A full disk or a passing error costs a pause, not the check."""
    answers: list[bool | Exception] = [
        True,
        StoreFull("no room"),
        True,
        StoreError("passing"),
        StoreError("again"),
        False,
    ]
    asked = len(answers)

    async def check() -> bool:
        nonlocal asked
        asked -= 1
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await look_over(check, pause_s=0.0, again_s=0.0)
    assert (asked, answers) == (0, [])
