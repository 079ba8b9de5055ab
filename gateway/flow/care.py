"""Finds the bag for which a broker ends connections; pure; must never blame one that was not alone on its way."""

from collections.abc import Sequence

from gateway.flow.ranges import merged, without
from gateway.limits import BATCH_BAGS_MAX
from gateway.model import SeqRange, Stream

PATIENCE_BATCHES = 512
"""After so many batches without harm the bag is gone some other way, and care ends."""


class Care:
    """While there are suspects, one batch is on its way at a time, of fewer and fewer bags, over all connections."""

    def __init__(self) -> None:
        self._suspects: dict[Stream, list[SeqRange]] = {}
        self._bags_max = BATCH_BAGS_MAX
        self._harmless = 0

    @property
    def active(self) -> bool:
        """Whether a bag is being looked for."""
        return bool(self._suspects)

    @property
    def bags_max(self) -> int:
        """How many bags a batch may have."""
        return self._bags_max if self._suspects else BATCH_BAGS_MAX

    def fatal(self, batches: Sequence[tuple[Stream, Sequence[SeqRange]]]) -> tuple[Stream, SeqRange] | None:
        """A connection ended for one of these batches: the bag at fault, if it was alone."""
        if len(batches) == 1 and len(batches[0][1]) == 1:
            guilty = (batches[0][0], batches[0][1][0])
            self.harmless(guilty[0], [guilty[1]])
            return guilty
        self._suspects = {}
        for stream, bags in batches:
            self._suspects[stream] = merged([*self._suspects.get(stream, []), *bags])
        self._bags_max = max(1, max((len(bags) for _, bags in batches), default=2) // 2)
        self._harmless = 0
        return None

    def harmless(self, stream: Stream, bags: Sequence[SeqRange]) -> None:
        """The broker answered for a batch of these bags, whatever it said, or they are dealt with."""
        if not self._suspects:
            return
        self._harmless += 1
        left = without(self._suspects.get(stream, []), merged(bags))
        if left:
            self._suspects[stream] = left
        else:
            self._suspects.pop(stream, None)
        if self._harmless >= PATIENCE_BATCHES:
            self._suspects.clear()
