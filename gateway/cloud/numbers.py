"""Which numbers of a stream are accounted for, as a floor and ranges above it; must never do I/O."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from gateway.model import SeqRange

SEQ_MAX = (1 << 63) - 1
"""The largest number a stream can reach: what an SQLite integer holds."""


class Numbers:
    """Numbers held of one stream: every one up to `floor`, and disjoint sorted ranges above it that do not touch."""

    __slots__ = ("_firsts", "_lasts", "floor")

    def __init__(self, floor: int = 0, above: Iterable[tuple[int, int]] = ()) -> None:
        self.floor = floor
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in above:
            self.add(first, last)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and (self.floor, self.above) == (other.floor, other.above)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Numbers({self.floor}, {[tuple(item) for item in self.above]})"

    @property
    def above(self) -> list[SeqRange]:
        """The ranges above the floor, lowest first."""
        return list(map(SeqRange, self._firsts, self._lasts))

    @property
    def fragments(self) -> int:
        """How many ranges stand above the floor."""
        return len(self._firsts)

    @property
    def head(self) -> int:
        """The largest number held, 0 for none."""
        return self._lasts[-1] if self._lasts else self.floor

    @property
    def count(self) -> int:
        """How many numbers are held."""
        return self.floor + sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def copy(self) -> "Numbers":
        """The same numbers, to be changed on their own."""
        twin = Numbers(self.floor)
        twin._firsts, twin._lasts = self._firsts[:], self._lasts[:]
        return twin

    def missing(self, first: int, last: int) -> list[SeqRange]:
        """The numbers from `first` to `last` (both included) that are not held, lowest first."""
        out: list[SeqRange] = []
        at = max(first, self.floor + 1)
        start = bisect_left(self._lasts, at)
        for begin, end in zip(self._firsts[start:], self._lasts[start:], strict=True):
            if begin > last:
                break
            if begin > at:
                out.append(SeqRange(at, begin - 1))
            at = end + 1
        if at <= last:
            out.append(SeqRange(at, last))
        return out

    def add(self, first: int, last: int) -> None:
        """Holds the numbers from `first` to `last` (both included) from now on; 1 <= first <= last."""
        if last <= self.floor:
            return
        if first <= self.floor + 1:
            swallowed = bisect_right(self._firsts, last + 1)
            self.floor = max(last, self._lasts[swallowed - 1]) if swallowed else last
            del self._firsts[:swallowed], self._lasts[:swallowed]
            return
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end], self._lasts[begin:end] = [first], [last]
