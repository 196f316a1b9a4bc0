"""The regularised inverse of a blur in nonstandard form: what the theory gives a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.bcr._cascade import Blocks, operand
from pellucid.bcr._checks import real_array
from pellucid.bcr._filterbank import Array
from pellucid.bcr.banded import BandedForm
from pellucid.bcr.norms import OperatorError
from pellucid.bcr.symbol import SymbolForm, kernel_symbol
from pellucid.bcr.wavelets import Wavelet
from pellucid.errors import ImageError, OpticsError, SettingsError


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NonstandardWiener:
    """The regularised inverse of a blur, with the blocks of its nonstandard form cut to bands.

    Made by :func:`nonstandard_wiener`. Images are periodic: their opposite edges meet.

    Attributes
    ----------
    noise_to_signal : float
    form : SymbolForm
        The exact operator and its blocks.
    banded : BandedForm
        The blocks cut to bands.
    """

    noise_to_signal: float
    form: SymbolForm
    banded: BandedForm

    @property
    def kernels(self) -> tuple[Blocks, ...]:
        """For every level, finest first, the banded kernels by ``(s, t)``."""
        return self.banded.kernels

    def apply(self, image: NDArray[Any]) -> Array:
        """Restore an image by the banded form.

        Parameters
        ----------
        image : ndarray of real numbers
            Of the shape the operator was built for.

        Returns
        -------
        ndarray
            In float64 for float64, else in float32.

        Raises
        ------
        ImageError
            If the image has another shape or is not real.
        """
        return self.banded.apply(image)

    def exact(self, image: NDArray[Any]) -> Array:
        """Restore an image by the whole operator, in Fourier space; as :meth:`apply`."""
        return self.form.exact(image)

    def error(self) -> OperatorError:
        """Return how far the banded operator is from the whole one."""
        return self.form.error_of(self.banded)

    def loss_db(self, image: NDArray[Any], truth: NDArray[Any]) -> float:
        """Return what the bands cost a restoration, in dB of its PSNR.

        Parameters
        ----------
        image, truth : ndarray of real numbers
            On the same scale.

        Returns
        -------
        float
            PSNR of :meth:`exact` minus that of :meth:`apply`, both against the truth.

        Raises
        ------
        ImageError
            If a shape is wrong, or the exact restoration has no error.
        """
        values = operand(image, self.form.shape).astype(np.float64)
        scene = operand(truth, self.form.shape).astype(np.float64)
        banded = np.mean((self.apply(values) - scene) ** 2)
        exact = np.mean((self.exact(values) - scene) ** 2)
        if not exact > 0:
            raise ImageError(
                "The exact restoration equals the truth, so that it has no PSNR to lose; give a "
                "recorded image and its truth."
            )
        return 10.0 * math.log10(float(banded) / float(exact))


def nonstandard_wiener(
    psf: NDArray[np.floating[Any]],
    noise_to_signal: float,
    *,
    shape: tuple[int, ...] | None = None,
    levels: int = 5,
    band: int = 5,
    wavelet: Wavelet | str = "haar",
    coarse_band: int | None = None,
    keep_constants: bool = False,
) -> NonstandardWiener:
    """Return ``(K^T K + eps I)^-1 K^T`` in nonstandard form, cut to bands (Eq. 5, 17).

    Parameters
    ----------
    psf : ndarray, 1 to 3 axes
        Centred on the sample ``n // 2`` of every axis; scaled here to sum to one.
    noise_to_signal : float
        The regularisation ``eps``, positive.
    shape : tuple of int, optional
        Shape of the images, that of `psf` if not given; its sides must be multiples of
        ``2**levels``.
    levels : int
        Levels of the cascade.
    band : int
        ``n_b``, odd: taps along every axis that are kept of each block.
    wavelet : Wavelet or str
    coarse_band : int, optional
        The same for the operator at the coarsest level, which is kept whole if not given.
    keep_constants : bool
        Correct the cut kernels so that the gain of constants, and of the mean, is exact; see
        :meth:`SymbolForm.band`. With wavelets other than Haar it lowers the error of images on
        a background a good deal.

    Returns
    -------
    NonstandardWiener

    Raises
    ------
    OpticsError
        If the point spread function has no positive sum, or other axes than the images.
    SettingsError
        If another argument is out of its range.
    ImageError
        If a side does not suit the levels.

    Examples
    --------
    >>> import numpy as np
    >>> from pellucid.bcr import nonstandard_wiener
    >>> from pellucid.optics import Microscope, widefield_psf
    >>> scope = Microscope(numerical_aperture=0.7, emission_nm=525, pixel_size_um=0.1)
    >>> inverse = nonstandard_wiener(widefield_psf(scope, (64, 64)), 0.01, levels=3)
    >>> inverse.apply(np.ones((64, 64), dtype=np.float32)).shape
    (64, 64)
    """
    if not (math.isfinite(noise_to_signal) and noise_to_signal > 0):
        raise SettingsError(f"noise_to_signal must be a positive number, not {noise_to_signal}.")
    values = real_array(psf).astype(np.float64)
    total = float(values.sum())
    if not (math.isfinite(total) and total > 0):
        raise OpticsError(
            f"The point spread function sums to {total:g}; it must hold light: give one with a "
            "positive sum."
        )
    blur = kernel_symbol(values / total, values.shape if shape is None else shape)
    inverse = np.conj(blur) / (np.abs(blur) ** 2 + noise_to_signal)
    form = SymbolForm.of(inverse, wavelet, levels)
    return NonstandardWiener(
        noise_to_signal=float(noise_to_signal),
        form=form,
        banded=form.band(band, coarse_width=coarse_band, keep_constants=keep_constants),
    )
