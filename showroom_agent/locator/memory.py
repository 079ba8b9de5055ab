"""What a tracker learns of hubs and of its own errors while it runs; must never hold a position."""

import math

import numpy as np
import numpy.typing as npt

from showroom_agent.locator.settings import Settings
from showroom_agent.plan.geometry import Array

Hubs = npt.NDArray[np.intp]
_CLIP_DB = 15.0


class Offsets:
    """A slow offset of each hub in dB: a Kalman filter that forgets towards 0 (an Ornstein-Uhlenbeck process)."""

    def __init__(self, hubs: int, settings: Settings, surveyed: bool) -> None:
        """`surveyed`: offsets are then small and pass, for the map holds what stays."""
        self._sd = settings.offset_sd_db if surveyed else settings.offset_bare_sd_db
        tau = settings.offset_tau_s if surveyed else settings.offset_bare_tau_s
        self._keep = math.exp(-settings.step_s / tau)
        self.caution = settings.offset_caution if surveyed else settings.offset_bare_caution
        self.mean: Array = np.zeros(hubs)
        self.variance: Array = np.full(hubs, self._sd**2)

    def forget(self) -> None:
        """A step passes."""
        self.mean *= self._keep
        self.variance = self.variance * self._keep**2 + self._sd**2 * (1 - self._keep**2)

    def learn(self, hubs: Hubs, error_db: Array, variance: Array) -> None:
        """What hubs heard above what was expected of them, and how sure that is."""
        gain = self.variance[hubs] / (self.variance[hubs] + variance)
        self.mean[hubs] += gain * np.clip(error_db - self.mean[hubs], -_CLIP_DB, _CLIP_DB)
        self.variance[hubs] *= 1 - gain


class Echo:
    """How much of a hub's error comes back at its next reading: evidence that repeats itself counts less."""

    def __init__(self, hubs: int, settings: Settings) -> None:
        """Begins with what is usual."""
        self._settings = settings
        self._square = settings.echo_steps * 36.0
        self._product = settings.echo * self._square
        self._last: Array = np.zeros(hubs)
        self._last_s: Array = np.full(hubs, -math.inf)

    @property
    def weight(self) -> float:
        """The exponent of a step's evidence, 0 to 1: n readings of autocorrelation r are worth n (1 - r) / (1 + r)."""
        share = min(max(self._product / self._square, 0.0), 0.95)
        return min(max(self._settings.echo_scale * (1 - share) / (1 + share), self._settings.echo_least), 1.0)

    def learn(self, now_s: float, hubs: Hubs, error_db: Array) -> None:
        """The residuals of a step."""
        settings = self._settings
        keep = math.exp(-settings.step_s / settings.echo_tau_s)
        error = np.clip(error_db, -_CLIP_DB, _CLIP_DB)
        again = now_s - self._last_s[hubs] <= settings.echo_gap_s
        before, now = self._last[hubs][again], error[again]
        usual = settings.echo_steps * 36.0 * (1 - keep)
        self._square = self._square * keep + float((before**2 + now**2).sum()) / 2 + usual
        self._product = self._product * keep + float((before * now).sum()) + usual * settings.echo
        self._last[hubs], self._last_s[hubs] = error, now_s


class Gains:
    """Belief in a tag's level against the map, for each model: M x G."""

    def __init__(self, models: int, settings: Settings, surveyed: bool) -> None:
        """Wide without a survey, since a tag's power is not known then."""
        sd = settings.gain_sd_db if surveyed else settings.gain_bare_sd_db
        span, step = settings.gain_span_db, settings.gain_step_db
        self.db: Array = np.arange(-span, span + step / 20, step)
        row = np.exp(-0.5 * (self.db / sd) ** 2) + 0.02
        self.belief: Array = np.tile(row / row.sum() / models, (models, 1))
        self._leak = settings.gain_leak

    def likely(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Models and gains worth looking at."""
        models, gains = np.nonzero(self.belief > 1e-3 * self.belief.max())
        return models, gains

    @property
    def mean_db(self) -> float:
        """The gain that is expected."""
        return float((self.belief * self.db).sum())

    @property
    def models(self) -> Array:
        """Belief in each model."""
        weights: Array = self.belief.sum(axis=1)
        return weights

    def replace(self, models: npt.NDArray[np.intp], gains: npt.NDArray[np.intp], belief: Array) -> None:
        """Takes the belief over, then lets a little of it move on."""
        after = np.zeros_like(self.belief)
        after[models, gains] = belief
        after /= after.sum()
        moved = after * (1 - self._leak)
        moved[:, 1:] += after[:, :-1] * self._leak / 2
        moved[:, :-1] += after[:, 1:] * self._leak / 2
        if len(moved) > 1:
            moved = 0.99 * moved + 0.01 * moved.mean(axis=0)
        self.belief = moved / moved.sum()
