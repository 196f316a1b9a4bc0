"""Signal and noise of an image: a power-law spectrum and white noise fitted to its power."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pellucid.errors import SettingsError
from pellucid.solvers._linear_periodogram import Periodogram
from pellucid.solvers.signal_spectrum import STEEPEST, SignalSpectrum

#: Mean and standard deviation of what is known before: they decide where an image does not.
_EXPONENT, _LOG_KNEE = (2.5, 2.0), (math.log(0.03), 2.0)
_KNEES = (1e-4, 1.0)
#: Where searches start: exponents and knees.
_STARTS = ((1.5, 0.005), (1.5, 0.05), (3.0, 0.005), (3.0, 0.05))


@final
@dataclass(frozen=True, slots=True)
class Fit:
    """Power ``passed * signal * spectrum + noise`` of an image.

    Attributes
    ----------
    spectrum : SignalSpectrum
    signal : float
        Its scale, in the square of the image's units; positive.
    noise : float
        Variance of the noise, positive.
    """

    spectrum: SignalSpectrum
    signal: float
    noise: float


def fit(band: Periodogram, noise_variance: float | None = None) -> Fit:
    """Fit signal and noise to the power of an image, by Whittle's likelihood [1]_.

    Only frequencies that the optics pass are used: beyond them an image tells the noise best, but
    that of images that were smoothed, enlarged or compressed is not the noise within.

    Parameters
    ----------
    band : Periodogram
        The bins that the optics pass; of any power.
    noise_variance : float, optional
        Of the noise, if it is known.

    Raises
    ------
    SettingsError
        If the image is too small, or too blurred, to tell.

    References
    ----------
    .. [1] P. Whittle, "Estimation and information in stationary time series", Ark. Mat. 2,
       423-434 (1953).
    """
    if band.count.size < 3 or not band.power.any():
        raise SettingsError(
            "The image is too small or too uniform to tell its signal from its noise: of "
            f"{band.count.size} bands of frequency that the optics pass, at least 3 must hold "
            "light; state the regularisation, and the spectrum for wiener, instead."
        )
    # In units of the mean power, so that the search does not depend on the image's units.
    unit = float(np.average(band.power, weights=band.count))
    power = band.power / unit
    known = None if noise_variance is None else math.log(noise_variance / unit)
    total = float(band.count.sum())

    def cost(theta: NDArray[np.float64]) -> float:
        signal, knee, exponent = theta[:3]
        noise = theta[3] if known is None else known
        spectrum = (band.frequency_squared + math.exp(2.0 * knee)) ** (-0.5 * exponent)
        model = band.passed * spectrum * math.exp(signal) + math.exp(noise)
        likelihood = float((band.count * (np.log(model) + power / model)).sum())
        prior = ((exponent - _EXPONENT[0]) / _EXPONENT[1]) ** 2
        prior += ((knee - _LOG_KNEE[0]) / _LOG_KNEE[1]) ** 2
        return float(likelihood + 0.5 * prior) / total

    found = [_search(cost, band, power, start, known is None) for start in _STARTS]
    best = min(found, key=lambda one: one[0])[1]
    spectrum = SignalSpectrum(exponent=float(best[2]), knee_per_pixel=math.exp(best[1]))
    noise = math.exp(best[3]) * unit if noise_variance is None else noise_variance
    return Fit(spectrum, math.exp(best[0]) * unit, noise)


def _search(
    cost: Callable[[NDArray[np.float64]], float],
    band: Periodogram,
    power: NDArray[np.float64],
    start: tuple[float, float],
    noise_open: bool,
) -> tuple[float, NDArray[np.float64]]:
    """Return the least cost found from a start, and its parameters."""
    exponent, knee = start
    shape = band.passed * (band.frequency_squared + knee**2) ** (-0.5 * exponent)
    signal = float((band.count * power).sum() / (band.count * shape).sum())
    # Where least passes there is most noise.
    dark = np.argsort(band.passed)[: max(1, band.count.size // 16)]
    noise = float(np.average(power[dark], weights=band.count[dark]))
    theta = [math.log(signal), math.log(knee), exponent, math.log(max(noise, 1e-6))]
    knees = math.log(_KNEES[0]), math.log(_KNEES[1])
    bounds = [(-60.0, 60.0), knees, (0.0, STEEPEST), (-40.0, 5.0)]
    size = 4 if noise_open else 3
    result = minimize(
        cost,
        np.array(theta[:size]),
        method="Nelder-Mead",
        bounds=bounds[:size],
        options={"maxiter": 2000, "maxfev": 2000, "xatol": 1e-4, "fatol": 1e-10},
    )
    return float(result.fun), np.asarray(result.x, dtype=np.float64)
