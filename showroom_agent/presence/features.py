"""What a moment sounds like: levels of all hubs, smoothed, and beside those of before; must never look ahead."""

import math
from collections import deque

import numpy as np

from showroom_agent.plan.geometry import Array

RATE_S = 0.1
"""One step of the features and of the state model."""
_SILENT_DBM = -85.0
_TAUS_S = (0.35, 1.0, 3.0)
_LAGS_S = (1.0, 2.0, 4.0)


class Features:
    """Makes the features of a step from the levels of H hubs; the same code learns and runs."""

    def __init__(self, hubs: int) -> None:
        """Before anything was heard."""
        self._hubs = hubs
        self._means: list[Array] | None = None
        self._missing: Array = np.ones(hubs)
        self._past: deque[Array] = deque(maxlen=round(max(_LAGS_S) / RATE_S) + 1)
        self._shares = [1 - math.exp(-RATE_S / tau) for tau in _TAUS_S]

    @property
    def count(self) -> int:
        """F, the number of features."""
        return self._hubs * (len(_TAUS_S) + 2 + len(_LAGS_S))

    def step(self, levels: Array) -> Array:
        """`levels`: H, in dBm, NaN where a hub heard nothing in this step; a silent hub keeps its last level."""
        heard = ~np.isnan(levels)
        if self._means is None:
            first = np.where(heard, levels, _SILENT_DBM)
            self._means = [first.copy() for _ in _TAUS_S]
            self._missing = 1.0 - heard
        for mean, share in zip(self._means, self._shares, strict=True):
            mean[heard] += share * (levels[heard] - mean[heard])
        self._missing += self._shares[1] * (~heard - self._missing)
        quick, middle = self._means[0].copy(), self._means[1]
        self._past.append(quick)
        parts = [*self._means, self._missing]
        for lag in _LAGS_S:
            back = min(round(lag / RATE_S), len(self._past) - 1)
            parts.append(self._past[-1 - back] - quick)
        parts.append(middle - middle.mean())
        return np.concatenate(parts)
