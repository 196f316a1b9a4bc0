"""Back projectors for Richardson-Lucy iterations, other than the transpose of the blur."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import as_shape, put
from pellucid.imaging._boundary import Boundary
from pellucid.imaging._convolution import Convolution, as_kernel
from pellucid.imaging._fft import multiply_by_conjugate
from pellucid.imaging.operator import LinearOperator


@final
class WienerButterworth(LinearOperator):
    """Back projector from image to scene: a Wiener filter within the band of the optics.

    Its transfer function is ``(1 + a) conj(H) / (|H|^2 + a)``, the regularised inverse of the
    transfer function H, times ``1 / sqrt(1 + (1 / b^2 - 1) w^n)`` with
    ``w = sum_d (f_d / cutoff_d)^2``, a Butterworth filter that falls to b at the cut-off [1]_.
    At zero frequency it is one. A step with it brings all frequencies of the band back alike,
    where the transpose leaves the highest behind.

    Parameters
    ----------
    psf : array, same number of axes as the image
        As for `Blur`.
    image_shape : tuple of int
    wiener : float
        The regularisation a, positive: about the noise-to-signal ratio where the optics pass
        little.
    cutoff_per_pixel : sequence of float, optional
        Cut-off along every axis, cycles per sample; by default the reciprocal of the point
        spread function's full width at half maximum, which for a widefield focus is about
        ``2 NA / wavelength``.
    edge_gain : float
        The gain b at the cut-off, between zero and one.
    order : int
        The order n of the Butterworth filter, positive.
    boundary : {"extended", "periodic", "reflect"}
        That of the blur it is used with.
    like : array, optional
        As for `Blur`.

    Raises
    ------
    OpticsError, ImageError
        As `Blur` does.
    SettingsError
        If an option is out of its range.

    References
    ----------
    .. [1] M. Guo et al., "Rapid image deconvolution and multiview fusion for optical
       microscopy", Nat. Biotechnol. 38, 1337-1346 (2020).
    """

    def __init__(
        self,
        psf: Any,
        image_shape: tuple[int, ...],
        *,
        wiener: float = 1e-2,
        cutoff_per_pixel: Sequence[float] | None = None,
        edge_gain: float = 0.1,
        order: int = 4,
        boundary: Boundary = "extended",
        like: Any = None,
    ) -> None:
        if not (math.isfinite(wiener) and wiener > 0):
            raise SettingsError(f"wiener must be a positive number, not {wiener}.")
        if not 0 < edge_gain < 1:
            raise SettingsError(f"edge_gain must lie between 0 and 1, not {edge_gain}.")
        if not order >= 1:
            raise SettingsError(f"order must be at least 1, not {order}.")
        self.input_shape = as_shape(image_shape, "an image")
        kernel = as_kernel(psf, len(self.input_shape))
        self.cutoff_per_pixel = _cutoff(kernel, cutoff_per_pixel)
        self._convolution = Convolution(kernel.shape, self.input_shape, boundary, like)
        self.output_shape = self._convolution.scene_shape
        self.like = self._convolution.like
        self.boundary = boundary
        transfer = self._convolution.transfer(kernel)
        gain = put(
            _butterworth(self._convolution.grid_shape, self.cutoff_per_pixel, edge_gain, order),
            self.like,
        )
        power = transfer.real**2 + transfer.imag**2
        # For the product with the conjugate: the forward filter of the adjoint.
        self._transfer = transfer * (gain * (1.0 + wiener) / (power + wiener))
        self.description = f"Wiener {wiener:g}, Butterworth {edge_gain:g} of order {order}"

    def apply(self, x: Any) -> Any:
        """Return the scene that an image projects back to, float32."""
        convolution = self._convolution
        spectrum = convolution.image_spectrum(convolution.image(x))
        return convolution.scene_of(multiply_by_conjugate(spectrum, self._transfer))

    def adjoint(self, y: Any) -> Any:
        """Return the transpose applied to a scene, float32."""
        convolution = self._convolution
        spectrum = convolution.scene_spectrum(convolution.scene(y))
        spectrum *= self._transfer
        return convolution.image_of(spectrum)


def _cutoff(kernel: NDArray[np.float32], given: Sequence[float] | None) -> tuple[float, ...]:
    """Return the cut-off along every axis, cycles per sample."""
    if given is None:
        from pellucid.optics._width import half_maximum_widths

        brightest = np.unravel_index(int(np.argmax(kernel)), kernel.shape)
        widths = half_maximum_widths(kernel, [int(i) for i in brightest])
        return tuple(float(1.0 / w) for w in widths)
    cutoff = tuple(float(f) for f in given)
    if len(cutoff) != kernel.ndim or not all(math.isfinite(f) and f > 0 for f in cutoff):
        raise SettingsError(
            f"cutoff_per_pixel must be a positive number of cycles per sample for each of the "
            f"{kernel.ndim} axes, not {given}."
        )
    return cutoff


def _butterworth(
    grid: tuple[int, ...], cutoff: tuple[float, ...], edge_gain: float, order: int
) -> NDArray[np.float32]:
    """Return the gain of the filter on a half spectrum."""
    squared: NDArray[np.float64] = np.zeros(())
    for axis, (n, edge) in enumerate(zip(grid, cutoff, strict=True)):
        frequency = np.fft.rfftfreq(n) if axis == len(grid) - 1 else np.fft.fftfreq(n)
        squared = squared[..., None] + (frequency / edge) ** 2
    gain: NDArray[np.float64] = 1.0 / np.sqrt(1.0 + (edge_gain**-2 - 1.0) * squared**order)
    return gain.astype(np.float32)
