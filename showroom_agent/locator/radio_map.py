"""What level each hub would hear from each cell; must never look at a track.

With a survey: log-distance path loss with an offset for each hub, and on what is left a Gaussian process with an
exponential kernel (Ferris, Haehnel, Fox: Gaussian Processes for Signal Strength-Based Location Estimation, RSS 2006).
Without: log-distance path loss with several exponents side by side (Rappaport, Wireless Communications, ch. 4).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from showroom_agent.locator.grid import Grid
from showroom_agent.locator.settings import Settings
from showroom_agent.plan.geometry import Array, Mask
from showroom_agent.plan.site import Site
from showroom_agent.plan.survey import Survey

_LENGTHS_M = (1.0, 1.5, 2.0, 3.0, 4.5, 7.0)
_SIGNALS_DB = (2.0, 3.0, 4.5, 6.5)
_NOISES_DB = (1.0, 2.0, 3.0, 4.5)
_POINTS_TRIED = 160
_HUBS_TRIED = 16
_POINTS_KEPT = 1_500

Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RadioMap:
    """For M models, H hubs, N cells. `mean_dbm`: M x H x N; `variance`: H x N (or H x 1) of the map, in dB^2.

    In single precision: a level is known to a decibel, and a hall full of guests goes through the map at each step.
    """

    mean_dbm: Levels
    variance: Levels
    spread_db: float
    """Of single readings at one place."""
    surveyed: bool


def bare_map(site: Site, grid: Grid, settings: Settings) -> RadioMap:
    """Path loss only."""
    far = np.log10(_distances(site, grid.x, grid.y, settings) / 4.0)
    mean = np.stack([settings.reference_dbm - 10.0 * exponent * far for exponent in settings.exponents])
    variance = np.zeros((len(site.hubs), 1), np.float32)
    return RadioMap(mean.astype(np.float32), variance, settings.noise_floor_db, surveyed=False)


def surveyed_map(site: Site, grid: Grid, settings: Settings, survey: Survey) -> RadioMap:
    """Path loss and what the survey says beside it."""
    survey = _thinned(survey)
    enough = survey.count > 4
    spread = float(np.median(survey.spread_db[enough])) if enough.sum() > 20 else settings.noise_floor_db
    loss = _PathLoss(site, settings, survey)
    level, noise = _filled(survey, loss.at_points, spread)
    process = _Process(survey.points, level - loss.at_points, noise)
    mean = loss.on(site, grid, settings)
    variance = np.full(mean.shape, process.signal**2)
    to_cells = _between(grid.x, grid.y, survey.points)
    for hub in range(len(site.hubs)):
        known = ~np.isnan(level[:, hub])
        if known.sum() >= 3:
            shift, variance[hub] = process.predict(hub, known, to_cells)
            mean[hub] += shift
    return RadioMap(mean[np.newaxis].astype(np.float32), variance.astype(np.float32), spread, surveyed=True)


def _distances(site: Site, x: Array, y: Array, settings: Settings) -> Array:
    """Of each hub to each place: H x places, in metres."""
    hubs = np.array([(hub.x_m, hub.y_m) for hub in site.hubs])
    return np.sqrt((hubs[:, :1] - x) ** 2 + (hubs[:, 1:] - y) ** 2 + settings.near_m**2)


def _between(x: Array, y: Array, points: Array) -> Array:
    return np.sqrt((x[:, np.newaxis] - points[:, 0]) ** 2 + (y[:, np.newaxis] - points[:, 1]) ** 2)


def _thinned(survey: Survey) -> Survey:
    """At most as many points as a process can be solved for in a moment, spread evenly over the list."""
    if len(survey.points) <= _POINTS_KEPT:
        return survey
    some = np.unique(np.linspace(0, len(survey.points) - 1, _POINTS_KEPT).astype(int))
    return Survey(survey.points[some], survey.mean_dbm[some], survey.spread_db[some], survey.count[some])


class _PathLoss:
    """Level at 4 m, exponent and hub offsets by ridge regression: offsets of 3 dB against errors of 6 dB."""

    def __init__(self, site: Site, settings: Settings, survey: Survey) -> None:
        hubs = len(site.hubs)
        far = -10.0 * np.log10(_distances(site, survey.points[:, 0], survey.points[:, 1], settings).T / 4.0)
        point, hub = np.nonzero(~np.isnan(survey.mean_dbm))
        design = np.zeros((len(point), 2 + hubs))
        design[:, 0], design[:, 1] = 1.0, far[point, hub]
        design[np.arange(len(point)), 2 + hub] = 1.0
        ridge = np.diag(np.r_[0.0, 1e-6, np.full(hubs, 4.0)]) + 1e-9 * np.eye(2 + hubs)
        fit = np.linalg.solve(design.T @ design + ridge, design.T @ survey.mean_dbm[point, hub])
        self._level, self._exponent, self._offsets = fit[0], fit[1], fit[2:]
        self.at_points = self._level + self._exponent * far + self._offsets

    def on(self, site: Site, grid: Grid, settings: Settings) -> Array:
        """H x N, in dBm."""
        far = -10.0 * np.log10(_distances(site, grid.x, grid.y, settings) / 4.0)
        level: Array = self._level + self._exponent * far + self._offsets[:, np.newaxis]
        return level


def _filled(survey: Survey, expected: Array, spread: float) -> tuple[Array, Array]:
    """Levels and the variance of their means; a hub that heard nothing where others did has one below all heard."""
    level, noise = survey.mean_dbm.copy(), spread**2 / np.maximum(survey.count, 1.0)
    floor = float(np.percentile(level[~np.isnan(level)], 1))
    heard = np.where(survey.count > 0, survey.count, np.nan)
    with np.errstate(all="ignore"):
        usual = np.array([np.nanmedian(row) if (row > 0).any() else 0.0 for row in heard])
    works = (survey.count > 0).mean(axis=0) > 0.05
    silent = (survey.count == 0) & (usual >= 3)[:, np.newaxis] & works
    level[silent] = np.minimum(expected[silent], floor - 2.0)
    noise[silent] = 16.0
    return level, noise


class _Process:
    """Gaussian processes of all hubs with one kernel, whose numbers make the survey likeliest."""

    def __init__(self, points: Array, rest: Array, noise: Array) -> None:
        self._rest, self._noise = rest, noise
        self._apart = _between(points[:, 0], points[:, 1], points)
        self.length, self.signal, self.error = self._likeliest()

    def predict(self, hub: int, known: Mask, to_cells: Array) -> tuple[Array, Array]:
        """Mean and variance of a hub's residual in each cell."""
        own = self.signal**2 * np.exp(-self._apart[np.ix_(known, known)] / self.length)
        own[np.diag_indices_from(own)] += self.error**2 + self._noise[known, hub]
        cross = self.signal**2 * np.exp(-to_cells[:, known] / self.length)
        gain = np.linalg.solve(own, cross.T)
        mean: Array = gain.T @ self._rest[known, hub]
        variance = self.signal**2 - np.einsum("nk,kn->n", cross, gain)
        return mean, np.maximum(variance, 0.05)

    def _likeliest(self) -> tuple[float, float, float]:
        """By marginal likelihood over a table of numbers, on some hubs and points."""
        points = _some(len(self._rest), _POINTS_TRIED)
        hubs = _some(self._rest.shape[1], _HUBS_TRIED)
        apart = self._apart[np.ix_(points, points)]
        best = -np.inf, _LENGTHS_M[2], _SIGNALS_DB[1], _NOISES_DB[1]
        for length in _LENGTHS_M:
            kernel = np.exp(-apart / length)
            for signal in _SIGNALS_DB:
                for error in _NOISES_DB:
                    found = sum(self._likelihood(points, hub, signal**2 * kernel, error) for hub in hubs)
                    best = max(best, (found, length, signal, error))
        return best[1:]

    def _likelihood(self, points: npt.NDArray[np.intp], hub: int, kernel: Array, error: float) -> float:
        rest = self._rest[points, hub]
        known = ~np.isnan(rest)
        if known.sum() < 3:
            return 0.0
        own = kernel[np.ix_(known, known)]
        own[np.diag_indices_from(own)] += error**2 + self._noise[points, hub][known]
        lower = np.linalg.cholesky(own)
        white = np.linalg.solve(lower, rest[known])
        return float(-0.5 * white @ white - np.log(np.diag(lower)).sum())


def _some(count: int, most: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
