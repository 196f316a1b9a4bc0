"""Blur by a point spread function, of a scene that goes on beyond the camera."""

from __future__ import annotations

import os
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import OpticsError
from pellucid.imaging.operator import LinearOperator, check_shape


@final
class Blur(LinearOperator):
    """Convolve a scene with a point spread function and keep what the camera sees of it.

    The scene is larger than the image by the reach of the point spread function on every
    side, so that light from beyond the frame is part of the model; restorations then show no
    ringing from the frame [1]_. `apply` is a valid convolution, `adjoint` the full
    correlation; both by FFT without wrap-around.

    Parameters
    ----------
    psf : ndarray, same number of axes as the image
        Centred on the sample ``n // 2`` of every axis; scaled here to sum to one.
    image_shape : tuple of int
        Shape of the image.

    Attributes
    ----------
    camera : tuple of slice
        The part of a scene that the camera sees.

    Raises
    ------
    OpticsError
        If the point spread function has no positive sum or other axes than the image.

    References
    ----------
    .. [1] M. Bertero and P. Boccacci, "A simple method for the reduction of boundary effects
       in the Richardson-Lucy approach to image deconvolution", A&A 437, 369-374 (2005).
    """

    def __init__(self, psf: NDArray[np.floating], image_shape: tuple[int, ...]) -> None:
        if psf.ndim != len(image_shape):
            raise OpticsError(
                f"A point spread function with {psf.ndim} axes cannot blur an image with "
                f"{len(image_shape)}; give one of the same dimension."
            )
        total = float(psf.sum(dtype=np.float64))
        if not total > 0:
            raise OpticsError(
                f"The point spread function sums to {total:g}; it must hold light: give one with a "
                "positive sum."
            )
        self.output_shape = tuple(image_shape)
        self.input_shape = tuple(n + k - 1 for n, k in zip(image_shape, psf.shape, strict=True))
        # The scene's sample i meets the image's sample i - (k - 1 - k // 2).
        self.camera = tuple(
            slice(k - 1 - k // 2, k - 1 - k // 2 + n)
            for n, k in zip(image_shape, psf.shape, strict=True)
        )
        self._valid = tuple(
            slice(k - 1, k - 1 + n) for n, k in zip(image_shape, psf.shape, strict=True)
        )
        self._fft_shape = tuple(fft.next_fast_len(n, real=True) for n in self.input_shape)
        self._axes = tuple(range(psf.ndim))
        self._workers = os.cpu_count() or 1
        kernel = (psf / total).astype(np.float32)
        self._transfer = fft.rfftn(kernel, self._fft_shape, workers=self._workers)

    def apply(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the image of a scene, shape `output_shape`."""
        check_shape(x, self.input_shape, "a scene")
        spectrum = fft.rfftn(x, self._fft_shape, axes=self._axes, workers=self._workers)
        spectrum *= self._transfer
        return np.ascontiguousarray(self._inverse(spectrum)[self._valid])

    def adjoint(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Spread an image back over the scene, shape `input_shape`."""
        check_shape(y, self.output_shape, "an image")
        padded = np.zeros(self.input_shape, dtype=np.float32)
        padded[self._valid] = y
        spectrum = fft.rfftn(padded, self._fft_shape, axes=self._axes, workers=self._workers)
        spectrum *= np.conj(self._transfer)
        whole = tuple(slice(n) for n in self.input_shape)
        return np.ascontiguousarray(self._inverse(spectrum)[whole])

    def _inverse(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        result: NDArray[np.float32] = fft.irfftn(
            spectrum, self._fft_shape, axes=self._axes, workers=self._workers, overwrite_x=True
        )
        return result
