"""Orthonormal bases in which blur and regularisation are numbers: cosines, and Hartley's."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.imaging._arrays import put


class Basis(ABC):
    """A real orthonormal transform of arrays of one shape, float32.

    Attributes
    ----------
    shape : tuple of int
    """

    shape: tuple[int, ...]

    @abstractmethod
    def forward(self, x: Any) -> Any:
        """Return the coefficients of an array, a new array."""

    @abstractmethod
    def inverse(self, coefficients: Any) -> Any:
        """Return the array with some coefficients, a new array."""

    @abstractmethod
    def frequencies(self) -> tuple[NDArray[np.float64], ...]:
        """Return the frequency of the coefficients along every axis, in cycles per pixel.

        One array an axis, never negative, shaped to be broadcast against the others.
        """


@final
class Hartley(Basis):
    """``cas`` functions of a torus: every even filter is a number for each of them.

    The transform is the real less the imaginary part of Fourier's and is its own inverse [1]_.

    References
    ----------
    .. [1] R. N. Bracewell, "Discrete Hartley transform", J. Opt. Soc. Am. 73, 1832-1835 (1983).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        """Return the coefficients of an array."""
        if array_api_compat.is_numpy_array(x):
            # scipy keeps float32, which numpy 1.26 does not.
            spectrum = fft.fftn(x, norm="ortho", workers=_workers())
            return spectrum.real - spectrum.imag
        xp = array_api_compat.array_namespace(x)
        spectrum = xp.fft.fftn(x, norm="ortho")
        return xp.real(spectrum) - xp.imag(spectrum)

    def inverse(self, coefficients: Any) -> Any:
        """Return the array with some coefficients."""
        return self.forward(coefficients)

    def frequencies(self) -> tuple[NDArray[np.float64], ...]:
        """Return the frequencies along every axis."""
        return along_axes([np.abs(np.fft.fftfreq(n)) for n in self.shape])


@final
class Cosines(Basis):
    """Cosines of the second kind: even filters of a scene that is mirrored at its edges."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        """Return the coefficients of an array."""
        if array_api_compat.is_numpy_array(x):
            return fft.dctn(x, norm="ortho", workers=_workers())
        for axis in range(len(self.shape)):
            x = _cosine_axis(x, axis)
        return x

    def inverse(self, coefficients: Any) -> Any:
        """Return the array with some coefficients."""
        if array_api_compat.is_numpy_array(coefficients):
            return fft.idctn(coefficients, norm="ortho", workers=_workers())
        for axis in range(len(self.shape)):
            coefficients = _cosine_axis_back(coefficients, axis)
        return coefficients

    def frequencies(self) -> tuple[NDArray[np.float64], ...]:
        """Return the frequencies along every axis."""
        return along_axes([np.arange(n) / (2.0 * n) for n in self.shape])


def along_axes(values: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Shape one array an axis so that they broadcast against one another."""
    ndim = len(values)
    return tuple(
        v.reshape([-1 if other == axis else 1 for other in range(ndim)])
        for axis, v in enumerate(values)
    )


def _cosine_axis(x: Any, axis: int) -> Any:
    """Cosine transform along an axis by one complex Fourier transform of its length.

    Even samples forwards, then odd ones backwards: J. Makhoul, IEEE Trans. Acoust. Speech
    Signal Process. 28, 27-34 (1980).
    """
    xp = array_api_compat.array_namespace(x)
    x = xp.moveaxis(x, axis, -1)
    scale, turn = (put(v, x) for v in _factors(x.shape[-1]))
    folded = xp.concat([x[..., ::2], xp.flip(x[..., 1::2], axis=-1)], axis=-1)
    return xp.moveaxis(xp.real(xp.fft.fft(folded) * turn) * scale, -1, axis)


def _cosine_axis_back(c: Any, axis: int) -> Any:
    xp = array_api_compat.array_namespace(c)
    c = xp.moveaxis(c, axis, -1)
    n = c.shape[-1]
    scale, turn = (put(v, c) for v in _factors(n))
    real = c / scale
    # The folded samples are real, so that coefficient n - k holds the imaginary part of k.
    mirrored = xp.concat([xp.zeros_like(real[..., :1]), xp.flip(real[..., 1:], axis=-1)], axis=-1)
    folded = xp.real(xp.fft.ifft((real - 1j * mirrored) * xp.conj(turn)))
    x = xp.empty_like(folded)
    half = (n + 1) // 2
    x[..., ::2] = folded[..., :half]
    x[..., 1::2] = xp.flip(folded[..., half:], axis=-1)
    return xp.moveaxis(x, -1, axis)


def _factors(n: int) -> tuple[NDArray[np.float32], NDArray[np.complex64]]:
    """Return the scale that makes the transform orthonormal, and turns by quarter samples."""
    k = np.arange(n)
    scale = np.full(n, math.sqrt(2.0 / n), dtype=np.float32)
    scale[0] = math.sqrt(1.0 / n)
    return scale, np.exp(-0.5j * np.pi * k / n).astype(np.complex64)


def _workers() -> int:
    return os.cpu_count() or 1
