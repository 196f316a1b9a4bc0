"""Real Fourier transforms of zero-padded arrays in float32, without needless work.

An array shorter than the grid is continued by zeros at the ends of its axes, and of a result
only the beginning of every axis is kept. For numpy the axes are transformed one by one, in
place, so that rows of zeros and rows that nobody keeps are never transformed.
"""

from __future__ import annotations

import os
from typing import Any, final

import array_api_compat
import numpy as np
from scipy import fft

from pellucid.imaging._arrays import contiguous

#: Elements of a transfer function whose conjugate is taken at a time: they stay in the cache.
_CHUNK = 1 << 15


def fast_length(samples: int, *, last: bool) -> int:
    """Return the next length whose transform is fast; the last axis is the real one."""
    return int(fft.next_fast_len(samples, real=last))


@final
class RealFft:
    """Forward and inverse real transforms on one periodic grid.

    Parameters
    ----------
    shape : tuple of int
        Samples of the grid.
    like : array
        Library and device of the arrays. Those of numpy are transformed by scipy, with a
        thread on every processor; others by their own library.
    """

    def __init__(self, shape: tuple[int, ...], like: Any) -> None:
        self.shape = shape
        # scipy keeps float32, which numpy 1.26 does not, and can work in place.
        self._numpy = array_api_compat.is_numpy_array(like)
        self._fft: Any = None if self._numpy else array_api_compat.array_namespace(like).fft
        self._axes = tuple(range(len(shape)))
        self._workers = os.cpu_count() or 1

    def forward(self, x: Any) -> Any:
        """Return the half spectrum, complex64, of an array no longer than the grid."""
        if not self._numpy:
            return self._fft.rfftn(x, s=self.shape, axes=self._axes)
        spectrum: Any = fft.rfft(x, self.shape[-1], workers=self._workers)
        for axis in reversed(self._axes[:-1]):
            spectrum = fft.fft(
                spectrum, self.shape[axis], axis=axis, workers=self._workers, overwrite_x=True
            )
        return spectrum

    def inverse(self, spectrum: Any, shape: tuple[int, ...]) -> Any:
        """Return the first samples of the array with a half spectrum, which is overwritten."""
        if not self._numpy:
            x = self._fft.irfftn(spectrum, s=self.shape, axes=self._axes)
            return contiguous(x[tuple(slice(n) for n in shape)])
        for axis in self._axes[:-1]:
            spectrum = fft.ifft(spectrum, axis=axis, workers=self._workers, overwrite_x=True)
            spectrum = spectrum[(slice(None),) * axis + (slice(shape[axis]),)]
        x = fft.irfft(spectrum, self.shape[-1], workers=self._workers)
        return np.ascontiguousarray(x[..., : shape[-1]])


def multiply_by_conjugate(spectrum: Any, transfer: Any) -> Any:
    """Return the spectrum times the conjugate of a transfer function, in place where it can be."""
    xp = array_api_compat.array_namespace(spectrum)
    if not array_api_compat.is_numpy_array(spectrum):
        spectrum *= xp.conj(transfer)
        return spectrum
    rows = max(1, _CHUNK * transfer.shape[0] // transfer.size)
    for start in range(0, transfer.shape[0], rows):
        part = slice(start, start + rows)
        spectrum[part] *= xp.conj(transfer[part])
    return spectrum
