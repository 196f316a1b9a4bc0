"""Two recordings out of one: the light goes to either by chance, as if there were two cameras."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[np.float64]

#: Distance from whole electrons that counts as rounding.
_WHOLE = 1e-3


def whole_electrons(counts: _Array, *, photon: float, offset: float) -> NDArray[np.int64] | None:
    """Return how many electrons every pixel holds; None if they are not whole numbers.

    Parameters
    ----------
    counts : ndarray of float64
    photon : float
        Counts an electron gives, positive.
    offset : float
        Counts of a pixel without electrons.
    """
    electrons = (counts - offset) / photon
    whole = np.rint(electrons)
    if whole.min() < 0 or not np.abs(electrons - whole).max() < _WHOLE:
        return None
    return whole.astype(np.int64)


def split_electrons(
    electrons: NDArray[np.int64],
    *,
    photon: float,
    offset: float,
    share: float,
    rng: np.random.Generator,
) -> tuple[_Array, _Array]:
    """Send each electron to the first of two images with probability `share`, else to the second.

    The two parts of a Poisson number are independent Poisson numbers [1]_.

    Parameters
    ----------
    electrons : ndarray of int64
    photon, offset : float
        Counts an electron gives, and counts of a pixel without electrons.
    share : float
        Between 0 and 1.
    rng : numpy.random.Generator

    Returns
    -------
    first, second : ndarray of float64
        In counts, scaled back to the mean of the whole.

    References
    ----------
    .. [1] J. F. C. Kingman, *Poisson Processes*, Oxford (1993), section 5.1 (thinning).
    """
    taken: NDArray[Any] = rng.binomial(electrons, share)
    first = offset + photon / share * taken
    second = offset + photon / (1.0 - share) * (electrons - taken)
    return first, second


def split_by_noise(
    counts: _Array, *, slope: float, intercept: float, share: float, rng: np.random.Generator
) -> tuple[_Array, _Array]:
    """Split counts of known noise into two images of the same mean and uncorrelated noise.

    Gaussian noise is added to the one and subtracted from the other [1]_::

        first = counts + a * sqrt(v) * z,     second = counts - sqrt(v) * z / a

    with ``a = sqrt((1 - share) / share)``, normal `z`, and the variance `v` that the noise model
    gives for the pixel's own value. That value is noisy but its mean is right, and as
    ``cov(first, second) = var(counts) - mean(v)``, the two are exactly uncorrelated. Where read
    noise takes a pixel so far below the offset that `v` is negative, `z` is added to both, with
    ``sqrt(-v)``, for the same covariance; clipping `v` at zero would leave a correlation of some
    per cent in dark places.

    Parameters
    ----------
    counts : ndarray of float64
    slope, intercept : float
        Variance of a pixel: ``slope * mean counts + intercept``.
    share : float
        Between 0 and 1; the variances are those of the whole divided by it, and by what is left.
    rng : numpy.random.Generator

    Returns
    -------
    first, second : ndarray of float64
        In counts.

    References
    ----------
    .. [1] T. Pang, H. Zheng, Y. Quan and H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep
       learning for image denoising", CVPR 2021, 2043-2052.
    """
    variance = slope * counts + intercept
    amplitude = np.sqrt(np.abs(variance)) * rng.standard_normal(counts.shape)
    ratio = math.sqrt((1.0 - share) / share)
    return counts + ratio * amplitude, counts - np.sign(variance) * amplitude / ratio
