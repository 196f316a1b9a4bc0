"""What an informed network is told about an image: its optics and its noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.imaging.intensity import IntensityScale
from pellucid.restore.measured_noise import measured_noise

#: How many numbers.
TOLD = 3
#: Names they have in the metadata of an exported network.
TOLD_NAMES = "cutoff_per_pixel photon gaussian"
#: Shares of the unit range below which noise is none, and above which there is nothing but noise.
_LEAST, _MOST = 1e-4, 1.0


def told_vector(cutoff_per_pixel: float, *, photon: float, gaussian: float) -> NDArray[np.float32]:
    """Return the numbers of an image, brought to about -1 to 1.

    Parameters
    ----------
    cutoff_per_pixel : float
        Cut-off of the optics, ``2 NA / wavelength`` times the pixel size.
    photon, gaussian : float
        The noise's variance is ``photon * light + gaussian**2``, with light in the unit range
        networks work in; see :class:`pellucid.solvers.NoiseModel`, divided by the span.

    Returns
    -------
    ndarray of float32, shape (3,)
    """
    shot = min(max(math.sqrt(max(photon, 0.0)), _LEAST), _MOST)
    dark = min(max(gaussian, _LEAST), _MOST)
    return np.array(
        [4.0 * cutoff_per_pixel - 1.0, math.log10(shot) + 1.5, math.log10(dark) + 1.5],
        dtype=np.float32,
    )


def measured_told(
    image: NDArray[Any], cutoff_per_pixel: float, scale: IntensityScale
) -> NDArray[np.float32]:
    """Return what a network is told about an image whose optics are known, its noise measured.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
        Counts; the plane in the middle is measured.
    cutoff_per_pixel : float
    scale : IntensityScale
        Of the whole image.

    Raises
    ------
    ImageError
        If the noise cannot be told from the image.
    """
    noise = measured_noise(image, cutoff_per_pixel=cutoff_per_pixel, background=scale.background)
    return told_vector(
        cutoff_per_pixel, photon=noise.photon / scale.span, gaussian=noise.gaussian / scale.span
    )
