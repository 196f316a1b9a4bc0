"""The nonstandard form of a convolution, from its symbol: every block is itself a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.bcr._cascade import Blocks, cascade, fourier_product, operand, through_fourier
from pellucid.bcr._checks import check_band, check_levels, check_multiple, real_kernel
from pellucid.bcr._filterbank import Array
from pellucid.bcr.banded import BandedForm
from pellucid.bcr.norms import OperatorError, spectral_norm
from pellucid.bcr.wavelets import Wavelet, wavelet_of
from pellucid.errors import OpticsError, SettingsError


def kernel_symbol(kernel: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return the symbol of the convolution with a kernel on a periodic grid.

    Parameters
    ----------
    kernel : ndarray
        Centred on the sample ``n // 2`` of every axis. What is larger than the grid wraps
        round.
    shape : tuple of int
        Shape of the grid, as many axes.

    Returns
    -------
    ndarray of complex128, shape `shape`
        ``b(w) = sum_x kernel(x) exp(-i w x)`` at the frequencies of ``numpy.fft.fftn``, zero
        first.

    Raises
    ------
    OpticsError
        If the kernel has other axes than the grid.
    """
    values = np.asarray(kernel)
    if values.ndim != len(shape):
        raise OpticsError(
            f"A kernel with {values.ndim} axes cannot act on a grid with {len(shape)}; give one of "
            "the same dimension."
        )
    grid = np.zeros(shape)
    places = ((np.arange(k) - k // 2) % n for k, n in zip(values.shape, shape, strict=True))
    np.add.at(grid, np.ix_(*places), values)
    return np.asarray(fft.fftn(grid), dtype=np.complex128)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SymbolForm:
    """A periodic convolution as the blocks of its nonstandard form, in closed form.

    With ``F_s`` the transfer function of the filters of subband s (``h`` for L, ``g`` for H,
    multiplied over the axes), the block from subband t to subband s of the next level is the
    convolution with the symbol ::

        K_st(w) = 2^-d  sum over m in {0, 1}^d of  (F_s* b F_t)(w / 2 + m pi)

    in d dimensions, and ``K_LL`` is the symbol of the next level. In one dimension ``K_HH``,
    ``K_HL`` and ``K_LH`` are alpha, beta and gamma of [1]_ (``D_1``, ``D_2``, ``D_3`` in
    Eq. 12 of the paper).

    Attributes
    ----------
    wavelet : Wavelet
    symbol : ndarray of complex128
        ``b`` at the frequencies of ``numpy.fft.fftn``.
    blocks : tuple of dict
        For every level, finest first, the symbols by ``(s, t)``; without the pair of scaling
        functions, which the next level resolves.
    coarse : ndarray of complex128
        Symbol of the operator on the scaling functions of the coarsest level.

    References
    ----------
    .. [1] G. Beylkin, R. Coifman, V. Rokhlin, "Fast wavelet transforms and numerical
       algorithms I", Comm. Pure Appl. Math. 44, 141-183 (1991), sections 3 and 4.
    """

    wavelet: Wavelet
    symbol: NDArray[np.complex128]
    blocks: tuple[Blocks, ...]
    coarse: NDArray[np.complex128]

    @classmethod
    def of(cls, symbol: NDArray[Any], wavelet: Wavelet | str, levels: int) -> SymbolForm:
        """Compute the blocks of the convolution with a symbol.

        Parameters
        ----------
        symbol : ndarray, 1 to 3 axes
            At the frequencies of ``numpy.fft.fftn``, zero first; that of a real operator,
            ``b(-w) = b(w)*``. Sides must be multiples of ``2**levels``.
        wavelet : Wavelet or str
        levels : int

        Raises
        ------
        SettingsError
            If the symbol is not finite or that of a complex operator, or levels or wavelet do
            not exist.
        ImageError
            If a side does not suit the levels.
        """
        chosen = wavelet_of(wavelet)
        check_levels(levels)
        b = np.array(symbol, dtype=np.complex128)
        if not 1 <= b.ndim <= 3:
            raise SettingsError(f"A symbol has 1, 2 or 3 axes, not {b.ndim}.")
        check_multiple(b.shape, levels)
        real_kernel(b)
        low = "L" * b.ndim
        finer, blocks = b, []
        for _ in range(levels):
            found = _next_level(finer, chosen)
            finer = found.pop((low, low))
            blocks.append(MappingProxyType(found))
        return cls(wavelet=chosen, symbol=b, blocks=tuple(blocks), coarse=finer)

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.blocks)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays the operator acts on."""
        return self.symbol.shape

    def apply(self, x: NDArray[Any]) -> Array:
        """Apply the operator through the cascade of its blocks.

        Parameters
        ----------
        x : ndarray of real numbers, shape `shape`

        Returns
        -------
        ndarray, shape `shape`
            In float64 for float64, else in float32. Equal to :meth:`exact` up to rounding.
        """
        values = operand(x, self.shape)
        return cascade(values, self.wavelet, self.blocks, self.coarse, through_fourier)

    def exact(self, x: NDArray[Any]) -> Array:
        """Apply the operator by one product in Fourier space."""
        return fourier_product(self.symbol, operand(x, self.shape))

    def band(
        self, width: int, *, coarse_width: int | None = None, keep_constants: bool = False
    ) -> BandedForm:
        """Cut the kernel of every block to its middle.

        Parameters
        ----------
        width : int
            ``n_b`` of the paper, odd: taps along every axis that are kept of each block.
            Where a level has fewer samples, all are kept.
        coarse_width : int, optional
            The same for the operator at the coarsest level, which is kept whole (dense, in
            the paper) if not given.
        keep_constants : bool
            Change the taps of blocks between different subbands by an equal amount each, so
            that they sum to zero, as those of the whole block do. A constant then meets the
            exact gain ``b(0)`` everywhere, and so does the mean of any array. Without it a
            constant comes back with a pattern of the period of the levels. Haar wavelets and a
            symmetric kernel give such sums by themselves.

        Returns
        -------
        BandedForm

        Raises
        ------
        SettingsError
            If a width is not odd and positive.
        """
        check_band(width)
        coarse = self.coarse
        if coarse_width is not None:
            check_band(coarse_width)
            kernel = _cut(coarse, coarse_width)
            if keep_constants:
                kernel += (float(coarse.flat[0].real) - kernel.sum()) / kernel.size
            coarse = kernel_symbol(kernel, coarse.shape)

        def cut(pair: tuple[str, str], symbol: NDArray[np.complex128]) -> NDArray[np.float64]:
            kernel = _cut(symbol, width)
            return kernel - kernel.mean() if keep_constants and pair[0] != pair[1] else kernel

        return BandedForm(
            wavelet=self.wavelet,
            shape=self.shape,
            kernels=tuple(
                MappingProxyType({pair: cut(pair, k) for pair, k in level.items()})
                for level in self.blocks
            ),
            coarse=coarse,
        )

    def error_of(self, banded: BandedForm) -> OperatorError:
        """Return how far a banded form is from this operator.

        The Frobenius norm is exact: the transform is orthogonal, so the norms of the blocks
        add up. The spectral norm is found by power iteration, to about 1 % from below.

        Parameters
        ----------
        banded : BandedForm
            Made by :meth:`band` of this form.

        Returns
        -------
        OperatorError

        Raises
        ------
        SettingsError
            If the two differ in shape, levels or wavelet, or this operator is zero.
        """
        ours = (self.shape, self.levels, self.wavelet.name)
        theirs = (banded.shape, len(banded.kernels), banded.wavelet.name)
        if ours != theirs or not np.any(self.symbol):
            raise SettingsError(
                f"An operator of (shape, levels, wavelet) {ours} and largest gain "
                f"{np.abs(self.symbol).max():g} has no relative error of one of {theirs}; compare "
                "with a banded form made of it."
            )
        # Like the operator, the error is a sum over the blocks of all levels.
        dropped = [
            {pair: k - kernel_symbol(kernels[pair], k.shape) for pair, k in blocks.items()}
            for blocks, kernels in zip(self.blocks, banded.kernels, strict=True)
        ]
        coarse = self.coarse - banded.coarse
        adjoint = [{(t, s): np.conj(k) for (s, t), k in blocks.items()} for blocks in dropped]
        spectral = spectral_norm(
            lambda x: cascade(x, self.wavelet, dropped, coarse, through_fourier),
            lambda y: cascade(y, self.wavelet, adjoint, np.conj(coarse), through_fourier),
            self.shape,
        )
        squares = [np.sum(np.abs(k) ** 2) for blocks in dropped for k in blocks.values()]
        squares.append(np.sum(np.abs(coarse) ** 2))
        gain = np.abs(self.symbol)
        return OperatorError(
            spectral=spectral / float(gain.max()),
            frobenius=float(np.sqrt(np.sum(squares) / np.sum(gain**2))),
        )


def _next_level(b: NDArray[np.complex128], wavelet: Wavelet) -> dict[tuple[str, str], Any]:
    """Return the symbols of all blocks of one level, on half the grid, one axis after another."""
    blocks: dict[tuple[str, str], NDArray[np.complex128]] = {("", ""): b}
    for axis, n in enumerate(b.shape):
        w = 2.0 * np.pi * np.arange(n) / n
        filters = {
            "L": _transfer(wavelet.lowpass, 0, w),
            "H": _transfer(wavelet.highpass, wavelet.highpass_start, w),
        }
        finer, blocks = blocks, {}
        for ((s, t), k), f, g in product(finer.items(), "LH", "LH"):
            along = np.moveaxis(k, axis, -1) * (np.conj(filters[f]) * filters[g])
            # The frequencies w / 2 and w / 2 + pi lie half the grid apart.
            folded = 0.5 * (along[..., : n // 2] + along[..., n // 2 :])
            blocks[s + f, t + g] = np.moveaxis(folded, -1, axis)
    return blocks


def _transfer(
    taps: tuple[float, ...], start: int, w: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Return ``F(w) = sum_i f_i exp(-i w i)``, by Horner's rule."""
    z = np.exp(-1j * w)
    total = np.full(w.shape, taps[-1], dtype=np.complex128)
    for tap in reversed(taps[:-1]):
        total = total * z + tap
    return np.asarray(total * np.exp(-1j * start * w), dtype=np.complex128)


def _cut(symbol: NDArray[np.complex128], width: int) -> NDArray[np.float64]:
    """Return the middle taps of a symbol's kernel, zeros where the grid has no more samples."""
    kernel = fft.ifftn(symbol).real
    for axis, n in enumerate(symbol.shape):
        lags = np.arange(-(width // 2), width // 2 + 1)
        held = (lags >= -(n // 2)) & (lags <= (n - 1) // 2)
        kernel = np.take(kernel, lags % n, axis=axis)
        kernel *= held.reshape([-1 if a == axis else 1 for a in range(kernel.ndim)])
    return np.ascontiguousarray(kernel)
