"""How strong a regularisation should be, from the image's power spectrum.

In every bin of frequencies a linear solver returns the share ``t = h / (h + eps r)`` of what is
there, with `h` the squared transfer function and `r` the penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from pellucid.errors import SettingsError
from pellucid.solvers._linear_fit import Fit
from pellucid.solvers._linear_penalty import Penalty
from pellucid.solvers._linear_periodogram import Periodogram

#: How a regularisation is chosen.
Choice: TypeAlias = Literal["expected-error", "gcv", "discrepancy", "l-curve"]

#: Natural logarithms of the regularisations that are looked at.
_GRID = np.linspace(math.log(1e-8), math.log(1e4), 139)

#: Least curvature of a corner of the L-curve, whose axes are natural logarithms.
_BEND = 0.2

Array: TypeAlias = NDArray[np.float64]


def check_choice(choice: str) -> None:
    """Raise a SettingsError unless there is such a choice."""
    if choice not in get_args(Choice):
        raise SettingsError(
            f"There is no choice {choice!r} of a regularisation; it is one of "
            f"{', '.join(repr(c) for c in get_args(Choice))}."
        )


def choose(
    choice: Choice,
    bins: Periodogram,
    penalty: Penalty,
    fitted: Callable[[], Fit],
    noise_variance: float | None,
) -> tuple[float, str]:
    """Choose a regularisation.

    Parameters
    ----------
    choice : str
        As :func:`pellucid.solvers.wiener` explains. All but the L-curve look at frequencies that
        the optics pass: elsewhere a regularisation changes nothing, and what is there, such as
        the noise that a smoothed image lacks, misleads.
    bins : Periodogram
    penalty : Penalty
    fitted : callable
        Returns signal and noise fitted to the spectrum.
    noise_variance : float or None
        Of the noise; as fitted if needed and not known.

    Returns
    -------
    eps : float
    chosen_by : str

    Raises
    ------
    SettingsError
        If there is no such choice, the image is too small to choose, or its L-curve has no corner.
    """
    check_choice(choice)
    band = bins.band()
    if choice == "expected-error":
        found = _least(_expected_error(band, penalty.binned(band), fitted()))
        name = "least expected error"
    elif choice == "gcv":
        _check_bins(band)
        found = _least(_cross_validation(band, penalty.binned(band)))
        name = "generalised cross-validation"
    elif choice == "discrepancy":
        _check_bins(band)
        level = fitted().noise if noise_variance is None else noise_variance
        found = _discrepancy(band, penalty.binned(band), level)
        name = "discrepancy principle"
    else:
        _check_bins(bins)
        found = _corner(bins, penalty.binned(bins))
        name = "corner of the L-curve"
    if not _GRID[1] < found < _GRID[-2]:
        name += f", at the {'low' if found <= _GRID[1] else 'high'} end of what was looked at"
    return math.exp(found), name


def _check_bins(bins: Periodogram) -> None:
    if bins.count.size < 3 or not bins.power.any():
        raise SettingsError(
            "The image is too small or too uniform to choose its regularisation by: of "
            f"{bins.count.size} bands of frequency, at least 3 must hold light; give a number."
        )


def _expected_error(band: Periodogram, weight: Array, found: Fit) -> Callable[[float], float]:
    """Return the error of the scene: what is lost of the signal, and the noise let through."""
    signal = found.signal * found.spectrum.power(band.frequency_squared)

    def error(log_eps: float) -> float:
        held = math.exp(log_eps) * weight
        both = band.passed + held
        lost = signal * (held / both) ** 2 + found.noise * band.passed / both**2
        return float((band.count * lost).sum())

    return error


def _cross_validation(band: Periodogram, weight: Array) -> Callable[[float], float]:
    def score(log_eps: float) -> float:
        left = _left(band, weight, log_eps)
        mean = float(np.average(left, weights=band.count))
        return float(np.average(left**2 * band.power, weights=band.count)) / mean**2

    return score


def _discrepancy(band: Periodogram, weight: Array, level: float) -> float:
    def excess(log_eps: float) -> float:
        left = _left(band, weight, log_eps)
        return float(np.average(left**2 * band.power, weights=band.count)) - level

    # The residual grows with the regularisation, from nothing to the whole image.
    if excess(_GRID[0]) >= 0:
        return float(_GRID[0])
    if excess(_GRID[-1]) <= 0:
        return float(_GRID[-1])
    return float(brentq(excess, _GRID[0], _GRID[-1]))


def _corner(bins: Periodogram, weight: Array) -> float:
    """Return the first corner of the L-curve."""
    points = []
    for log_eps in _GRID:
        left = _left(bins, weight, float(log_eps))
        residual = float((bins.count * left**2 * bins.power).sum())
        kept = weight * bins.passed * bins.power / (bins.passed + math.exp(log_eps) * weight) ** 2
        points.append((residual, float((bins.count * kept).sum())))
    curve = 0.5 * np.log(np.maximum(points, np.finfo(np.float64).tiny))
    step = float(_GRID[1] - _GRID[0])
    slope = np.gradient(curve, step, axis=0)
    bend = np.gradient(slope, step, axis=0)
    speed = (slope**2).sum(axis=1)
    # Where the curve hardly moves its curvature is rounding.
    moving = speed > 1e-6 * float(speed.max())
    turn = slope[:, 0] * bend[:, 1] - bend[:, 0] * slope[:, 1]
    curvature = np.where(moving, turn / np.where(moving, speed, 1.0) ** 1.5, -np.inf)
    inner = curvature[2:-2]
    bends = (inner > _BEND) & (inner >= curvature[1:-3]) & (inner > curvature[3:-1])
    if not bends.any():
        raise SettingsError(
            "The L-curve of this image has no corner: its noise leaves no sharp bend; choose the "
            "regularisation in another way, or give a number."
        )
    # Where the regularisation begins to cost signal; it may bend again where all is lost.
    sharp = bends & (inner >= 0.5 * inner[bends].max())
    return float(_GRID[2 + int(np.flatnonzero(sharp)[0])])


def _left(bins: Periodogram, weight: Array, log_eps: float) -> Array:
    """Return the share ``1 - t`` of the image that a solution leaves unexplained."""
    held = math.exp(log_eps) * weight
    share: Array = held / (bins.passed + held)
    return share


def _least(score: Callable[[float], float]) -> float:
    """Return the least of a function of the logarithm of eps: on the grid, then between."""
    values = [score(float(x)) for x in _GRID]
    best = int(np.argmin(values))
    low, high = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    fine = minimize_scalar(score, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(fine.x) if fine.fun < values[best] else float(_GRID[best])
