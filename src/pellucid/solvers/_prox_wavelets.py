"""An orthonormal wavelet transform of arrays of any library, as a linear operator."""

from __future__ import annotations

import math
from typing import Any, final

import array_api_compat
import numpy as np

from pellucid.bcr.wavelets import Wavelet
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import as_operand, as_shape, put
from pellucid.imaging.operator import LinearOperator


@final
class WaveletTransform(LinearOperator):
    """The periodic orthonormal transform along all axes; its adjoint is its inverse.

    The coefficients lie in an array of the same shape, the coarser the nearer to its first
    sample. An axis takes part in the finest levels only, as long as its scaling coefficients are
    at least two; one of less than four samples in none, so that the transform of a volume of one
    plane is that of the plane.

    Parameters
    ----------
    shape : tuple of int
        As :func:`padded_shape` returns it.
    wavelet : str
        A name that :meth:`pellucid.bcr.Wavelet.named` knows.
    levels : int
        At least one.

    Attributes
    ----------
    coarsest : tuple of slice
        Where the scaling coefficients of the coarsest level lie.

    Raises
    ------
    SettingsError
        If there is no such wavelet, or `levels` is not positive.
    ImageError
        If a side is no multiple of two to the power of its levels.
    """

    def __init__(self, shape: tuple[int, ...], wavelet: str, levels: int) -> None:
        self.input_shape = self.output_shape = as_shape(shape, "an array")
        chosen = Wavelet.named(wavelet)
        self._levels = axis_levels(self.input_shape, levels)
        if padded_shape(self.input_shape, levels) != self.input_shape:
            raise ImageError(
                f"Wavelets over {levels} levels need an array of shape "
                f"{padded_shape(self.input_shape, levels)}, not {self.input_shape}; pad it."
            )
        # Where the filters begin only numbers the coefficients.
        self._filters = (chosen.lowpass, chosen.highpass)
        self.coarsest = tuple(
            slice(n >> k) for n, k in zip(self.input_shape, self._levels, strict=True)
        )

    def apply(self, x: Any) -> Any:
        """Return the coefficients, float32 of the same shape."""
        x = as_operand(x, self.input_shape, "an array")
        xp = array_api_compat.array_namespace(x)
        result = xp.astype(x, x.dtype, copy=True)
        for level in range(max(self._levels)):
            region, axes = self._level(level)
            block = result[region]
            for axis in axes:
                block = self._split(block, axis)
            result[region] = block
        return result

    def adjoint(self, y: Any) -> Any:
        """Return the array with given coefficients, float32 of the same shape."""
        y = as_operand(y, self.output_shape, "coefficients")
        xp = array_api_compat.array_namespace(y)
        result = xp.astype(y, y.dtype, copy=True)
        for level in reversed(range(max(self._levels))):
            region, axes = self._level(level)
            block = result[region]
            for axis in reversed(axes):
                block = self._merge(block, axis)
            result[region] = block
        return result

    def _level(self, level: int) -> tuple[tuple[slice, ...], list[int]]:
        """Return what a level transforms, and along which axes."""
        region = tuple(
            slice(n >> min(k, level)) for n, k in zip(self.input_shape, self._levels, strict=True)
        )
        return region, [axis for axis, k in enumerate(self._levels) if k > level]

    def _split(self, x: Any, axis: int) -> Any:
        """Return the scaling and wavelet coefficients along an axis, one after the other.

        ``c_k = sum_i f_i x_(2k + i)``, indices modulo the length.
        """
        xp = array_api_compat.array_namespace(x)
        n = x.shape[axis]
        taps = len(self._filters[0])
        wide = _wrapped(x, 0, n + taps - 2, axis)
        halves = []
        for taken in self._filters:
            half = taken[0] * wide[_along(axis, slice(0, n, 2))]
            for i, tap in enumerate(taken[1:], start=1):
                half += tap * wide[_along(axis, slice(i, i + n - 1, 2))]
            halves.append(half)
        return xp.concat(halves, axis=axis)

    def _merge(self, y: Any, axis: int) -> Any:
        """Undo `_split`: ``x_m = sum_k f_(m - 2k) c_k``."""
        xp = array_api_compat.array_namespace(y)
        half = y.shape[axis] // 2
        moments = len(self._filters[0]) // 2
        parts = (y[_along(axis, slice(half))], y[_along(axis, slice(half, None))])
        wide = [_wrapped(part, 1 - moments, half + moments - 1, axis) for part in parts]
        result = xp.empty_like(y)
        for odd in (0, 1):
            total: Any = None
            for taken, part in zip(self._filters, wide, strict=True):
                for i in range(moments):
                    first = moments - 1 - i
                    share = taken[2 * i + odd] * part[_along(axis, slice(first, first + half))]
                    total = share if total is None else total.__iadd__(share)
            result[_along(axis, slice(odd, None, 2))] = total
        return result


def axis_levels(shape: tuple[int, ...], levels: int) -> tuple[int, ...]:
    """Return in how many levels every axis takes part.

    Raises
    ------
    SettingsError
        If `levels` is not a positive integer.
    """
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 1:
        raise SettingsError(f"levels must be a whole number of at least 1, not {levels!r}.")
    return tuple(min(levels, max(int(math.log2(n)) - 1, 0)) for n in shape)


def padded_shape(shape: tuple[int, ...], levels: int) -> tuple[int, ...]:
    """Return the least shape, not below another, that can be halved as often as its axes are."""
    steps = (1 << k for k in axis_levels(shape, levels))
    return tuple(-(-n // step) * step for n, step in zip(shape, steps, strict=True))


def _wrapped(x: Any, start: int, count: int, axis: int) -> Any:
    """Return `count` samples of a periodic axis from `start` on."""
    xp = array_api_compat.array_namespace(x)
    index = put(np.arange(start, start + count) % x.shape[axis], x)
    return xp.take(x, index, axis=axis)


def _along(axis: int, taken: slice) -> tuple[slice, ...]:
    return (*(slice(None),) * axis, taken)
