"""How well a place can be located at best, from where hubs hang and how levels fall off; must never read a track.

Levels by log-distance path loss, p - 10 n log10(d), with normal errors (Rappaport, Wireless Communications, ch. 4). The
bound is that of Cramer and Rao for positions from levels with an unknown power of the tag (Patwari et al., Relative
Location Estimation in Wireless Sensor Networks, IEEE Trans. Signal Processing 51 (8), 2003, there for known power): no
estimator that is not told more is better than it in the mean.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from showroom_agent.plan.geometry import Array
from showroom_agent.plan.site import Site

TAG_HEIGHT_M = 1.2
HUB_HEIGHT_M = 2.5
EXPONENT, EXPONENT_MIN, EXPONENT_MAX = 2.2, 1.2, 4.5
SPREAD_DB, SPREAD_DB_MIN = 6.0, 3.0
POWER_SD_DB = 7.0
_PAIRS_MIN = 8
_NEAR_M = 0.5


@dataclass(frozen=True, slots=True)
class Falloff:
    """`power_dbm` at 1 m, exponent, and standard deviation of levels at a place. `fitted`: from so many pairs."""

    power_dbm: float = -59.0
    exponent: float = EXPONENT
    spread_db: float = SPREAD_DB
    fitted: int = 0


def distances(site: Site, x: Array, y: Array) -> Array:
    """Metres from each of P places to each of H hubs, heights counted: P x H."""
    hubs = np.array([(hub.x_m, hub.y_m) for hub in site.hubs])
    heights = np.array([HUB_HEIGHT_M if hub.z_m is None else hub.z_m for hub in site.hubs]) - TAG_HEIGHT_M
    flat = (x[:, None] - hubs[:, 0]) ** 2 + (y[:, None] - hubs[:, 1]) ** 2
    found: Array = np.maximum(np.sqrt(flat + heights**2), _NEAR_M)
    return found


def fit(site: Site, x: Array, y: Array, levels: Array) -> Falloff:
    """The falloff that fits `levels` (P x H, NaN where nothing was heard) best in the least squares."""
    heard = np.isfinite(levels)
    if heard.sum() < _PAIRS_MIN:
        return Falloff()
    far = np.log10(distances(site, x, y))[heard]
    values = levels[heard]
    spread_of_far = float(far.std())
    slope = float(np.cov(far, values, bias=True)[0, 1] / far.var()) if spread_of_far > 0.05 else -10 * EXPONENT
    exponent = min(max(-slope / 10, EXPONENT_MIN), EXPONENT_MAX)
    power = float((values + 10 * exponent * far).mean())
    error = float((values + 10 * exponent * far - power).std())
    return Falloff(power, exponent, max(error, SPREAD_DB_MIN), int(heard.sum()))


def expected_error_m(site: Site, x: Array, y: Array, heard: npt.NDArray[np.bool_], falloff: Falloff) -> Array:
    """Root mean square error in metres that cannot be beaten at P places from the hubs that hear there (P x H).

    Infinite with fewer than two hubs. The tag's power is known to POWER_SD_DB beforehand.
    """
    far = distances(site, x, y)
    hubs = np.array([(hub.x_m, hub.y_m) for hub in site.hubs])
    steep = 10 * falloff.exponent / math.log(10) / falloff.spread_db
    rows = np.stack(
        [
            -steep * (x[:, None] - hubs[:, 0]) / far**2,
            -steep * (y[:, None] - hubs[:, 1]) / far**2,
            np.full_like(far, 1 / falloff.spread_db),
        ],
        axis=2,
    )
    rows *= heard[:, :, None]
    information = np.einsum("phi,phj->pij", rows, rows)
    information[:, 2, 2] += 1 / POWER_SD_DB**2
    found = np.full(len(x), math.inf)
    usable = (heard.sum(axis=1) >= 2) & (np.linalg.det(information) > 1e-9)
    if usable.any():
        inverse = np.linalg.inv(information[usable])
        found[usable] = np.sqrt(np.maximum(inverse[:, 0, 0] + inverse[:, 1, 1], 0.0))
    return found


def predicted_dbm(site: Site, x: Array, y: Array, falloff: Falloff) -> Array:
    """What each hub would hear in the mean at P places: P x H."""
    return falloff.power_dbm - 10 * falloff.exponent * np.log10(distances(site, x, y))
