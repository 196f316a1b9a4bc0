"""How much of an image's variation lies at each spatial frequency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def radial_power_spectrum(
    image: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the radially averaged power spectrum of a plane.

    The mean is removed and a Hann window applied, so that the frame does not show.

    Parameters
    ----------
    image : ndarray, shape (y, x)

    Returns
    -------
    frequency : ndarray of float64
        Cycles per pixel, up to the Nyquist limit 0.5.
    power : ndarray of float64
        Mean squared magnitude a ring, divided by the number of pixels.
    """
    values = np.asarray(image, dtype=np.float64)
    window = np.hanning(values.shape[0] + 2)[1:-1, None] * np.hanning(values.shape[1] + 2)[1:-1]
    power = np.abs(fft.fft2((values - values.mean()) * window)) ** 2 / values.size
    frequency = np.hypot(fft.fftfreq(values.shape[0])[:, None], fft.fftfreq(values.shape[1]))
    rings = max(2, min(values.shape) // 2)
    ring = np.rint(frequency * 2 * rings).astype(int)
    inside = ring <= rings
    count = np.bincount(ring[inside], minlength=rings + 1)
    total = np.bincount(ring[inside], weights=power[inside], minlength=rings + 1)
    return np.arange(rings + 1) / (2 * rings), total / np.maximum(count, 1)
