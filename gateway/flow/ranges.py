"""Sorted, disjoint ranges of numbers; must never do I/O or change the list it was given."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from gateway.model import SeqRange


def merged(ranges: Iterable[SeqRange]) -> list[SeqRange]:
    """The same numbers as sorted ranges that neither overlap nor touch."""
    out: list[SeqRange] = []
    for item in sorted(ranges):
        if item.last < item.first:
            continue
        if out and item.first <= out[-1].last + 1:
            if item.last > out[-1].last:
                out[-1] = SeqRange(out[-1].first, item.last)
        else:
            out.append(item)
    return out


def common(left: Sequence[SeqRange], right: Sequence[SeqRange]) -> list[SeqRange]:
    """The numbers that are in both; both sorted and disjoint, as is the result."""
    out: list[SeqRange] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i].first, right[j].first), min(left[i].last, right[j].last)
        if first <= last:
            out.append(SeqRange(first, last))
        if left[i].last < right[j].last:
            i += 1
        else:
            j += 1
    return out


def without(ranges: Sequence[SeqRange], gone: Sequence[SeqRange]) -> list[SeqRange]:
    """The numbers of `ranges` that are not in `gone`; ranges that merely touch stay apart."""
    out: list[SeqRange] = []
    for first, last in ranges:
        start = bisect_left(gone, first, key=lambda item: item.last)
        for item in gone[start:]:
            if item.first > last:
                break
            if item.first > first:
                out.append(SeqRange(first, item.first - 1))
            first = max(first, item.last + 1)
        if first <= last:
            out.append(SeqRange(first, last))
    return out


def size(ranges: Iterable[SeqRange]) -> int:
    """How many numbers."""
    return sum(item.size for item in ranges)
