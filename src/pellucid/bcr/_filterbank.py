"""One step of a wavelet transform along one axis or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.bcr.wavelets import Wavelet

Array: TypeAlias = NDArray[np.floating[Any]]
Mode: TypeAlias = Literal["periodic", "symmetric"]


def labels(ndim: int) -> tuple[str, ...]:
    """Return the names of the subbands, such as LL, LH, HL, HH: a letter for every axis."""
    return tuple("".join(letters) for letters in product("LH", repeat=ndim))


def split(x: Array, wavelet: Wavelet, mode: Mode = "periodic") -> dict[str, Array]:
    """Filter and halve every axis; the parts are named as in :func:`labels`."""
    parts = {"": x}
    for axis in range(x.ndim):
        parts = {
            name + letter: half
            for name, part in parts.items()
            for letter, half in zip("LH", analyse(part, wavelet, axis, mode), strict=True)
        }
    return parts


def merge(
    parts: Mapping[str, Array], wavelet: Wavelet, shape: tuple[int, ...], mode: Mode = "periodic"
) -> Array:
    """Undo :func:`split`; `shape` is that of the whole."""
    merged = dict(parts)
    for axis, n in reversed(list(enumerate(shape))):
        merged = {
            name: synthesise((merged[name + "L"], merged[name + "H"]), wavelet, axis, n, mode)
            for name in {name[:axis] for name in merged}
        }
    return np.ascontiguousarray(merged[""])


def analyse(x: Array, wavelet: Wavelet, axis: int, mode: Mode = "periodic") -> tuple[Array, Array]:
    """Return scaling and wavelet coefficients along one axis.

    Periodic: ``c_k = sum_i f_i x_(2k+i)`` with indices modulo the length, which is even.
    Symmetric: the axis is mirrored about its edges, and all coefficients that touch it are
    kept, ``(n + filter length - 1) // 2`` of them.
    """
    row = np.moveaxis(x, axis, -1)
    n, taps = row.shape[-1], len(wavelet.lowpass)
    if mode == "periodic":
        low = _filtered(_wrapped(row, 0, n + taps - 2), wavelet.lowpass, n // 2)
        start = wavelet.highpass_start
        high = _filtered(_wrapped(row, start, n + taps - 2), wavelet.highpass, n // 2)
    else:
        count = (n + taps - 1) // 2
        edges = [(0, 0)] * (row.ndim - 1) + [(taps - 2, 2 * count - n)]
        wide = np.pad(row, edges, mode="symmetric")
        low = _filtered(wide, wavelet.lowpass, count)
        high = _filtered(wide, wavelet.highpass, count)
    return np.moveaxis(low, -1, axis), np.moveaxis(high, -1, axis)


def synthesise(
    halves: tuple[Array, Array], wavelet: Wavelet, axis: int, n: int, mode: Mode = "periodic"
) -> Array:
    """Undo :func:`analyse` for an axis of length `n`."""
    moments = len(wavelet.lowpass) // 2
    shift = wavelet.highpass_start // 2 if mode == "periodic" else 0
    shares = []
    filters = ((wavelet.lowpass, 0), (wavelet.highpass, shift))
    for coefficients, (taps, back) in zip(halves, filters, strict=True):
        row = np.moveaxis(coefficients, axis, -1)
        if mode == "periodic":
            row = _wrapped(row, 1 - moments - back, row.shape[-1] + moments - 1)
        shares.append(_spread(row, taps, (n + 1) // 2))
    return np.moveaxis((shares[0] + shares[1])[..., :n], -1, axis)


def _wrapped(row: Array, start: int, count: int) -> Array:
    """Return `count` samples of a periodic row from the index `start` on."""
    n = row.shape[-1]
    taken: Array = np.take(row, np.arange(start, start + count) % n, axis=-1)
    return taken


def _filtered(row: Array, taps: tuple[float, ...], count: int) -> Array:
    """Return ``c_k = sum_i f_i x_(2k+i)`` for the first `count` k."""
    total = np.zeros((*row.shape[:-1], count), dtype=row.dtype)
    for i, tap in enumerate(taps):
        total += tap * row[..., i : i + 2 * count - 1 : 2]
    return total


def _spread(row: Array, taps: tuple[float, ...], count: int) -> Array:
    """Return ``x_m = sum_k f_(m-2k) c_k``, 2 `count` samples; c starts ``p - 1`` before x."""
    reach = len(taps) // 2 - 1
    result = np.zeros((*row.shape[:-1], 2 * count), dtype=row.dtype)
    for i, tap in enumerate(taps):
        first = reach - i // 2
        result[..., i % 2 :: 2] += tap * row[..., first : first + count]
    return result
