"""How long to wait before the next try, by kind of error; must never sleep or tell the time itself."""

import random

from gateway.errors import Retry
from gateway.limits import (
    BACKOFF_FIRST_S,
    BACKOFF_LATER_FIRST_S,
    BACKOFF_LATER_MAX_S,
    BACKOFF_SOON_MAX_S,
    LINK_STABLE_S,
)

_DOUBLINGS_MAX = 32


class Backoff:
    """Exponential back-off with full jitter, so that a fleet does not come back in step.

    Each wait is even between zero and a ceiling that doubles with every failure in a row up to the bound of its kind:
    SOON starts quick and stays below half a minute, LATER (the broker refuses or is busy) starts slow and reaches
    minutes. A connection that lived for `stable_s` ends the row.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(
        self,
        rng: random.Random | None = None,
        *,
        first_s: float = BACKOFF_FIRST_S,
        soon_max_s: float = BACKOFF_SOON_MAX_S,
        later_first_s: float = BACKOFF_LATER_FIRST_S,
        later_max_s: float = BACKOFF_LATER_MAX_S,
        stable_s: float = LINK_STABLE_S,
    ) -> None:
        self._rng = rng or random.Random()
        self._soon = (first_s, soon_max_s)
        self._later = (later_first_s, later_max_s)
        self._stable_s = stable_s
        self.failures = 0

    def ceiling_s(self, retry: Retry) -> float:
        """The longest wait that the next failure of this kind may bring, in seconds."""
        first_s, max_s = self._soon if retry is Retry.SOON else self._later
        return float(min(max_s, first_s * 2 ** min(self.failures, _DOUBLINGS_MAX)))

    def failed(self, retry: Retry, online_s: float = 0.0) -> float:
        """Counts a failure after `online_s` seconds of connection and returns the wait in seconds."""
        if online_s >= self._stable_s:
            self.failures = 0
        ceiling_s = self.ceiling_s(retry)
        self.failures += 1
        return self._rng.uniform(0.0, ceiling_s)
