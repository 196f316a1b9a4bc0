"""Fourier ring correlation of a restoration with a truth of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import ImageError

#: Below this correlation nothing is resolved, by the usual convention.
THRESHOLD = 1.0 / 7.0
#: Rings averaged with their neighbours before the threshold is looked for.
_SMOOTHED = 3


@final
@dataclass(frozen=True, slots=True)
class RingCorrelation:
    """How well two images agree at every spatial frequency.

    Attributes
    ----------
    frequency : ndarray of float64, shape (rings,)
        Cycles per pixel, up to the Nyquist limit.
    correlation : ndarray of float64, shape (rings,)
        From -1 to 1.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]

    @property
    def resolved_per_pixel(self) -> float:
        """Frequency from which the correlation is below 1/7, cycles per pixel.

        Rings are averaged with their two neighbours and joined by lines; what counts is where
        they fall below for the first time after having been above. The Nyquist limit 0.5
        where they never do; 0 where none is above. A restoration that spoils what is coarsest
        (haze removed, say) can still resolve what is finer.
        """
        # A ring at the end of the range stands in for the neighbour it lacks.
        whole = np.pad(self.correlation, _SMOOTHED // 2, mode="edge")
        smooth = np.convolve(whole, np.full(_SMOOTHED, 1.0 / _SMOOTHED), mode="valid")
        above = np.flatnonzero(smooth >= THRESHOLD)
        if above.size == 0:
            return 0.0
        below = np.flatnonzero(smooth[above[0] :] < THRESHOLD)
        if below.size == 0:
            return 0.5
        last = int(above[0] + below[0]) - 1
        high, low = smooth[last], smooth[last + 1]
        step = self.frequency[last + 1] - self.frequency[last]
        return float(self.frequency[last] + step * (high - THRESHOLD) / (high - low))

    @property
    def resolution_pixels(self) -> float:
        """One over the resolved frequency, pixels; infinite where nothing is resolved."""
        resolved = self.resolved_per_pixel
        return 1.0 / resolved if resolved > 0 else float("inf")


def ring_correlation(image: NDArray[Any], truth: NDArray[Any]) -> RingCorrelation:
    """Correlate two planes ring by ring.

    Means are removed and a Hann window applied. Rings are as wide as a sample of the shorter
    side's spectrum and round in cycles per pixel, whatever the shape.

    Parameters
    ----------
    image, truth : ndarray, shape (y, x), at least 16 pixels a side

    Raises
    ------
    ImageError
        If they differ in shape, are too small or no planes.

    References
    ----------
    .. [1] W. O. Saxton, W. Baumeister, "The correlation averaging of a regularly arranged
       bacterial cell envelope protein", J. Microsc. 127, 127-138 (1982).
    .. [2] N. Banterle et al., "Fourier ring correlation as a resolution criterion for
       super-resolution microscopy", J. Struct. Biol. 183, 363-367 (2013).
    """
    if image.shape != truth.shape or image.ndim != 2 or min(image.shape) < 16:
        raise ImageError(
            f"Ring correlation needs two planes of one shape of at least 16 pixels a side, not "
            f"{image.shape} and {truth.shape}."
        )
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape))
    first, second = (
        fft.fft2((plane - plane.mean(dtype=np.float64)) * window) for plane in (image, truth)
    )
    side = min(image.shape)
    frequency = np.hypot(*np.ix_(*(np.fft.fftfreq(n) for n in image.shape)))
    ring = np.rint(frequency * side).astype(int)
    rings = side // 2 + 1
    inside = (ring < rings) & (ring > 0)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = np.bincount(
            ring[inside], weights=values[inside], minlength=rings
        )[1:].astype(np.float64)
        return summed

    power = total(np.abs(first) ** 2) * total(np.abs(second) ** 2)
    shared = total((first * second.conj()).real)
    correlation = shared / np.sqrt(np.maximum(power, np.finfo(np.float64).tiny))
    return RingCorrelation(np.arange(1, rings) / side, correlation)
