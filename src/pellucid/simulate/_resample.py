"""Resampling of one axis as a sparse matrix: smooth when enlarging, by area when shrinking."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

#: Rows resampled at a time, so that what lies between stays in the processor's cache.
_BLOCK = 192


def resampled(
    plane: NDArray[np.generic], *, start: tuple[float, float], step: float, count: int
) -> NDArray[np.float32]:
    """Resample a square of a plane, which goes on beyond its edges as its mirror image.

    Parameters
    ----------
    plane : ndarray of real numbers, shape (y, x)
        Pixel `k` covers the interval from `k` to `k + 1`.
    start : tuple of float
        ``(y, x)`` of the square's corner, pixels.
    step : float
        Pixels a sample. Up to one, the plane is interpolated by the Catmull-Rom cubic [1]_,
        which goes through its values; above, every sample is the mean over its area.
    count : int
        Samples a side.

    Returns
    -------
    ndarray of float32, shape (count, count)
        May undershoot next to an edge where it interpolates.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans.
       Acoust. Speech Signal Process. 29, 1153-1160 (1981), a = -1/2.
    """
    columns, used_x = _matrix(plane.shape[1], start[1], step, count)
    turned = np.empty((count, count), dtype=np.float32)
    for first in range(0, count, _BLOCK):
        block = min(_BLOCK, count - first)
        rows, used_y = _matrix(plane.shape[0], start[0] + step * first, step, block)
        strip = rows @ plane[used_y, used_x].astype(np.float32)
        turned[:, first : first + block] = columns @ np.ascontiguousarray(strip.T)
    return turned.T


def _matrix(length: int, start: float, step: float, count: int) -> tuple[sparse.csr_array, slice]:
    """Weights of the pixels of an axis, shape (count, pixels used), and which are used."""
    first, weights = _area(start, step, count) if step > 1 else _cubic(start, step, count)
    taps = weights.shape[1]
    index = (first[:, None] + np.arange(taps)) % (2 * length)
    index = np.minimum(index, 2 * length - 1 - index)
    low, high = int(index.min()), int(index.max()) + 1
    matrix = sparse.csr_array(
        (
            weights.astype(np.float32).ravel(),
            (index - low).astype(np.int32).ravel(),
            np.arange(0, taps * count + 1, taps, dtype=np.int32),
        ),
        shape=(count, high - low),
    )
    return matrix, slice(low, high)


def _area(start: float, step: float, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    left = start + step * np.arange(count)
    first = np.floor(left)
    pixel = first[:, None] + np.arange(int(np.ceil(step)) + 1)
    covered = np.minimum(left[:, None] + step, pixel + 1) - np.maximum(left[:, None], pixel)
    return first.astype(np.int64), np.clip(covered, 0.0, None) / step


def _cubic(start: float, step: float, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    centre = start + step * (np.arange(count) + 0.5) - 0.5
    below = np.floor(centre)
    t = centre - below
    weights = np.stack(
        [
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ],
        axis=1,
    )
    return below.astype(np.int64) - 1, weights
