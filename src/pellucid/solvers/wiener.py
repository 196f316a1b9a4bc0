"""Wiener deconvolution: the regularised inverse of the paper's Eq. 5, in Fourier space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize_scalar

from pellucid.errors import SettingsError
from pellucid.solvers.restoration import Restoration

#: Range the noise-to-signal ratio is searched in.
_LOWEST, _HIGHEST = 1e-6, 1e1


def wiener(
    image: NDArray[Any],
    psf: NDArray[np.floating],
    *,
    noise_to_signal: float | None = None,
) -> Restoration:
    """Deconvolve an image by ``(K^T K + eps I)^-1 K^T``.

    The image is continued by reflection over the reach of the point spread function and
    faded to its mean there, so that the periodic Fourier transform meets no edge. The mean
    is kept exactly, and the result follows gain and offset of the image.

    Parameters
    ----------
    image : ndarray of real numbers
    psf : ndarray, same number of axes
        Centred on the sample ``n // 2`` of every axis; scaled here to sum to one.
    noise_to_signal : float, optional
        The regularisation ``eps``, positive. Chosen by generalised cross-validation [1]_ if
        not given.

    Returns
    -------
    Restoration
        Its trace holds the value of ``eps``.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for
       choosing a good ridge parameter", Technometrics 21, 215-223 (1979).
    """
    if noise_to_signal is not None and not (math.isfinite(noise_to_signal) and noise_to_signal > 0):
        raise SettingsError(f"noise_to_signal must be a positive number, not {noise_to_signal}.")
    values = np.asarray(image, dtype=np.float64)
    mean = float(values.mean())
    margin = [max(k // 2, 1) for k in psf.shape]
    padded = _faded(values - mean, margin)
    shape = padded.shape
    spectrum = fft.rfftn(padded, workers=-1)
    transfer = fft.rfftn(_at_origin(psf, shape), workers=-1)
    power = np.abs(transfer) ** 2
    chosen = noise_to_signal is None
    eps = (
        _cross_validate(power, np.abs(spectrum) ** 2)
        if noise_to_signal is None
        else noise_to_signal
    )
    restored = fft.irfftn(spectrum * np.conj(transfer) / (power + eps), shape, workers=-1)
    inner = tuple(slice(m, m + n) for m, n in zip(margin, values.shape, strict=True))
    result = restored[inner]
    result += mean - result.mean()
    return Restoration(
        image=result.astype(np.float32),
        trace=(eps,),
        stopped_because="a closed form has no iterations",
        settings={
            "noise_to_signal": eps,
            "chosen_by": "generalised cross-validation" if chosen else "the user",
        },
    )


def _cross_validate(power: NDArray[np.float64], data: NDArray[np.float64]) -> float:
    """Minimise the generalised cross-validation score over the logarithm of eps.

    The half spectrum counts each frequency about once; the score is a ratio of means, so the
    self-conjugate ones hardly matter.
    """

    def score(log_eps: float) -> float:
        left = math.exp(log_eps) / (power + math.exp(log_eps))
        return float(np.mean(left**2 * data) / np.mean(left) ** 2)

    best = minimize_scalar(score, bounds=(math.log(_LOWEST), math.log(_HIGHEST)), method="bounded")
    return math.exp(float(best.x))


def _faded(image: NDArray[np.float64], margin: list[int]) -> NDArray[np.float64]:
    """Continue a zero-mean image by reflection, fading to zero over the margin."""
    padded = np.pad(image, [(m, m) for m in margin], mode="symmetric")
    for axis, m in enumerate(margin):
        ramp = np.sin(0.5 * np.pi * (np.arange(m) + 0.5) / m) ** 2
        window = np.concatenate([ramp, np.ones(image.shape[axis]), ramp[::-1]])
        padded *= window.reshape([-1 if a == axis else 1 for a in range(image.ndim)])
    return padded


def _at_origin(psf: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Lay a point spread function of unit sum on a grid, its centre on the first sample."""
    kernel = np.zeros(shape)
    index = np.ix_(*((np.arange(k) - k // 2) % n for k, n in zip(psf.shape, shape, strict=True)))
    # The grid is at least as large as the kernel, so that no sample is met twice.
    kernel[index] = psf / psf.sum(dtype=np.float64)
    return kernel
