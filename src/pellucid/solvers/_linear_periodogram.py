"""The power of an image by frequency and by what the optics pass, in a few thousand bins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.solvers._linear_basis import along_axes
from pellucid.solvers._linear_transfer import Response, frequency_squared, laplacian_squared

#: Bins of the logarithm of the frequency, and of the squared transfer function a decade.
_FREQUENCIES, _A_DECADE = 64, 8
#: Decades of the squared transfer function that are told apart.
_DECADES = 6
#: Shorter axes are not tapered: nothing would be left.
_SHORTEST_TAPERED = 8
#: Frequencies that pass with less than this share of their power hold nothing but noise.
PASSED = 1e-4


@final
@dataclass(frozen=True, slots=True)
class Periodogram:
    """Means over bins of frequencies, lowest ones left out; all of shape (bins,), float64.

    Attributes
    ----------
    count : ndarray
        Frequencies in the bin.
    frequency_squared, laplacian_squared : ndarray
        What penalties need.
    passed : ndarray
        Squared transfer function.
    power : ndarray
        Of the image; that of white noise is its variance.
    """

    count: NDArray[np.float64]
    frequency_squared: NDArray[np.float64]
    laplacian_squared: NDArray[np.float64]
    passed: NDArray[np.float64]
    power: NDArray[np.float64]

    def band(self) -> Periodogram:
        """Return the bins that the optics pass."""
        kept = self.passed > PASSED
        return Periodogram(
            self.count[kept],
            self.frequency_squared[kept],
            self.laplacian_squared[kept],
            self.passed[kept],
            self.power[kept],
        )


def periodogram(
    image: NDArray[np.float32], response: Response, scales: tuple[float, ...], *, periodic: bool
) -> Periodogram:
    """Measure the power spectrum of an image.

    Unless it is periodic, the image is tapered along every axis, so that its opposite edges do not
    meet; the frequencies next to zero, which hold the mean, are left out.

    Parameters
    ----------
    image : ndarray of float32
    response : Response
    scales : tuple of float
        Smallest side of a voxel over its side along every axis.
    periodic : bool
    """
    shape = image.shape
    tapered = [not periodic and n >= _SHORTEST_TAPERED for n in shape]
    taper = along_axes(
        [_taper(n) if used else np.ones(n) for n, used in zip(shape, tapered, strict=True)]
    )
    weight = np.ones((1,) * image.ndim)
    for one in taper:
        weight = weight * one
    squares = float((weight**2).sum()) * image.size / weight.size
    mean = float((weight**2 * image).sum()) / squares
    spectrum = fft.rfftn(((image - mean) * weight).astype(np.float32), workers=os.cpu_count() or 1)
    power = (spectrum.real**2 + spectrum.imag**2) / squares
    cycles = _cycles(shape)
    # Tapered axes spread the mean over one frequency on either side.
    near = along_axes([k <= (1 if used else 0) for k, used in zip(cycles, tapered, strict=True)])
    beside_mean = np.ones(power.shape, dtype=np.bool_)
    for one in near:
        beside_mean &= one
    frequencies = along_axes([k / n for k, n in zip(cycles, shape, strict=True)])
    return _binned(
        ~beside_mean,
        _multiplicity(power.shape, shape[-1]),
        frequency_squared(frequencies, scales),
        laplacian_squared(frequencies, scales),
        response.on_torus(shape),
        power,
    )


def _taper(n: int) -> NDArray[np.float64]:
    """Rise as a quarter of a sine over the first quarter of an axis, fall over the last.

    A wider one leaves out too much of small images, a narrower one lets edges pass for detail.
    """
    x = (np.arange(n) + 0.5) / n
    return np.asarray(np.sin(2.0 * np.pi * np.minimum(np.minimum(x, 1.0 - x), 0.25)))


def _cycles(shape: tuple[int, ...]) -> list[NDArray[np.float64]]:
    """Return the cycles an axis of every coefficient of a half spectrum."""
    whole = [np.abs(np.fft.fftfreq(n, 1.0 / n)) for n in shape[:-1]]
    return [*whole, np.arange(shape[-1] // 2 + 1, dtype=np.float64)]


def _multiplicity(half_shape: tuple[int, ...], last: int) -> NDArray[np.float64]:
    """Return how often the whole spectrum holds each coefficient of the half."""
    count = np.full(half_shape, 2.0)
    count[..., 0] = 1.0
    if last % 2 == 0:
        count[..., -1] = 1.0
    return count


def _binned(
    kept: NDArray[np.bool_], count: NDArray[np.float64], *values: NDArray[np.floating]
) -> Periodogram:
    """Average squared frequency, squared Laplacian, squared transfer function and power."""
    weight = count[kept]
    square, laplacian, passed, power = (v[kept] for v in values)
    if weight.size == 0:
        return Periodogram(*(np.empty(0) for _ in range(5)))
    low, high = np.log(square.min()), np.log(square.max())
    level = ((np.log(square) - low) * (_FREQUENCIES / max(high - low, 1e-9))).astype(np.intp)
    lost = -np.log10(np.maximum(passed, 10.0**-_DECADES))
    loss = (lost * _A_DECADE).clip(0, _DECADES * _A_DECADE).astype(np.intp)
    where = level.clip(0, _FREQUENCIES - 1) * (_DECADES * _A_DECADE + 1) + loss
    total = np.bincount(where, weight).astype(np.float64)
    full = total > 0

    def mean(one: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(where, weight * one)[full] / total[full], dtype=np.float64)

    return Periodogram(total[full], mean(square), mean(laplacian), mean(passed), mean(power))
