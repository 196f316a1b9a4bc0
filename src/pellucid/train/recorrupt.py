"""Splitting a noisy image into two with noise of their own, to learn from noisy images alone."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import SettingsError
from pellucid.imaging.noise import NoiseEstimate
from pellucid.imaging.thinning import split_by_noise, split_electrons, whole_electrons
from pellucid.io.image import check_intensities
from pellucid.solvers.noise_model import NoiseModel

_Split: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


def recorrupted(
    image: ArrayLike,
    noise: NoiseModel | NoiseEstimate,
    *,
    rng: np.random.Generator,
    offset_counts: float = 0.0,
    share: float = 0.5,
) -> _Split:
    """Split a noisy image into two of the same mean whose noise is uncorrelated.

    As if the light had gone to two cameras, `share` of it to the first, and both images had
    been scaled back: either is unbiased, and noisier than the image by ``1 / share`` and
    ``1 / (1 - share)`` in variance (shot noise). A network that makes the second from the first
    cannot learn the noise and learns what is beneath it [1]_.

    Whole electrons without read noise are split by binomial draws, one electron after the
    other, which gives two independent Poisson images [2]_. Otherwise Gaussian noise is added to
    the one and subtracted from the other [1]_::

        first = image + a * sqrt(v) * z,     second = image - sqrt(v) * z / a

    with ``a = sqrt((1 - share) / share)``, normal `z`, and the variance `v` that the noise model
    gives for the pixel's own value. That value is noisy but its mean is right, and as
    ``cov(first, second) = var(image) - mean(v)``, the two are exactly uncorrelated. Where read
    noise takes a pixel so far below the offset that `v` is negative, `z` is added to both, with
    ``sqrt(-v)``, for the same covariance; clipping `v` at zero would leave a correlation of some
    per cent in dark places.

    Parameters
    ----------
    image : array_like of real numbers, any shape
        Raw, with noise that is independent from pixel to pixel.
    noise : NoiseModel or NoiseEstimate
        The first is told of light above the offset; the second knows the variance of counts
        as they are.
    rng : numpy.random.Generator
    offset_counts : float
        Value of a pixel without light, for a NoiseModel.
    share : float
        Share of the light that goes to the first image, between 0 and 1.

    Returns
    -------
    first, second : ndarray of float32, shape of the image
        In its units, offset included.

    Raises
    ------
    ImageError
        If the image is not one of finite real numbers.
    SettingsError
        If the share or the offset is out of its range, or the noise is none.

    References
    ----------
    .. [1] T. Pang, H. Zheng, Y. Quan and H. Ji, "Recorrupted-to-Recorrupted: unsupervised deep
       learning for image denoising", CVPR 2021, 2043-2052.
    .. [2] J. F. C. Kingman, *Poisson Processes*, Oxford (1993), section 5.1 (thinning).
    """
    values = np.asarray(image)
    check_intensities(np.atleast_2d(values))
    if not 0.0 < share < 1.0:
        raise SettingsError(
            f"share = {share:g} leaves one of the two images without light; give a number between "
            "0 and 1."
        )
    if not math.isfinite(offset_counts):
        raise SettingsError(f"offset_counts = {offset_counts:g}; give the counts without light.")
    counts = values.astype(np.float64)
    first, second = _parts(counts, noise, offset_counts, share, rng)
    return first.astype(np.float32), second.astype(np.float32)


def _parts(
    counts: NDArray[np.float64],
    noise: NoiseModel | NoiseEstimate,
    offset: float,
    share: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if isinstance(noise, NoiseModel) and noise.gaussian == 0:
        whole = whole_electrons(counts, photon=noise.photon, offset=offset)
        if whole is not None:
            return split_electrons(whole, photon=noise.photon, offset=offset, share=share, rng=rng)
    slope, intercept = _variance_line(noise, offset)
    return split_by_noise(counts, slope=slope, intercept=intercept, share=share, rng=rng)


def _variance_line(noise: NoiseModel | NoiseEstimate, offset: float) -> tuple[float, float]:
    """Return slope and intercept of the variance over the counts."""
    if isinstance(noise, NoiseModel):
        return noise.photon, noise.gaussian**2 - noise.photon * offset
    if noise.slope_counts <= 0 and noise.intercept_counts2 <= 0:
        raise SettingsError(
            "The estimated noise is none at all, and what has no noise cannot be split; state a "
            "NoiseModel."
        )
    return noise.slope_counts, noise.intercept_counts2
