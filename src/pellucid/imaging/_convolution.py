"""Convolution of a scene with point spread functions of one shape: what every blur shares."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import OpticsError
from pellucid.imaging._arrays import as_operand, like_of, put, to_numpy
from pellucid.imaging._boundary import fold, layout, on_grid, reflect
from pellucid.imaging._fft import RealFft

#: Negative values of a point spread function up to this share of its maximum are rounding.
_ROUNDING = 1e-6


def as_kernel(psf: Any, ndim: int, name: str = "The point spread function") -> NDArray[np.float32]:
    """Return a point spread function scaled to unit sum, in numpy.

    Negative values within rounding become zero.

    Raises
    ------
    OpticsError
        If it has other axes than the image, is not finite, negative, complex, or sums to zero.
    """
    values = to_numpy(psf)
    if values.dtype.kind not in "buif":
        raise OpticsError(
            f"{name} must be an array of real numbers, not {type(psf).__name__} of "
            f"{values.dtype}; give the intensity, such as the data of a Psf."
        )
    if values.ndim != ndim:
        raise OpticsError(
            f"{name} has {values.ndim} axes and cannot blur an image with {ndim}; give one of the "
            "same dimension."
        )
    if values.size == 0:
        raise OpticsError(f"{name} of shape {values.shape} has no samples; give one that has.")
    smallest, largest = float(values.min()), float(values.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise OpticsError(
            f"{name} holds values that are not finite; repair or replace them before blurring."
        )
    if smallest < -_ROUNDING * abs(largest):
        raise OpticsError(
            f"{name} has negative values, down to {smallest:g} beside a maximum of {largest:g}, "
            "and light is never negative; subtract the background and clip it at zero."
        )
    total = float(values.sum(dtype=np.float64, where=values > 0))
    if not total > 0:
        raise OpticsError(f"{name} sums to {total:g}; it must hold light: give a positive one.")
    kernel: NDArray[np.float32] = (np.maximum(values, 0) / np.float64(total)).astype(np.float32)
    return kernel


@final
class Convolution:
    """Scenes and images in Fourier space.

    Parameters
    ----------
    psf_shape, image_shape : tuple of int
    boundary : str
    like : array or None
        Library and device of all arrays; None for numpy.

    Attributes
    ----------
    scene_shape, image_shape, grid_shape : tuple of int
    camera : tuple of slice
        Part of the scene that the camera sees.
    like : array
        Empty, of the library and device of all arrays.
    """

    def __init__(
        self, psf_shape: tuple[int, ...], image_shape: tuple[int, ...], boundary: str, like: Any
    ) -> None:
        self._axes = layout(psf_shape, image_shape, boundary)
        self._padded = tuple(one.before + one.scene + one.after for one in self._axes)
        self.like = like_of(like)
        self.grid_shape = tuple(one.grid for one in self._axes)
        self._fft = RealFft(self.grid_shape, self.like)
        self.image_shape = image_shape
        self.scene_shape = tuple(one.scene for one in self._axes)
        self.camera = tuple(slice(one.first, one.first + one.image) for one in self._axes)

    def transfer(self, kernel: NDArray[np.float32]) -> Any:
        """Return the transfer function of a kernel on the grid, complex64."""
        grid = on_grid(kernel, self._axes)
        return put(RealFft(grid.shape, grid).forward(grid), self.like)

    def scene(self, x: Any) -> Any:
        """Check a scene; float32."""
        return as_operand(x, self.scene_shape, "a scene", self.like)

    def image(self, y: Any) -> Any:
        """Check an image; float32."""
        return as_operand(y, self.image_shape, "an image", self.like)

    def scene_spectrum(self, x: Any) -> Any:
        """Return the spectrum of a scene, continued as the boundary says."""
        return self._fft.forward(reflect(x, self._axes))

    def image_of(self, spectrum: Any) -> Any:
        """Return the image with a spectrum, which is overwritten."""
        return self._fft.inverse(spectrum, self.image_shape)

    def image_spectrum(self, y: Any) -> Any:
        """Return the spectrum of an image with nothing around it; adjoint to `image_of`."""
        return self._fft.forward(y)

    def scene_of(self, spectrum: Any) -> Any:
        """Return the scene with a spectrum, overwritten; adjoint to `scene_spectrum`."""
        return fold(self._fft.inverse(spectrum, self._padded), self._axes)
