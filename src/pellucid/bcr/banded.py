"""A convolution in nonstandard form with its blocks cut to bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.bcr._cascade import Blocks, cascade, operand, through_taps
from pellucid.bcr._filterbank import Array
from pellucid.bcr.wavelets import Wavelet


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BandedForm:
    """A convolution in nonstandard form with its blocks cut to bands: O(N) to apply.

    Made by :meth:`SymbolForm.band`. The cut operator is no longer a convolution: it commutes
    with shifts by ``2**levels`` samples only.

    Attributes
    ----------
    wavelet : Wavelet
    shape : tuple of int
        Shape of the arrays the operator acts on.
    kernels : tuple of dict
        For every level, finest first, the kernels by ``(s, t)``: from subband t to subband s,
        centred on the middle tap.
    coarse : ndarray of complex128
        Symbol of the operator at the coarsest level.
    """

    wavelet: Wavelet
    shape: tuple[int, ...]
    kernels: tuple[Blocks, ...]
    coarse: NDArray[np.complex128]

    @property
    def taps(self) -> int:
        """Number of taps in all kernels; the coarsest level is not counted."""
        return sum(kernel.size for level in self.kernels for kernel in level.values())

    def apply(self, x: NDArray[Any]) -> Array:
        """Apply the operator.

        Parameters
        ----------
        x : ndarray of real numbers, shape `shape`

        Returns
        -------
        ndarray, shape `shape`
            In float64 for float64, else in float32.

        Raises
        ------
        ImageError
            If x has another shape or is not real.
        """
        values = operand(x, self.shape)
        return cascade(values, self.wavelet, self.kernels, self.coarse, through_taps)
