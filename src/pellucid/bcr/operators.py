"""Matrices to try the nonstandard form on: blurs, their inverses, a singular integral."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.bcr._checks import real_kernel
from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.optics.transfer import widefield_otf

Matrix = NDArray[np.float64]


def convolution_matrix(symbol: NDArray[Any]) -> Matrix:
    """Return the matrix of a periodic convolution in one dimension.

    Parameters
    ----------
    symbol : ndarray, shape (n,)
        At the frequencies of ``numpy.fft.fft``, zero first, of a real operator.

    Returns
    -------
    ndarray of float64, shape (n, n)
        Circulant: entry (i, j) is the kernel at ``i - j``.

    Raises
    ------
    SettingsError
        If the symbol has other than one axis or is that of a complex operator.
    """
    values = np.asarray(symbol, dtype=np.complex128)
    if values.ndim != 1 or values.size == 0:
        raise SettingsError(
            f"A matrix is made of the symbol along one axis, not of one of shape {values.shape}."
        )
    kernel = real_kernel(values)
    n = len(kernel)
    return np.asarray(kernel[np.subtract.outer(np.arange(n), np.arange(n)) % n])


def gaussian_blur_matrix(size: int, sigma_pixels: float) -> Matrix:
    """Return the matrix of a periodic blur by a Gaussian, with rows that sum to one.

    Raises
    ------
    SettingsError
        If the size or the standard deviation is not positive.
    """
    _check_size(size)
    if not (math.isfinite(sigma_pixels) and sigma_pixels > 0):
        raise SettingsError(f"sigma_pixels must be a positive number, not {sigma_pixels}.")
    return convolution_matrix(np.exp(-2.0 * (np.pi * sigma_pixels * fft.fftfreq(size)) ** 2))


def airy_blur_matrix(size: int, cutoff_per_pixel: float) -> Matrix:
    """Return the matrix of the in-focus blur of specimens that vary along one axis only.

    Its symbol is the widefield transfer function along that axis, and its rows the image of a
    line, the Airy pattern integrated along the other axis.

    Parameters
    ----------
    size : int
    cutoff_per_pixel : float
        Cut-off 2 NA / wavelength times pixel size, above 0 and at most 0.5.

    Raises
    ------
    SettingsError
        If the size is not positive.
    OpticsError
        If the cut-off is out of its range.
    """
    _check_size(size)
    if not 0 < cutoff_per_pixel <= 0.5:
        raise OpticsError(
            f"The cut-off must lie above 0 and at most at 0.5 cycles per pixel (the Nyquist "
            f"limit), not at {cutoff_per_pixel:g}; use smaller pixels."
        )
    return convolution_matrix(widefield_otf(fft.fftfreq(size) / cutoff_per_pixel))


def regularised_inverse(matrix: NDArray[Any], noise_to_signal: float) -> Matrix:
    """Return ``(K^T K + eps I)^-1 K^T`` of a matrix (Eq. 5 of the paper).

    Raises
    ------
    SettingsError
        If ``eps`` is not positive.
    ImageError
        If `matrix` has other than two axes.
    """
    k = np.asarray(matrix, dtype=np.float64)
    if k.ndim != 2:
        raise ImageError(f"A matrix has two axes, not the shape {k.shape}; give a 2-D array.")
    if not (math.isfinite(noise_to_signal) and noise_to_signal > 0):
        raise SettingsError(f"noise_to_signal must be a positive number, not {noise_to_signal}.")
    normal = k.T @ k + noise_to_signal * np.eye(k.shape[1])
    return np.asarray(np.linalg.solve(normal, k.T))


def singular_integral_matrix(size: int) -> Matrix:
    """Return the matrix ``1 / (i - j)``, zero on the diagonal: a Calderon-Zygmund operator.

    It is the first example of Beylkin, Coifman and Rokhlin (1991): dense, of no low rank, and
    banded in the nonstandard form.

    Raises
    ------
    SettingsError
        If the size is not positive.
    """
    _check_size(size)
    distance = np.subtract.outer(np.arange(size), np.arange(size)).astype(np.float64)
    np.fill_diagonal(distance, np.inf)
    return 1.0 / distance


def _check_size(size: int) -> None:
    if size < 1:
        raise SettingsError(f"The size of a matrix must be at least 1, not {size}.")
