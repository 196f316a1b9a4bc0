"""How far a restoration is from the truth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import ImageError

#: Constants of the structural similarity index as published.
_K1, _K2, _SIGMA = 0.01, 0.03, 1.5


def fit_gain_offset(
    image: NDArray[np.floating], truth: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return ``a * image + b`` nearest to the truth in the least-squares sense.

    Restorers differ in the units of what they return; after this fit only the structure is
    compared. A constant image is mapped to the mean of the truth.
    """
    x, y = _pair(image, truth)
    centred = x - x.mean()
    power = float(np.vdot(centred, centred))
    gain = float(np.vdot(centred, y - y.mean())) / power if power > 0 else 0.0
    fitted: NDArray[np.float64] = centred * gain + y.mean()
    return fitted


def psnr(image: NDArray[np.floating], truth: NDArray[np.floating], *, fit: bool = False) -> float:
    """Peak signal-to-noise ratio in dB; the peak is the truth's range.

    Parameters
    ----------
    image, truth : ndarray, same shape
    fit : bool
        Fit gain and offset of the image to the truth first.

    Returns
    -------
    float
        Infinite where the two are equal.
    """
    x, y = _pair(image, truth)
    if fit:
        x = fit_gain_offset(x, y)
    error = float(np.mean((x - y) ** 2))
    span = float(y.max() - y.min())
    if span == 0:
        raise ImageError("The truth is constant, so that PSNR has no peak; use another image.")
    return math.inf if error == 0 else 10.0 * math.log10(span**2 / error)


def ssim(image: NDArray[np.floating], truth: NDArray[np.floating], *, fit: bool = False) -> float:
    """Mean structural similarity, Gaussian window of sigma 1.5 cut at radius 5.

    Parameters
    ----------
    image, truth : ndarray, shape (y, x), at least 11 pixels a side
    fit : bool
        Fit gain and offset of the image to the truth first.

    References
    ----------
    .. [1] Z. Wang et al., "Image quality assessment: from error visibility to structural
       similarity", IEEE Trans. Image Process. 13, 600-612 (2004).
    """
    x, y = _pair(image, truth)
    if min(x.shape) < 11:
        raise ImageError(f"SSIM needs at least 11 pixels a side, not shape {x.shape}.")
    if fit:
        x = fit_gain_offset(x, y)
    span = float(y.max() - y.min())

    def local(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = gaussian_filter(values, _SIGMA, truncate=5 / _SIGMA)
        return smoothed

    mean_x, mean_y = local(x), local(y)
    var_x = local(x * x) - mean_x**2
    var_y = local(y * y) - mean_y**2
    covariance = local(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * span) ** 2, (_K2 * span) ** 2
    score = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    inner = tuple(slice(5, n - 5) for n in x.shape)
    return float(score[inner].mean())


def _pair(
    image: NDArray[np.floating], truth: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(image, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if x.shape != y.shape:
        raise ImageError(
            f"Image {x.shape} and truth {y.shape} differ in shape; crop or bin one of them."
        )
    return x, y
