"""Real Fourier transforms of zero-padded arrays in float32, without needless work.

An array shorter than the grid is continued by zeros at the ends of its axes, and of a result
only the beginning of every axis is kept. For numpy the axes are transformed one by one, in
place, so that rows of zeros and rows that nobody keeps are never transformed, and no padded
array is made but the spectrum.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.imaging._arrays import contiguous

#: Elements of a transfer function whose conjugate is taken at a time: they stay in the cache.
_CHUNK = 1 << 15

#: Samples that are padded or cropped at a time.
_SLAB = 1 << 19


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
        halves = self.shape[-1] // 2 + 1
        if x.shape == self.shape:
            spectrum = fft.rfft(x, workers=self._workers)
        else:
            spectrum = np.zeros((*self.shape[:-1], halves), dtype=np.complex64)
            rows = spectrum[tuple(slice(n) for n in x.shape[:-1])]
            for slab in _slabs(x.shape):
                rows[slab] = fft.rfft(x[slab], self.shape[-1], workers=self._workers)
        for axis in reversed(self._axes[:-1]):
            # Before this axis only what the array fills, after it all that has been transformed.
            rows = spectrum[tuple(slice(n) for n in x.shape[:axis])]
            self._in_place(fft.fft, rows, axis)
        return spectrum

    def inverse(self, spectrum: Any, shape: tuple[int, ...]) -> Any:
        """Return the first samples of the array with a half spectrum, which is overwritten."""
        if not self._numpy:
            x = self._fft.irfftn(spectrum, s=self.shape, axes=self._axes)
            return contiguous(x[tuple(slice(n) for n in shape)])
        for axis in self._axes[:-1]:
            self._in_place(fft.ifft, spectrum, axis)
            spectrum = spectrum[(slice(None),) * axis + (slice(shape[axis]),)]
        if shape[-1] == self.shape[-1]:
            return fft.irfft(spectrum, shape[-1], workers=self._workers)
        kept = np.empty(shape, dtype=np.float32)
        for slab in _slabs(shape):
            x = fft.irfft(spectrum[slab], self.shape[-1], workers=self._workers)
            kept[slab] = x[..., : shape[-1]]
        return kept

    def _in_place(self, transform: Any, rows: NDArray[np.complex64], axis: int) -> None:
        """Transform an axis, and write the result back if scipy has made a new array."""
        result = transform(rows, axis=axis, workers=self._workers, overwrite_x=True)
        if not np.may_share_memory(result, rows):
            rows[...] = result


def _slabs(shape: tuple[int, ...]) -> Iterator[Any]:
    """Cut an array along its first axis into parts that stay in the cache."""
    if len(shape) == 1:
        yield ...
        return
    thickness = max(1, _SLAB * shape[0] // math.prod(shape))
    for start in range(0, shape[0], thickness):
        yield slice(start, start + thickness)


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
