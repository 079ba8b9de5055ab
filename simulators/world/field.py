"""Fields over a floor as sums of random plane waves: smooth, the same for a seed, nothing to store; must never end.

Shadowing has an exponential correlation (Gudmundson, Electronics Letters 27(23), 1991). The waves of such a field in a
plane have wave numbers of a bivariate Cauchy distribution (Rahimi, Recht: Random Features for Large-Scale Kernel
Machines, NIPS 2007, for the Fourier transform of the Matern kernel of order 1/2). Fading is what many paths from all
sides make of one frequency (Clarke, Bell System Technical Journal 47, 1968), with a direct one beside them (Rice).
"""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
WAVE_M = 0.125
"""At 2.4 GHz."""
SHADOW_WAVES, FADING_WAVES = 64, 24
CHANNELS = 3
"""37, 38, 39 lie 24 and 54 MHz apart: indoors their fading is hardly alike."""


class Shadow:
    """For each of `count` radios a field of mean 0 and standard deviation 1."""

    def __init__(self, rng: np.random.Generator, count: int, length_m: float) -> None:
        """`length_m`: over which the correlation falls to 1/e."""
        gauss, chi = rng.normal(size=(count, SHADOW_WAVES, 2)), np.abs(rng.normal(size=(count, SHADOW_WAVES, 1)))
        self._waves: Array = gauss / np.maximum(chi, 0.05) / length_m
        self._phases: Array = rng.uniform(0, 2 * math.pi, (count, SHADOW_WAVES))

    def at(self, radio: int, x_m: float, y_m: float) -> float:
        """The field of a radio at a place."""
        waves = self._waves[radio] @ (x_m, y_m) + self._phases[radio]
        return float(np.cos(waves).sum()) * math.sqrt(2 / SHADOW_WAVES)


class Fading:
    """For each of `count` radios and each advertising channel what the many paths do, in dB; 0 dB is the mean power."""

    def __init__(self, rng: np.random.Generator, count: int, direct: float) -> None:
        """`direct`: power of the direct path beside that of all others, Rice's K; 0 is Rayleigh's fading."""
        turn = rng.uniform(0, 2 * math.pi, (count, CHANNELS, FADING_WAVES))
        self._waves: Array = np.stack([np.cos(turn), np.sin(turn)], -1) * (2 * math.pi / WAVE_M)
        self._phases: Array = rng.uniform(0, 2 * math.pi, (count, CHANNELS, FADING_WAVES))
        self._direct = math.sqrt(direct / (1 + direct))
        self._others = math.sqrt(1 / (1 + direct) / FADING_WAVES)

    def at(self, radio: int, x_m: float, y_m: float) -> Array:
        """By channel, of a radio at a place."""
        angles = self._waves[radio] @ (x_m, y_m) + self._phases[radio]
        field = self._direct + self._others * np.exp(1j * angles).sum(axis=-1)
        decibels: Array = 20 * np.log10(np.maximum(np.abs(field), 1e-3))
        return decibels
