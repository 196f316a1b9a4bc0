"""The nonstandard form of a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from pellucid.bcr._checks import check_band, check_levels, check_multiple, real_array
from pellucid.bcr._filterbank import Array, analyse, merge, split, synthesise
from pellucid.bcr.norms import OperatorError
from pellucid.bcr.wavelets import Wavelet, wavelet_of
from pellucid.errors import ImageError, SettingsError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: Dense as it is computed, sparse once entries are dropped.
Block: TypeAlias = "Array | csr_array[Any]"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """The three blocks of one level of a nonstandard form, of one size.

    Attributes
    ----------
    alpha, beta, gamma : ndarray or scipy.sparse.csr_array
        From wavelets to wavelets, from scaling functions to wavelets, and from wavelets to
        scaling functions: ``D_1``, ``D_2`` and ``D_3`` in Eq. 12 of the paper.
    """

    alpha: Block
    beta: Block
    gamma: Block

    @property
    def blocks(self) -> tuple[Block, Block, Block]:
        """Alpha, beta and gamma."""
        return self.alpha, self.beta, self.gamma

    @property
    def widths(self) -> tuple[int, int, int]:
        """Width of the band of each block; see :meth:`NonstandardForm.band`."""
        alpha, beta, gamma = (_width(block) for block in self.blocks)
        return alpha, beta, gamma


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NonstandardForm:
    """A matrix as the blocks of its nonstandard form.

    With the orthogonal ``W`` of one level of the periodic wavelet transform (wavelets first),
    ``A = W [[alpha, beta], [gamma, T]] W^T``, and T is resolved in the same way by the next
    level (Eq. 12 of the paper). The blocks of a smooth kernel, or of one that is singular on
    the diagonal only, fade quickly away from their diagonals: by a power of the distance that
    grows with the vanishing moments of the wavelet [1]_.

    Attributes
    ----------
    wavelet : Wavelet
    levels : tuple of Level
        Finest first.
    coarse : ndarray or scipy.sparse.csr_array
        T of the last level, the truncation.

    References
    ----------
    .. [1] G. Beylkin, R. Coifman, V. Rokhlin, "Fast wavelet transforms and numerical
       algorithms I", Comm. Pure Appl. Math. 44, 141-183 (1991), sections 3 and 4.
    """

    wavelet: Wavelet
    levels: tuple[Level, ...]
    coarse: Block

    @classmethod
    def of(cls, matrix: NDArray[Any], wavelet: Wavelet | str, levels: int) -> NonstandardForm:
        """Transform a matrix.

        Parameters
        ----------
        matrix : ndarray of real numbers, shape (n, n)
            ``n`` must be a multiple of ``2**levels``.
        wavelet : Wavelet or str
        levels : int

        Returns
        -------
        NonstandardForm
            With dense blocks, in float64 for float64, else in float32.

        Raises
        ------
        SettingsError
            If levels or wavelet do not exist.
        ImageError
            If the matrix is not square, or its size does not suit the levels.
        """
        chosen = wavelet_of(wavelet)
        check_levels(levels)
        coarse = _square(matrix)
        check_multiple(coarse.shape, levels)
        found = []
        for _ in range(levels):
            parts = split(coarse, chosen)
            coarse = np.ascontiguousarray(parts["LL"])
            alpha, beta, gamma = (np.ascontiguousarray(parts[name]) for name in ("HH", "HL", "LH"))
            found.append(Level(alpha=alpha, beta=beta, gamma=gamma))
        return cls(wavelet=chosen, levels=tuple(found), coarse=coarse)

    @property
    def size(self) -> int:
        """Rows of the matrix."""
        return int(self.coarse.shape[0]) << len(self.levels)

    @property
    def nonzeros(self) -> int:
        """Entries that are not zero, in all blocks."""
        return sum(_count(block) for block in self._blocks())

    @property
    def widths(self) -> tuple[tuple[int, int, int], ...]:
        """For every level, finest first, the widths of the bands of alpha, beta and gamma."""
        return tuple(level.widths for level in self.levels)

    def compress(self, threshold: float) -> NonstandardForm:
        """Drop small entries of all blocks.

        Parameters
        ----------
        threshold : float
            Entries below this part of the largest one of all blocks become zero; at least 0
            and below 1.

        Returns
        -------
        NonstandardForm
            With sparse blocks.

        Raises
        ------
        SettingsError
            If the threshold is out of its range.
        """
        if not (math.isfinite(threshold) and 0 <= threshold < 1):
            raise SettingsError(
                f"threshold must be at least 0 and below 1, the largest entry, not {threshold}."
            )
        limit = threshold * max(float(np.max(np.abs(_dense(block)))) for block in self._blocks())

        def large(block: Block) -> Block:
            dense = _dense(block)
            return _sparse(np.where(np.abs(dense) >= limit, dense, 0.0))

        return self._map(large, large)

    def band(self, width: int) -> NonstandardForm:
        """Keep the diagonals about the main one of every alpha, beta and gamma.

        Parameters
        ----------
        width : int
            ``n_b`` of the paper, odd: diagonals kept. They go on round the corners, as the
            wavelets do.

        Returns
        -------
        NonstandardForm
            With sparse blocks; the coarse one is left as it is.

        Raises
        ------
        SettingsError
            If the width is not odd and positive.
        """
        check_band(width)

        def near(block: Block) -> Block:
            dense = _dense(block)
            return _sparse(np.where(2 * _distance(len(dense)) < width, dense, 0.0))

        return self._map(near, lambda block: block)

    def apply(self, x: NDArray[Any]) -> Array:
        """Multiply the matrix with a vector or several.

        Takes time proportional to the entries that are not zero and to the length of x.

        Parameters
        ----------
        x : ndarray of real numbers, shape (n,) or (n, m)
            Columns.

        Returns
        -------
        ndarray, same shape

        Raises
        ------
        ImageError
            If x has another length.
        """
        values = real_array(x)
        if values.ndim > 2 or values.shape[0] != self.size:
            raise ImageError(
                f"A matrix of {self.size} columns cannot be multiplied with an array of shape "
                f"{values.shape}; give one of {self.size} rows."
            )
        results = []
        for level in self.levels:
            v, d = analyse(values, self.wavelet, 0)
            values, d = np.ascontiguousarray(v), np.ascontiguousarray(d)
            results.append((level.alpha @ d + level.beta @ values, level.gamma @ d))
        u: Array = self.coarse @ values
        for high, low in reversed(results):
            u = synthesise((low + u, high), self.wavelet, 0, 2 * len(low))
        return np.ascontiguousarray(u)

    def to_dense(self) -> Array:
        """Return the matrix: exactly, up to rounding, if no entries were dropped."""
        matrix = _dense(self.coarse)
        for level in reversed(self.levels):
            n = 2 * len(matrix)
            alpha, beta, gamma = (_dense(block) for block in level.blocks)
            parts = {"HH": alpha, "HL": beta, "LH": gamma, "LL": matrix}
            matrix = merge(parts, self.wavelet, (n, n))
        return matrix

    def error(self, matrix: NDArray[Any]) -> OperatorError:
        """Return how far the form is from a matrix, relative to the matrix.

        Takes singular values of dense matrices: for sizes up to some thousands.

        Raises
        ------
        ImageError
            If the matrix has another size or is zero.
        """
        exact = _square(matrix)
        if exact.shape[0] != self.size or not np.any(exact):
            raise ImageError(
                f"A form of size {self.size} cannot be compared with a matrix of shape "
                f"{exact.shape} and largest entry {np.max(np.abs(exact)):g}; give the matrix it "
                "was made of."
            )
        difference = self.to_dense() - exact
        return OperatorError(
            spectral=float(np.linalg.norm(difference, 2) / np.linalg.norm(exact, 2)),
            frobenius=float(np.linalg.norm(difference) / np.linalg.norm(exact)),
        )

    def _blocks(self) -> list[Block]:
        return [*(block for level in self.levels for block in level.blocks), self.coarse]

    def _map(
        self, change: Callable[[Block], Block], change_coarse: Callable[[Block], Block]
    ) -> NonstandardForm:
        levels = tuple(
            Level(alpha=change(level.alpha), beta=change(level.beta), gamma=change(level.gamma))
            for level in self.levels
        )
        return NonstandardForm(
            wavelet=self.wavelet, levels=levels, coarse=change_coarse(self.coarse)
        )


def _square(matrix: NDArray[Any]) -> Array:
    values = real_array(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ImageError(
            f"The nonstandard form is that of a square matrix, not of an array of shape "
            f"{values.shape}; give one with as many rows as columns."
        )
    if not np.all(np.isfinite(values)):
        raise ImageError("The matrix has entries that are not finite; regularise the operator.")
    return values


def _dense(block: Block) -> Array:
    return block if isinstance(block, np.ndarray) else block.toarray()


def _sparse(block: Array) -> Block:
    from scipy.sparse import csr_array

    return csr_array(block)


def _count(block: Block) -> int:
    return int(np.count_nonzero(block)) if isinstance(block, np.ndarray) else int(block.nnz)


def _distance(n: int) -> NDArray[np.intp]:
    """Return the distance of every entry from the main diagonal, round the corners."""
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    distance: NDArray[np.intp] = np.minimum(lag, n - lag)
    return distance


def _width(block: Block) -> int:
    """Return the fewest diagonals about the main one, an odd number, that hold all entries."""
    dense = _dense(block)
    distance = _distance(len(dense))[dense != 0]
    return 2 * int(distance.max()) + 1 if distance.size else 0
