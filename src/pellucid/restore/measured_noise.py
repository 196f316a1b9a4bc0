"""The noise of an image, measured in it, as solvers and informed networks are told of it."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from pellucid.imaging.noise import estimate_noise
from pellucid.solvers.noise_model import NoiseModel

#: Cut-offs, in cycles per pixel, that leave noise to measure.
_LOWEST, _HIGHEST = 0.1, 0.5
#: Least share of the dark noise's variance that counts as measured: below, rounding hides it.
_LEAST = 1e-6


def measured_noise(
    image: NDArray[Any], *, cutoff_per_pixel: float, background: float
) -> NoiseModel:
    """Measure the noise of an image whose optics are known.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
        Raw counts; the plane in the middle is measured.
    cutoff_per_pixel : float
    background : float
        Counts without specimen, camera offset included; its photons belong to the dark noise.

    Returns
    -------
    NoiseModel
        Of the light above the background.

    Raises
    ------
    ImageError
        If the noise cannot be told from the image.
    """
    planes = image.reshape(-1, *image.shape[-2:])
    found = estimate_noise(
        planes[len(planes) // 2],
        cutoff_per_pixel=min(max(cutoff_per_pixel, _LOWEST), _HIGHEST),
    )
    photon = max(found.slope_counts, _LEAST * found.sigma_counts)
    dark = found.slope_counts * background + found.intercept_counts2
    return NoiseModel(photon=photon, gaussian=math.sqrt(max(dark, _LEAST * found.sigma_counts**2)))
