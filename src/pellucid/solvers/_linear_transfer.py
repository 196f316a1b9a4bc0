"""How much of every frequency an operator passes, found from one of its point responses."""

from __future__ import annotations

import math
import os
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.imaging._arrays import like_of, put, to_numpy
from pellucid.imaging._boundary import AxisLayout, on_grid
from pellucid.imaging.operator import LinearOperator

#: Samples of a response below this share of its maximum are rounding of the transforms.
_ROUNDING = 1e-7


@final
class Response:
    """What the middle pixel of the image sees of the scene.

    Of a blur that is the same everywhere this is the mirrored point spread function, of one that
    varies the one in the middle: right for choosing a regularisation and for a preconditioner.

    Parameters
    ----------
    operator : LinearOperator
    camera : tuple of slice
        The part of the scene that the camera sees.
    """

    def __init__(self, operator: LinearOperator, camera: tuple[slice, ...]) -> None:
        point = np.zeros(operator.output_shape, dtype=np.float32)
        middle = tuple(n // 2 for n in operator.output_shape)
        point[middle] = 1.0
        seen = to_numpy(operator.adjoint(put(point, like_of(operator.like))))
        moves = tuple(
            n // 2 - (range(n)[part][0] + m)
            for n, part, m in zip(seen.shape, camera, middle, strict=True)
        )
        axes = tuple(range(seen.ndim))
        #: Centred on the sample ``n // 2`` of every axis.
        self._kernel: NDArray[np.float32] = np.roll(seen, moves, axes).astype(np.float32)

    def on_torus(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the squared transfer function on the half spectrum of a torus."""
        return _squared(fft.rfftn(self._wrapped(shape), workers=_workers()))

    def on_whole_torus(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the squared transfer function on the whole spectrum of a torus."""
        return _squared(fft.fftn(self._wrapped(shape), workers=_workers()))

    def on_cosines(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the squared transfer function at the cosines of a scene mirrored at its edges.

        A cosine is a sum of waves along all the diagonals, and gets the mean over them.

        Parameters
        ----------
        shape : tuple of int
            At least the shape of the response.
        """
        kernel = self._trimmed()
        grid = tuple(
            fft.next_fast_len(2 * n - 1, real=axis == kernel.ndim - 1)
            for axis, n in enumerate(kernel.shape)
        )
        spectrum = fft.rfftn(kernel, grid, workers=_workers())
        correlation = fft.irfftn(_squared(spectrum), grid, workers=_workers())
        # The mean over the diagonals: fold negative lags on positive ones, axis by axis.
        for axis, n in enumerate(kernel.shape):
            lags = np.arange(min(n, shape[axis] + 1))
            folded = correlation.take(lags, axis) + correlation.take(-lags, axis)
            correlation = 0.5 * folded
        whole = np.zeros([n + 1 for n in shape], dtype=np.float32)
        whole[tuple(slice(n) for n in correlation.shape)] = correlation
        power = fft.dctn(whole, type=1, workers=_workers(), overwrite_x=True)
        # Rounding may leave tiny negative values where nothing passes.
        clipped: NDArray[np.float32] = power[tuple(slice(n) for n in shape)].clip(0.0)
        return clipped

    def _wrapped(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return on_grid(self._kernel, tuple(AxisLayout(image=n, scene=n, grid=n) for n in shape))

    def _trimmed(self) -> NDArray[np.float32]:
        """Return the box that holds the response."""
        kernel = self._kernel
        kept = np.abs(kernel) > _ROUNDING * float(np.abs(kernel).max())
        for axis in range(kernel.ndim):
            others = tuple(a for a in range(kernel.ndim) if a != axis)
            (held,) = np.nonzero(kept.any(axis=others))
            part = slice(int(held[0]), int(held[-1]) + 1)
            kernel = kernel[(slice(None),) * axis + (part,)]
        return kernel


def frequency_squared(
    frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return the square of the frequency, in cycles per side of the smallest voxel side."""
    return _summed([(f * s) ** 2 for f, s in zip(frequencies, scales, strict=True)])


def laplacian_squared(
    frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return the square of what second differences make of a wave."""
    return (
        _summed(
            [
                2.0 * s**2 * (1.0 - np.cos(2.0 * math.pi * f))
                for f, s in zip(frequencies, scales, strict=True)
            ]
        )
        ** 2
    )


def _summed(terms: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _squared(spectrum: Any) -> NDArray[np.float32]:
    power: NDArray[np.float32] = spectrum.real**2
    power += spectrum.imag**2
    return power


def _workers() -> int:
    return os.cpu_count() or 1
