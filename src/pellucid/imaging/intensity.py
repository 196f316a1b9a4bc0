"""The intensity scale of an image, computed once from the whole of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

#: Percentiles taken as background and as signal peak of an image.
BACKGROUND_PERCENTILE = 1.0
PEAK_PERCENTILE = 99.9

#: Percentiles closer than this share of the full range say nothing about the signal.
_NEGLIGIBLE = 1e-6

#: Beyond this many pixels a regular subset decides the percentiles: exact enough, bounded time.
_SAMPLE = 1 << 24


@final
@dataclass(frozen=True, slots=True)
class IntensityScale:
    """An affine map between camera units and the unit range networks work in.

    Parameters
    ----------
    background : float
        Intensity that maps to zero.
    span : float
        Intensity difference that maps to one; positive.
    """

    background: float
    span: float

    def normalise(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Map camera units to the unit range, in float32."""
        shifted = np.subtract(image, self.background, dtype=np.float64)
        shifted /= self.span
        normalised: NDArray[np.float32] = shifted.astype(np.float32)
        return normalised

    def restore(self, image: NDArray[np.float32]) -> NDArray[np.float64]:
        """Map the unit range back to camera units, in float64."""
        return image.astype(np.float64) * self.span + self.background


def estimate_scale(image: NDArray[Any]) -> IntensityScale:
    """Estimate background and span of an image from its percentiles.

    The estimate follows gain and offset exactly: that of ``a * image + b`` is ``a`` times the
    span, and ``a`` times the background plus ``b``, for every positive ``a``.

    Parameters
    ----------
    image : ndarray of real numbers, any shape
        Finite values. Over 16 million pixels a regular subset is used.

    Returns
    -------
    IntensityScale
        The span is never zero: an image whose percentiles coincide gets its full range, a
        constant one gets span one.
    """
    flat = image.reshape(-1)
    if flat.size > _SAMPLE:
        flat = flat[:: -(-flat.size // _SAMPLE)]
    low, high = (float(v) for v in np.percentile(flat, [BACKGROUND_PERCENTILE, PEAK_PERCENTILE]))
    smallest, largest = float(image.min()), float(image.max())
    whole = largest - smallest
    if high - low > _NEGLIGIBLE * whole and high - low > float(np.finfo(np.float32).tiny):
        return IntensityScale(low, high - low)
    return IntensityScale(smallest, whole if whole > float(np.finfo(np.float32).tiny) else 1.0)
