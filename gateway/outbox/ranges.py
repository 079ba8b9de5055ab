"""Ranges of numbers; must never lose or invent one."""

from collections.abc import Iterable, Sequence

from gateway.model import SeqRange


def merged(ranges: Iterable[SeqRange]) -> list[SeqRange]:
    """The same numbers in as few ranges as possible, in order."""
    found: list[SeqRange] = []
    for one in sorted(ranges):
        if found and one.first <= found[-1].last + 1:
            found[-1] = SeqRange(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(one)
    return found


def of_bags(rows: Iterable[Sequence[int]]) -> list[SeqRange]:
    """The numbers of rows (first, count, ...)."""
    return merged(SeqRange(row[0], row[0] + row[1] - 1) for row in rows)
