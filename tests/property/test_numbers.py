"""The numbers of a stream behave as a set of integers does; must never be tested with tidy ranges only."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.cloud.numbers import Numbers
from gateway.model import SeqRange

RANGES = st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def as_set(ranges: list[SeqRange]) -> set[int]:
    """The numbers of ranges."""
    return {number for first, last in ranges for number in range(first, last + 1)}


def members(numbers: Numbers) -> set[int]:
    """Every number held."""
    return set(range(1, numbers.floor + 1)) | as_set(numbers.above)


@given(st.lists(RANGES, max_size=40), RANGES)
def test_numbers_are_a_set(adds: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """After any additions the members, what is missing, count and head are those of a set."""
    numbers, model = Numbers(), set[int]()
    for first, last in adds:
        wanted = set(range(first, last + 1)) - model
        missing = numbers.missing(first, last)
        assert as_set(missing) == wanted
        assert sum(part.size for part in missing) == len(wanted)
        numbers.add(first, last)
        model |= set(range(first, last + 1))
        assert members(numbers) == model
        assert (numbers.count, numbers.head) == (len(model), max(model))
    assert as_set(numbers.missing(*asked)) == set(range(asked[0], asked[1] + 1)) - model


@given(st.lists(RANGES, max_size=40))
def test_the_form_is_the_shortest(adds: list[tuple[int, int]]) -> None:
    """Ranges are sorted and never touch each other or the floor, so that a receipt says most with fewest."""
    numbers = Numbers(0, adds)
    ends = [(0, numbers.floor), *numbers.above]
    assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(ends))
    assert numbers.fragments == len(numbers.above)


@given(st.lists(RANGES, max_size=20), RANGES)
def test_a_copy_stands_alone(adds: list[tuple[int, int]], more: tuple[int, int]) -> None:
    """Changing a copy leaves the original, so that an undone transaction changes nothing."""
    numbers = Numbers(0, adds)
    before = members(numbers)
    twin = numbers.copy()
    assert twin == numbers
    twin.add(*more)
    assert members(numbers) == before
    assert members(twin) == before | set(range(more[0], more[1] + 1))


@given(st.permutations([(1, 3), (4, 4), (6, 9), (11, 20), (5, 5), (10, 10)]))
def test_order_does_not_matter(adds: list[tuple[int, int]]) -> None:
    """Whatever order batches come in, a whole stream ends as one floor."""
    assert Numbers(0, adds) == Numbers(20)
