"""The orthonormal wavelet transform of signals, images and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final, get_args

import numpy as np
from numpy.typing import NDArray

from pellucid.bcr._checks import check_levels, check_multiple, real_array
from pellucid.bcr._filterbank import Array, Mode, labels, merge, split
from pellucid.bcr.wavelets import Wavelet, wavelet_of
from pellucid.errors import ImageError, SettingsError


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coefficients:
    """What :func:`decompose` returns and :func:`reconstruct` takes.

    Attributes
    ----------
    approximation : ndarray
        Scaling coefficients of the coarsest level.
    details : tuple of dict of str to ndarray
        Wavelet coefficients, finest level first. The keys have one letter for every axis, L
        for scaling functions and H for wavelets: ``H`` in one dimension, ``LH``, ``HL`` and
        ``HH`` in two (y, x).
    wavelet : Wavelet
    mode : {"periodic", "symmetric"}
    shape : tuple of int
        Shape of what was decomposed.
    """

    approximation: Array
    details: tuple[Mapping[str, Array], ...]
    wavelet: Wavelet
    mode: Mode
    shape: tuple[int, ...]

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.details)


def decompose(
    x: NDArray[Any], wavelet: Wavelet | str, levels: int, mode: Mode = "periodic"
) -> Coefficients:
    """Transform an array into wavelet coefficients along all its axes.

    One level is ``v_k = sum_i h_i x_(2k+i)`` and ``d_k = sum_i g_i x_(2k+i)`` along every
    axis; the next works on the scaling coefficients ``v`` alone (Eq. 9 to 11 of the paper).

    Parameters
    ----------
    x : ndarray of real numbers, 1 to 3 axes
    wavelet : Wavelet or str
    levels : int
        At least one.
    mode : {"periodic", "symmetric"}
        Periodic: the ends are joined, the transform is orthogonal, and every side must be a
        multiple of ``2**levels``. Symmetric: the array is mirrored about its edges (half a
        sample beyond the last one), any shape will do, and there are more coefficients than
        samples.

    Returns
    -------
    Coefficients
        In float64 for float64, else in float32.

    Raises
    ------
    SettingsError
        If levels, mode or wavelet do not exist.
    ImageError
        If the array has other than 1 to 3 axes, is empty or complex, or a side does not suit
        the periodic mode.
    """
    chosen = wavelet_of(wavelet)
    values = real_array(x)
    check_levels(levels)
    if mode not in get_args(Mode):
        raise SettingsError(
            f"There is no mode {mode!r} of the wavelet transform; use 'periodic' or 'symmetric'."
        )
    if mode == "periodic":
        check_multiple(values.shape, levels)
    details = []
    for _ in range(levels):
        parts = split(values, chosen, mode)
        values = parts.pop("L" * values.ndim)
        details.append({name: np.ascontiguousarray(part) for name, part in parts.items()})
    return Coefficients(
        approximation=np.ascontiguousarray(values),
        details=tuple(details),
        wavelet=chosen,
        mode=mode,
        shape=np.shape(x),
    )


def reconstruct(coefficients: Coefficients) -> Array:
    """Undo :func:`decompose`, exactly up to rounding.

    Parameters
    ----------
    coefficients : Coefficients
        The arrays may have been changed, not their shapes.

    Returns
    -------
    ndarray, shape `coefficients.shape`

    Raises
    ------
    ImageError
        If an array has not the shape that belongs to its level.
    """
    wavelet, mode = coefficients.wavelet, coefficients.mode
    shapes = [coefficients.shape]
    for _ in coefficients.details:
        shapes.append(_coarser(shapes[-1], wavelet, mode))
    values = coefficients.approximation
    low = "L" * len(coefficients.shape)
    for level in reversed(range(coefficients.levels)):
        parts = {low: values, **coefficients.details[level]}
        found = {name: part.shape for name, part in parts.items()}
        wanted = dict.fromkeys(labels(len(low)), shapes[level + 1])
        if found != wanted:
            raise ImageError(
                f"The coefficients of level {level + 1} have the shapes {found}, not all "
                f"{shapes[level + 1]}; change their values only."
            )
        values = merge(parts, wavelet, shapes[level], mode)
    return values


def _coarser(shape: tuple[int, ...], wavelet: Wavelet, mode: Mode) -> tuple[int, ...]:
    """Return the shape of the coefficients of one more level."""
    if mode == "periodic":
        return tuple(n // 2 for n in shape)
    return tuple((n + len(wavelet.lowpass) - 1) // 2 for n in shape)
