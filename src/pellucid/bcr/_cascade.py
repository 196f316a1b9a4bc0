"""The cascade that applies a nonstandard form, and the two ways to apply the blocks of a level."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.bcr._checks import real_array
from pellucid.bcr._filterbank import Array, merge, split
from pellucid.bcr.wavelets import Wavelet
from pellucid.errors import ImageError

#: Blocks by (result, operand), such as ("LH", "LL").
Blocks: TypeAlias = Mapping[tuple[str, str], NDArray[Any]]
Parts: TypeAlias = dict[str, Array]


def cascade(
    x: Array,
    wavelet: Wavelet,
    levels: Sequence[Blocks],
    coarse: NDArray[np.complex128],
    act: Callable[[Blocks, Parts], Parts],
) -> Array:
    """Apply the blocks of every level to the subbands of x, and add up (Eq. 13 of the paper)."""
    low = "L" * x.ndim
    results = []
    for blocks in levels:
        parts = split(x, wavelet)
        results.append((x.shape, act(blocks, parts)))
        x = parts[low]
    y = fourier_product(coarse, x)
    for shape, parts in reversed(results):
        parts[low] = parts[low] + y
        y = merge(parts, wavelet, shape)
    return y


def through_fourier(blocks: Blocks, parts: Parts) -> Parts:
    """Apply blocks given by their symbols."""
    shape = next(iter(parts.values())).shape
    half = shape[-1] // 2 + 1
    spectra = {name: fft.rfftn(part) for name, part in parts.items()}
    totals: dict[str, Any] = {}
    for (s, t), symbol in blocks.items():
        share = symbol[..., :half].astype(spectra[t].dtype) * spectra[t]
        totals[s] = totals[s] + share if s in totals else share
    return {name: fft.irfftn(total, shape) for name, total in totals.items()}


def through_taps(blocks: Blocks, parts: Parts) -> Parts:
    """Apply blocks given by their kernels, which have their middle tap at lag zero."""
    width = next(iter(blocks.values())).shape[0]
    padded = {name: _wrap(part, width // 2) for name, part in parts.items()}
    totals = {name: np.zeros_like(part) for name, part in parts.items()}
    for (s, t), kernel in blocks.items():
        total, source = totals[s], padded[t]
        share = np.empty_like(total)
        for tap, weight in np.ndenumerate(kernel):
            # The result at k takes the sample k - lag, with lag = tap - width // 2.
            window = tuple(
                slice(width - 1 - i, width - 1 - i + n)
                for i, n in zip(tap, total.shape, strict=True)
            )
            total += np.multiply(source[window], weight.astype(total.dtype), out=share)
    return totals


def _wrap(part: Array, margin: int) -> Array:
    """Continue a periodic array by a margin on every side."""
    for axis, n in enumerate(part.shape):
        part = np.take(part, np.arange(-margin, n + margin) % n, axis=axis)
    return part


def fourier_product(symbol: NDArray[np.complex128], x: Array) -> Array:
    """Apply the convolution with a symbol, in the precision of x."""
    spectrum = fft.rfftn(x)
    spectrum *= symbol[..., : x.shape[-1] // 2 + 1]
    result: Array = fft.irfftn(spectrum, x.shape, overwrite_x=True)
    return result


def operand(x: NDArray[Any], shape: tuple[int, ...]) -> Array:
    """Return an operand as floating-point numbers, of the operator's shape or not at all."""
    values = real_array(x)
    if values.shape != shape:
        raise ImageError(
            f"The operator acts on arrays of shape {shape}, not {values.shape}; build it for this "
            "shape."
        )
    return values
