"""Which bags are on their way out; must never let one be evicted that may arrive."""

import threading
from collections import Counter
from collections.abc import Iterable

from gateway.model import Stream


class Flights:
    """Marks bags in flight (reader thread, loop) and claims others for removal (writer thread), so that none is both.

    A claim stands until its commit is over and until no hand-out is under way that may have seen the row before. Claims
    are counted: the end of one commit is told on the loop, when the next commit may have claimed the same bag already.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: dict[Stream, set[int]] = {stream: set() for stream in Stream}
        self._claimed: dict[Stream, Counter[int]] = {stream: Counter() for stream in Stream}
        self._over: list[tuple[Stream, set[int]]] = []

    def begin_take(self) -> None:
        """Before the snapshot of a hand-out: removals that are committed are visible from here on."""
        with self._lock:
            for stream, firsts in self._over:
                self._claimed[stream] -= Counter(firsts)
            self._over.clear()

    def mark(self, stream: Stream, firsts: Iterable[int]) -> set[int]:
        """Marks bags in flight; returns those that may go, which are not claimed for removal."""
        with self._lock:
            free = set(firsts) - self._claimed[stream].keys()
            self._out[stream] |= free
            return free

    def release(self, stream: Stream, firsts: Iterable[int] | None = None) -> None:
        """These bags, or all of the stream, are in flight no more."""
        with self._lock:
            if firsts is None:
                self._out[stream].clear()
            else:
                self._out[stream].difference_update(firsts)

    def claim(self, stream: Stream, firsts: Iterable[int]) -> set[int]:
        """Claims bags for removal; returns those that are not in flight."""
        with self._lock:
            free = set(firsts) - self._out[stream]
            self._claimed[stream].update(free)
            return free

    def resolved(self, stream: Stream, firsts: set[int]) -> None:
        """The commit of a claim is over, well or not."""
        with self._lock:
            self._over.append((stream, firsts))

    def count(self, stream: Stream) -> int:
        """How many bags of a stream are in flight."""
        with self._lock:
            return len(self._out[stream])

    def settled(self, stream: Stream, firsts: Iterable[int]) -> None:
        """These bags are off the shelf."""
        self.release(stream, firsts)
